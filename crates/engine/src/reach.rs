//! What a path may come to carry soon: of what is far beyond that for everybody, nothing need be encoded.

use std::time::{Duration, Instant};

use parlor_rtc::congestion::Bitrate;

/// What costs more than so many times what a path has carried lately is out of its reach. The path is looked at for it
/// all the same, and what comes within reach is asked for before it can be afforded.
const REACHES: f64 = 1.5;

/// So long a path that carries less may carry what it did again, and nothing is said of one that is new.
const LATELY: Duration = Duration::from_secs(10);

/// The most that a path was thought to carry lately.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// In the span before the one under way, and in that one.
    most: [Bitrate; 2],
    /// When the one under way began.
    since: Option<Instant>,
    has_passed: bool,
}

impl Reach {
    /// Takes note of what the path is thought to carry now.
    pub(crate) fn note(&mut self, now: Instant, rate: Bitrate) {
        let since = self.since.get_or_insert(now);
        if now >= *since + LATELY {
            *since = now;
            self.most = [self.most[1], Bitrate::ZERO];
            self.has_passed = true;
        }
        self.most[1] = self.most[1].max(rate);
    }

    /// What it may come to carry; `None` while nothing is known of that.
    pub(crate) fn rate(&self) -> Option<Bitrate> {
        let [before, now] = self.most;
        self.has_passed.then(|| before.max(now).scaled(REACHES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_path_that_falls_reaches_for_ten_seconds_what_it_did_and_one_that_rises_at_once() {
        let start = Instant::now();
        let mut reach = Reach::default();
        let mut after = |seconds: u64, kbps: u64| {
            reach.note(start + Duration::from_secs(seconds), Bitrate::from_kbps(kbps));
            reach.rate().map(|rate| rate.bps() / 1000)
        };
        assert_eq!(after(0, 2_000), None);
        assert_eq!(after(9, 200), None);
        assert_eq!(after(11, 200), Some(3_000));
        assert_eq!(after(21, 200), Some(300));
        assert_eq!(after(22, 1_000), Some(1_500));
    }
}
