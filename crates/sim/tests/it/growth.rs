//! Paths that come to carry a little more than what they were full of.

use std::time::Duration;

use parlor_engine::View;
use parlor_rtc::MediaKind::Video;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::layers::path;
use crate::{connect_all, seconds};

/// Four cameras, all of them shown large, at their best: 500 kbit/s each.
const CAMERAS: usize = 4;
const BEST_BPS: u64 = 500_000;

/// Somebody has filled a path of 1.8 Mbit/s for a minute.
fn full_path(seed: u64) -> (World, Vec<usize>, usize) {
    let mut world = World::new(seed);
    let publish = |world: &mut World| {
        let seat = world.join_with_simulcast(&["l", "m", "h"], 0, LinkConfig::default());
        world.seats[seat].client.senders[1].bitrate_bps = BEST_BPS;
        seat
    };
    let cameras: Vec<usize> = (0..CAMERAS).map(|_| publish(&mut world)).collect();
    cameras.iter().skip(1).for_each(|seat| world.switch(*seat, 0, false));
    let viewer = world.join_as(ROOM, &[], CAMERAS, path(1_800));
    let view = |seat: &usize| {
        let track = world.seats[*seat].named[1].track;
        View { track, width: 1280, height: 720, priority: 0 }
    };
    let views = cameras.iter().map(view).collect();
    let (now, peer) = (world.now(), world.seats[viewer].peer);
    world.engine.view(now, peer, views);
    connect_all(&mut world);
    world.run_for(seconds(60));
    (world, cameras, viewer)
}

/// What came of all pictures in the last seconds, in bits per second.
fn rate_bps(world: &World, cameras: &[usize], viewer: usize, over: Duration) -> u64 {
    let from = world.now() - over;
    let seen = cameras.iter().flat_map(|camera| world.seen(viewer, *camera, Video));
    let bytes: usize = seen.filter(|seen| seen.at >= from).map(|seen| seen.len).sum();
    bytes as u64 * 8 / over.as_secs()
}

#[test]
fn what_a_path_that_is_full_now_and_then_carries_more_by_a_quarter_is_used_within_a_minute_and_a_half()
 {
    for seed in [71, 72, 73] {
        let (mut world, cameras, viewer) = full_path(seed);
        assert!(
            rate_bps(&world, &cameras, viewer, seconds(10)) < 1_500_000,
            "not all have their best"
        );
        world.set_link(viewer, path(2_250));
        let is_used = |world: &World| rate_bps(world, &cameras, viewer, seconds(5)) > 1_600_000;
        let mut waited = Duration::ZERO;
        while !is_used(&world) {
            assert!(waited < seconds(90), "seed {seed}");
            world.run_for(seconds(5));
            waited += seconds(5);
        }
    }
}
