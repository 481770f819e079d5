//! People whose connections live in different engines are in one room.

mod house;
mod repair;

use std::time::Duration;

use parlor_engine::{Census, Limits, Source, View};
use parlor_rtc::MediaKind;
use str0m::format::Codec;

use crate::world::CAMERA_AND_MICROPHONE;
use house::House;

const RIDS: [&str; 3] = ["l", "m", "h"];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn people_on_three_threads_see_and_hear_each_other() {
    let mut house = House::new(3);
    let people: Vec<usize> =
        (0..3).map(|thread| house.join(thread, &CAMERA_AND_MICROPHONE, 2)).collect();
    house.run(ms(5_000));
    for viewer in &people {
        for publisher in people.iter().filter(|other| *other != viewer) {
            let sound = house.frames(*viewer, *publisher, MediaKind::Audio);
            let pictures = house.frames(*viewer, *publisher, MediaKind::Video);
            assert!(sound > 200 && pictures > 120, "{viewer} of {publisher}: {sound} {pictures}");
        }
        assert_eq!(house.frames(*viewer, *viewer, MediaKind::Video), 0);
    }
}

#[test]
fn pinned_slots_carry_tracks_of_other_threads() {
    let mut house = House::new(2);
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 0);
    house.run(ms(1_000));
    let pins: Vec<_> = house.people[ann].senders.iter().map(|sender| sender.track).collect();
    let bo = house.join_pinned(1, 1, &pins);
    house.run(ms(3_000));
    let sound = house.frames(bo, ann, MediaKind::Audio);
    let pictures = house.frames(bo, ann, MediaKind::Video);
    assert!(sound > 100 && pictures > 60, "{sound} {pictures}");
}

#[test]
fn each_packet_goes_once_to_each_other_thread_however_many_watch_there() {
    let mut house = House::new(2);
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 0);
    for _ in 0..5 {
        house.join(1, &[], 1);
    }
    house.run(ms(3_000));
    let relayed = house.relayed;
    let counters = *house.threads[0].engine.counters();
    house.run(ms(2_000));
    let sent = house.threads[0].engine.counters().packets_in - counters.packets_in;
    assert_eq!((house.relayed - relayed) as u64, sent);
    assert_eq!(house.threads[0].engine.counters().packets_out, 0, "nobody is here to watch");
    let out = house.threads[1].engine.counters();
    assert_eq!(out.packets_relayed_in, house.threads[0].engine.counters().packets_relayed_out);
    assert!(house.frames(ann + 5, ann, MediaKind::Video) > 120);
}

#[test]
fn pictures_that_nobody_watches_elsewhere_stay_where_they_are() {
    let mut house = House::new(2);
    let ann = house.join(0, &[Source::Camera], 0);
    let bo = house.join(0, &[], 1);
    let cy = house.join(1, &[], 1);
    let (now, id) = (house.now, house.people[cy].id);
    house.threads[1].engine.view(now, id, Vec::new());
    house.run(ms(3_000));
    assert!(house.frames(bo, ann, MediaKind::Video) > 60);
    assert_eq!(house.relayed, 0);
}

#[test]
fn a_late_joiner_on_another_thread_has_the_first_picture_within_half_a_second() {
    let mut house = House::new(2);
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 1);
    house.join(0, &[], 1);
    house.run(ms(5_000));
    let cy = house.join(1, &[], 1);
    house.run(ms(500));
    assert!(house.frames(cy, ann, MediaKind::Video) > 0);
    assert!(house.frames(cy, ann, MediaKind::Audio) > 0);
}

#[test]
fn key_frames_that_are_asked_for_on_two_threads_at_once_are_asked_for_once() {
    let mut house = House::new(2);
    let ann = house.join(0, &[Source::Camera], 0);
    let viewers = [house.join(0, &[], 1), house.join(1, &[], 1), house.join(1, &[], 1)];
    house.run(ms(5_000));
    let before = house.people[ann].client.key_frames_asked;
    house.people[viewers[1]].client.ask_for_key_frames();
    house.run(ms(600));
    assert_eq!(house.people[ann].client.key_frames_asked - before, 1, "it comes through");
    for viewer in viewers {
        house.people[viewer].client.ask_for_key_frames();
    }
    house.run(ms(400));
    assert_eq!(house.people[ann].client.key_frames_asked - before, 2);
}

