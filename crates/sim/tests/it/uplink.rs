//! Publishers whose paths to the server become thin, or whose largest pictures stop.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind::Video;
use parlor_sim::client::SeenFrame;
use parlor_sim::frame::FrameKind;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds};

/// What the largest encoding costs; each below it a third.
const TOP_BPS: u64 = 1_500_000;
const FRAMES_PER_SECOND: u32 = 30;

/// A publisher of a camera in three sizes, and somebody who has seen the largest for some seconds.
fn publisher_and_viewer(seed: u64, link: LinkConfig) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let ann = world.join_with_simulcast(&["l", "m", "h"], 0, link);
    let camera = &mut world.seats[ann].client.senders[1];
    camera.bitrate_bps = TOP_BPS;
    camera.frames_per_second = FRAMES_PER_SECOND;
    let bo = world.join_as(ROOM, &[], 1, LinkConfig::with_round_trip(ms(40)));
    connect_all(&mut world);
    world.run_for(seconds(12));
    assert_eq!(layer(&world, bo, ann), Some(2));
    (world, ann, bo)
}

/// Which encoding the latest picture is of, by its length: each is three times as long as the one below.
fn layer(world: &World, viewer: usize, publisher: usize) -> Option<u8> {
    let seen = world.seen(viewer, publisher, Video);
    let is_delta = |seen: &&SeenFrame| seen.frame.is_some_and(|it| it.kind == FrameKind::Delta);
    let top = TOP_BPS as usize / 8 / FRAMES_PER_SECOND as usize;
    Some(match seen.iter().rev().find(is_delta)?.len {
        len if len > top / 2 => 2,
        len if len > top / 6 => 1,
        _ => 0,
    })
}

/// The longest time without a picture from `since` on.
fn standstill(world: &World, viewer: usize, publisher: usize, since: Instant) -> Duration {
    let seen = world.seen(viewer, publisher, Video);
    let times = seen.iter().map(|seen| seen.at).filter(|at| *at >= since);
    let times: Vec<Instant> = [since].into_iter().chain(times).chain([world.now()]).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

#[test]
fn viewers_of_a_layer_that_stops_have_the_next_one_within_700_ms() {
    let link = LinkConfig::with_round_trip(ms(40));
    for seed in 1..=3 {
        let (mut world, ann, bo) = publisher_and_viewer(seed, link);
        let stopped = world.now();
        world.seats[ann].client.senders[1].active_layers = 2;
        world.run_for(seconds(3));
        let still = standstill(&world, bo, ann, stopped);
        assert!(still <= ms(700), "seed {seed}: {still:?}");
        assert_eq!(layer(&world, bo, ann), Some(1));
    }
}

#[test]
fn a_publisher_whose_path_becomes_thin_is_told_so_at_once_and_sent_on_small_within_700_ms() {
    let link = LinkConfig::with_round_trip(ms(40));
    for seed in 1..=3 {
        let (mut world, ann, bo) = publisher_and_viewer(seed, link);
        let before = *world.engine.counters();
        let thin = world.now();
        world.set_link(ann, LinkConfig { rate_bps: Some(400_000), ..link });
        let is_told = |world: &World| world.engine.counters().publishers_limited > 0;
        while !is_told(&world) && world.now() < thin + seconds(1) {
            world.run_for(ms(10));
        }
        let told = world.now() - thin;
        assert!(told <= ms(400), "seed {seed}: told after {told:?}");
        // As browsers do that are told to send less.
        world.run_for(ms(60));
        world.seats[ann].client.senders[1].active_layers = 1;
        // What str0m shows says little: it waits a second for what was lost, where browsers go on with a key frame.
        let is_small =
            |world: &World| world.engine.counters().layer_switches > before.layer_switches;
        world.run_while(seconds(2), |world| !is_small(world)).expect("the small one is sent");
        let switched = world.now() - thin;
        assert!(switched <= ms(700), "seed {seed}: the small one is sent after {switched:?}");
        world.run_for(seconds(3));
        assert_eq!(layer(&world, bo, ann), Some(0));
        let requests = world.engine.counters().nacks_out - before.nacks_out;
        assert!(requests <= 60, "seed {seed}: {requests} packets were asked for again");
    }
}

#[test]
fn a_path_that_is_away_for_a_moment_or_loses_much_at_random_is_not_taken_for_thin() {
    let link = LinkConfig::with_round_trip(ms(40));
    let (mut world, ann, bo) = publisher_and_viewer(1, link);
    for gone in [30, 60, 100, 300] {
        world.set_link(ann, LinkConfig { loss: 1.0, ..link });
        world.run_for(ms(gone));
        world.set_link(ann, link);
        world.run_for(seconds(2));
    }
    world.set_link(ann, LinkConfig { loss: 0.2, ..link });
    world.run_for(seconds(5));
    assert_eq!(world.engine.counters().publishers_limited, 0);
    assert!(layer(&world, bo, ann).is_some());
}
