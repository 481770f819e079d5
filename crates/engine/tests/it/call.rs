//! People in a room see and hear each other, and only them.

use std::time::Duration;

use parlor_engine::{Census, Change, ConnectionState, PeerId, RoomId, SlotCounts, View};
use parlor_rtc::MediaKind;

use crate::world::{CAMERA_AND_MICROPHONE, World};

#[test]
fn two_people_see_and_hear_each_other() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&CAMERA_AND_MICROPHONE, 2);
    world.run(Duration::from_secs(5));
    for (viewer, publisher) in [(ann, bo), (bo, ann)] {
        let state = world.people[viewer].state.as_ref().unwrap();
        assert_eq!(state.connection, ConnectionState::Connected);
        assert!(world.frames(viewer, publisher, MediaKind::Audio) > 200);
        assert!(world.frames(viewer, publisher, MediaKind::Video) > 120);
    }
}

#[test]
fn two_rooms_never_mix() {
    let mut world = World::new();
    world.engine.add_room(RoomId(2));
    let ann = world.join_room(RoomId(1), &CAMERA_AND_MICROPHONE, 2);
    let bo = world.join_room(RoomId(2), &CAMERA_AND_MICROPHONE, 2);
    world.run(Duration::from_secs(3));
    for kind in [MediaKind::Audio, MediaKind::Video] {
        assert_eq!(world.frames(ann, bo, kind) + world.frames(bo, ann, kind), 0);
    }
}

#[test]
fn a_late_joiner_has_the_first_picture_within_a_second() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&CAMERA_AND_MICROPHONE, 2);
    world.run(Duration::from_secs(5));
    let cy = world.join(&[], 2);
    world.run(Duration::from_secs(1));
    assert!(world.frames(cy, ann, MediaKind::Video) > 0);
    assert!(world.frames(cy, bo, MediaKind::Video) > 0);
}

#[test]
fn a_track_that_is_off_stops_and_one_that_is_on_again_goes_on() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&[], 2);
    world.run(Duration::from_secs(2));
    let camera = world.people[ann].senders[1].track;
    let now = world.now;
    world.engine.switch_track(now, camera, false);
    let before = world.frames(bo, ann, MediaKind::Video);
    world.run(Duration::from_secs(2));
    // What was under way when it was switched may still be shown.
    assert!(world.frames(bo, ann, MediaKind::Video) <= before + 2);
    let now = world.now;
    world.engine.switch_track(now, camera, true);
    world.run(Duration::from_secs(1));
    assert!(world.frames(bo, ann, MediaKind::Video) >= before + 20);
}

#[test]
fn what_is_not_shown_is_not_sent() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&CAMERA_AND_MICROPHONE, 2);
    let cy = world.join(&[], 2);
    world.run(Duration::from_secs(2));
    let view = |track| View { track, width: 640, height: 360, priority: 0 };
    let shown = vec![view(world.people[ann].senders[1].track)];
    let (now, id) = (world.now, world.people[cy].id);
    world.engine.view(now, id, shown);
    let before = (world.frames(cy, ann, MediaKind::Video), world.frames(cy, bo, MediaKind::Video));
    world.run(Duration::from_secs(2));
    assert!(world.frames(cy, ann, MediaKind::Video) > before.0 + 50);
    assert!(world.frames(cy, bo, MediaKind::Video) <= before.1 + 2);
    assert!(world.frames(cy, bo, MediaKind::Audio) > 150);
}

#[test]
fn who_needs_more_slots_is_asked_for_a_bigger_offer() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 1);
    for _ in 0..3 {
        world.join(&CAMERA_AND_MICROPHONE, 4);
    }
    world.run(Duration::from_secs(1));
    let wanted = world.people[ann].state.as_ref().unwrap().wanted_slots;
    assert_eq!(wanted, SlotCounts { audio: 4, video: 4 });
    world.offer_again(ann, 3);
    world.run(Duration::from_secs(3));
    for publisher in 1..=3 {
        assert!(world.frames(ann, publisher, MediaKind::Video) > 30, "{publisher}");
    }
}

#[test]
fn an_ice_restart_does_not_stop_media() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&[], 2);
    world.run(Duration::from_secs(2));
    world.restart_ice(ann);
    let before = world.frames(bo, ann, MediaKind::Video);
    world.run(Duration::from_secs(3));
    assert!(world.frames(bo, ann, MediaKind::Video) > before + 80);
}

#[test]
fn who_speaks_is_told_and_who_stops_too() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    world.join(&[], 2);
    world.run(Duration::from_secs(2));
    assert_eq!(world.speaking, [PeerId(1)]);
    world.people[ann].client.senders[0].voice = false;
    world.run(Duration::from_secs(2));
    assert!(world.speaking.is_empty());
}