#[test]
fn a_publisher_is_asked_for_what_people_on_all_threads_have_a_use_for() {
    let mut house = House::new(2);
    let ann = house.join_with_simulcast(0, &RIDS);
    let bo = house.join(0, &[], 1);
    let cy = house.join(1, &[], 1);
    let camera = house.people[ann].senders[0].track;
    let show = |house: &mut House, who: usize, width, height| {
        let (now, id, thread) = (house.now, house.people[who].id, house.people[who].thread);
        let view = View { track: camera, width, height, priority: 0 };
        let shown = if width == 0 { Vec::new() } else { vec![view] };
        house.threads[thread].engine.view(now, id, shown);
        house.run(ms(6_000));
        let layers = house.wanted[&house.people[ann].id][0].layers.iter();
        layers.map(|rid| rid.unwrap().to_string()).collect::<Vec<_>>()
    };
    show(&mut house, bo, 0, 0);
    assert_eq!(show(&mut house, cy, 1280, 720).last().unwrap(), "h", "Cy alone, elsewhere");
    assert_eq!(show(&mut house, cy, 160, 90), ["l"]);
    assert_eq!(show(&mut house, bo, 1280, 720).last().unwrap(), "h", "Bo's beside Cy's");
    assert_eq!(show(&mut house, bo, 0, 0), ["l"]);
    assert!(show(&mut house, cy, 0, 0).is_empty(), "nobody watches");
}

#[test]
fn a_viewer_on_another_thread_goes_up_and_down_with_what_the_publisher_makes() {
    let mut house = House::new(2);
    let ann = house.join_with_simulcast(0, &RIDS);
    let bo = house.join(1, &[], 1);
    let number = house.people[ann].client.number;
    let latest = |house: &House, len| {
        let seen = house.people[bo].client.frames_of(number, str0m::media::MediaKind::Video);
        seen.iter().rev().take(20).filter(|seen| seen.len >= len).count()
    };
    house.run(ms(5_000));
    assert!(latest(&house, 2000) >= 19, "the best one is shown");
    house.people[ann].client.senders[0].active_layers = 1;
    house.run(ms(4_000));
    assert_eq!(latest(&house, 600), 0, "the smallest one is");
    house.people[ann].client.senders[0].active_layers = 3;
    // Nobody goes up sooner than 10 s after going down.
    house.run(ms(11_000));
    assert!(latest(&house, 2000) >= 19, "the best one is again");
}

#[test]
fn who_watches_from_another_thread_goes_down_as_soon_as_a_publishers_path_overflows() {
    let mut house = House::new(2);
    let ann = house.join_with_simulcast(0, &RIDS);
    let [bo, cy] = [0, 1].map(|thread| house.join(thread, &[], 1));
    let number = house.people[ann].client.number;
    let latest = |house: &House, viewer: usize| {
        let seen = house.people[viewer].client.frames_of(number, str0m::media::MediaKind::Video);
        seen.last().unwrap().len
    };
    house.run(ms(5_000));
    assert!(latest(&house, bo) >= 2000 && latest(&house, cy) >= 2000, "the best one is shown");
    house.narrow = Some((ann, 400_000));
    let limited = |house: &House| house.threads[0].engine.counters().publishers_limited;
    let switches =
        |house: &House, thread: usize| house.threads[thread].engine.counters().layer_switches;
    let before = [0, 1].map(|thread| switches(&house, thread));
    let narrow = house.now;
    while limited(&house) == 0 && house.now < narrow + ms(1_000) {
        house.run(ms(10));
    }
    assert_eq!(limited(&house), 1);
    // As browsers do that are told to send less.
    house.people[ann].client.senders[0].active_layers = 1;
    house.run(ms(300));
    for thread in [0, 1] {
        assert!(switches(&house, thread) > before[thread], "on thread {thread}");
    }
}

#[test]
fn whoever_leaves_or_switches_off_is_gone_on_every_thread() {
    let mut house = House::new(2);
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 0);
    let bo = house.join(1, &[], 1);
    house.run(ms(3_000));
    house.switch(ann, 1, false);
    house.run(ms(100));
    let before = house.frames(bo, ann, MediaKind::Video);
    house.run(ms(1_000));
    assert_eq!(house.frames(bo, ann, MediaKind::Video), before);
    house.switch(ann, 1, true);
    house.run(ms(1_000));
    assert!(house.frames(bo, ann, MediaKind::Video) > before + 20);
    house.dismiss(ann);
    house.run(ms(100));
    let state = &house.states[&house.people[bo].id];
    assert!(state.slots.iter().all(|slot| slot.track.is_none()), "{:?}", state.slots);
    assert_eq!(house.threads[1].engine.census().tracks, 0);
}

