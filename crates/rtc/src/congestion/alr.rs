//! Whether the application sends clearly less than it might: the application-limited region.

use std::time::Duration;

use super::Bitrate;
use super::moment::Moment;

/// Of the target rate, what an application uses that is not limited by itself. An encoder misses its
/// target by a third now and then.
const USED: f64 = 0.65;

/// The region begins when this much of the budget is saved up, and ends when it is down to that.
const BEGINS_ABOVE: f64 = 0.80;
const ENDS_BELOW: f64 = 0.50;

/// What the budget holds at most, in time.
const WINDOW: Duration = Duration::from_millis(500);

/// A budget that fills with time and empties with what is sent.
#[derive(Clone, Debug)]
pub(super) struct ApplicationLimit {
    rate: Bitrate,
    saved_bytes: f64,
    last_sent: Option<Moment>,
    since: Option<Moment>,
}

impl ApplicationLimit {
    pub(super) fn new(target: Bitrate) -> ApplicationLimit {
        let rate = target.scaled(USED);
        ApplicationLimit { rate, saved_bytes: 0.0, last_sent: None, since: None }
    }

    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.saved_bytes.to_bits() ^ u64::from(self.since.is_some())
    }

    pub(super) fn set_target(&mut self, target: Bitrate) {
        self.rate = target.scaled(USED);
    }

    #[inline]
    pub(super) fn note_sent(&mut self, now: Moment, bytes: usize) {
        let Some(last) = self.last_sent.replace(now) else { return };
        let passed = now.saturating_duration_since(last);
        let bytes_per_second = self.rate.as_f64() / 8.0;
        let room = bytes_per_second * WINDOW.as_secs_f64();
        let left = (self.saved_bytes - bytes as f64).max(-room);
        self.saved_bytes = (left + bytes_per_second * passed.as_secs_f64()).min(room);
        if self.since.is_none() && self.saved_bytes > BEGINS_ABOVE * room {
            self.since = Some(now);
        } else if self.saved_bytes < ENDS_BELOW * room {
            self.since = None;
        }
    }

    /// Since when the application limits what is sent.
    pub(super) fn since(&self) -> Option<Moment> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    /// Sends at `kbps` for a second, a packet every 10 ms.
    fn send(limit: &mut ApplicationLimit, now: &mut Moment, kbps: usize) {
        for _ in 0..100 {
            *now += Duration::from_millis(10);
            limit.note_sent(*now, kbps * 10 / 8);
        }
    }

    #[test]
    fn who_sends_half_of_the_target_is_limited_and_who_sends_most_of_it_is_not() {
        let mut now = start();
        let mut limit = ApplicationLimit::new(Bitrate::from_kbps(1_000));
        send(&mut limit, &mut now, 800);
        assert_eq!(limit.since(), None);
        let before = now;
        send(&mut limit, &mut now, 200);
        assert!(limit.since().is_some_and(|at| at > before));
        send(&mut limit, &mut now, 900);
        assert_eq!(limit.since(), None);
    }

    #[test]
    fn a_target_that_rises_far_above_what_is_sent_makes_it_limited() {
        let mut now = start();
        let mut limit = ApplicationLimit::new(Bitrate::from_kbps(300));
        send(&mut limit, &mut now, 300);
        assert_eq!(limit.since(), None);
        limit.set_target(Bitrate::from_kbps(3_000));
        send(&mut limit, &mut now, 300);
        assert!(limit.since().is_some());
    }
}
