//! Which of many microphones are forwarded: who may begin, and who gives way, as pure decisions.

use std::time::{Duration, Instant};

use crate::speech::{Scores, SpeechActivity};

/// So many voiced frames of the newest 100 ms are somebody who begins to speak; a click is less.
pub(crate) const ONSET_FRAMES: u8 = 3;

/// Whoever begins is heard from so long before on: it takes up to 100 ms to see that they have begun, and
/// soft consonants that are no voice yet come first.
const PRE_ROLL: Duration = Duration::from_millis(250);

/// Whoever has made no sound for so long is not forwarded any more. The slot stays theirs while nobody needs it, so
/// this only has to be longer than most pauses of a speaker.
pub(crate) const HOLD: Duration = Duration::from_secs(2);

/// Where all places are taken by people who speak, a newcomer needs so much more voice in the last second, in
/// tenths, than the one who gives way.
const LOUDER_BY: u8 = 3;

/// Nobody who speaks gives way to another sooner than this: so many who speak at once do not
/// cut each other off by the word.
const STAYS_FOR: Duration = Duration::from_secs(2);

/// Whoever pauses gives way no sooner than this, whatever their packets' clock says of the pause: each
/// change costs the whole room.
const STAYS_AT_LEAST: Duration = Duration::from_millis(500);

/// Whether a track is forwarded to those who have a slot for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// It is: everything is.
    Open,
    /// It is not, and what arrives is kept for a moment. `asks` once somebody has begun to speak.
    Waiting { asks: bool },
    /// It is one of the loudest, since then.
    Heard { since: Instant },
}

impl Hearing {
    pub(crate) fn is_forwarded(self) -> bool {
        !matches!(self, Hearing::Waiting { .. })
    }

    /// Somebody has begun to speak. True when they have to be let in, and that is news.
    pub(crate) fn ask(&mut self) -> bool {
        let is_news = *self == Hearing::Waiting { asks: false };
        if is_news {
            *self = Hearing::Waiting { asks: true };
        }
        is_news
    }

    /// Since when what has arrived is sent to a slot that begins with it now; `None` when only what comes.
    pub(crate) fn begins_with(self, now: Instant) -> Option<Instant> {
        // Who gets a slot for it later has missed the beginning.
        (self == Hearing::Heard { since: now }).then(|| now.checked_sub(PRE_ROLL).unwrap_or(now))
    }
}

/// One of the microphones that are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    since: Instant,
    is_pausing: bool,
    scores: Scores,
}

impl Place {
    pub(crate) fn new(since: Instant, speech: &SpeechActivity) -> Place {
        Place { since, is_pausing: speech.is_pausing(), scores: speech.scores() }
    }

    fn gives_way(&self, now: Instant, newcomer: Scores) -> bool {
        let is_louder = newcomer.long >= self.scores.long.saturating_add(LOUDER_BY);
        let stayed = now.saturating_duration_since(self.since);
        match self.is_pausing {
            // Only to somebody who is known to speak.
            true => newcomer.medium > 0 && stayed >= STAYS_AT_LEAST,
            false => is_louder && stayed >= STAYS_FOR,
        }
    }
}

/// Who of those that are forwarded, all places being taken, gives way to a newcomer; `None` when the newcomer has
/// to wait.
pub(crate) fn giving_way(now: Instant, places: &[Place], newcomer: Scores) -> Option<usize> {
    let weakest = places.iter().enumerate().min_by_key(|(_, place)| {
        (!place.is_pausing, place.scores.long, place.scores.medium, place.since)
    });
    weakest.filter(|(_, place)| place.gives_way(now, newcomer)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEAKS: Scores = Scores { immediate: 9, medium: 5, long: 8 };
    const BEGINS: Scores = Scores { immediate: 9, medium: 3, long: 0 };

    fn start() -> Instant {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    fn speaking(since: Instant, long: u8) -> Place {
        Place { since, is_pausing: false, scores: Scores { long, ..SPEAKS } }
    }

    fn pausing(since: Instant, long: u8) -> Place {
        Place { since, is_pausing: true, scores: Scores { long, ..Scores::default() } }
    }

    #[test]
    fn whoever_pauses_gives_way_and_whoever_paused_longest_first() {
        let start = start();
        let places = [speaking(start, 9), pausing(start, 4), pausing(start, 0), speaking(start, 5)];
        let later = start + STAYS_AT_LEAST;
        assert_eq!(giving_way(later, &places, BEGINS), Some(2));
        assert_eq!(giving_way(later, &places, Scores::default()), None, "not to who tells nothing");
        assert_eq!(giving_way(start, &places, BEGINS), None, "a moment each is the least");
    }

    #[test]
    fn where_all_speak_a_newcomer_has_to_speak_much_more_and_nobody_is_cut_off_soon() {
        let start = start();
        let places = [speaking(start, 8), speaking(start, 4)];
        let later = start + STAYS_FOR;
        assert_eq!(giving_way(later, &places, BEGINS), None);
        assert_eq!(giving_way(later, &places, Scores { long: 6, ..SPEAKS }), None);
        let louder = Scores { long: 7, ..SPEAKS };
        assert_eq!(giving_way(later, &places, louder), Some(1));
        assert_eq!(giving_way(later - Duration::from_millis(1), &places, louder), None);
    }

    #[test]
    fn somebody_asks_once_until_they_are_let_in_or_give_up() {
        let mut hearing = Hearing::Waiting { asks: false };
        assert!(hearing.ask());
        assert!(!hearing.ask());
        for mut forwarded in [Hearing::Open, Hearing::Heard { since: start() }] {
            assert!(!forwarded.ask());
        }
    }
}