#[test]
fn who_is_speaking_and_has_the_floor_is_told_by_the_home_alone() {
    let mut house = House::new(2);
    let ann = house.join(0, &[Source::Microphone], 1);
    let bo = house.join(1, &[Source::Microphone], 1);
    let ids = [ann, bo].map(|who| house.people[who].id);
    for who in [ann, bo] {
        house.people[who].client.senders[0].voice = false;
    }
    house.run(ms(3_000));
    house.people[bo].client.senders[0].voice = true;
    house.run(ms(3_000));
    assert_eq!(house.threads[0].speaking.last(), Some(&(vec![ids[1]], Some(ids[1]))));
    house.people[bo].client.senders[0].voice = false;
    house.people[ann].client.senders[0].voice = true;
    house.run(ms(5_000));
    assert_eq!(house.threads[0].speaking.last(), Some(&(vec![ids[0]], Some(ids[0]))));
    house.people[bo].client.senders[0].voice = true;
    house.run(ms(2_000));
    house.dismiss(bo);
    house.run(ms(200));
    assert_eq!(house.threads[0].speaking.last(), Some(&(vec![ids[0]], Some(ids[0]))));
    assert!(house.threads[1].speaking.is_empty());
}

#[test]
fn the_loudest_are_heard_on_every_thread_wherever_they_are() {
    let limits = Limits { open_microphones: 2, loudest_microphones: 1, ..Limits::default() };
    let mut house = House::with_limits(2, limits);
    let people: Vec<usize> = (0..4).map(|n| house.join(n % 2, &[Source::Microphone], 2)).collect();
    for who in &people {
        house.people[*who].client.senders[0].voice = false;
    }
    house.run(ms(3_000));
    for speaker in [people[0], people[1]] {
        house.people[speaker].client.senders[0].voice = true;
        house.run(ms(3_000));
        let others: Vec<usize> = people.iter().filter(|who| **who != speaker).copied().collect();
        let heard = |house: &House| -> Vec<usize> {
            others.iter().map(|who| house.frames(*who, speaker, MediaKind::Audio)).collect()
        };
        let before = heard(&house);
        house.run(ms(1_000));
        let gained = heard(&house).into_iter().zip(before).map(|(after, before)| after - before);
        assert!(gained.clone().all(|frames| frames >= 45), "{:?}", gained.collect::<Vec<_>>());
        house.people[speaker].client.senders[0].voice = false;
        house.run(ms(3_000));
    }
}

#[test]
fn sound_and_pictures_of_somebody_on_another_thread_are_captured_at_the_same_time() {
    let mut house = House::new(2);
    let start = house.now;
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 0);
    let viewers = [house.join(0, &[], 1), house.join(1, &[], 1)];
    house.people[ann].client.senders[0].first_ticks = 4_000_000_000;
    house.people[ann].client.senders[1].first_ticks = 123_456;
    house.run(ms(10_000));
    let number = house.people[ann].client.number;
    for viewer in viewers {
        let offsets = |kind| -> Vec<f64> {
            let seen = house.people[viewer].client.frames_of(number, kind);
            let told = seen.iter().filter_map(|seen| Some((seen.captured?, seen.at)));
            told.map(|(captured, at)| captured - (at - start).as_secs_f64()).collect()
        };
        let sound = offsets(str0m::media::MediaKind::Audio);
        let pictures = offsets(str0m::media::MediaKind::Video);
        assert!(sound.len() > 200 && pictures.len() > 150, "{} {}", sound.len(), pictures.len());
        for offset in sound.iter().chain(&pictures) {
            assert!((offset - sound[0]).abs() < 0.045, "{offset} is not {}", sound[0]);
        }
    }
}

#[test]
fn a_publisher_falls_back_to_a_codec_that_somebody_on_another_thread_decodes() {
    let mut house = House::new(2);
    let both = [Codec::Av1, Codec::Vp8];
    let ann = house.join_with_codecs(0, &both, &[Source::Camera], 0);
    house.people[ann].client.senders[0].codec = Codec::Av1;
    house.join_with_codecs(0, &both, &[], 1);
    house.run(ms(3_000));
    let asked = |house: &House| house.wanted[&house.people[ann].id][0].payload_type;
    assert_eq!(asked(&house), None);
    house.join_with_codecs(1, &[Codec::Vp8], &[], 1);
    house.run(ms(1_500));
    assert_eq!(asked(&house), Some(96));
}

#[test]
fn nothing_is_left_of_a_room_that_has_ended_on_all_threads() {
    let mut house = House::new(3);
    for thread in 0..3 {
        house.join(thread, &CAMERA_AND_MICROPHONE, 2);
    }
    house.run(ms(2_000));
    house.end();
    house.run(ms(100));
    for thread in &house.threads {
        assert_eq!(thread.engine.census(), Census::default());
    }
}
