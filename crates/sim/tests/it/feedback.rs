//! Viewers whose browsers do not tell when packets arrive: by REMB what they make of it, or in reports alone what
//! was lost.

use std::time::{Duration, Instant};

use parlor_sim::Feedback::{self, Remb, Reports};
use parlor_sim::LinkConfig;

use crate::layers::{Call, TOP_BPS, path};
use crate::{ms, seconds};

/// Somebody who gives this feedback looks at a camera in three sizes, from a little nearer or farther.
fn call(seed: u64, feedback: Feedback, link: LinkConfig) -> Call {
    let link = LinkConfig { delay: link.delay + ms(7 * (seed % 3)), ..link };
    Call::of(seed, |world| vec![world.join_with_feedback(feedback, 2, link)])
}

fn connected(call: &Call) -> Instant {
    call.world.seats[call.viewers[0]].client.connected_at.expect("it is")
}

/// How long it took from the connection to the first picture.
fn first_after(call: &Call) -> Duration {
    call.frames(0).first().map_or(Duration::MAX, |seen| seen.at - connected(call))
}

/// How long it took from `from` until a picture of this many bits a second came in for a second.
fn until_rate(call: &mut Call, bps: u64, limit: Duration) -> Option<Duration> {
    let from = call.world.now();
    while call.world.now() < from + limit {
        call.world.run_for(ms(500));
        let now = call.world.now();
        if call.rate_bps(0, now - seconds(1), now) * 10 >= bps * 9 {
            return Some(now - from);
        }
    }
    None
}

#[test]
fn who_tells_by_remb_what_the_path_takes_has_a_picture_at_once_and_then_the_best_that_fits() {
    for seed in 71..=73 {
        for (kbps, best_bps, within) in
            [(300, TOP_BPS / 9, 5), (1_000, TOP_BPS / 3, 35), (5_000, TOP_BPS, 45)]
        {
            let mut call = call(seed, Remb, path(kbps));
            let reached = until_rate(&mut call, best_bps, seconds(within));
            assert!(reached.is_some(), "seed {seed}, {kbps} kbit/s: never the best");
            assert!(first_after(&call) <= ms(500), "{:?}", first_after(&call));
            call.world.run_for(seconds(5));
            let (from, before) = (call.world.now(), call.counted(0));
            call.world.run_for(seconds(60));
            let rate_bps = call.rate_bps(0, from, call.world.now());
            assert!(rate_bps * 100 >= best_bps * 95, "seed {seed}, {kbps}: {rate_bps} bit/s");
            assert!(call.freeze(0, from) <= ms(300), "{kbps}: {:?}", call.freeze(0, from));
            assert!(call.missing_sound(0, from) <= ms(200), "{:?}", call.missing_sound(0, from));
            let dropped = call.dropped(0, before);
            assert!(dropped <= 0.001, "seed {seed}, {kbps}: {dropped}");
            let queue = call.queue_p95(0, from);
            assert!(queue <= ms(50), "seed {seed}, {kbps}: {queue:?}");
        }
    }
}

#[test]
fn nobody_is_believed_to_take_more_than_they_told_by_remb() {
    let mut call = call(74, Remb, path(1_000));
    let viewer = call.viewers[0];
    let (mut before, mut compared) = (None, 0);
    for _ in 0..600 {
        // It is on its way for 40 ms at the most.
        call.world.run_for(ms(100));
        let told_bps = call.world.seats[viewer].client.told_bps();
        let stats = call.world.engine.bandwidth(call.world.seats[viewer].peer).expect("it is");
        if let Some(most_bps) = std::mem::replace(&mut before, told_bps).max(told_bps) {
            // Seventeen bits of it travel at the least.
            assert!(stats.target.bps() <= most_bps + (most_bps >> 17), "{most_bps}: {stats:?}");
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn a_path_that_falls_is_followed_down_and_up_again_by_remb() {
    for seed in 75..=77 {
        let mut call = call(seed, Remb, path(5_000));
        until_rate(&mut call, TOP_BPS, seconds(45)).expect("it is a good path");
        call.world.run_for(seconds(5));
        let step = call.world.now();
        call.set_path(0, path(500));
        call.world.run_for(seconds(4));
        let (settled, before) = (call.world.now(), call.counted(0));
        call.world.run_for(seconds(20));
        let (freeze, missing) = (call.freeze(0, step), call.missing_sound(0, step));
        assert!(freeze <= seconds(2), "seed {seed}: freeze {freeze:?}");
        assert!(missing <= seconds(1), "seed {seed}: {missing:?} of sound lost");
        let (queue, dropped) = (call.queue_p95(0, settled), call.dropped(0, before));
        assert!(queue <= ms(60) && dropped <= 0.002, "seed {seed}: {queue:?}, {dropped}");
        call.set_path(0, path(5_000));
        let back = until_rate(&mut call, TOP_BPS, seconds(100));
        assert!(back.is_some(), "seed {seed}: never the large one again");
    }
}

#[test]
fn who_tells_of_losses_alone_sees_and_hears_within_what_these_allow() {
    for seed in 81..=83 {
        for (kbps, best_bps, within) in
            [(300, TOP_BPS / 9, 5), (1_000, TOP_BPS / 3, 50), (5_000, TOP_BPS, 90)]
        {
            let mut call = call(seed, Reports, path(kbps));
            let reached = until_rate(&mut call, best_bps, seconds(within));
            assert!(reached.is_some(), "seed {seed}, {kbps} kbit/s: never the best");
            assert!(first_after(&call) <= ms(500), "{:?}", first_after(&call));
            call.world.run_for(seconds(5));
            let (from, before) = (call.world.now(), call.counted(0));
            call.world.run_for(seconds(120));
            let rate_bps = call.rate_bps(0, from, call.world.now());
            assert!(rate_bps * 100 >= best_bps * 95, "seed {seed}, {kbps}: {rate_bps} bit/s");
            assert!(call.freeze(0, from) <= seconds(1), "{kbps}: {:?}", call.freeze(0, from));
            let (missing, dropped) = (call.missing_sound(0, from), call.dropped(0, before));
            assert!(missing <= seconds(2), "seed {seed}, {kbps}: {missing:?} of sound lost");
            assert!(dropped <= 0.01, "seed {seed}, {kbps}: {dropped}");
        }
    }
}

#[test]
fn a_path_that_falls_is_followed_down_by_what_it_loses() {
    for seed in 84..=86 {
        let mut call = call(seed, Reports, path(5_000));
        until_rate(&mut call, TOP_BPS, seconds(90)).expect("it is a good path");
        call.world.run_for(seconds(5));
        call.set_path(0, path(500));
        call.world.run_for(seconds(15));
        let (settled, before) = (call.world.now(), call.counted(0));
        call.world.run_for(seconds(30));
        let (freeze, dropped) = (call.freeze(0, settled), call.dropped(0, before));
        assert!(freeze <= seconds(1) && dropped <= 0.02, "seed {seed}: {freeze:?}, {dropped}");
    }
}

#[test]
fn who_loses_a_twentieth_at_random_and_tells_of_that_alone_keeps_the_smallest_picture() {
    let mut call = call(87, Reports, LinkConfig { loss: 0.05, ..path(5_000) });
    call.world.run_for(seconds(10));
    let from = call.world.now();
    call.world.run_for(seconds(50));
    assert!(call.freeze(0, from) <= seconds(2), "{:?}", call.freeze(0, from));
    assert!(call.rate_bps(0, from, call.world.now()) > TOP_BPS / 9 / 2);
}
