//! Who speaks is shown as speaking, without flicker.

use std::time::{Duration, Instant};

use parlor_engine::speaking::VoiceActivity;
use parlor_rtc::rtp::AudioLevel;

use crate::ring::start;

const PACKET: Duration = Duration::from_millis(20);

struct Microphone {
    now: Instant,
    activity: VoiceActivity,
    changes: usize,
}

impl Microphone {
    fn new() -> Microphone {
        Microphone { now: start(), activity: VoiceActivity::new(), changes: 0 }
    }

    /// Sends packets of one loudness for some milliseconds.
    fn send(&mut self, below_full_scale_db: u8, millis: u64) -> &mut Microphone {
        for _ in 0..millis / 20 {
            self.now += PACKET;
            let level = AudioLevel { voice: true, below_full_scale_db };
            self.changes += usize::from(self.activity.hear(self.now, level));
        }
        self
    }

    fn is_speaking(&self) -> bool {
        self.activity.is_speaking()
    }
}

#[test]
fn a_voice_counts_after_150_ms() {
    let mut microphone = Microphone::new();
    assert!(!microphone.send(127, 1000).send(30, 140).is_speaking());
    assert!(microphone.send(30, 20).is_speaking());
    assert_eq!(microphone.changes, 1);
}

#[test]
fn pauses_between_words_do_not_flicker() {
    let mut microphone = Microphone::new();
    for _ in 0..50 {
        microphone.send(30, 300).send(60, 500);
    }
    assert_eq!(microphone.changes, 1);
}

#[test]
fn quiet_parts_of_words_keep_a_speaker_but_do_not_make_one() {
    let mut microphone = Microphone::new();
    assert!(!microphone.send(50, 5000).is_speaking());
    assert!(microphone.send(30, 200).send(50, 5000).is_speaking());
}

#[test]
fn silence_ends_it_after_800_ms() {
    let mut microphone = Microphone::new();
    assert!(microphone.send(30, 400).send(127, 780).is_speaking());
    assert!(!microphone.send(127, 20).is_speaking());
    assert_eq!(microphone.changes, 2);
}

#[test]
fn typing_is_not_speaking() {
    let mut microphone = Microphone::new();
    for _ in 0..100 {
        microphone.send(20, 40).send(80, 100);
    }
    assert_eq!(microphone.changes, 0);
}

#[test]
fn a_sender_that_falls_silent_altogether_has_stopped() {
    let mut microphone = Microphone::new();
    assert_eq!(microphone.activity.deadline(), None);
    microphone.send(30, 400);
    let deadline = microphone.activity.deadline().unwrap();
    assert_eq!(deadline, microphone.now + Duration::from_millis(800));
    assert!(!microphone.activity.review(deadline - PACKET));
    assert!(microphone.activity.review(deadline));
    assert!(!microphone.is_speaking());
    assert!(!microphone.activity.review(deadline + PACKET));
    // One packet after a long silence is not yet a voice.
    microphone.now = deadline + Duration::from_secs(10);
    assert!(!microphone.send(10, 20).is_speaking());
}

#[test]
fn a_microphone_that_is_switched_off_is_silent_at_once() {
    let mut microphone = Microphone::new();
    microphone.send(30, 400);
    assert!(microphone.activity.silence());
    assert!(!microphone.is_speaking());
    assert!(!microphone.activity.silence());
}
