//! Whether a client that beats quickly has fallen quiet, though nobody has closed its socket.

use std::time::{Duration, Instant};

/// A client whose last two beats were at most so far apart is one of whom the next can be expected
/// (ours: every 2.5 s, a little later on a busy machine). Phoenix's own clients beat each 30 s,
/// which says nothing within a useful time.
const QUICK: Duration = Duration::from_secs(4);

/// Such a client is quiet when nothing has come from it for this long: three beats are missing.
pub const QUIET: Duration = Duration::from_millis(7500);

/// When a socket was heard, as a value.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    heard: Instant,
    last_beat: Option<Instant>,
    is_quick: bool,
}

impl Pulse {
    /// The pulse of a socket that opens at `now`.
    pub fn new(now: Instant) -> Pulse {
        Pulse { heard: now, last_beat: None, is_quick: false }
    }

    /// Something came.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// What came was a heartbeat.
    pub fn beat(&mut self, now: Instant) {
        let since_last = self.last_beat.map(|last| now.saturating_duration_since(last));
        self.is_quick = since_last.is_some_and(|time| time <= QUICK);
        self.last_beat = Some(now);
    }

    /// When something last came.
    pub fn last_heard(&self) -> Instant {
        self.heard
    }

    /// When the socket will be quiet if nothing comes; none for a client that beats slowly.
    pub fn quiet_at(&self) -> Option<Instant> {
        self.is_quick.then_some(self.heard + QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_beats_quickly_is_quiet_after_three_missing_beats_and_one_who_does_not_never() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pulse = Pulse::new(start);
        pulse.beat(at(0));
        assert_eq!(pulse.quiet_at(), None, "one beat tells nothing of the next");
        pulse.heard(at(2500));
        pulse.beat(at(2500));
        assert_eq!(pulse.quiet_at(), Some(at(10_000)));
        pulse.heard(at(4000));
        assert_eq!(pulse.quiet_at(), Some(at(11_500)), "anything that comes counts");
        pulse.heard(at(34_000));
        pulse.beat(at(34_000));
        assert_eq!(pulse.quiet_at(), None, "it beats slowly now");
    }
}
