//! Whether somebody is speaking, from the loudness that their packets report.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::AudioLevel;

/// At least this loud is a voice, in decibels below full scale: speech at a usual distance is 15 to 40
/// below after a browser's gain control, a quiet room 55 and more.
const VOICE_DB: u8 = 45;

/// So loud keeps somebody speaking who already is: the quiet parts of words.
const STILL_VOICE_DB: u8 = 52;

/// So much voice makes a speaker. A cough, a click or a key press is shorter, and what is quiet in between
/// counts against it.
const ON_AFTER: Duration = Duration::from_millis(150);

/// Whoever has been quiet for so long has stopped: pauses between words and for breath are shorter.
const OFF_AFTER: Duration = Duration::from_millis(800);

/// Most time that one packet stands for. A longer silence on the line is loss, or an encoder that sends
/// nothing while there is nothing to hear.
const PACKET_TIME_MAX: Duration = Duration::from_millis(60);

/// Time that the first packet stands for.
const PACKET_TIME: Duration = Duration::from_millis(20);

/// One audio track's way between silent and speaking.
///
/// The voice-activity bit of RFC 6464 is not used: browsers set it for anything their encoder does not
/// take for silence.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoiceActivity {
    speaking: bool,
    /// Voice heard lately, less quiet since; at most [`ON_AFTER`].
    heard: Duration,
    last_packet: Option<Instant>,
    last_voice: Option<Instant>,
}

impl VoiceActivity {
    /// A track that has not been heard.
    pub const fn new() -> VoiceActivity {
        VoiceActivity {
            speaking: false,
            heard: Duration::ZERO,
            last_packet: None,
            last_voice: None,
        }
    }

    /// Takes the level of one packet (RFC 6464), in order of arrival. Returns whether that changes who
    /// is speaking.
    pub fn hear(&mut self, now: Instant, level: AudioLevel) -> bool {
        let span = self.last_packet.map_or(PACKET_TIME, |last| now.saturating_duration_since(last));
        let span = span.min(PACKET_TIME_MAX);
        self.last_packet = Some(now);
        let threshold = if self.speaking { STILL_VOICE_DB } else { VOICE_DB };
        if level.below_full_scale_db <= threshold {
            self.heard = (self.heard + span).min(ON_AFTER);
            self.last_voice = Some(now);
        } else {
            self.heard = self.heard.saturating_sub(span);
        }
        if !self.speaking && self.heard >= ON_AFTER {
            self.speaking = true;
            return true;
        }
        self.review(now)
    }

    /// Lets time pass without a packet. Returns whether that changes who is speaking.
    pub fn review(&mut self, now: Instant) -> bool {
        let stopped = self.deadline().is_some_and(|deadline| now >= deadline);
        if stopped {
            self.speaking = false;
            self.heard = Duration::ZERO;
        }
        stopped
    }

    /// The track is switched off. Returns whether that changes who is speaking.
    pub fn silence(&mut self) -> bool {
        std::mem::take(self).speaking
    }

    /// Whether somebody is speaking, as of the last call.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// When [`review`](VoiceActivity::review) will find that the speaker has stopped, if nothing is
    /// heard until then. Moves with every voiced packet, so a timer need only be set when it fires.
    pub fn deadline(&self) -> Option<Instant> {
        self.last_voice.filter(|_| self.speaking).map(|last| last + OFF_AFTER)
    }
}
