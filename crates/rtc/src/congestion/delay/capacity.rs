//! The capacity of the path, as seen at the times when it was full.

use std::time::Duration;

use crate::congestion::Bitrate;
use crate::congestion::moment::Moment;

/// How much each observation counts.
const WEIGHT: f64 = 0.05;

/// Bounds of the variance over the estimate, in kbit/s: at 500 kbit/s, a deviation of 14 and 35.
const LEAST_VARIANCE: f64 = 0.4;
const MOST_VARIANCE: f64 = 2.5;

/// Deviations that make a throughput something else than the known capacity.
const DEVIATIONS: f64 = 3.0;

/// For so long more has to come through than fits the estimate. A moment's surplus is noise, or what
/// another flow left over; taking it for capacity would let the larger flow grow faster.
const SETTLED: Duration = Duration::from_secs(2);

/// So long the path is expected to be as full as it was.
const LATELY: Duration = Duration::from_secs(60);

/// An estimate of the capacity, which begins anew when throughput leaves its range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    estimate_kbps: Option<f64>,
    variance: f64,
    /// Since when more comes through than fits.
    surplus_since: Option<Moment>,
    /// When the path was last full, unless a probe has found more since.
    full_at: Option<Moment>,
}

impl Capacity {
    pub(super) fn new() -> Capacity {
        Capacity {
            estimate_kbps: None,
            variance: LEAST_VARIANCE,
            surplus_since: None,
            full_at: None,
        }
    }

    pub(super) fn estimate(&self) -> Option<Bitrate> {
        self.estimate_kbps.map(|kbps| Bitrate::from_f64(kbps * 1e3))
    }

    /// The estimate, if the path was seen full within a minute.
    pub(super) fn seen_lately(&self, now: Moment) -> Option<Bitrate> {
        let at = self.full_at.filter(|at| now < *at + LATELY);
        at.and(self.estimate())
    }

    /// A probe has measured this much.
    pub(super) fn note_probed(&mut self, rate: Bitrate) {
        if self.is_surpassed_by(rate) {
            self.full_at = None;
        }
    }

    /// The path was full while this much came through. If that is clearly more than the estimate, or less, it is not
    /// the path that it was.
    pub(super) fn note_full(&mut self, now: Moment, throughput: Bitrate) {
        self.full_at = Some(now);
        if self.is_below(throughput) || self.is_surpassed_by(throughput) {
            self.estimate_kbps = None;
        }
        self.surplus_since = None;
        let seen = throughput.kbps();
        let estimate = self.estimate_kbps.map_or(seen, |old| old + WEIGHT * (seen - old));
        let error = estimate - seen;
        let spread = error * error / estimate.max(1.0);
        self.variance += WEIGHT * (spread - self.variance);
        self.variance = self.variance.clamp(LEAST_VARIANCE, MOST_VARIANCE);
        self.estimate_kbps = Some(estimate);
    }

    /// Takes note of what comes through while the path is not full. True when it has been more than
    /// fits the estimate for a while, which is forgotten then.
    pub(super) fn outgrown_by(&mut self, now: Moment, throughput: Bitrate) -> bool {
        if !self.is_surpassed_by(throughput) {
            self.surplus_since = None;
            return false;
        }
        let since = *self.surplus_since.get_or_insert(now);
        let is_outgrown = now.saturating_duration_since(since) >= SETTLED;
        if is_outgrown {
            self.estimate_kbps = None;
        }
        is_outgrown
    }

    fn is_surpassed_by(&self, throughput: Bitrate) -> bool {
        self.estimate_kbps.is_some_and(|kbps| throughput.kbps() > kbps + self.margin(kbps))
    }

    fn is_below(&self, throughput: Bitrate) -> bool {
        self.estimate_kbps.is_some_and(|kbps| throughput.kbps() < kbps - self.margin(kbps))
    }

    fn margin(&self, kbps: f64) -> f64 {
        DEVIATIONS * (self.variance * kbps).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(kbps: u64) -> Bitrate {
        Bitrate::from_kbps(kbps)
    }

    #[test]
    fn the_estimate_follows_slowly_within_its_range() {
        let (now, mut capacity) = (Moment::after(Duration::from_secs(1_000)), Capacity::new());
        for seen in [500, 520, 480, 510, 490] {
            capacity.note_full(now, kbps(seen));
        }
        assert!(capacity.estimate().is_some_and(|c| c > kbps(495) && c < kbps(505)));
    }

    #[test]
    fn much_less_is_a_new_capacity() {
        let (now, mut capacity) = (Moment::after(Duration::from_secs(1_000)), Capacity::new());
        capacity.note_full(now, kbps(2_000));
        capacity.note_full(now, kbps(500));
        assert_eq!(capacity.estimate(), Some(kbps(500)));
    }

    #[test]
    fn a_path_that_is_full_of_much_more_has_grown() {
        let (now, mut capacity) = (Moment::after(Duration::from_secs(1_000)), Capacity::new());
        capacity.note_full(now, kbps(1_800));
        capacity.note_full(now + LATELY / 2, kbps(2_300));
        assert_eq!(capacity.seen_lately(now + LATELY), Some(kbps(2_300)));
        capacity.note_probed(kbps(2_900));
        capacity.note_full(now + LATELY, kbps(2_800));
        assert_eq!(capacity.seen_lately(now + LATELY), Some(kbps(2_800)));
    }

    #[test]
    fn a_path_is_as_full_as_it_was_for_a_minute_or_until_a_probe_finds_more() {
        let (now, mut capacity) = (Moment::after(Duration::from_secs(1_000)), Capacity::new());
        capacity.note_full(now, kbps(2_000));
        capacity.note_probed(kbps(1_900));
        assert_eq!(capacity.seen_lately(now + LATELY / 2), Some(kbps(2_000)));
        assert_eq!(capacity.seen_lately(now + LATELY), None);
        capacity.note_probed(kbps(2_900));
        assert_eq!(capacity.seen_lately(now), None);
        assert_eq!(capacity.estimate(), Some(kbps(2_000)), "a probe may err");
    }

    #[test]
    fn much_more_for_two_seconds_means_that_none_is_known() {
        let now = Moment::after(Duration::from_secs(1_000));
        let mut capacity = Capacity::new();
        capacity.note_full(now, kbps(500));
        assert!(!capacity.outgrown_by(now, kbps(700)));
        assert!(!capacity.outgrown_by(now + SETTLED / 2, kbps(520)));
        assert!(!capacity.outgrown_by(now + SETTLED, kbps(700)));
        assert!(capacity.outgrown_by(now + 2 * SETTLED, kbps(700)));
        assert_eq!(capacity.estimate(), None);
    }

    #[test]
    fn a_path_that_lets_nothing_through_makes_no_nonsense() {
        let (now, mut capacity) = (Moment::after(Duration::from_secs(1_000)), Capacity::new());
        capacity.note_full(now, Bitrate::ZERO);
        capacity.note_full(now, Bitrate::MAX);
        capacity.note_full(now, Bitrate::ZERO);
        assert_eq!(capacity.estimate(), Some(Bitrate::ZERO));
    }
}
