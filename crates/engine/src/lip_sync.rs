//! Keeps sound and pictures of one publisher together at its receivers: the publisher's sender
//! reports, translated to the server's clock.
//!
//! A publisher's reports tie its RTP timestamps to its own clock. What we send carries our ssrcs,
//! so the reports must be ours, on our clock. All streams of a publisher are translated by one and
//! the same difference of clocks, so whatever error it has moves them together.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::NtpTime;

/// How fast the smallest difference seen may grow again: more than two quartz clocks drift apart
/// (100 parts in a million), far less than what an ear or eye notices.
const CREEP_PER_SECOND: i64 = (1 << 32) / 10_000;

/// How fast what receivers are told follows the smallest difference seen. Browsers draw a line through
/// the last twenty reports of a stream, so one that changes its mind puts sound and pictures apart, of
/// which reports began at different times. They are not by so little (500 parts in a million), and
/// clocks drift apart by less.
const FOLLOW_PER_SECOND: i64 = (1 << 32) / 2_000;

/// A difference so much larger than the smallest one seen is no queue: the publisher's clock was
/// set.
const CLOCK_WAS_SET: i64 = 2 << 32;

/// How far the server's clock is ahead of one publisher's, in 1/2^32 s.
///
/// Each report tells it, plus the time the report travelled, so the smallest is nearest to the truth. What
/// receivers are told begins with it and goes to it slowly when a report has travelled faster: an error
/// is the same for all streams of the publisher, a sudden change is not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockDifference {
    known: Option<Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    smallest: i64,
    told: i64,
}

impl ClockDifference {
    /// A report that its sender wrote at `sent` by its own clock arrived at `now`, which is
    /// `arrived` by ours.
    pub(crate) fn note(&mut self, now: Instant, arrived: NtpTime, sent: NtpTime) {
        let sample = since(arrived, sent);
        self.known = Some(match self.known {
            Some(known) => known.followed_by(now, sample),
            None => Known { at: now, smallest: sample, told: sample },
        });
    }

    /// What the publisher's clock shows when ours shows `ours`.
    pub(crate) fn publishers(&self, ours: NtpTime) -> Option<NtpTime> {
        let told = self.known?.told;
        Some(NtpTime(ours.0.wrapping_sub(told as u64)))
    }
}

impl Known {
    fn followed_by(self, now: Instant, sample: i64) -> Known {
        let elapsed = now.saturating_duration_since(self.at);
        // The client says what it likes, so no difference of samples is too large to occur.
        let smallest = match sample.saturating_sub(self.smallest) > CLOCK_WAS_SET {
            true => sample,
            false => sample.min(self.smallest.saturating_add(grown(CREEP_PER_SECOND, elapsed))),
        };
        let most = grown(FOLLOW_PER_SECOND, elapsed);
        let away = smallest.saturating_sub(self.told);
        let told = match away.saturating_abs() > CLOCK_WAS_SET {
            true => smallest,
            false => self.told.saturating_add(away.clamp(-most, most)),
        };
        Known { at: now, smallest, told }
    }
}

/// One point of a stream's media clock, from its latest report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaClock {
    /// By the publisher's clock.
    pub(crate) ntp: NtpTime,
    /// The RTP timestamp at that moment.
    pub(crate) rtp: u32,
    /// RTP clock ticks in a second.
    pub(crate) clock_rate: u32,
}

impl MediaClock {
    /// The publisher's RTP timestamp at the moment that our clock calls `ours`; `None` before the
    /// publisher's clock is known.
    pub(crate) fn timestamp_at(&self, ours: NtpTime, difference: &ClockDifference) -> Option<u32> {
        Some(self.timestamp_when(difference.publishers(ours)?))
    }

    /// The publisher's RTP timestamp at the moment that its own clock calls `publishers`.
    pub(crate) fn timestamp_when(&self, publishers: NtpTime) -> u32 {
        let ahead = since(publishers, self.ntp);
        self.rtp.wrapping_add(ticks(ahead, self.clock_rate) as u32)
    }
}

/// How far `later` is after `earlier` in 1/2^32 s, negative when before.
fn since(later: NtpTime, earlier: NtpTime) -> i64 {
    later.0.wrapping_sub(earlier.0) as i64
}

/// What `per_second` makes in a time.
fn grown(per_second: i64, elapsed: Duration) -> i64 {
    let millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    (per_second / 1_000).saturating_mul(millis)
}

