//! What is heard of one track: who speaks, how much, and whether it is forwarded.

use std::time::{Duration, Instant};

use crate::loudest::{self, Hearing, Place};
use crate::ring::Facts;
use crate::speaking::VoiceActivity;
use crate::speech::{Scores, SpeechActivity};

/// Two who talk in turn are both speakers: so long after the last word one still counts as one.
const SPOKEN_LATELY: Duration = Duration::from_secs(10);

/// What the loudness of a packet says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Somebody has begun or stopped to speak.
    pub(crate) changes_speaking: bool,
    /// There is a voice in the packet.
    pub(crate) is_voiced: bool,
    /// Somebody who is not forwarded has begun to speak.
    pub(crate) asks_to_be_heard: bool,
}

/// What is heard of one track.
pub(crate) struct Sound {
    voice: VoiceActivity,
    /// When its publisher was last found to be speaking.
    spoke_at: Option<Instant>,
    speech: SpeechActivity,
    pub(crate) hearing: Hearing,
}

impl Sound {
    /// Nothing has been heard yet.
    pub(crate) fn new() -> Sound {
        Sound {
            voice: VoiceActivity::new(),
            spoke_at: None,
            speech: SpeechActivity::new(),
            hearing: Hearing::Open,
        }
    }

    /// Takes the loudness of one packet, if it tells it.
    #[inline]
    pub(crate) fn hear(&mut self, now: Instant, facts: &Facts) -> Heard {
        let mut heard = Heard::default();
        match facts.audio_level {
            Some(level) => {
                heard.changes_speaking = self.voice.hear(now, level);
                heard.is_voiced = self.speech.hear(now, facts.timestamp, level);
            }
            None => self.speech.hear_untold(now),
        }
        if self.voice.is_speaking() {
            self.spoke_at = Some(now);
        }
        let begins = facts.audio_level.is_none() || self.speech.medium() >= loudest::ONSET_FRAMES;
        heard.asks_to_be_heard = begins && self.hearing.ask();
        heard
    }

    /// Whether its publisher is speaking, or was not long ago.
    pub(crate) fn has_spoken_lately(&self, now: Instant) -> bool {
        self.spoke_at.is_some_and(|at| now < at + SPOKEN_LATELY)
    }

    /// What has been spoken over it lately.
    pub(crate) fn speech(&mut self) -> &mut SpeechActivity {
        &mut self.speech
    }

    /// Whether anything was spoken over it in the last second.
    pub(crate) fn is_heard(&self) -> bool {
        self.speech.is_heard()
    }

    /// Whether it may have been worth hearing within `span`.
    pub(crate) fn has_sounded_within(&self, now: Instant, span: Duration) -> bool {
        self.speech.has_sounded_within(now, span)
    }

    /// The track's place among the loudest, if it has one.
    pub(crate) fn place(&mut self, now: Instant) -> Option<Place> {
        let Hearing::Heard { since } = self.hearing else { return None };
        self.speech.review(now);
        Some(Place::new(since, &self.speech))
    }

    /// How much has been spoken over it lately.
    pub(crate) fn scores(&self) -> Scores {
        self.speech.scores()
    }

    /// Lets time pass without sound. True when that changes who is speaking.
    pub(crate) fn review_voice(&mut self, now: Instant) -> bool {
        self.voice.review(now)
    }

    /// When its publisher will have been quiet for long enough to have stopped speaking.
    pub(crate) fn quiet_deadline(&self) -> Option<Instant> {
        self.voice.deadline()
    }

    /// Nothing is heard of it any more. True when that changes who is speaking.
    pub(crate) fn silence(&mut self) -> bool {
        self.speech.silence();
        self.voice.silence()
    }

    /// Whether its publisher was speaking when last judged.
    pub(crate) fn is_speaking(&self) -> bool {
        self.voice.is_speaking()
    }
}
