//! What somebody sees in the first second, while nothing is known of their path.

use std::time::Duration;

use parlor_engine::View;
use parlor_rtc::MediaKind::Video;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds};

const RIDS: [&str; 3] = ["l", "m", "h"];

/// Some who are there already, each with a camera in three sizes.
fn people(world: &mut World, count: usize) -> Vec<usize> {
    let people: Vec<usize> = (0..count)
        .map(|_| {
            let seat = world.join_with_simulcast(&RIDS, count, LinkConfig::default());
            world.seats[seat].client.senders[1].bitrate_bps = 1_500_000;
            seat
        })
        .collect();
    connect_all(world);
    world.run_for(seconds(5));
    people
}

/// Somebody joins over a path of so many kbit/s, and shows the cameras of `people`, one of them pinned. From
/// their connection on, how long it takes until each is seen.
fn first_pictures(
    world: &mut World,
    people: &[usize],
    kbps: u64,
    pinned: Option<usize>,
) -> Vec<Duration> {
    let link = LinkConfig { rate_bps: Some(kbps * 1000), ..LinkConfig::with_round_trip(ms(50)) };
    let viewer = world.join_as(ROOM, &[], people.len(), link);
    let (now, peer) = (world.now(), world.seats[viewer].peer);
    let view = |&seat: &usize| {
        let priority = u8::from(Some(seat) == pinned);
        View { track: world.seats[seat].named[1].track, width: 320, height: 180, priority }
    };
    let views = people.iter().map(view).collect();
    world.engine.view(now, peer, views);
    world.run_for(seconds(4));
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