/// RTP clock ticks in `distance` (1/2^32 s), rounded to nearest.
fn ticks(distance: i64, clock_rate: u32) -> i64 {
    let product = i128::from(distance) * i128::from(clock_rate);
    ((product + (1 << 31)) >> 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ntp(seconds: f64) -> NtpTime {
        NtpTime((seconds * 4_294_967_296.0) as u64)
    }

    fn instant() -> Instant {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    #[test]
    fn sound_and_pictures_captured_together_get_reports_that_say_so() {
        let start = instant();
        let mut difference = ClockDifference::default();
        // The publisher's clock is 1000 s behind ours. Its two reports took 20 and 70 ms.
        let at = |seconds| start + Duration::from_secs_f64(seconds);
        difference.note(at(10.02), ntp(5010.02), ntp(4010.0));
        difference.note(at(11.07), ntp(5011.07), ntp(4011.0));
        let sound = MediaClock { ntp: ntp(4010.0), rtp: 480_000, clock_rate: 48_000 };
        let picture = MediaClock { ntp: ntp(4011.0), rtp: 7_000, clock_rate: 90_000 };
        // The smallest difference was 1000.02 s: what was captured at 4012 is heard at 5012.02.
        let moment = ntp(5012.02);
        let sound = sound.timestamp_at(moment, &difference).unwrap();
        let picture = picture.timestamp_at(moment, &difference).unwrap();
        assert!(sound.abs_diff(480_000 + 2 * 48_000) <= 10, "{sound}");
        assert!(picture.abs_diff(7_000 + 90_000) <= 20, "{picture}");
    }

    #[test]
    fn a_first_report_that_was_held_up_is_made_up_for_slowly() {
        let start = instant();
        let mut difference = ClockDifference::default();
        let told = |difference: &ClockDifference, seconds: f64| {
            let publishers = difference.publishers(ntp(1000.0 + seconds)).unwrap();
            // What the publisher's clock shows by what receivers are told, less what it does show, in ms.
            since(publishers, ntp(seconds)) as f64 / 4_294_967.296
        };
        let mut before = None;
        for second in 0..400 {
            let now = f64::from(second);
            let travelled = if second == 0 { 0.120 } else { 0.001 };
            let arrived = ntp(1000.0 + now + travelled);
            difference.note(start + Duration::from_secs_f64(now + travelled), arrived, ntp(now));
            let error = told(&difference, now);
            if let Some(before) = before.replace(error) {
                let step: f64 = error - before;
                assert!((-0.2..0.6).contains(&step), "{step} ms more in second {second}");
            }
        }
        assert!(before.unwrap() > -2.0, "still {before:?} ms behind");
    }

    #[test]
    fn a_publisher_that_sets_its_clock_is_followed() {
        let start = instant();
        let mut difference = ClockDifference::default();
        difference.note(start, ntp(5000.0), ntp(4000.0));
        difference.note(start, ntp(5001.0), ntp(3000.0));
        assert_eq!(difference.publishers(ntp(5002.0)), Some(ntp(3001.0)));
        difference.note(start, ntp(5002.0), ntp(4900.0));
        assert_eq!(difference.publishers(ntp(5002.0)), Some(ntp(4900.0)));
    }

    #[test]
    fn reports_from_the_ends_of_time_are_taken_without_overflow() {
        let (start, half) = (instant(), 1u64 << 63);
        let samples = [half - 1, half, 1 << 62, half + 1, 0, half - 1, half - 1];
        for first in samples {
            let mut difference = ClockDifference::default();
            difference.note(start, NtpTime(first), NtpTime(0));
            for (seconds, ours) in (1..).zip(samples) {
                let now = start + Duration::from_secs(seconds);
                difference.note(now, NtpTime(ours), NtpTime(0));
                let clock = MediaClock { ntp: NtpTime(ours), rtp: 1, clock_rate: 90_000 };
                assert!(clock.timestamp_at(NtpTime(first), &difference).is_some());
            }
        }
    }

    #[test]
    fn timestamps_wrap() {
        let mut difference = ClockDifference::default();
        difference.note(instant(), ntp(100.0), ntp(100.0));
        let clock = MediaClock { ntp: ntp(100.0), rtp: u32::MAX - 47_999, clock_rate: 48_000 };
        assert_eq!(clock.timestamp_at(ntp(101.0), &difference), Some(0));
        assert_eq!(clock.timestamp_at(ntp(99.0), &difference), Some(u32::MAX - 95_999));
    }
}
