//! Who sees and hears whom in ordinary calls.

use parlor_engine::{ConnectionState, RoomId, Source};
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::world::MICROPHONE_AND_CAMERA;
use parlor_sim::{FrameKind, LinkConfig, World};

use crate::{connect_all, ms, seconds, until_seen};

#[test]
fn two_people_see_and_hear_each_other_and_never_themselves() {
    let mut world = World::new(1);
    let ann = world.join(1);
    let bo = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(3));
    for (viewer, other) in [(ann, bo), (bo, ann)] {
        assert!(world.seen(viewer, other, Video).len() > 80, "3 s of pictures");
        assert!(world.seen(viewer, other, Audio).len() > 140, "3 s of sound");
        assert!(world.seen(viewer, viewer, Video).is_empty());
        assert!(world.seen(viewer, viewer, Audio).is_empty());
    }
}

#[test]
fn every_frame_comes_through_whole_and_the_first_one_is_a_key_frame() {
    let mut world = World::new(2);
    let ann = world.join(1);
    let bo = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(5));
    let pictures = world.seen(bo, ann, Video);
    assert_eq!(pictures[0].frame.map(|frame| frame.kind), Some(FrameKind::Key));
    assert!(pictures.iter().skip(1).all(|seen| seen.contiguous), "no gap on a perfect cable");
    let all = world.seats[bo].client.seen.values().flatten();
    assert!(all.into_iter().all(|seen| seen.frame.is_some()), "no frame is mixed of two");
}

#[test]
fn a_late_joiner_has_the_first_picture_of_everyone_within_a_second() {
    let mut world = World::new(3);
    let link = LinkConfig::with_round_trip(ms(50));
    let others: Vec<_> = (0..4)
        .map(|_| world.join_as(parlor_sim::world::ROOM, &MICROPHONE_AND_CAMERA, 5, link))
        .collect();
    connect_all(&mut world);
    world.run_for(seconds(5));
    let late = world.join_as(parlor_sim::world::ROOM, &MICROPHONE_AND_CAMERA, 5, link);
    let took = world
        .run_while(seconds(5), |world| {
            others.iter().any(|&other| world.seen(late, other, Video).is_empty())
        })
        .expect("everyone is seen");
    assert!(took <= seconds(1), "took {took:?}");
}

#[test]
fn the_first_pictures_are_there_when_the_handshake_is_done() {
    let mut world = World::new(9);
    let others = [world.join(2), world.join(2)];
    for other in others {
        // Small enough to leave at once over a path of which nothing is known yet.
        world.seats[other].client.senders[1].bitrate_bps = 150_000;
    }
    connect_all(&mut world);
    world.run_for(seconds(5));
    let far = LinkConfig::with_round_trip(ms(200));
    let late = world.join_as(parlor_sim::world::ROOM, &MICROPHONE_AND_CAMERA, 2, far);
    let seen = |world: &World| others.map(|other| world.seen(late, other, Video).first().copied());
    world
        .run_while(seconds(5), |world| seen(world).iter().any(Option::is_none))
        .expect("everyone is seen");
    let connected = world.seats[late].client.connected_at.expect("who sees is connected");
    for first in seen(&world).into_iter().flatten() {
        assert_eq!(first.frame.map(|frame| frame.kind), Some(FrameKind::Key));
        let waited = first.at.saturating_duration_since(connected);
        assert!(waited <= ms(120), "a key frame that has yet to be asked for: {waited:?}");
    }
}

#[test]
fn a_long_handshake_is_not_followed_by_all_that_came_meanwhile() {
    let mut world = World::new(10);
    let ann = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(5));
    let very_far = LinkConfig::with_round_trip(ms(400));
    let late = world.join_as(parlor_sim::world::ROOM, &MICROPHONE_AND_CAMERA, 1, very_far);
    world
        .run_while(seconds(8), |world| world.seen(late, ann, Video).is_empty())
        .expect("ann is seen");
    world.run_for(seconds(1));
    let seen = world.seen(late, ann, Video);
    assert_eq!(seen[0].frame.map(|frame| frame.kind), Some(FrameKind::Key));
    let burst = seen.iter().filter(|frame| frame.at < seen[0].at + ms(20)).count();
    assert!(burst <= 17, "half a second of pictures at most, not {burst}");
}

