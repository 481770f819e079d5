//! What people see, and are told, when the server leaves pictures out; what it needs from publishers then.

use parlor_engine::Shedding;
use parlor_engine::allocate::Reason;
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::World;

use crate::telling::{given, publisher, until_wanted, viewer};
use crate::{connect_all, ms, seconds};

/// Somebody who is silent, or speaks, before one who watches on a fast path.
fn call(seed: u64, voice: bool) -> (World, [usize; 2]) {
    let mut world = World::new(seed);
    let ann = publisher(&mut world);
    world.seats[ann].client.senders[0].voice = voice;
    let bo = viewer(&mut world, 10_000);
    connect_all(&mut world);
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(5));
    world.run_for(seconds(15));
    (world, [ann, bo])
}

fn shed(world: &mut World, steps: u8) {
    let now = world.now();
    world.engine.set_shedding(now, Shedding::of_steps(steps));
}

fn layer(world: &World, viewer: usize) -> Result<Option<String>, Reason> {
    given(world, viewer).map(|picture| picture.layer.map(|rid| rid.to_string()))
}

#[test]
fn a_silent_camera_becomes_small_and_then_rests_while_its_voice_goes_on_and_comes_back_whole() {
    let (mut world, [ann, bo]) = call(91, false);
    assert_eq!(layer(&world, bo), Ok(Some("h".to_owned())));
    shed(&mut world, 8);
    until_wanted(&mut world, ann, &["l"], seconds(3));
    world.run_for(seconds(2));
    assert_eq!(layer(&world, bo), Ok(Some("l".to_owned())));

    shed(&mut world, 16);
    until_wanted(&mut world, ann, &[], seconds(2));
    world.run_for(seconds(1));
    assert_eq!(layer(&world, bo), Err(Reason::ServerBusy));
    let (pictures, sounds) = (world.seen(bo, ann, Video).len(), world.seen(bo, ann, Audio).len());
    world.run_for(seconds(4));
    assert_eq!(world.seen(bo, ann, Video).len(), pictures);
    assert!(world.seen(bo, ann, Audio).len() > sounds + 195, "every word is heard");
    assert!(world.engine.counters().pictures_shed > 0);

    shed(&mut world, 0);
    let took = world.run_while(seconds(3), |world| world.seen(bo, ann, Video).len() == pictures);
    assert!(took.is_some_and(|took| took < ms(1000)), "{took:?}");
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(5));
    world.run_for(seconds(6));
    assert_eq!(layer(&world, bo), Ok(Some("h".to_owned())));
}

#[test]
fn who_begins_to_speak_while_cameras_of_the_silent_rest_is_seen() {
    let (mut world, [ann, bo]) = call(92, false);
    shed(&mut world, 16);
    world.run_for(seconds(3));
    assert_eq!(layer(&world, bo), Err(Reason::ServerBusy));
    let pictures = world.seen(bo, ann, Video).len();
    world.seats[ann].client.senders[0].voice = true;
    let took = world.run_while(seconds(5), |world| world.seen(bo, ann, Video).len() == pictures);
    assert!(took.is_some_and(|took| took < seconds(2)), "{took:?}");
}

#[test]
fn who_speaks_is_not_touched_before_all_who_are_silent_rest() {
    let (mut world, [ann, bo]) = call(93, true);
    shed(&mut world, 16);
    world.run_for(seconds(3));
    assert_eq!(layer(&world, bo), Ok(Some("h".to_owned())));
    shed(&mut world, 24);
    until_wanted(&mut world, ann, &["l"], seconds(3));
    shed(&mut world, Shedding::MOST);
    until_wanted(&mut world, ann, &[], seconds(3));
    world.run_for(seconds(1));
    assert_eq!(layer(&world, bo), Err(Reason::ServerBusy));
}

#[test]
fn who_joins_while_pictures_are_left_out_hears_and_sees_later() {
    let mut world = World::new(94);
    shed(&mut world, Shedding::MOST);
    let ann = publisher(&mut world);
    let bo = viewer(&mut world, 10_000);
    connect_all(&mut world);
    world.run_for(seconds(3));
    assert!(world.seen(bo, ann, Video).is_empty());
    assert!(world.seen(bo, ann, Audio).len() > 100);
    assert_eq!(layer(&world, bo), Err(Reason::ServerBusy));
    shed(&mut world, 0);
    let took = world.run_while(seconds(5), |world| world.seen(bo, ann, Video).is_empty());
    assert!(took.is_some_and(|took| took < seconds(1)), "{took:?}");
}
