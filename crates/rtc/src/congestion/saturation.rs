//! What a probe has met as all that a path takes.

use std::time::Duration;

use super::Bitrate;
use super::moment::Moment;

/// It is believed for so long: as long as what a flow has met.
const BELIEVED: Duration = Duration::from_secs(60);

/// On a path that shakes by more than a probe lasts at least, what was slowed down may only have been shaken.
const CALM: Duration = Duration::from_millis(15);

/// What is this part of what was met before is the same again: a probe is slowed down, but never hurried.
const SAME: f64 = 0.97;

/// What comes through beyond so many times that has refuted it.
const REFUTED: f64 = 1.05;

/// The last probe's finding, or that of the one before if both are the same but for noise, if it found the path full and nothing has spoken against it since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Saturation {
    met: Option<(Bitrate, Moment)>,
}

impl Saturation {
    /// What the path takes, if a probe has lately met that.
    pub(super) fn rate(&self, now: Moment) -> Option<Bitrate> {
        let (rate, at) = self.met?;
        (now < at + BELIEVED).then_some(rate)
    }

    /// A probe that is believed came through, slowed down to `rate` if the path was full, on a path that shakes so much.
    pub(super) fn note(&mut self, now: Moment, rate: Option<Bitrate>, shake: Duration) {
        let before = self.rate(now);
        self.met = rate.filter(|_| shake < CALM).map(|rate| {
            let same = before.filter(|before| rate >= before.scaled(SAME));
            (same.map_or(rate, |before| before.max(rate)), now)
        });
    }

    /// This much has come through: if that is clearly more, the path takes more.
    pub(super) fn compare(&mut self, rate: Option<Bitrate>) {
        let is_refuted = |(met, _): &(Bitrate, Moment)| rate > Some(met.scaled(REFUTED));
        if self.met.is_some_and(|met| is_refuted(&met)) {
            self.met = None;
        }
    }

    /// The path has been found to take less, or nothing is heard of it.
    pub(super) fn forget(&mut self) {
        self.met = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_met_on_a_calm_path_is_believed_for_a_minute() {
        let now = Moment::after(Duration::from_secs(1_000));
        let rate = Bitrate::from_kbps(1_900);
        let mut saturation = Saturation::default();
        saturation.note(now, Some(rate), Duration::from_millis(2));
        assert_eq!(saturation.rate(now + Duration::from_secs(59)), Some(rate));
        assert_eq!(saturation.rate(now + Duration::from_secs(60)), None);
        saturation.note(now, Some(rate), Duration::from_millis(20));
        assert_eq!(saturation.rate(now), None);
    }

    #[test]
    fn of_findings_that_are_nearly_the_same_the_highest_is_believed() {
        let now = Moment::after(Duration::from_secs(1_000));
        let mut saturation = Saturation::default();
        let mut meet = |kbps| {
            saturation.note(now, Some(Bitrate::from_kbps(kbps)), Duration::ZERO);
            saturation.rate(now)
        };
        assert_eq!(meet(1_880), Some(Bitrate::from_kbps(1_880)));
        assert_eq!(meet(1_850), Some(Bitrate::from_kbps(1_880)));
        assert_eq!(meet(1_890), Some(Bitrate::from_kbps(1_890)));
        assert_eq!(meet(1_800), Some(Bitrate::from_kbps(1_800)), "the path takes less now");
    }

    #[test]
    fn a_rate_that_clearly_more_came_through_than_is_believed_no_more() {
        let now = Moment::after(Duration::from_secs(1_000));
        let rate = Bitrate::from_kbps(1_900);
        let mut saturation = Saturation::default();
        saturation.note(now, Some(rate), Duration::ZERO);
        saturation.compare(Some(Bitrate::from_kbps(1_950)));
        assert_eq!(saturation.rate(now), Some(rate));
        saturation.compare(Some(Bitrate::from_kbps(2_000)));
        assert_eq!(saturation.rate(now), None);
    }
}
