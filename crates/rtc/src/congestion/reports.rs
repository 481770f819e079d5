//! The rate for clients without transport-wide feedback: what their receiver reports say of loss
//! (draft-ietf-rmcat-gcc-02 section 6), and at most what they ask for by REMB.

use std::time::{Duration, Instant};

use super::silence::{REDUCTION, Silence};
use super::{Bitrate, Limits};

/// Up to this much loss, in parts of 256 as reports have it, the rate grows: 2 %.
const LITTLE_LOST: u8 = 5;

/// Beyond this much it falls: 10 %.
const MUCH_LOST: u8 = 26;

/// How much it grows, at most once in this time.
const GROWTH: f64 = 1.08;
const GROWTH_INTERVAL: Duration = Duration::from_secs(1);

/// And a little more, so that the lowest rates grow too.
const LEAST_GROWTH: Bitrate = Bitrate::from_kbps(1);

/// How far it gets ahead of what is sent.
const AHEAD: f64 = 1.5;

/// How soon after it fell it may fall again, beside a round trip.
const FALL_INTERVAL: Duration = Duration::from_millis(300);

/// How far apart reports are at most (RFC 3550 section 6.2, with its 5 s minimum).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The estimate of a client that only reports.
#[derive(Clone, Debug)]
pub(super) struct ReportEstimate {
    limits: Limits,
    rate: Bitrate,
    asked: Option<Bitrate>,
    grown: Option<Instant>,
    fallen: Option<Instant>,
    pub(super) fraction_lost: u8,
    pub(super) round_trip: Option<Duration>,
    silence: Silence,
    /// Sent since the last growth.
    sent_bytes: u64,
}

impl ReportEstimate {
    pub(super) fn new(limits: Limits, start: Bitrate) -> ReportEstimate {
        ReportEstimate {
            limits,
            rate: limits.clamp(start),
            asked: None,
            grown: None,
            fallen: None,
            fraction_lost: 0,
            round_trip: None,
            silence: Silence::new(REPORT_INTERVAL),
            sent_bytes: 0,
        }
    }

    pub(super) fn target(&self) -> Bitrate {
        self.limits.clamp(self.asked.map_or(self.rate, |asked| self.rate.min(asked)))
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.rate = limits.clamp(self.rate);
    }

    #[inline]
    pub(super) fn note_sent(&mut self, now: Instant, bytes: usize) {
        self.silence.note_sent(now);
        self.sent_bytes = self.sent_bytes.saturating_add(bytes as u64);
    }

    /// The client's own estimate. Where it grows, so may the rate: the client has seen no overuse.
    pub(super) fn handle_estimate(&mut self, estimate: Bitrate) {
        if self.asked.is_none_or(|asked| estimate > asked) && self.fraction_lost <= LITTLE_LOST {
            self.rate = self.limits.clamp(self.rate.max(estimate));
        }
        self.asked = Some(estimate);
    }

    pub(super) fn handle_report(
        &mut self,
        now: Instant,
        fraction_lost: u8,
        round_trip: Option<Duration>,
    ) {
        self.fraction_lost = fraction_lost;
        self.round_trip = round_trip.or(self.round_trip);
        self.silence.note_answer(round_trip);
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let pause = FALL_INTERVAL + self.round_trip.unwrap_or_default();
        match fraction_lost {
            ..=LITTLE_LOST if since(self.grown).is_none_or(|passed| passed >= GROWTH_INTERVAL) => {
                let passed = since(self.grown).unwrap_or(GROWTH_INTERVAL);
                let sent = Bitrate::of(std::mem::take(&mut self.sent_bytes), passed);
                // A rate that nobody has tried says nothing.
                if sent.is_some_and(|sent| self.rate < sent.scaled(AHEAD)) {
                    self.rate = self.limits.clamp(self.rate.scaled(GROWTH).plus(LEAST_GROWTH));
                }
                self.grown = Some(now);
            }
            lost @ MUCH_LOST.. if since(self.fallen).is_none_or(|passed| passed >= pause) => {
                let kept = 1.0 - 0.5 * f64::from(lost) / 256.0;
                self.rate = self.limits.clamp(self.target().scaled(kept));
                self.fallen = Some(now);
            }
            _ => {}
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.silence.deadline()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.silence.handle_timeout(now) {
            self.rate = self.limits.clamp(self.target().scaled(REDUCTION));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods)]
    fn start() -> Instant {
        Instant::now()
    }

    fn kbps(kbps: u64) -> Bitrate {
        Bitrate::from_kbps(kbps)
    }

    fn estimate() -> ReportEstimate {
        ReportEstimate::new(Limits { min: kbps(30), max: kbps(5_000) }, kbps(1_000))
    }

    /// A report a second for a while, of a megabit that was sent in it.
    fn report(estimate: &mut ReportEstimate, now: &mut Instant, seconds: u64, fraction_lost: u8) {
        for _ in 0..seconds {
            estimate.note_sent(*now, 125_000);
            *now += Duration::from_secs(1);
            estimate.handle_report(*now, fraction_lost, Some(Duration::from_millis(50)));
        }
    }

    #[test]
    fn little_loss_lets_it_grow_some_loss_stays_and_much_brings_it_down() {
        let (mut now, mut estimate) = (start(), estimate());
        report(&mut estimate, &mut now, 1, 2);
        assert_eq!(estimate.target(), kbps(1_081));
        report(&mut estimate, &mut now, 10, 13);
        assert_eq!(estimate.target(), kbps(1_081));
        report(&mut estimate, &mut now, 1, 128);
        assert_eq!(estimate.target(), Bitrate::from_bps(810_750));
    }

    #[test]
    fn reports_in_quick_succession_count_once() {
        let (now, mut estimate) = (start(), estimate());
        estimate.note_sent(now, 125_000);
        for n in 0..10 {
            estimate.handle_report(now + Duration::from_millis(10 * n), 0, None);
        }
        assert_eq!(estimate.target(), kbps(1_081));
    }

    #[test]
    fn what_the_client_asks_for_is_a_ceiling_and_a_reason_to_grow() {
        let (mut now, mut estimate) = (start(), estimate());
        estimate.handle_estimate(kbps(400));
        assert_eq!(estimate.target(), kbps(400));
        estimate.handle_estimate(kbps(2_000));
        assert_eq!(estimate.target(), kbps(2_000));
        report(&mut estimate, &mut now, 30, 0);
        assert_eq!(estimate.target(), kbps(2_000));
    }

    #[test]
    fn a_client_that_reports_no_more_gets_less() {
        let (now, mut estimate) = (start(), estimate());
        estimate.note_sent(now, 1_200);
        let at = estimate.deadline().unwrap();
        assert_eq!(at, now + Duration::from_secs(15));
        estimate.handle_timeout(at);
        assert_eq!(estimate.target(), kbps(800));
    }

    #[test]
    fn a_rate_that_is_not_used_does_not_grow() {
        let (mut now, mut estimate) = (start(), estimate());
        for _ in 0..60 {
            estimate.note_sent(now, 5_000);
            now += Duration::from_secs(1);
            estimate.handle_report(now, 0, None);
        }
        assert_eq!(estimate.target(), kbps(1_000));
    }

    #[test]
    fn limits_hold_whatever_is_reported() {
        let (mut now, mut estimate) = (start(), estimate());
        estimate.handle_estimate(Bitrate::MAX);
        assert_eq!(estimate.target(), kbps(5_000));
        report(&mut estimate, &mut now, 60, 255);
        assert_eq!(estimate.target(), kbps(30));
        estimate.handle_estimate(Bitrate::ZERO);
        assert_eq!(estimate.target(), kbps(30));
    }
}