#[test]
fn the_floor_passes_on_when_another_speaks_and_is_free_when_whoever_has_it_leaves() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&CAMERA_AND_MICROPHONE, 2);
    let speaks = |world: &mut World, who: usize, voice| {
        world.people[who].client.senders[0].voice = voice;
    };
    speaks(&mut world, bo, false);
    world.run(Duration::from_secs(3));
    assert_eq!(world.floor, [Some(PeerId(1))]);
    speaks(&mut world, ann, false);
    world.run(Duration::from_secs(2));
    assert_eq!(world.floor, [Some(PeerId(1))], "kept in silence");
    speaks(&mut world, bo, true);
    world.run(Duration::from_secs(1));
    assert_eq!(world.floor, [Some(PeerId(1)), Some(PeerId(2))]);
    speaks(&mut world, bo, false);
    world.leave(bo);
    world.run(Duration::from_secs(2));
    assert_eq!(world.floor, [Some(PeerId(1)), Some(PeerId(2)), None]);
}

#[test]
fn nobody_is_waited_for_while_nobody_speaks() {
    let mut world = World::new();
    for _ in 0..2 {
        let index = world.join(&CAMERA_AND_MICROPHONE, 2);
        world.people[index].client.senders[0].voice = false;
    }
    world.run(Duration::from_secs(3));
    let silent = world.engine.census().timers;
    world.people[0].client.senders[0].voice = true;
    world.run(Duration::from_secs(1));
    assert_eq!(world.engine.census().timers, silent + 2, "who stops, and who has the floor");
    world.people[0].client.senders[0].voice = false;
    world.run(Duration::from_secs(3));
    assert_eq!(world.engine.census().timers, silent);
}

#[test]
fn a_peer_that_falls_silent_is_told_and_is_connected_again_when_heard() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    world.run(Duration::from_secs(2));
    let silent_from = world.now;
    world.people[ann].muted = true;
    world.run(Duration::from_secs(6));
    let connection = world.people[ann].state.as_ref().unwrap().connection;
    let ConnectionState::Silent { since } = connection else { panic!("{connection:?}") };
    assert!(since <= silent_from);
    world.people[ann].muted = false;
    world.run(Duration::from_secs(1));
    let connection = world.people[ann].state.as_ref().unwrap().connection;
    assert_eq!(connection, ConnectionState::Connected);
}

#[test]
fn a_thousand_joins_and_leaves_leave_nothing_behind() {
    let mut world = World::new();
    let empty = Census { rooms: 1, ..Census::default() };
    world.join(&CAMERA_AND_MICROPHONE, 3);
    for round in 0..1000 {
        world.join(&CAMERA_AND_MICROPHONE, 3);
        // Now and then somebody stays long enough to connect and be seen.
        if round % 100 == 0 {
            world.run(Duration::from_secs(1));
        }
        world.leave(round % 2);
    }
    assert_eq!(world.engine.census().peers, 1);
    world.leave(0);
    while let Some(change) = world.engine.poll_change() {
        assert!(matches!(change, Change::Speaking { peers, .. } if peers.is_empty()));
    }
    assert_eq!(world.engine.census(), empty);
    world.end_room(RoomId(1));
    assert_eq!(world.engine.census(), Census::default());
    assert_eq!(world.engine.deadline(), None);
}

#[test]
fn whoever_is_removed_hears_goodbye_at_once_and_nobody_else_does() {
    let mut world = World::new();
    for _ in 0..3 {
        world.join(&CAMERA_AND_MICROPHONE, 2);
    }
    let heard_goodbye = |world: &World| -> Vec<bool> {
        world.people.iter().map(|person| person.client.closed_at.is_some()).collect()
    };
    world.run(Duration::from_secs(2));
    world.dismiss(1);
    world.run(Duration::from_millis(10));
    assert_eq!(heard_goodbye(&world), [false, true, false]);
    world.end_room(RoomId(1));
    world.run(Duration::from_millis(10));
    assert_eq!(heard_goodbye(&world), [true; 3]);
}

#[test]
fn a_track_that_somebody_cannot_decode_takes_no_slot_of_theirs() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 1);
    let bo = world.join_without_vp8();
    world.run(Duration::from_secs(2));
    let carried: Vec<_> = world.others[&bo].slots.iter().map(|slot| slot.track).collect();
    assert_eq!(carried, [Some(world.people[ann].senders[0].track), None]);
    assert_eq!(world.engine.counters().viewers_of_other_codec, 1);
}

#[test]
fn who_is_alone_and_sends_nothing_wakes_nobody() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    for sender in 0..2 {
        let now = world.now;
        world.people[ann].client.switch(now, sender, false);
        let track = world.people[ann].senders[sender].track;
        world.engine.switch_track(now, track, false);
    }
    world.run(Duration::from_secs(3));
    // Its browser's checks are all that is to be waited for.
    assert!(world.engine.deadline().unwrap() > world.now + Duration::from_secs(1));
    assert_eq!(world.engine.census().timers, 1);
}

#[test]
fn a_check_that_a_stranger_sends_from_somebodys_address_takes_nothing_from_them() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&CAMERA_AND_MICROPHONE, 2);
    let stranger = world.join(&CAMERA_AND_MICROPHONE, 2);
    world.run(Duration::from_secs(3));
    world.forged = Some((stranger, world.people[ann].client.address));
    world.run(Duration::from_secs(4));
    assert_eq!(world.forged, None, "it was sent");
    let before = world.frames(bo, ann, MediaKind::Video);
    world.run(Duration::from_secs(5));
    let frames = world.frames(bo, ann, MediaKind::Video) - before;
    assert!(frames > 140, "{frames} frames in 5 s");
}
