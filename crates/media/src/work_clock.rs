//! What a media thread has worked, as far as that has to be known: by its own processor time when it is behind.

use std::time::{Duration, Instant};

use crate::sys;

/// Turns shorter than this are taken for work, all of it: asking the kernel takes nearly a microsecond.
const SHORT: Duration = Duration::from_millis(1);

/// Of a longer one that nothing was measured before, so much is: the rest may be somebody else's.
const UNKNOWN: Duration = Duration::from_millis(2);

/// Adds up work.
#[derive(Debug, Default)]
pub(crate) struct WorkClock {
    total: Duration,
    /// When the kernel was last asked, and what it said.
    read: Option<(Instant, Duration)>,
    /// When the last turn ended.
    ended: Option<Instant>,
}

impl WorkClock {
    /// Takes note of a turn that `was_behind` when it began or is when it ended; returns all work so far.
    pub(crate) fn note(&mut self, began: Instant, ended: Instant, is_behind: bool) -> Duration {
        let length = ended.saturating_duration_since(began);
        if length < SHORT && !is_behind {
            self.total += length;
        } else {
            let now = sys::thread_time();
            let last = self.read.filter(|(at, _)| self.ended == Some(*at));
            let worked = match last {
                Some((_, then)) => now.saturating_sub(then),
                None => UNKNOWN,
            };
            self.total += worked.min(length);
            self.read = Some((ended, now));
        }
        self.ended = Some(ended);
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_turns_count_whole_and_a_long_one_of_which_nothing_is_known_a_little() {
        let mut clock = WorkClock::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let short = Duration::from_micros(300);
        assert_eq!(clock.note(at(0), at(0) + short, false), short);
        assert_eq!(clock.note(at(5), at(95), false), short + UNKNOWN);
    }

    #[test]
    fn what_others_do_with_the_processor_meanwhile_is_no_work_of_ours() {
        let mut clock = WorkClock::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let before = clock.note(at(0), at(1), true);
        // Nothing was done in these hundred milliseconds: they have not even passed.
        let after = clock.note(at(1), at(101), true);
        assert!(after - before < Duration::from_millis(50), "{after:?}");
    }
}
