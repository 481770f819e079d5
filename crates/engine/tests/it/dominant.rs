//! Who has the floor: it goes to who speaks, and stays there in spite of coughs, noise and interruptions.

use std::time::{Duration, Instant};

use parlor_engine::PeerId;
use parlor_engine::dominant::{Contender, Dominant};
use parlor_engine::speech::{FRAME, SpeechActivity};
use parlor_rtc::rtp::AudioLevel;

use crate::ring::start;

/// Levels in decibels below full scale.
const VOICE: u8 = 28;
const QUIET: u8 = 62;

/// A room of microphones, judged as an engine does it.
struct Room {
    now: Instant,
    frames: u64,
    microphones: Vec<SpeechActivity>,
    floor: Dominant,
    /// Whoever has had the floor, each time that it passed on, and when.
    history: Vec<(u64, PeerId)>,
}

impl Room {
    fn new(people: usize) -> Room {
        let microphones = vec![SpeechActivity::new(); people];
        let (now, floor, history) = (start(), Dominant::new(), Vec::new());
        Room { now, frames: 0, microphones, floor, history }
    }

    /// For some milliseconds, lets everyone's microphone tell the level that `level` says of them.
    fn run(&mut self, millis: u64, mut level: impl FnMut(usize) -> u8) -> &mut Room {
        for _ in 0..millis / 20 {
            self.now += FRAME;
            self.frames += 1;
            for (index, microphone) in self.microphones.iter_mut().enumerate() {
                let level = AudioLevel { voice: true, below_full_scale_db: level(index) };
                microphone.hear(self.now, self.frames * 960, level);
            }
            if self.frames.is_multiple_of(5) {
                self.judge();
            }
        }
        self
    }

    /// One speaks, and the others do not.
    fn speaks(&mut self, who: usize, millis: u64) -> &mut Room {
        self.run(millis, |index| if index == who { VOICE } else { QUIET })
    }

    fn silence(&mut self, millis: u64) -> &mut Room {
        self.run(millis, |_| QUIET)
    }

    fn judge(&mut self) {
        self.microphones.iter_mut().for_each(|microphone| microphone.review(self.now));
        let contenders = self.microphones.iter().enumerate().map(|(index, microphone)| Contender {
            peer: PeerId(index as u64),
            scores: microphone.scores(),
        });
        if self.floor.judge(contenders) {
            self.history.extend(self.floor.peer().map(|peer| (self.frames * 20, peer)));
        }
    }

    fn who(&self) -> Vec<u64> {
        self.history.iter().map(|(_, peer)| peer.0).collect()
    }
}

