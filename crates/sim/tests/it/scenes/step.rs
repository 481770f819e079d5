//! Paths that suddenly carry less.

use std::ops::Range;
use std::time::{Duration, Instant};

use parlor_sim::{LinkConfig, World};

use crate::codecs::{cameras, captured_at, receiver::check};
use crate::layers::{PACKET_TIME, path};
use crate::table::{Row, row, worst};
use crate::{connect_all, ms, seconds};

/// Calls that differ in when cameras take their pictures.
const SEEDS: Range<u64> = 51..59;

/// What a viewer got of a path that came down.
struct Step {
    /// The longest rest, as a receiver has it that shows whatever it can decode.
    freeze: Duration,
    /// How much of the sound never came.
    missing_sound: Duration,
    /// From two seconds on.
    queue: Duration,
    dropped: u64,
}

/// From 2 to 0.5 Mbit/s, with one of the ways of coding; pictures rest no longer than `most`.
pub(super) fn down(name: &str, most: Duration) -> Row {
    worst(SEEDS, |seed| {
        let Step { freeze, queue, dropped, .. } = Step::seen(name, [2_000, 500], seed);
        let found = format!(
            "freeze {} ms; from 2 s on queue p95 {} ms, {dropped} packets dropped",
            freeze.as_millis(),
            queue.as_millis()
        );
        let good = freeze <= most && queue < ms(50) && dropped == 0;
        row(format!("2 to 0.5 Mbit/s, {name}"), found, good).by(freeze.as_secs_f64())
    })
}

/// A path that loses nearly all it took: sound has to come first.
pub(super) fn fall() -> Row {
    worst(SEEDS, |seed| {
        let Step { freeze, missing_sound, .. } = Step::seen("VP8 simulcast", [5_000, 300], seed);
        let found = format!(
            "{} ms of sound lost, freeze {} ms",
            missing_sound.as_millis(),
            freeze.as_millis()
        );
        let good = missing_sound <= ms(500) && freeze <= seconds(1);
        row("5 to 0.3 Mbit/s", found, good).by(freeze.as_secs_f64())
    })
}

impl Step {
    /// From so many kbit/s to so many.
    fn seen(name: &str, [from, to]: [u64; 2], seed: u64) -> Step {
        let cameras = cameras();
        let (_, camera) = cameras.iter().find(|(it, _)| *it == name).expect("there is such a one");
        let mut world = World::new(seed);
        let publisher = world.join_with_packets(Some(*camera), 0, LinkConfig::default());
        world.seats[publisher].client.senders[1].bitrate_bps = 1_500_000;
        let viewer = world.join_with_packets(None, 1, path(from));
        connect_all(&mut world);
        world.run_for(seconds(15));
        let step = world.now();
        world.set_link(viewer, path(to));
        world.run_for(seconds(2));
        let (settled, before) = (world.now(), world.seats[viewer].down.counters().overflowed);
        world.run_for(seconds(18));
        let arrived = &world.packets(viewer).arrived;
        let found = check(camera.carrier, arrived, |mark| captured_at(&world, mark));
        let heard = arrived.iter().filter(|it| it.is_audio && it.at >= step).count();
        Step {
            freeze: longest_rest(&found.shown_at, step, world.now()),
            missing_sound: (world.now() - step).saturating_sub(PACKET_TIME * heard as u32),
            queue: queue_p95(&world, viewer, settled),
            dropped: world.seats[viewer].down.counters().overflowed - before,
        }
    }
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
