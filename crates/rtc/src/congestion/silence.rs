//! What is sent and not answered: a path so full, or so broken, that no feedback comes.

use std::time::Duration;

use super::moment::Moment;

/// Feedback that is missing so many times in a row is not late.
const MISSED: u32 = 3;

/// What the rate becomes each time.
pub(super) const REDUCTION: f64 = 0.8;

/// A round trip is waited for on top, but no longer than this.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(1);

/// Who sends nothing into a silence has something sent so often: only an answer ends it.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Watches whether what is sent is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// How long a receiver takes between two answers.
    interval: Duration,
    round_trip: Duration,
    /// When the first packet was sent that is not answered.
    since: Option<Moment>,
    /// The last time-out was not followed by an answer.
    timed_out: bool,
    sent_last: Option<Moment>,
}

impl Silence {
    pub(super) fn new(interval: Duration) -> Silence {
        Silence {
            interval,
            round_trip: Duration::ZERO,
            since: None,
            timed_out: false,
            sent_last: None,
        }
    }

    #[inline]
    pub(super) fn note_sent(&mut self, now: Moment) {
        self.since.get_or_insert(now);
        self.sent_last = Some(now);
    }

    /// When something is to be sent for no other reason than that it be answered.
    pub(super) fn ask_at(&self) -> Option<Moment> {
        self.sent_last.filter(|_| self.timed_out).map(|at| at + ASK_AGAIN)
    }

    /// An answer came, and says how long it takes.
    pub(super) fn note_answer(&mut self, round_trip: Option<Duration>) {
        self.round_trip = round_trip.unwrap_or(self.round_trip).min(LONGEST_ROUND_TRIP);
        self.since = None;
        self.timed_out = false;
    }

    pub(super) fn is_unbroken(&self) -> bool {
        self.timed_out
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.since.map(|at| at + self.interval * MISSED + self.round_trip)
    }

    /// True each time an answer is overdue and the rate has to come down.
    pub(super) fn handle_timeout(&mut self, now: Moment) -> bool {
        let is_overdue = self.deadline().is_some_and(|at| at <= now);
        if is_overdue {
            // What is sent next is waited for anew; who sends nothing is not punished.
            self.since = None;
            self.timed_out = true;
        }
        is_overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn three_missing_answers_and_a_round_trip_are_silence() {
        let begin = start();
        let mut silence = Silence::new(ms(100));
        silence.note_answer(Some(ms(80)));
        silence.note_sent(begin);
        silence.note_sent(begin + ms(50));
        assert!(!silence.handle_timeout(begin + ms(379)));
        assert!(silence.handle_timeout(begin + ms(380)));
        assert!(silence.is_unbroken());
        silence.note_answer(None);
        assert!(!silence.is_unbroken());
    }

    #[test]
    fn who_sends_nothing_waits_for_nothing() {
        let begin = start();
        let mut silence = Silence::new(ms(100));
        silence.note_sent(begin);
        silence.note_answer(None);
        assert_eq!(silence.deadline(), None);
        assert!(!silence.handle_timeout(begin + ms(10_000)));
    }

    #[test]
    fn into_a_silence_something_is_sent_until_it_is_answered() {
        let begin = start();
        let mut silence = Silence::new(ms(100));
        silence.note_sent(begin);
        assert_eq!(silence.ask_at(), None);
        assert!(silence.handle_timeout(begin + ms(300)));
        assert_eq!(silence.ask_at(), Some(begin + ms(200)));
        silence.note_sent(begin + ms(300));
        assert_eq!(silence.ask_at(), Some(begin + ms(500)));
        silence.note_answer(None);
        assert_eq!(silence.ask_at(), None);
    }

    #[test]
    fn silence_that_goes_on_is_told_again() {
        let begin = start();
        let mut silence = Silence::new(ms(100));
        let mut told = 0;
        for n in 0..100 {
            let now = begin + ms(20 * n);
            silence.note_sent(now);
            told += u32::from(silence.handle_timeout(now));
        }
        assert_eq!(told, 6);
    }
}
