//! Whether the path is overused: the trend held against a threshold that adapts
//! (draft-ietf-rmcat-gcc-02 section 5.4).

/// What makes of a slope something that compares with the threshold: it is multiplied by this and
/// by the number of groups it rests on, up to [`MOST_GROUPS`].
const GAIN: f64 = 4.0;
const MOST_GROUPS: usize = 60;

/// Where the threshold begins, and where it stays.
const FIRST_THRESHOLD: f64 = 12.5;
const LOWEST_THRESHOLD: f64 = 6.0;
const HIGHEST_THRESHOLD: f64 = 600.0;

/// How fast the threshold follows, per millisecond: slowly up and fast down would starve beside
/// TCP, fast up and slowly down would never see overuse again (section 5.4, K_u and K_d).
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;

/// A trend that is so far above the threshold is a sudden loss of capacity, which must not adapt it.
const OUTLIER: f64 = 15.0;

/// The longest step of time that the threshold takes at once.
const LONGEST_STEP_MS: f64 = 100.0;

/// How long the trend has to be above the threshold.
const OVERUSE_MS: f64 = 10.0;

/// What the delay says of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// A queue is filling.
    Over,
    /// Queues are as they were.
    #[default]
    Normal,
    /// A queue is draining: wait until it is empty.
    Under,
}

/// Tells overuse.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    threshold: f64,
    adapted_us: Option<i64>,
    last_slope: f64,
    above: Option<Above>,
    usage: Usage,
}

/// The trend is above the threshold.
#[derive(Clone, Copy, Debug)]
struct Above {
    for_ms: f64,
    groups: u32,
}

impl Detector {
    pub(super) fn new() -> Detector {
        Detector {
            threshold: FIRST_THRESHOLD,
            adapted_us: None,
            last_slope: 0.0,
            above: None,
            usage: Usage::Normal,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes note of the trend after a group that was sent `sent_ms` after the one before it and
    /// arrived at `arrived_us`; it rests on `groups` groups.
    pub(super) fn note(&mut self, slope: f64, groups: usize, sent_ms: f64, arrived_us: i64) {
        if groups < 2 {
            return;
        }
        let trend = groups.min(MOST_GROUPS) as f64 * slope * GAIN;
        if trend > self.threshold {
            self.note_above(slope, sent_ms);
        } else {
            self.above = None;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_slope = slope;
        self.adapt(trend, arrived_us);
    }

    fn note_above(&mut self, slope: f64, sent_ms: f64) {
        let above = match self.above {
            // It came above somewhere between the two groups.
            None => Above { for_ms: sent_ms / 2.0, groups: 1 },
            Some(above) => Above { for_ms: above.for_ms + sent_ms, groups: above.groups + 1 },
        };
        let is_over = above.for_ms > OVERUSE_MS && above.groups > 1 && slope >= self.last_slope;
        self.above = Some(if is_over { Above { for_ms: 0.0, groups: 0 } } else { above });
        if is_over {
            self.usage = Usage::Over;
        }
    }

    fn adapt(&mut self, trend: f64, now_us: i64) {
        let last_us = self.adapted_us.replace(now_us).unwrap_or(now_us);
        let size = trend.abs();
        if size > self.threshold + OUTLIER {
            return;
        }
        let speed = if size < self.threshold { FALL } else { RISE };
        let passed_ms = now_us.saturating_sub(last_us).max(0) as f64 / 1e3;
        self.threshold += speed * (size - self.threshold) * passed_ms.min(LONGEST_STEP_MS);
        self.threshold = self.threshold.clamp(LOWEST_THRESHOLD, HIGHEST_THRESHOLD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes `groups` groups 10 ms apart with this slope; says when there was overuse first.
    fn overused_after(
        detector: &mut Detector,
        from_us: i64,
        groups: i64,
        slope: f64,
    ) -> Option<i64> {
        let mut first = None;
        for n in 1..=groups {
            detector.note(slope, 100, 10.0, from_us + n * 10_000);
            if detector.usage() == Usage::Over {
                first.get_or_insert(n);
            }
        }
        first
    }

    #[test]
    fn a_steep_trend_is_overuse_after_two_groups() {
        assert_eq!(overused_after(&mut Detector::new(), 0, 10, 0.1), Some(2));
    }

    #[test]
    fn a_flat_trend_is_normal_and_a_falling_one_is_underuse() {
        let mut detector = Detector::new();
        assert_eq!(overused_after(&mut detector, 0, 100, 0.001), None);
        assert_eq!(detector.usage(), Usage::Normal);
        detector.note(-0.1, 100, 10.0, 2_000_000);
        assert_eq!(detector.usage(), Usage::Under);
    }

    #[test]
    fn an_odd_trend_that_is_falling_again_is_not_overuse() {
        let mut detector = Detector::new();
        for (n, slope) in [0.12, 0.11, 0.10, 0.09, 0.08].into_iter().enumerate() {
            detector.note(slope, 100, 4.0, n as i64 * 4_000);
        }
        assert_eq!(detector.usage(), Usage::Normal);
    }

    #[test]
    fn a_path_that_always_shakes_raises_the_threshold() {
        let mut detector = Detector::new();
        for n in 0..2_000 {
            // 24 of trend, with either sign: at first it is overuse now and then.
            let slope = if n % 2 == 0 { 0.1 } else { -0.1 };
            detector.note(slope, 100, 10.0, n * 10_000);
        }
        assert!(detector.threshold > 20.0, "{detector:?}");
    }

    #[test]
    fn the_threshold_stays_within_bounds_whatever_the_clock_says() {
        let mut detector = Detector::new();
        for at_us in [0, i64::MAX, i64::MIN, 1] {
            detector.note(0.0, 100, 10.0, at_us);
            assert!((LOWEST_THRESHOLD..=HIGHEST_THRESHOLD).contains(&detector.threshold));
        }
    }
}
