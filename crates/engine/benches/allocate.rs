//! What it costs to decide what a subscriber is sent: `cargo bench -p parlor-engine --bench allocate`
//!
//! It is done a few times a second for each subscriber, and once for each of them when somebody joins.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use parlor_engine::TrackId;
use parlor_engine::allocate::{Allocator, Area, Asked, Class, Subscription};
use parlor_engine::measure::{Packet, Quality, Rung, TrackMeter};
use parlor_rtc::payload::{Layer, Resolution};

const TICK: Duration = Duration::from_millis(250);

/// Decisions that are measured together; the first tenth warms up.
const DECISIONS: u32 = 20_000;

/// Three encodings of three temporal layers.
fn camera() -> Vec<Rung> {
    let mut rungs = Vec::new();
    for (layer, width, height, bps) in
        [(0, 320, 180, 120_000), (1, 640, 360, 400_000), (2, 1280, 720, 1_300_000)]
    {
        for (temporal, percent) in [(0, 40), (1, 60), (2, 100)] {
            rungs.push(Rung {
                quality: Quality { layer, spatial: 0, temporal },
                bitrate_bps: bps / 100 * percent,
                peak_bps: bps / 90 * percent,
                resolution: Some(Resolution { width, height }),
                frames_per_second: 30 >> (2 - temporal),
            });
        }
    }
    rungs
}

/// Microseconds a decision, for one pinned and the others small.
fn decide(count: u64, budget_bps: impl Fn(u32) -> u64, is_view_changing: bool) -> f64 {
    let rungs = camera();
    let place = |width, height| Some(Area { width, height });
    let mut subscriptions: Vec<Subscription<'_>> = (1..=count)
        .map(|track| Subscription {
            track: TrackId(track),
            class: Class::Rest,
            shown: place(640, 360),
            on: true,
            receivable: true,
            rungs: &rungs,
            known: &rungs,
            presumed: 0,
            asked: Asked::ALL,
            begun: 0,
        })
        .collect();
    if let Some(first) = subscriptions.first_mut() {
        (first.class, first.shown) = (Class::Pinned { priority: 1 }, place(1280, 720));
    }
    let mut allocator = Allocator::new();
    let mut now = Instant::now();
    let mut begun = now;
    for n in 0..DECISIONS {
        if n == DECISIONS / 10 {
            begun = Instant::now();
        }
        now += TICK;
        if let (Some(last), true) = (subscriptions.last_mut(), is_view_changing) {
            last.shown = place(640 + n as u16 % 2 * 640, 720);
        }
        black_box(allocator.allocate(now, budget_bps(n), black_box(&subscriptions)).sent_bps);
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(DECISIONS - DECISIONS / 10)
}

/// Nanoseconds for one packet, and microseconds for one review of a track of three encodings.
fn measure() -> (f64, f64) {
    const PACKETS: u32 = 1_000_000;
    let mut meter = TrackMeter::new(3);
    let mut now = Instant::now();
    let begun = Instant::now();
    for n in 0..PACKETS {
        now += Duration::from_millis(1);
        let packet = Packet {
            len: 1150,
            starts_frame: n.is_multiple_of(5),
            starts_key_frame: n.is_multiple_of(3000),
            layer: Layer { spatial: 0, temporal: (n / 5 % 3) as u8, switches_up: false },
        };
        meter.note(now, (n % 3) as u8, black_box(&packet));
    }
    let noted_ns = begun.elapsed().as_secs_f64() * 1e9 / f64::from(PACKETS);
    let begun = Instant::now();
    for _ in 0..DECISIONS {
        meter.review(black_box(now));
        black_box(meter.rungs());
    }
    (noted_ns, begun.elapsed().as_secs_f64() * 1e6 / f64::from(DECISIONS))
}

fn main() {
    println!("{:44} {:>7} {:>7} {:>7}", "us per decision; subscriptions", 1, 25, 100);
    let steady = |_| 6_000_000;
    let noisy = |n| 5_400_000 + u64::from(n * 7_919 % 1_200_000);
    let show = |name, costs: [f64; 3]| {
        println!("{name:44} {:7.1} {:7.1} {:7.1}", costs[0], costs[1], costs[2]);
    };
    show("steady link", [1, 25, 100].map(|count| decide(count, steady, false)));
    show("noisy link", [1, 25, 100].map(|count| decide(count, noisy, false)));
    show(
        "the viewer changes something each time",
        [1, 25, 100].map(|count| decide(count, noisy, true)),
    );
    let (noted_ns, review_us) = measure();
    println!("measuring: {noted_ns:.1} ns a packet, {review_us:.1} us a review of three encodings");
}
