//! Wall-clock time as RTP and RTCP write it, computed from instants.

use std::time::{Duration, Instant};

/// A moment as an NTP timestamp: seconds since 1900 in 32.32 fixed point (RFC 3550 section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The middle 32 bits, the form of LSR and DLSR: 16.16 seconds.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// This moment and `later` more.
    pub fn after(self, later: Duration) -> NtpTime {
        NtpTime(self.0.wrapping_add(fixed_point(later, 32)))
    }

    /// This moment, `earlier` before.
    pub fn before(self, earlier: Duration) -> NtpTime {
        NtpTime(self.0.wrapping_sub(fixed_point(earlier, 32)))
    }
}

/// A span of time in units of 2^-`fraction_bits` seconds, wrapping as NTP itself does.
fn fixed_point(span: Duration, fraction_bits: u32) -> u64 {
    let whole = u128::from(span.as_secs()) << fraction_bits;
    let part = (u128::from(span.subsec_nanos()) << fraction_bits) / 1_000_000_000;
    (whole + part) as u64
}

/// A span of time as the 16.16 seconds that DLSR and LRR carry; the longest that fits beyond that.
pub fn to_ntp_short(span: Duration) -> u32 {
    u32::try_from(fixed_point(span, 16)).unwrap_or(u32::MAX)
}

/// The span that 16.16 seconds stand for.
pub fn from_ntp_short(short: u32) -> Duration {
    Duration::from_nanos((u64::from(short) * 1_000_000_000) >> 16)
}

/// When a packet left its sender: seconds in 6.18 fixed point, wrapping every 64 s
/// (the abs-send-time extension).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbsSendTime(pub u32);

impl AbsSendTime {
    /// The three bytes that travel.
    pub fn to_bytes(self) -> [u8; 3] {
        crate::bytes::u24_bytes(self.0)
    }
}

/// Turns instants into NTP time, given the NTP time of one of them.
///
/// Every stream of a process uses one clock, so that receivers can put sound and pictures of one
/// peer together by their sender reports.
#[derive(Clone, Copy, Debug)]
pub struct NtpClock {
    start: Instant,
    ntp_at_start: NtpTime,
}

impl NtpClock {
    /// The clock that showed `ntp_at_start` at `start`.
    pub const fn new(start: Instant, ntp_at_start: NtpTime) -> NtpClock {
        NtpClock { start, ntp_at_start }
    }

    /// What the clock shows at `now`, which may be before its start.
    pub fn ntp(&self, now: Instant) -> NtpTime {
        match now.checked_duration_since(self.start) {
            Some(later) => self.ntp_at_start.after(later),
            None => self.ntp_at_start.before(self.start.saturating_duration_since(now)),
        }
    }

    /// The abs-send-time of a packet that leaves at `now`.
    pub fn abs_send_time(&self, now: Instant) -> AbsSendTime {
        // 32.32 seconds shifted to 18 bits of fraction, of which the low six bits of seconds stay.
        AbsSendTime((self.ntp(now).0 >> 14) as u32 & 0x00FF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ntp_spans_keep_their_value_to_a_sixtyfourth_of_a_millisecond() {
        let span = Duration::from_millis(1_234);
        let back = from_ntp_short(to_ntp_short(span));
        assert!(span - back < Duration::from_micros(16), "{back:?}");
    }

    #[test]
    fn a_span_beyond_18_hours_saturates() {
        assert_eq!(to_ntp_short(Duration::from_secs(70_000)), u32::MAX);
    }
}