#[test]
fn two_people_in_turn_have_it_in_turn_and_soon() {
    let mut room = Room::new(3);
    for _ in 0..5 {
        room.speaks(0, 3_000).silence(200).speaks(1, 3_000).silence(200);
    }
    assert_eq!(room.who(), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    for (turn, (at, _)) in room.history.iter().enumerate() {
        let late = at - 3_200 * turn as u64;
        assert!((400..=700).contains(&late), "taken {late} ms into turn {turn}");
    }
}

#[test]
fn it_is_kept_in_silence() {
    let mut room = Room::new(2);
    room.speaks(0, 2_000).silence(60_000);
    assert_eq!(room.floor.peer(), Some(PeerId(0)));
}

#[test]
fn a_cough_takes_it_from_nobody_and_does_not_get_it() {
    let mut room = Room::new(3);
    room.run(300, |index| if index == 2 { 8 } else { QUIET }).silence(2_000);
    assert!(room.who().is_empty());
    for _ in 0..5 {
        room.speaks(0, 1_500).run(300, |index| if index == 2 { 8 } else { QUIET }).silence(400);
    }
    assert_eq!(room.who(), [0]);
}

#[test]
fn a_yes_thrown_in_does_not_take_it() {
    let mut room = Room::new(2);
    for _ in 0..10 {
        room.speaks(0, 2_000).speaks(1, 300);
    }
    assert_eq!(room.who(), [0]);
}

#[test]
fn background_noise_does_not_take_it_once_it_is_known() {
    let mut room = Room::new(2);
    // Somebody sits beside a fan, and the other one speaks with pauses.
    let fan = |voice| move |index: usize| if index == 1 { 44 } else { voice };
    room.run(6_000, fan(QUIET));
    room.history.clear();
    for _ in 0..30 {
        room.run(900, fan(VOICE)).run(600, fan(QUIET));
    }
    assert_eq!(room.who(), [0]);
}

#[test]
fn of_two_who_speak_at_once_the_first_keeps_it() {
    let mut room = Room::new(2);
    room.speaks(0, 1_500);
    // Both are loud all the time, the interrupter the louder.
    room.run(20_000, |index| if index == 0 { 30 } else { 18 });
    assert_eq!(room.who(), [0]);
    room.speaks(1, 1_500);
    assert_eq!(room.who(), [0, 1], "who goes on alone has it");
}

#[test]
fn whoever_leaves_with_it_leaves_it_to_the_next_speaker() {
    let mut room = Room::new(2);
    room.speaks(0, 2_000);
    assert!(room.floor.forget(PeerId(0)));
    room.microphones[0].silence();
    room.silence(3_000);
    assert_eq!(room.floor.peer(), None);
    room.speaks(1, 1_000);
    assert_eq!(room.floor.peer(), Some(PeerId(1)));
}

#[test]
fn one_who_sends_nothing_in_silence_does_not_keep_it_from_others() {
    let mut room = Room::new(2);
    room.speaks(0, 2_000);
    for _ in 0..50 {
        room.now += FRAME;
        room.frames += 1;
        let level = AudioLevel { voice: true, below_full_scale_db: VOICE };
        room.microphones[1].hear(room.now, room.frames * 960, level);
        room.judge();
    }
    assert_eq!(room.who(), [0, 1]);
}

/// The loudness of somebody who talks in words and pauses, from a seed.
struct Talker {
    random: u64,
    voiced: bool,
    frames_left: u64,
}

impl Talker {
    fn new(seed: u64) -> Talker {
        Talker {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            voiced: false,
            frames_left: 0,
        }
    }

    fn draw(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        range.start + (self.random >> 32) % (range.end - range.start)
    }

    /// Words of 120 to 600 ms, gaps of 40 to 180 ms, and a breath now and then.
    fn level(&mut self) -> u8 {
        if self.frames_left == 0 {
            self.voiced = !self.voiced;
            self.frames_left = match (self.voiced, self.draw(0..8)) {
                (true, _) => self.draw(6..30),
                (false, 0) => self.draw(15..30),
                (false, _) => self.draw(2..9),
            };
        }
        self.frames_left -= 1;
        if self.voiced { self.draw(16..38) as u8 } else { self.draw(52..70) as u8 }
    }
}

#[test]
fn whoever_talks_in_words_has_it_without_flicker_whatever_the_seed() {
    for seed in 1..=40 {
        let mut room = Room::new(4);
        let mut talkers: Vec<Talker> = (0..4).map(|index| Talker::new(seed * 10 + index)).collect();
        let mut noise = Talker::new(seed * 10 + 9);
        let mut turns = Vec::new();
        for turn in 0..12 {
            let who = turn % 4;
            turns.push(who as u64);
            room.run(6_000, |index| match index == who {
                true => talkers[index].level(),
                false => noise.draw(54..75) as u8,
            });
            assert_eq!(room.floor.peer(), Some(PeerId(who as u64)), "seed {seed}, turn {turn}");
        }
        assert_eq!(room.who(), turns, "seed {seed}");
    }
}

#[test]
fn two_who_talk_over_each_other_for_a_minute_pass_it_on_seldom() {
    for seed in 1..=40 {
        let mut room = Room::new(2);
        let mut talkers = [Talker::new(seed * 10), Talker::new(seed * 10 + 1)];
        room.run(60_000, |index| talkers[index].level());
        let changes = room.history.len();
        assert!(changes <= 6, "{changes} in a minute, seed {seed}");
        let shortest = room.history.windows(2).map(|pair| pair[1].0 - pair[0].0).min();
        assert!(shortest.is_none_or(|ms| ms >= 1_000), "{shortest:?} ms, seed {seed}");
    }
}

#[test]
fn a_lull_of_the_judge_changes_nothing() {
    let mut room = Room::new(1);
    room.speaks(0, 1_000);
    room.now += Duration::from_secs(3600);
    room.judge();
    assert_eq!(room.who(), [0]);
}
