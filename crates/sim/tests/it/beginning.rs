//! What somebody sees in the first second, while nothing is known of their path.

use std::time::Duration;

use parlor_engine::View;
use parlor_rtc::MediaKind::Video;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::layers::path;
use crate::{connect_all, ms, seconds};

const RIDS: [&str; 3] = ["l", "m", "h"];

/// Some who are there already, each with a camera in three sizes. All take their pictures in the same moments, so that
/// nobody is first by having the first picture after a key frame was asked for.
fn people(world: &mut World, count: usize) -> Vec<usize> {
    let people: Vec<usize> = (0..count)
        .map(|_| {
            let seat = world.join_with_simulcast(&RIDS, count, LinkConfig::default());
            let senders = &mut world.seats[seat].client.senders;
            senders[1].bitrate_bps = 1_500_000;
            senders.iter_mut().for_each(|sender| sender.phase = 0.0);
            seat
        })
        .collect();
    connect_all(world);
    world.run_for(seconds(5));
    people
}

/// Somebody joins over a path of so many kbit/s, who has slots for so many.
fn viewer(world: &mut World, slots: usize, kbps: u64) -> usize {
    world.join_as(ROOM, &[], slots, path(kbps))
}

/// Somebody shows the cameras of `people`, one of them pinned.
fn show(world: &mut World, viewer: usize, people: &[usize], pinned: Option<usize>) {
    let (now, peer) = (world.now(), world.seats[viewer].peer);
    let view = |&seat: &usize| {
        let priority = u8::from(Some(seat) == pinned);
        View { track: world.seats[seat].named[1].track, width: 320, height: 180, priority }
    };
    let views = people.iter().map(view).collect();
    world.engine.view(now, peer, views);
}

/// Somebody joins over a path of so many kbit/s, and shows the cameras of `people`, one of them pinned. From
/// their connection on, how long it takes until each is seen.
fn first_pictures(
    world: &mut World,
    people: &[usize],
    kbps: u64,
    pinned: Option<usize>,
) -> Vec<Duration> {
    let viewer = viewer(world, people.len(), kbps);
    show(world, viewer, people, pinned);
    world.run_for(seconds(4));
    first_seen(world, viewer, people)
}

/// From a viewer's connection on, how long it took until each was seen.
fn first_seen(world: &World, viewer: usize, people: &[usize]) -> Vec<Duration> {
    let connected = world.seats[viewer].client.connected_at.expect("it is connected");
    let first = |&seat: &usize| {
        let seen = world.seen(viewer, seat, Video);
        seen.iter().map(|seen| seen.at - connected).min().unwrap_or(Duration::MAX)
    };
    people.iter().map(first).collect()
}

#[test]
fn who_is_pinned_is_seen_first_and_soon_everybody_there_is_room_for_though_nothing_is_known_of_the_path()
 {
    for (seed, kbps) in [(51, 300), (52, 500), (53, 800), (54, 1500)] {
        let mut world = World::new(seed);
        let people = people(&mut world, 6);
        for pinned in [5, 3, 0] {
            let first = first_pictures(&mut world, &people, kbps, Some(people[pinned]));
            let earliest = first.iter().min();
            assert_eq!(earliest, first.get(pinned), "{pinned} at {kbps} kbit/s: {first:?}");
            // A thinner path has not the room for all of them, once that is known.
            let latest = first.iter().max().copied().unwrap_or_default();
            assert!(latest < ms(1500) || kbps < 500, "{pinned} at {kbps} kbit/s: {first:?}");
        }
    }
}

#[test]
fn a_meeting_of_four_is_seen_at_once_whoever_is_pinned() {
    let mut world = World::new(55);
    let people = people(&mut world, 3);
    for pinned in [None, Some(people[2])] {
        let first = first_pictures(&mut world, &people, 2_000, pinned);
        assert!(first.iter().all(|first| *first < ms(100)), "{first:?}");
    }
}

#[test]
fn who_is_pinned_while_nothing_is_known_of_the_path_is_seen_first_though_others_were_seen_in_that_place()
 {
    for (seed, pinned) in [(56, 7), (57, 11)] {
        let mut world = World::new(seed);
        let people = people(&mut world, 12);
        let (before, after) = people.split_at(6);
        let viewer = viewer(&mut world, 6, 1_000);
        // Nothing is lost: what comes is in the order in which it was sent.
        world.set_link(viewer, LinkConfig { queue: seconds(5), ..path(1_000) });
        show(&mut world, viewer, before, None);
        let is_seen =
            |world: &World| before.iter().any(|seat| !world.seen(viewer, *seat, Video).is_empty());
        world.run_while(seconds(4), |world| !is_seen(world)).expect("somebody is seen");
        // Everybody has a picture to begin with.
        for &seat in &people {
            world.seats[seat].client.ask_for_key_frames();
        }
        world.run_for(ms(50));
        show(&mut world, viewer, after, Some(people[pinned]));
        world.run_for(seconds(2));
        let first = first_seen(&world, viewer, after);
        assert_eq!(first.iter().min(), first.get(pinned - 6), "{pinned}: {first:?}");
    }
}