#[test]
fn a_camera_switched_off_and_on_again_continues_with_a_key_frame_and_later_time() {
    let mut world = World::new(4);
    let ann = world.join(1);
    let bo = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(2));
    world.switch(ann, 1, false);
    world.run_for(seconds(3));
    let before = world.seen(bo, ann, Video);
    let settled = before.len();
    world.run_for(seconds(2));
    assert_eq!(world.seen(bo, ann, Video).len(), settled, "nothing is seen while it is off");
    world.switch(ann, 1, true);
    let took = until_seen(&mut world, bo, ann, Video);
    assert!(took <= ms(500), "took {took:?}");
    let after = world.seen(bo, ann, Video)[settled];
    assert_eq!(after.frame.map(|frame| frame.kind), Some(FrameKind::Key));
    let pause = after.media_time - before[settled - 1].media_time;
    assert!((4.5..7.0).contains(&pause), "RTP time went on by {pause} s while 5 s passed");
}

#[test]
fn a_screen_is_a_track_of_its_own_beside_the_camera() {
    let mut world = World::new(5);
    let sources = [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];
    let ann = world.join_as(parlor_sim::world::ROOM, &sources, 2, LinkConfig::default());
    let bo = world.join(2);
    connect_all(&mut world);
    world.run_for(seconds(3));
    let busy = world.seats[bo].client.seen.values().filter(|frames| frames.len() > 60).count();
    assert_eq!(busy, 4, "microphone, camera, screen and its sound each have a slot");
    assert!(world.seen(bo, ann, Video).len() > 150, "two streams of pictures");
}

#[test]
fn two_rooms_never_mix() {
    let mut world = World::new(6);
    let other_room = RoomId(2);
    world.engine.add_room(other_room);
    let ann = world.join(2);
    let bo = world.join(2);
    let cy = world.join_as(other_room, &MICROPHONE_AND_CAMERA, 2, LinkConfig::default());
    let di = world.join_as(other_room, &MICROPHONE_AND_CAMERA, 2, LinkConfig::default());
    connect_all(&mut world);
    world.run_for(seconds(3));
    for (viewer, same, strangers) in [(ann, bo, [cy, di]), (cy, di, [ann, bo])] {
        assert!(world.seen(viewer, same, Video).len() > 60);
        for stranger in strangers {
            assert!(world.seen(viewer, stranger, Video).is_empty());
            assert!(world.seen(viewer, stranger, Audio).is_empty());
        }
    }
}

#[test]
fn someone_who_needs_more_slots_is_asked_and_then_sees_everyone() {
    let mut world = World::new(7);
    let watcher = world.join(1);
    let others: Vec<_> = (0..3).map(|_| world.join(4)).collect();
    connect_all(&mut world);
    world.run_for(seconds(1));
    let wanted = world.seats[watcher].state.as_ref().map(|state| state.wanted_slots);
    let wanted = wanted.expect("the engine speaks of the watcher");
    assert!(wanted.audio >= 3 && wanted.video >= 3, "asked for {wanted:?}");
    let missing = usize::from(wanted.audio.max(wanted.video)) - 1;
    world.reoffer(watcher, missing, false).expect("a bigger offer is taken");
    world.run_for(seconds(2));
    for other in others {
        assert!(world.seen(watcher, other, Video).len() > 30);
        assert!(world.seen(watcher, other, Audio).len() > 50);
    }
}

#[test]
fn a_browser_that_dies_is_reported_silent_after_five_seconds() {
    let mut world = World::new(8);
    let ann = world.join(1);
    world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(2));
    world.kill(ann);
    world.run_for(ms(4500));
    assert_eq!(world.connection(ann), Some(ConnectionState::Connected));
    world.run_for(ms(1500));
    assert!(matches!(world.connection(ann), Some(ConnectionState::Silent { .. })));
}
