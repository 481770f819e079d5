//! Rooms of many microphones, of which the loudest are forwarded.

use std::collections::BTreeSet;
use std::ops::Range;

use parlor_engine::{Limits, Source};
use parlor_rtc::MediaKind::Audio;
use parlor_sim::client::SeenFrame;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds, share_seen};

/// A room of people with nothing but a microphone, who are silent. Up to six are forwarded whatever they do.
fn silent_room(seed: u64, people: usize, slot_pairs: usize) -> World {
    let mut world = World::with_limits(seed, Limits { open_microphones: 6, ..Limits::default() });
    let link = LinkConfig { jitter: ms(10), ..LinkConfig::with_round_trip(ms(40)) };
    for _ in 0..people {
        let seat = world.join_as(ROOM, &[Source::Microphone], slot_pairs, link);
        world.seats[seat].client.senders[0].voice = false;
    }
    connect_all(&mut world);
    world.run_for(seconds(3));
    world
}

/// Somebody speaks for a while; says which of their frames are voiced.
fn speak(world: &mut World, who: usize, millis: u64) -> Range<u32> {
    world.seats[who].client.senders[0].voice = true;
    let first = world.seats[who].client.senders[0].frames_sent;
    world.run_for(ms(millis));
    world.seats[who].client.senders[0].voice = false;
    // What was made at this very moment has not been sent yet.
    first..world.seats[who].client.senders[0].frames_sent - 1
}

/// Everything that a listener has heard, of whomever.
fn heard(world: &World, listener: usize) -> Vec<SeenFrame> {
    world.seats[listener].client.seen.values().flatten().copied().collect()
}

#[test]
fn of_thirty_microphones_three_speak_in_turn_and_everybody_hears_every_word_and_nothing_else() {
    let mut world = silent_room(1, 30, 6);
    let before: Vec<usize> = (0..30).map(|listener| heard(&world, listener).len()).collect();
    let began = world.now();
    let speakers = [3, 17, 28];
    let mut words = Vec::new();
    for turn in 0..6 {
        let who = speakers[turn % 3];
        words.push((who, speak(&mut world, who, 700)));
        world.run_for(ms(300));
    }
    world.run_for(seconds(4));
    for (listener, before) in before.into_iter().enumerate() {
        for (who, frames) in words.iter().filter(|(who, _)| *who != listener) {
            let share = share_seen(&world.seen(listener, *who, Audio), frames.start, frames.end);
            assert!(share == 1.0, "{listener} heard {share} of {who}'s {frames:?}");
        }
        let since: Vec<_> =
            heard(&world, listener).into_iter().filter(|seen| seen.at >= began).collect();
        let publishers: BTreeSet<_> =
            since.iter().filter_map(|seen| seen.frame).map(|frame| frame.publisher).collect();
        assert!(publishers.len() <= 3, "{listener} hears {publishers:?}");
        // Whoever has fallen silent is not sent: three times two seconds after the last word, at most.
        let more = heard(&world, listener).len() - before;
        assert!(more < 3 * (6 + 2) * 50, "{more} frames");
    }
}

#[test]
fn silent_microphones_cost_no_packet() {
    let mut world = silent_room(2, 10, 6);
    let packets = world.engine.counters().packets_out;
    world.run_for(seconds(5));
    assert_eq!(world.engine.counters().packets_out, packets);
}

#[test]
fn a_silent_microphone_that_comes_goes_or_is_switched_where_the_loudest_are_heard_is_nothing_to_others()
 {
    let mut world = silent_room(8, 30, 6);
    let assignments = |world: &World| world.engine.counters().assignments;
    let before = assignments(&world);
    let seat = world.join_as(ROOM, &[Source::Microphone], 6, LinkConfig::default());
    world.seats[seat].client.senders[0].voice = false;
    connect_all(&mut world);
    world.run_for(seconds(1));
    for on in [false, true] {
        world.switch(seat, 0, on);
        world.run_for(ms(200));
    }
    world.leave(seat);
    world.run_for(seconds(1));
    assert!(assignments(&world) < before + 10, "only the newcomer's own");
    // A camera is everybody's business.
    let before = assignments(&world);
    world.join_as(ROOM, &[Source::Microphone, Source::Camera], 6, LinkConfig::default());
    world.run_for(seconds(1));
    assert!(assignments(&world) >= before + 30);
}

#[test]
fn when_everybody_speaks_at_once_nobody_gets_more_than_the_few_and_they_do_not_change_by_the_word()
{
    let mut world = silent_room(3, 12, 6);
    for seat in 0..12 {
        world.seats[seat].client.senders[0].voice = true;
    }
    world.run_for(seconds(1));
    let from = world.now();
    world.run_for(seconds(5));
    let few = usize::from(Limits::default().loudest_microphones);
    for listener in 0..12 {
        let late: Vec<_> =
            heard(&world, listener).into_iter().filter(|seen| seen.at >= from).collect();
        let publishers: BTreeSet<_> =
            late.iter().filter_map(|seen| seen.frame).map(|frame| frame.publisher).collect();
        assert!((few - 1..=few).contains(&publishers.len()), "{publishers:?}");
        assert!(late.len() <= few * 5 * 50 + few, "{} frames in 5 s", late.len());
    }
    assert_eq!(world.engine.counters().microphones_let_in, few as u64);
}

#[test]
fn a_newcomer_who_speaks_while_six_others_hold_the_places_takes_that_of_one_who_pauses() {
    let mut world = silent_room(4, 8, 6);
    for seat in 0..6 {
        world.seats[seat].client.senders[0].voice = true;
    }
    world.run_for(seconds(3));
    world.seats[2].client.senders[0].voice = false;
    world.run_for(ms(800));
    let words = speak(&mut world, 7, 1000);
    world.run_for(seconds(1));
    let share = share_seen(&world.seen(0, 7, Audio), words.start, words.end);
    assert!(share == 1.0, "{share} of the words, from the first on");
    let kept = world.seen(0, 3, Audio).len();
    world.run_for(seconds(1));
    assert!(world.seen(0, 3, Audio).len() >= kept + 45, "whoever speaks on is not cut off");
}

#[test]
fn in_a_small_room_silence_is_forwarded_too() {
    let mut world = silent_room(5, 6, 6);
    let before = world.seen(0, 1, Audio).len();
    world.run_for(seconds(1));
    assert!(world.seen(0, 1, Audio).len() >= before + 45);
}

#[test]
fn when_enough_have_left_everybody_is_heard_again() {
    let mut world = silent_room(6, 8, 6);
    let before = world.seen(0, 1, Audio).len();
    world.leave(7);
    world.leave(6);
    world.run_for(seconds(1));
    assert!(world.seen(0, 1, Audio).len() >= before + 40);
}

#[test]
fn one_with_a_single_slot_hears_whoever_speaks_in_turn() {
    let mut world = silent_room(7, 8, 1);
    let mut words = Vec::new();
    for who in [1, 2, 3] {
        words.push((who, speak(&mut world, who, 1000)));
        world.run_for(seconds(3));
    }
    for (who, frames) in words {
        let share = share_seen(&world.seen(0, who, Audio), frames.start, frames.end);
        assert!(share == 1.0, "heard {share} of {who}");
    }
    let wanted = world.seats[0].state.as_ref().map(|state| state.wanted_slots.audio);
    assert_eq!(wanted, Some(8), "asked for as many as may speak at once, in steps of four");
}
