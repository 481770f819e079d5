//! A path that suddenly carries less, and a camera of which spatial layers can be left out.

use std::time::{Duration, Instant};

use parlor_sim::{LinkConfig, World};

use crate::codecs::{cameras, captured_at, receiver::check};
use crate::layers::{Row, path, row};
use crate::{connect_all, ms, seconds};

/// From 2 to 0.5 Mbit/s, with one of the ways of coding.
pub(super) fn down(name: &str) -> Row {
    let cameras = cameras();
    let (_, camera) = cameras.iter().find(|(it, _)| *it == name).expect("there is such a one");
    let mut world = World::new(51);
    let publisher = world.join_with_packets(Some(*camera), 0, LinkConfig::default());
    world.seats[publisher].client.senders[1].bitrate_bps = 1_500_000;
    let viewer = world.join_with_packets(None, 1, path(2_000));
    connect_all(&mut world);
    world.run_for(seconds(15));
    let step = world.now();
    world.set_link(viewer, path(500));
    world.run_for(seconds(2));
    let (settled, before) = (world.now(), world.seats[viewer].down.counters().overflowed);
    world.run_for(seconds(18));
    let dropped = world.seats[viewer].down.counters().overflowed - before;
    let queue = queue_p95(&world, viewer, settled);
    let arrived = &world.packets(viewer).arrived;
    let found = check(camera.carrier, arrived, |mark| captured_at(&world, mark));
    let freeze = longest_rest(&found.shown_at, step, world.now());
    let good = freeze <= ms(500) && queue < ms(50) && dropped == 0;
    let found = format!(
        "freeze {} ms; from 2 s on queue p95 {} ms, {dropped} packets dropped",
        freeze.as_millis(),
        queue.as_millis()
    );
    row(format!("2 to 0.5 Mbit/s, {name}"), found, good)
}

/// The longest time without a new picture.
fn longest_rest(shown_at: &[Instant], from: Instant, to: Instant) -> Duration {
    let mut times: Vec<Instant> = shown_at.iter().copied().filter(|at| *at >= from).collect();
    times.extend([from, to]);
    times.sort_unstable();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

/// What 95 of a hundred datagrams waited at most in a viewer's queue.
pub(super) fn queue_p95(world: &World, viewer: usize, from: Instant) -> Duration {
    let waits = world.seats[viewer].down.waits();
    let mut waits: Vec<Duration> =
        waits.iter().filter(|(at, _)| *at >= from).map(|(_, wait)| *wait).collect();
    waits.sort_unstable();
    waits.get(waits.len() * 95 / 100).copied().unwrap_or_default()
}
