//! The rate at which packets arrive, as a Bayesian estimate over short windows.

use super::Bitrate;
use super::delay::Throughput;
use super::moment::Moment;

/// Arrivals that make one sample, in microseconds: five pictures' time, so that a sample does not
/// depend on where in a picture it begins.
const WINDOW_US: i64 = 150_000;

/// The same for the first sample, which nothing corrects yet.
const FIRST_WINDOW_US: i64 = 500_000;

/// How much a sample is doubted for being unlike the estimate.
const DOUBT: f64 = 10.0;

/// Variance of the first estimate, what each sample adds to it since rates do change, and what
/// the end of an application-limited time adds: then a fast change is expected. In (kbit/s)^2.
const FIRST_VARIANCE: f64 = 50.0;
const DRIFT: f64 = 5.0;
const EXPECTED_CHANGE: f64 = 200.0;

/// Arrivals that show how fast a burst came through, in microseconds, and so many of the latest of such windows
/// count: a key frame at the end of a quiet time is longer than one and over before the last.
const BURST_US: i64 = 50_000;
const BURSTS: usize = 6;

/// Arrivals that show what comes through now, in slots of so many microseconds.
const SLOT_US: i64 = 50_000;
const SLOTS: i64 = 4;

/// An estimate of the acknowledged bitrate.
#[derive(Clone, Debug)]
pub(super) struct AcknowledgedRate {
    window: Window,
    /// In kbit/s; none before the first sample.
    estimate: Option<f64>,
    variance: f64,
    /// Packets sent after this are no longer held back by the application.
    change_expected: Option<Moment>,
    burst: Window,
    /// What came through lately, window by window, in kbit/s.
    bursts: [f64; BURSTS],
    latest: Latest,
}

/// Arrivals of the last fifth of a second.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    /// The time of the latest arrival.
    at_us: i64,
    /// Bytes by slot of time: the one under way first, then those before it.
    bytes: [u64; SLOTS as usize + 1],
}

impl Latest {
    fn note(&mut self, at_us: i64, bytes: u16) {
        let passed = (at_us.div_euclid(SLOT_US)).saturating_sub(self.at_us.div_euclid(SLOT_US));
        if (-SLOTS..0).contains(&passed) {
            // Feedback that was overtaken tells of what came before.
            return;
        }
        match usize::try_from(passed) {
            Ok(slots) if slots < self.bytes.len() => {
                self.bytes.rotate_right(slots);
                self.bytes[..slots].fill(0);
            }
            _ => self.bytes.fill(0),
        }
        self.at_us = at_us;
        self.bytes[0] += u64::from(bytes);
    }

    /// Over the last so many slots; `None` where something is missing: who sends now and then shows nothing of the path.
    fn rate(&self, slots: usize) -> Option<Bitrate> {
        // The slot under way ends with a packet, which would count for more than its time.
        let [_under_way, whole @ ..] = &self.bytes;
        let bytes: u64 = whole.iter().take(slots).sum();
        let rate = Bitrate::from_f64(bytes as f64 * 8e6 / (slots as i64 * SLOT_US) as f64);
        whole.iter().all(|bytes| *bytes > 0).then_some(rate)
    }

    /// Over the last fifth or tenth of a second, whichever was less, of a flow that brings no more now than it did:
    /// where much follows on little, more comes for a moment and makes a queue all the same.
    fn shrunk(&self) -> Option<Bitrate> {
        let [all, last] = [SLOTS as usize, SLOTS as usize / 2].map(|slots| self.rate(slots));
        let [under_way, whole @ ..] = &self.bytes;
        let average = whole.iter().sum::<u64>() / SLOTS as u64;
        let newest = whole.iter().take(1).chain([under_way]).max();
        all.min(last).filter(|_| newest.is_some_and(|bytes| *bytes <= average + average / 4))
    }
}

/// Arrivals since a sample was taken.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    last_us: Option<i64>,
    passed_us: i64,
    bytes: u64,
}

impl Window {
    /// Counts an arrival; gives a sample in kbit/s when `length_us` have passed before it.
    fn note(&mut self, at_us: i64, bytes: u16, length_us: i64) -> Option<f64> {
        let since = self.last_us.map_or(0, |last| at_us.saturating_sub(last));
        if since < 0 {
            *self = Window::default();
        } else {
            self.passed_us = self.passed_us.saturating_add(since);
            if since > length_us {
                self.bytes = 0;
                self.passed_us %= length_us;
            }
        }
        self.last_us = Some(at_us);
        let mut sample = None;
        if self.passed_us >= length_us {
            sample = Some(self.bytes as f64 * 8_000.0 / length_us as f64);
            self.passed_us -= length_us;
            self.bytes = 0;
        }
        self.bytes += u64::from(bytes);
        sample
    }
}

impl AcknowledgedRate {
    pub(super) fn new() -> AcknowledgedRate {
        AcknowledgedRate {
            window: Window::default(),
            estimate: None,
            variance: FIRST_VARIANCE,
            change_expected: None,
            burst: Window::default(),
            bursts: [0.0; BURSTS],
            latest: Latest::default(),
        }
    }

    /// The sender is no longer limited by the application: what is sent from now on shows more.
    pub(super) fn expect_change(&mut self, now: Moment) {
        self.change_expected = Some(now);
    }

    /// A queue was found: what came through before says little of what comes through now.
    pub(super) fn doubt(&mut self) {
        self.variance += EXPECTED_CHANGE;
    }

