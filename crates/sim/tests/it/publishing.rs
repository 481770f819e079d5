//! Tracks that come and go in the middle of a call.

use parlor_engine::Source;
use parlor_rtc::MediaKind::{self, Video};
use parlor_sim::world::{MICROPHONE_AND_CAMERA, ROOM};
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds, until_seen};

const CUSTOM: Source = Source::Custom(MediaKind::Video);

/// Somebody with a microphone, and somebody who watches.
fn presenter_and_viewer() -> (World, usize, usize) {
    let mut world = World::new(21);
    let link = LinkConfig::with_round_trip(ms(20));
    let ann = world.join_as(ROOM, &[Source::Microphone], 0, link);
    let bo = world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 1, link);
    connect_all(&mut world);
    (world, ann, bo)
}

#[test]
fn who_publishes_and_unpublishes_over_and_over_is_seen_each_time_and_leaves_nothing_behind() {
    let (mut world, ann, bo) = presenter_and_viewer();
    world.run_for(seconds(1));
    let before = world.engine.census();
    // More sections than a peer may have tracks at a time, and more streams than it may have.
    for round in 0..150 {
        world.publish(ann, CUSTOM).expect("the last one has ended");
        let took = until_seen(&mut world, bo, ann, Video);
        assert!(took <= ms(500), "round {round}: {took:?}");
        world.unpublish(ann, 1).expect("one less is always taken");
        world.run_for(ms(100));
    }
    let after = world.engine.census();
    assert_eq!((after.tracks, after.streams), (before.tracks, before.streams));
    assert_eq!(after.subscriptions, before.subscriptions);
}

#[test]
fn a_track_that_has_ended_gives_its_slot_to_another() {
    let (mut world, ann, bo) = presenter_and_viewer();
    world.publish(ann, CUSTOM).expect("there is room");
    until_seen(&mut world, bo, ann, Video);
    let [_, first] = world.seats[ann].tracks()[..] else { panic!("two tracks") };
    let shown = |world: &World| {
        let slots = world.seats[bo].state.as_ref().map(|state| state.slots.clone());
        slots.unwrap_or_default().iter().find(|slot| slot.kind == Video).and_then(|slot| slot.track)
    };
    world.run_for(ms(200));
    assert_eq!(shown(&world), Some(first));
    world.unpublish(ann, 1).expect("one less is always taken");
    world.run_for(ms(200));
    assert_eq!(shown(&world), None);
    world.publish(ann, CUSTOM).expect("there is room");
    until_seen(&mut world, bo, ann, Video);
    world.run_for(ms(200));
    assert_eq!(shown(&world), world.seats[ann].tracks().last().copied());
}
