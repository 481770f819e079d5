//! Making engines: the same settings every time, with randomness and the time of day of their own.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use parlor_engine::{Config, Engine, Limits};
use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;

/// Seconds from 1900, where NTP time begins, to 1970 (RFC 3550 section 4).
const NTP_TO_UNIX_SECS: u64 = 2_208_988_800;

/// What all engines of one thread have in common.
pub(crate) struct EngineMaker {
    pub(crate) identity: Arc<Identity>,
    pub(crate) candidates: Candidates,
    pub(crate) thread: u8,
    pub(crate) limits: Limits,
}

impl EngineMaker {
    /// An engine without rooms whose time begins at `now`.
    ///
    /// # Panics
    /// When the system has no randomness: passwords that can be guessed would be worse.
    pub(crate) fn make(&self, now: Instant) -> Engine {
        let mut seed = [0; 32];
        let filled = SystemRandom::new().fill(&mut seed);
        assert!(filled.is_ok(), "the system has no randomness");
        let config = Config {
            identity: Arc::clone(&self.identity),
            candidates: self.candidates.clone(),
            thread: self.thread,
            seed,
            ntp_at_start: ntp(SystemTime::now()),
            limits: self.limits,
        };
        Engine::new(now, config)
    }
}

/// 32 bits of seconds and 32 of fraction; wraps in 2036 as NTP does.
fn ntp(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX_SECS);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ntp_time_begins_in_1900_and_counts_in_fractions() {
        assert_eq!(ntp(UNIX_EPOCH), NTP_TO_UNIX_SECS << 32);
        let half_past = UNIX_EPOCH + Duration::from_millis(500);
        assert_eq!(ntp(half_past) & 0xffff_ffff, 1 << 31);
    }
}
