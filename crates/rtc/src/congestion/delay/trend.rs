//! The trend of the delay: the slope of a line through the last groups of packets.

use super::inter_arrival::Deltas;

/// Groups that the line goes through.
const WINDOW: usize = 20;

/// How much of the smoothed delay stays with each group.
const SMOOTHING: f64 = 0.9;

/// One group: when it arrived, and the delay that had built up by then, both in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    arrived_ms: f64,
    delay_ms: f64,
}

/// A line through the last [`WINDOW`] groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    points: [Point; WINDOW],
    noted: usize,
    first_arrival_us: Option<i64>,
    /// The sum of all differences so far, and its smoothed course.
    delay_ms: f64,
    smoothed_ms: f64,
    slope: f64,
}

impl Trend {
    /// Takes note of a group; gives the slope: the milliseconds of delay that each millisecond adds.
    /// It is about how far the sending rate is above the capacity, in parts of the capacity.
    pub(super) fn note(&mut self, deltas: Deltas, arrived_us: i64) -> f64 {
        let first = *self.first_arrival_us.get_or_insert(arrived_us);
        self.delay_ms += deltas.arrived_ms - deltas.sent_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        let point = Point {
            arrived_ms: arrived_us.saturating_sub(first) as f64 / 1e3,
            delay_ms: self.smoothed_ms,
        };
        if let Some(place) = self.points.get_mut(self.noted % WINDOW) {
            *place = point;
        }
        self.noted += 1;
        if self.noted >= WINDOW
            && let Some(slope) = slope(&self.points)
        {
            self.slope = slope;
        }
        self.slope
    }

    /// Groups noted so far.
    pub(super) fn noted(&self) -> usize {
        self.noted
    }
}

/// The slope of the line with the least squares; `None` where all points have one time.
fn slope(points: &[Point]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.arrived_ms), mean(|point| point.delay_ms));
    let (mut rise, mut run) = (0.0, 0.0);
    for point in points {
        let x = point.arrived_ms - x_mean;
        rise += x * (point.delay_ms - y_mean);
        run += x * x;
    }
    (run > 0.0).then(|| rise / run)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slope after `groups` groups 10 ms apart, each of which arrives `late_ms` later.
    fn after(groups: usize, late_ms: f64) -> f64 {
        let mut trend = Trend::default();
        let mut arrived_us = 0.0;
        let mut slope = 0.0;
        for _ in 0..groups {
            let arrived_ms = 10.0 + late_ms;
            arrived_us += arrived_ms * 1e3;
            slope = trend.note(Deltas { sent_ms: 10.0, arrived_ms }, arrived_us as i64);
        }
        slope
    }

    #[test]
    fn an_even_flow_has_no_slope_and_nineteen_groups_have_none_yet() {
        assert!(after(40, 0.0).abs() < 1e-9);
        assert_eq!(after(WINDOW - 1, 5.0), 0.0);
    }

    #[test]
    fn a_queue_that_fills_shows_how_far_the_rate_is_too_high() {
        // 1 ms of each 11 waits.
        assert!((after(200, 1.0) - 1.0 / 11.0).abs() < 0.001);
        assert!((after(200, -1.0) + 1.0 / 9.0).abs() < 0.001);
    }
}
