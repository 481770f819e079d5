//! Paths on which what is sent waits: streams of a network that has become slow.

use std::net::SocketAddr;
use std::time::Duration;

use parlor_rtc::{MediaKind, Path};

use crate::world::{CAMERA_AND_MICROPHONE, SERVER, World};

#[test]
fn a_slow_path_has_sound_and_whole_pictures_until_it_is_not_slow_any_more() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&[], 2);
    world.run(Duration::from_secs(3));
    let path = Path::udp(world.people[bo].client.address, SERVER.ip());
    let pictures = |world: &World| world.frames(bo, ann, MediaKind::Video);
    let sounds = |world: &World| world.frames(bo, ann, MediaKind::Audio);
    let (seen, heard) = (pictures(&world), sounds(&world));
    assert!(seen > 60);
    world.engine.set_slow(path, true);
    world.run(Duration::from_secs(2));
    // One was under way, and one may have come with that.
    assert!(pictures(&world) <= seen + 2, "{} after {seen}", pictures(&world));
    assert!(sounds(&world) >= heard + 90);
    assert!(world.engine.counters().pictures_too_late > 0);
    let seen = pictures(&world);
    world.engine.set_slow(path, false);
    world.run(Duration::from_secs(1));
    assert!(pictures(&world) >= seen + 20, "{} after {seen}", pictures(&world));
    assert_eq!(world.engine.counters().packets_lost_out, 0, "what was left out is not missed");
}

#[test]
fn a_path_that_is_lost_gives_way_to_another_one_that_was_proved() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&[], 2);
    world.run(Duration::from_secs(2));
    let path = Path::udp(world.people[bo].client.address, SERVER.ip());
    assert!(world.engine.owns(path));
    let now = world.now;
    world.engine.lose_path(now, path);
    assert!(!world.engine.owns(path));
    let seen = world.frames(bo, ann, MediaKind::Video);
    // The client's next check comes within three seconds.
    world.run(Duration::from_secs(5));
    assert!(world.engine.owns(path));
    assert!(world.frames(bo, ann, MediaKind::Video) > seen + 30);
}

#[test]
fn a_path_stays_slow_while_others_become_so_or_no_longer_are() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&[], 2);
    world.run(Duration::from_secs(3));
    let path = Path::udp(world.people[bo].client.address, SERVER.ip());
    // Another one, as a client has that reaches two addresses of ours by one stream.
    let beside = SocketAddr::new(world.people[bo].client.address.ip(), 9);
    world.forged = Some((bo, beside));
    world.run(Duration::from_secs(4));
    let beside = Path::udp(beside, SERVER.ip());
    assert!(world.forged.is_none() && world.engine.owns(beside));
    world.engine.set_slow(path, true);
    world.engine.set_slow(beside, true);
    let seen = world.frames(bo, ann, MediaKind::Video);
    world.run(Duration::from_secs(1));
    world.engine.set_slow(beside, false);
    world.run(Duration::from_secs(1));
    assert!(world.frames(bo, ann, MediaKind::Video) <= seen + 2);
    world.engine.set_slow(path, false);
    world.run(Duration::from_secs(1));
    assert!(world.frames(bo, ann, MediaKind::Video) >= seen + 20);
}
