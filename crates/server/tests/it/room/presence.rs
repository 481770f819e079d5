//! How often others are told.

use std::time::Instant;

use parlor_server::room::command::{Effect, Heard, Push, Request};
use parlor_wire::{Presence, TrackId};

use super::{World, millis};

fn broadcasts(world: &World) -> Vec<&Presence> {
    let presence = world.effects.iter().filter_map(|effect| match effect {
        Effect::Broadcast { push: Push::Presence(presence), .. } => Some(presence),
        _ => None,
    });
    presence.collect()
}

#[test]
fn a_storm_of_joins_is_told_in_few_messages() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    world.pass(millis(100));
    world.take();
    for index in 0..20 {
        world.join(&format!("Peer {index}"));
        world.pass(millis(4));
    }
    world.pass(millis(100));
    assert!(broadcasts(&world).len() <= 3, "80 ms of joins: {}", broadcasts(&world).len());
    assert_eq!(world.told(&ann).joined.len(), 20);
}

#[test]
fn a_crowd_is_told_every_half_second() {
    let mut world = World::holding(1000);
    let first: Vec<_> = (0..60).map(|index| world.connect(&format!("Peer {index}"))).collect();
    world.pass(millis(1000));
    world.take();
    let mut told: Vec<Instant> = Vec::new();
    for step in 0..100 {
        let on = step % 2 == 0;
        let track = first[step % 60].joined.tracks[0].id;
        world.request(&first[step % 60], Request::SwitchTrack { track, on: !on });
        world.pass(millis(20));
        if !broadcasts(&world).is_empty() {
            told.push(world.now);
        }
        world.take();
    }
    assert!((4..=5).contains(&told.len()), "2 s: {}", told.len());
}

#[test]
fn many_changes_of_one_peer_are_told_once_with_the_latest_state() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.pass(millis(100));
    // The first change is told at once, and the rest after 50 ms.
    let track: TrackId = bo.joined.tracks[1].id;
    for on in [false, true, false, true, false] {
        world.request(&bo, Request::SwitchTrack { track, on });
    }
    world.take();
    world.pass(millis(50));
    let told = world.told(&ann);
    assert_eq!(told.changed.len(), 1);
    assert!(!told.changed[0].tracks[1].on);
}

#[test]
fn one_who_comes_and_goes_between_two_messages_is_told_as_gone_only() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    world.join("Bo");
    let cy = world.join("Cy");
    world.request(&cy, Request::Leave);
    world.take();
    world.pass(millis(50));
    let told = world.told(&ann);
    assert!(told.joined.iter().all(|peer| peer.id != cy.peer));
    assert_eq!(told.left[0].id, cy.peer);
}

#[test]
fn nothing_is_told_when_nothing_others_see_has_changed() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    world.pass(millis(100));
    world.take();
    world.hear(&ann, Heard::Connected);
    let (track, on) = (ann.joined.tracks[0].id, true);
    world.request(&ann, Request::SwitchTrack { track, on });
    world.pass(millis(1000));
    assert!(broadcasts(&world).is_empty());
}
