//! How much one microphone has spoken lately, on three time scales, from the loudness that its packets report.
//!
//! After I. Volfin and I. Cohen, "Dominant speaker identification for multipoint videoconferencing" (2012):
//! how loud the newest frame is, how many of the newest few are voiced, and how many such groups of a
//! second are. What is compared is how much likelier each number is if somebody speaks than if not.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::AudioLevel;

use crate::noise::NoiseFloor;

/// What one bit of the history stands for: a packet of what browsers send unless told otherwise.
pub const FRAME: Duration = Duration::from_millis(20);

/// The same in ticks of the clock of all audio (RFC 7587 section 4.1).
const FRAME_TICKS: u64 = 960;

/// Frames of the medium time scale, 100 ms: a syllable.
pub const MEDIUM_FRAMES: u8 = 5;

/// Groups of them in the long time scale, 1 s: a phrase.
pub const LONG_GROUPS: u8 = 10;

/// So many frames of a group make it a voiced one. One may be the gap before a plosive.
const VOICED_IN_GROUP: u32 = 4;

/// Frames of the whole history.
const WINDOW: u32 = MEDIUM_FRAMES as u32 * LONG_GROUPS as u32;

/// Frames of a pause that is more than a gap between words, half a second.
const PAUSE_FRAMES: u32 = WINDOW / 2;

/// Most frames that one packet stands for, 60 ms: the longest that browsers send. What is further from
/// the next one was followed by silence, in which nothing is sent, or by loss.
const PACKET_FRAMES_MAX: u64 = 3;

/// Packets that are later than this are taken to be missing, until they come: more than links jitter.
const PATIENCE: Duration = Duration::from_millis(100);

/// What one microphone has done lately. Takes less than 100 bytes, and the same few steps for every packet.
#[derive(Clone, Copy, Debug)]
pub struct SpeechActivity {
    /// Voiced frames, one bit each; the lowest is the newest.
    voiced: u64,
    /// How loud the voice in the newest frame is, in [`steps`](NoiseFloor::steps).
    loudness: u8,
    noise: NoiseFloor,
    newest: Option<Newest>,
    /// When it last may have been worth hearing.
    last_sound: Option<Instant>,
}

/// The newest packet.
#[derive(Clone, Copy, Debug)]
struct Newest {
    /// The publisher's number of its first frame.
    frame: u64,
    arrival: Instant,
    /// Frames of silence that the history has behind it, since nothing came.
    silence: u64,
}

/// How much has been spoken lately, on each time scale. More is more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    /// How loud the voice in the newest frame is, up to 13.
    pub immediate: u8,
    /// Voiced frames of the newest 100 ms, 0 to 5.
    pub medium: u8,
    /// Voiced groups of the last second, 0 to 10.
    pub long: u8,
}

impl Default for SpeechActivity {
    fn default() -> Self {
        SpeechActivity::new()
    }
}

impl SpeechActivity {
    /// A microphone that has not been heard.
    pub const fn new() -> SpeechActivity {
        let noise = NoiseFloor::new();
        SpeechActivity { voiced: 0, loudness: 0, noise, newest: None, last_sound: None }
    }

    /// Takes the level of one packet (RFC 6464), in order of arrival, with its RTP timestamp in ticks
    /// of 48 kHz. Returns whether the packet is voiced.
    #[inline]
    pub fn hear(&mut self, now: Instant, timestamp: u64, level: AudioLevel) -> bool {
        let steps = self.noise.steps(now, level);
        let voiced = steps > 0;
        if voiced {
            self.last_sound = Some(now);
        }
        let frame = timestamp / FRAME_TICKS;
        let before = self.newest.unwrap_or(Newest { frame, arrival: now, silence: 0 });
        match frame.checked_sub(before.frame) {
            None if before.frame - frame < u64::from(WINDOW) => {
                let age = before.frame - frame + before.silence;
                self.voiced |= u64::from(voiced).checked_shl(age as u32).unwrap_or(0);
                return voiced;
            }
            // The publisher's clock has leapt back: what comes is new all the same.
            None => self.put_silence(1),
            Some(0) => {}
            Some(step) => self.step(step, before.silence),
        }
        self.voiced |= u64::from(voiced);
        self.loudness = steps;
        self.newest = Some(Newest { frame, arrival: now, silence: 0 });
        voiced
    }

    /// Takes a packet that does not tell how loud it is: it may be a voice.
    pub fn hear_untold(&mut self, now: Instant) {
        self.last_sound = Some(now);
    }

    /// Goes on by `step` frames, `silence` of which are there already because they were late.
    fn step(&mut self, step: u64, silence: u64) {
        let goes_on = step <= PACKET_FRAMES_MAX && silence == 0 && self.voiced & 1 != 0;
        let step = step.saturating_sub(silence).max(1);
        self.put_silence(step);
        if goes_on {
            // The packet before lasted until this one.
            self.voiced |= (1 << step) - 2;
        }
    }