    /// Takes note of an arrival, in order of arrival.
    pub(super) fn note_arrival(&mut self, sent: Moment, at_us: i64, bytes: u16) {
        if self.change_expected.is_some_and(|at| sent > at) {
            self.doubt();
            self.change_expected = None;
        }
        self.latest.note(at_us, bytes);
        if let Some(burst) = self.burst.note(at_us, bytes, BURST_US) {
            self.bursts.rotate_right(1);
            self.bursts[0] = burst;
        }
        let length_us = if self.estimate.is_some() { WINDOW_US } else { FIRST_WINDOW_US };
        let Some(sample) = self.window.note(at_us, bytes, length_us) else { return };
        let Some(estimate) = self.estimate else {
            self.estimate = Some(sample);
            return;
        };
        // A rate of zero next to a sample of zero is doubted by nothing.
        let doubt = DOUBT * (estimate - sample).abs() / estimate.max(1.0);
        let sample_variance = doubt * doubt;
        let predicted = self.variance + DRIFT;
        let total = sample_variance + predicted;
        self.estimate = Some((sample_variance * estimate + predicted * sample) / total);
        self.variance = sample_variance * predicted / total;
    }

    /// What comes through of a flow that `is_seldom_full`: that mostly sends clearly less than it might.
    pub(super) fn throughput(&self, is_seldom_full: bool) -> Throughput {
        Throughput {
            usual: self.rate(),
            of_bursts: self.of_bursts(),
            latest: self.latest.rate(SLOTS as usize),
            shrunk: self.latest.shrunk(),
            is_seldom_full,
        }
    }

    /// The most that came through lately in a tenth of a second: on a path that delivers in bunches, less time would
    /// say more than it takes. Of somebody who mostly has nothing to send, it says more of
    /// the path than the [rate](AcknowledgedRate::rate) does.
    fn of_bursts(&self) -> Bitrate {
        let pairs = self.bursts.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
        Bitrate::from_f64(pairs.fold(0.0, f64::max) * 1_000.0)
    }

    /// The estimate; `None` before half a second of arrivals.
    pub(super) fn rate(&self) -> Option<Bitrate> {
        self.estimate.map(|kbps| Bitrate::from_f64(kbps * 1_000.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    /// Packets of 1,000 bytes, one every `gap_us` for a while.
    fn arrive(rate: &mut AcknowledgedRate, from_us: i64, gap_us: i64, for_us: i64) -> i64 {
        let sent = start();
        for at_us in (from_us..from_us + for_us).step_by(gap_us as usize) {
            rate.note_arrival(sent, at_us, 1_000);
        }
        from_us + for_us
    }

    fn kbps(rate: &AcknowledgedRate) -> f64 {
        rate.rate().unwrap().kbps()
    }

    #[test]
    fn there_is_no_rate_before_half_a_second() {
        let mut rate = AcknowledgedRate::new();
        arrive(&mut rate, 0, 10_000, FIRST_WINDOW_US);
        assert_eq!(rate.rate(), None);
        arrive(&mut rate, FIRST_WINDOW_US, 10_000, 20_000);
        assert!((kbps(&rate) - 800.0).abs() < 20.0, "{rate:?}");
    }

    #[test]
    fn a_rate_that_doubles_is_followed_in_a_second() {
        let mut rate = AcknowledgedRate::new();
        let now = arrive(&mut rate, 0, 10_000, 2_000_000);
        arrive(&mut rate, now, 5_000, 1_500_000);
        assert!(kbps(&rate) > 1_400.0, "{rate:?}");
    }

    #[test]
    fn one_odd_window_hardly_counts() {
        let mut rate = AcknowledgedRate::new();
        let now = arrive(&mut rate, 0, 10_000, 3_000_000);
        arrive(&mut rate, now, 2_000, 200_000);
        assert!(kbps(&rate) < 1_200.0, "{rate:?}");
    }

    #[test]
    fn a_clock_that_jumps_makes_no_rate_from_nothing() {
        let mut rate = AcknowledgedRate::new();
        let now = arrive(&mut rate, 0, 10_000, 2_000_000);
        for jump in [i64::MAX, i64::MIN, 0, now + 3_600_000_000] {
            rate.note_arrival(start(), jump, 1_000);
            assert!(kbps(&rate) < 1_000.0, "{rate:?}");
        }
    }

    #[test]
    fn what_comes_through_now_is_known_in_a_quarter_of_a_second() {
        let mut rate = AcknowledgedRate::new();
        let now = arrive(&mut rate, 0, 2_000, 2_000_000);
        arrive(&mut rate, now, 32_000, 256_000);
        assert!(
            (240.0..=280.0).contains(&rate.throughput(false).latest.unwrap().kbps()),
            "{rate:?}"
        );
        assert!(kbps(&rate) > 1_000.0, "{rate:?}");
    }

    #[test]
    fn a_clock_that_jumps_leaves_nothing_that_came_through_now() {
        let mut rate = AcknowledgedRate::new();
        arrive(&mut rate, 0, 2_000, 2_000_000);
        for jump in [i64::MAX, i64::MIN, 0, -1_000_000, 3_600_000_000] {
            rate.note_arrival(start(), jump, 1_000);
            assert_eq!(rate.throughput(false).latest, None);
        }
    }

    #[test]
    fn who_sends_a_picture_now_and_then_shows_nothing_of_what_comes_through_now() {
        let mut rate = AcknowledgedRate::new();
        arrive(&mut rate, 0, 330_000, 5_000_000);
        assert_eq!(rate.throughput(false).latest, None);
    }

    #[test]
    fn silence_is_not_held_against_what_comes_after() {
        let mut rate = AcknowledgedRate::new();
        let now = arrive(&mut rate, 0, 10_000, 2_000_000);
        arrive(&mut rate, now + 10_000_000, 10_000, 1_000_000);
        assert!((kbps(&rate) - 800.0).abs() < 60.0, "{rate:?}");
    }
}
