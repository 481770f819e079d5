//! A camera that comes in several encodings is forwarded in one of them: the best that keeps coming.

use std::time::Duration;

use parlor_sim::client::{Client, SeenFrame};
use str0m::media::MediaKind;

use crate::world::World;

const RIDS: [&str; 3] = ["l", "m", "h"];

/// The pictures that `viewer` has seen since it had seen `before` of them.
fn pictures(viewer: &Client, publisher: u32, before: usize) -> Vec<SeenFrame> {
    viewer.frames_of(publisher, MediaKind::Video).split_off(before)
}

/// How many of the latest 20 pictures had at least `len` bytes.
fn large(seen: &[SeenFrame], len: usize) -> usize {
    seen.iter().rev().take(20).filter(|seen| seen.len >= len).count()
}

#[test]
fn the_best_encoding_is_forwarded_and_another_one_when_it_stops() {
    let mut world = World::new();
    let ann = world.join_with_simulcast(&RIDS);
    let bo = world.join(&[], 1);
    let number = world.people[ann].client.number;
    // Pictures of the three encodings have about 240, 700 and 2100 bytes, key frames four times that.
    world.run(Duration::from_secs(4));
    let seen = pictures(&world.people[bo].client, number, 0);
    assert!(seen.len() > 80, "{}", seen.len());
    assert!(large(&seen, 2000) >= 19, "the best one is shown by now");

    world.people[ann].client.senders[0].active_layers = 2;
    world.run(Duration::from_secs(4));
    let after = pictures(&world.people[bo].client, number, seen.len());
    assert!(after.len() > 60, "the picture stood for two seconds at most: {}", after.len());
    assert_eq!(large(&after, 2000), 0);
    assert!(large(&after, 600) >= 19, "the next best one is shown by now");
    assert!(after.iter().all(|seen| seen.frame.is_some()), "no frame is a mix of two");
}

#[test]
fn the_best_encoding_is_shown_again_when_it_comes_back() {
    let mut world = World::new();
    let ann = world.join_with_simulcast(&RIDS);
    let bo = world.join(&[], 1);
    let number = world.people[ann].client.number;
    world.people[ann].client.senders[0].active_layers = 1;
    world.run(Duration::from_secs(4));
    let seen = pictures(&world.people[bo].client, number, 0);
    assert!(seen.len() > 80 && large(&seen, 600) == 0);
    world.people[ann].client.senders[0].active_layers = 3;
    world.run(Duration::from_secs(4));
    let after = pictures(&world.people[bo].client, number, seen.len());
    assert!(large(&after, 2000) >= 19);
}
