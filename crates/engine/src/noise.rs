//! What a microphone hears of its room while nobody speaks, so that a fan is not taken for a voice.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::AudioLevel;

/// Steps of loudness from digital silence to full scale, the subbands of the paper.
pub(crate) const STEPS: u8 = 13;

/// From this step on it may be a voice: 48 dB below full scale and louder, as speech is after a browser's
/// gain control. A quiet room is 55 below and more.
const VOICE_STEP: u8 = 8;

/// A voice is this much louder than the room, in decibels.
const MARGIN_DB: u8 = 10;

/// The quietest moment of so much time is the room alone: everybody breathes within it.
const WINDOW: Duration = Duration::from_secs(5);

/// No room is taken to be louder than this, in decibels above digital silence: a voice without any pause
/// is still a voice.
const ROOM_MAX_DB: u8 = 82;

/// Decibels from digital silence (RFC 6464: 127 below full scale) to full scale.
const RANGE_DB: u8 = 127;

/// How loud the room of one microphone is, in decibels above digital silence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoiseFloor {
    /// By the last whole window, or by something quieter since. A room is quiet until known.
    room_db: u8,
    quietest_db: u8,
    window_began: Option<Instant>,
}

impl NoiseFloor {
    pub(crate) const fn new() -> NoiseFloor {
        NoiseFloor { room_db: 0, quietest_db: u8::MAX, window_began: None }
    }

    /// How loud the voice in a packet is, up to [`STEPS`]; 0 is none.
    #[inline]
    pub(crate) fn steps(&mut self, now: Instant, level: AudioLevel) -> u8 {
        let loud_db = RANGE_DB.saturating_sub(level.below_full_scale_db);
        // A microphone that is switched off says nothing of the room.
        if loud_db > 0 {
            self.learn(now, loud_db);
        }
        let steps = (u16::from(loud_db) * u16::from(STEPS) / u16::from(RANGE_DB)) as u8;
        let is_voice = steps >= VOICE_STEP && loud_db >= self.room_db.saturating_add(MARGIN_DB);
        if is_voice { steps } else { 0 }
    }

    fn learn(&mut self, now: Instant, loud_db: u8) {
        self.room_db = self.room_db.min(loud_db);
        self.quietest_db = self.quietest_db.min(loud_db);
        let began = *self.window_began.get_or_insert(now);
        if now >= began + WINDOW {
            self.room_db = self.quietest_db.min(ROOM_MAX_DB);
            self.quietest_db = u8::MAX;
            self.window_began = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of 50 packets a second, all of one loudness for `seconds`, are voiced in the last of them.
    fn voiced_at_last(floor: &mut NoiseFloor, start: Instant, below_db: u8, seconds: u32) -> usize {
        let hear = |n| {
            let level = AudioLevel { voice: true, below_full_scale_db: below_db };
            floor.steps(start + Duration::from_millis(20) * n, level)
        };
        let steps: Vec<u8> = (0..seconds * 50).map(hear).collect();
        steps.iter().rev().take(50).filter(|steps| **steps > 0).count()
    }

    #[test]
    fn a_fan_is_known_for_one_after_a_few_seconds_and_a_voice_above_it_is_heard() {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut floor = NoiseFloor::new();
        assert_eq!(voiced_at_last(&mut floor, start, 42, 8), 0);
        let later = start + Duration::from_secs(8);
        assert_eq!(voiced_at_last(&mut floor, later, 28, 1), 50);
        // Switched off, then on: the fan is still known.
        let later = later + Duration::from_secs(1);
        assert_eq!(voiced_at_last(&mut floor, later, 127, 1), 0);
        let later = later + Duration::from_secs(1);
        assert_eq!(voiced_at_last(&mut floor, later, 42, 1), 0);
    }

    #[test]
    fn a_voice_without_a_pause_stays_one() {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        assert_eq!(voiced_at_last(&mut NoiseFloor::new(), start, 30, 60), 50);
    }
}