    fn put_silence(&mut self, frames: u64) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.voiced = self.voiced.checked_shl(frames).unwrap_or(0);
    }

    /// Lets time pass without a packet: whoever sends nothing in silence is silent.
    pub fn review(&mut self, now: Instant) {
        let Some(newest) = &mut self.newest else { return };
        let late = now.saturating_duration_since(newest.arrival).saturating_sub(PATIENCE);
        let missing = (late.as_millis() / FRAME.as_millis()) as u64;
        let Some(more) = missing.checked_sub(newest.silence).filter(|more| *more > 0) else {
            return;
        };
        newest.silence = missing;
        self.loudness = 0;
        self.put_silence(more);
    }

    /// The microphone is switched off. What is known of its room stays.
    pub fn silence(&mut self) {
        *self = SpeechActivity { noise: self.noise, ..SpeechActivity::new() };
    }

    /// Whether there is a voiced frame in the last second, as of the last call.
    #[inline]
    pub fn is_heard(&self) -> bool {
        self.history() != 0
    }

    /// Whether there is no voiced frame in the newest half second, as of the last call: more than a gap
    /// between words.
    pub fn is_pausing(&self) -> bool {
        self.voiced & ((1 << PAUSE_FRAMES) - 1) == 0
    }

    /// Whether it may have been worth hearing within `span`.
    pub fn has_sounded_within(&self, now: Instant, span: Duration) -> bool {
        self.last_sound.is_some_and(|last| now.saturating_duration_since(last) < span)
    }

    /// Voiced frames of the newest 100 ms.
    #[inline]
    pub fn medium(&self) -> u8 {
        (self.voiced & group_mask(0)).count_ones() as u8
    }

    /// How much has been spoken lately, as of the last call.
    pub fn scores(&self) -> Scores {
        let groups = (0..LONG_GROUPS).map(|group| (self.voiced & group_mask(group)).count_ones());
        Scores {
            immediate: self.loudness,
            medium: self.medium(),
            long: groups.filter(|voiced| *voiced >= VOICED_IN_GROUP).count() as u8,
        }
    }

    fn history(&self) -> u64 {
        self.voiced & ((1 << WINDOW) - 1)
    }
}

/// The bits of one group of frames; 0 is the newest.
const fn group_mask(group: u8) -> u64 {
    ((1 << MEDIUM_FRAMES) - 1) << (MEDIUM_FRAMES as u32 * group as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(below_full_scale_db: u8) -> AudioLevel {
        AudioLevel { voice: true, below_full_scale_db }
    }

    /// Hears one packet a frame from `first` on; where it is `None`, nothing is sent.
    fn hear(activity: &mut SpeechActivity, start: Instant, first: u64, levels: &[Option<u8>]) {
        for (at, level_db) in (first..).zip(levels) {
            let now = start + FRAME * at as u32;
            activity.review(now);
            if let Some(db) = *level_db {
                activity.hear(now, at * FRAME_TICKS, level(db));
            }
        }
    }

    fn start() -> Instant {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    #[test]
    fn a_second_of_voice_is_full_marks_and_a_second_of_silence_is_none() {
        let (mut activity, start) = (SpeechActivity::new(), start());
        hear(&mut activity, start, 0, &[Some(25); 50]);
        let scores = activity.scores();
        assert_eq!((scores.medium, scores.long), (MEDIUM_FRAMES, LONG_GROUPS));
        hear(&mut activity, start, 50, &[Some(90); 50]);
        assert_eq!((activity.scores().medium, activity.scores().long), (0, 0));
        assert!(!activity.is_heard());
    }

    #[test]
    fn nothing_sent_is_silence_and_what_is_late_takes_its_place() {
        let (mut activity, start) = (SpeechActivity::new(), start());
        hear(&mut activity, start, 0, &[Some(25); 50]);
        hear(&mut activity, start, 50, &[None; 30]);
        assert_eq!(activity.scores().medium, 0);
        assert_eq!(activity.scores().long, 5, "30 frames, of which 5 may be late");
        // One goes on where the other left off: the silence is as long as the sender says.
        hear(&mut activity, start, 80, &[Some(25); 5]);
        assert_eq!(activity.scores(), Scores { immediate: 10, medium: 5, long: 4 });
    }

    #[test]
    fn packets_of_60_and_of_10_ms_count_like_those_of_20() {
        for ms in [10, 20, 60] {
            let (mut activity, start) = (SpeechActivity::new(), start());
            for n in 0..2_000 / ms {
                let now = start + Duration::from_millis(n * ms);
                activity.hear(now, n * ms * 48, level(25));
            }
            let scores = activity.scores();
            assert_eq!((scores.medium, scores.long), (MEDIUM_FRAMES, LONG_GROUPS), "{ms} ms");
            for n in 0..600 / ms {
                let at = 2_000 / ms + n;
                let now = start + Duration::from_millis(at * ms);
                activity.hear(now, at * ms * 48, level(90));
            }
            let long = activity.scores().long;
            assert!((3..=4).contains(&long), "{long} of 10 after 600 ms of silence, {ms} ms");
        }
    }

    #[test]
    fn a_burst_after_a_stall_counts_as_if_it_had_come_in_time() {
        let (mut activity, start) = (SpeechActivity::new(), start());
        hear(&mut activity, start, 0, &[Some(25); 50]);
        let stalled = start + FRAME * 54;
        for at in 50..55 {
            activity.hear(stalled, at * FRAME_TICKS, level(25));
        }
        assert_eq!(activity.scores().long, LONG_GROUPS);
    }

    #[test]
    fn a_clock_that_leaps_either_way_costs_a_moment() {
        for leap in [0, u64::MAX / 2] {
            let (mut activity, start) = (SpeechActivity::new(), start());
            activity.hear(start, 1 << 40, level(25));
            for n in 0..10 {
                activity.hear(start + FRAME * n as u32, leap + n * FRAME_TICKS, level(25));
            }
            assert_eq!(activity.medium(), MEDIUM_FRAMES);
        }
    }
}
