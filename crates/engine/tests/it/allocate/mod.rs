//! Stories about what a subscriber is sent of each video track.

mod golden;
mod meeting;
mod noise;
mod places;
mod properties;
mod sharing;
mod steadiness;
mod wanted;

use std::time::{Duration, Instant};

use parlor_engine::TrackId;
use parlor_engine::allocate::{
    Allocation, Allocator, Area, Asked, Budget, Class, Decision, Given, Reason, Subscription,
};
use parlor_engine::measure::{Quality, Rung};
use parlor_rtc::payload::Resolution;

use crate::ring::start;

const SECOND: Duration = Duration::from_secs(1);

/// How often decisions are made.
const TICK: Duration = Duration::from_millis(250);

/// Larger than any picture.
const FULL_SCREEN: Area = Area { width: 1920, height: 1080 };

/// A camera's encodings: size and bits per second.
const CAMERA: [(u16, u16, u32); 3] =
    [(320, 180, 120_000), (640, 360, 400_000), (1280, 720, 1_300_000)];

/// Parts of an encoding's bits, in percent, up to each temporal layer, as libvpx shares them out.
const TEMPORAL: [u32; 3] = [40, 60, 100];

/// One subscription with what it borrows.
#[derive(Clone, Debug)]
struct Seat {
    track: TrackId,
    class: Class,
    shown: Option<Area>,
    on: bool,
    receivable: bool,
    rungs: Vec<Rung>,
    presumed: u32,
    asked: Asked,
}

impl Seat {
    fn new(track: u64, class: Class, rungs: Vec<Rung>) -> Seat {
        let track = TrackId(track);
        let shown = Some(FULL_SCREEN);
        let (presumed, asked) = (0, Asked::ALL);
        Seat { track, class, shown, on: true, receivable: true, rungs, presumed, asked }
    }

    /// A camera with three encodings of three temporal layers.
    fn camera(track: u64) -> Seat {
        Seat::new(track, Class::Rest, encodings(&CAMERA, 30))
    }

    /// A screen with two encodings, at five pictures a second.
    fn screen(track: u64) -> Seat {
        let encodings = encodings(&[(960, 540, 300_000), (1920, 1080, 1_200_000)], 5);
        Seat::new(track, Class::Screen, encodings)
    }

    fn of(self, class: Class) -> Seat {
        Seat { class, ..self }
    }

    fn shown_at(self, width: u16, height: u16) -> Seat {
        Seat { shown: Some(Area { width, height }), ..self }
    }

    /// Leaves an encoding out, or what an encoder does not make.
    fn without(mut self, is_missing: impl Fn(Quality) -> bool) -> Seat {
        self.rungs.retain(|rung| !is_missing(rung.quality));
        self
    }
}

/// Encodings of three temporal layers each.
fn encodings(encodings: &[(u16, u16, u32)], frames_per_second: u16) -> Vec<Rung> {
    let mut rungs = Vec::new();
    for (layer, &(width, height, bps)) in (0..).zip(encodings) {
        for (temporal, percent) in (0..).zip(TEMPORAL) {
            rungs.push(Rung {
                quality: Quality { layer, spatial: 0, temporal },
                bitrate_bps: bps / 100 * percent,
                peak_bps: bps / 100 * percent,
                resolution: Some(Resolution { width, height }),
                frames_per_second: frames_per_second >> (2 - temporal),
            });
        }
    }
    rungs
}

/// One subscriber over time.
#[derive(Clone, Debug)]
struct Viewer {
    now: Instant,
    allocator: Allocator,
    seats: Vec<Seat>,
    /// When something else was given of each seat's track than before.
    switches: Vec<Vec<Instant>>,
    last: Vec<Given>,
}

impl Viewer {
    fn new(seats: Vec<Seat>) -> Viewer {
        let switches = vec![Vec::new(); seats.len()];
        let allocator = Allocator::new();
        Viewer { now: start(), allocator, seats, switches, last: Vec::new() }
    }

    fn allocate<T>(
        &mut self,
        budget: impl Into<Budget>,
        look: impl FnOnce(Allocation<'_>) -> T,
    ) -> T {
        let subscriptions: Vec<Subscription<'_>> = self
            .seats
            .iter()
            .map(|seat| Subscription {
                track: seat.track,
                class: seat.class,
                shown: seat.shown,
                on: seat.on,
                receivable: seat.receivable,
                rungs: &seat.rungs,
                known: &seat.rungs,
                presumed: seat.presumed,
                asked: seat.asked,
                begun: 0,
            })
            .collect();
        look(self.allocator.allocate(self.now, budget, &subscriptions))
    }

    fn decisions(&mut self, budget: impl Into<Budget>) -> Vec<Decision> {
        self.allocate(budget, |allocation| allocation.decisions.to_vec())
    }

    /// Decides now.
    fn decide(&mut self, budget: impl Into<Budget>) -> Vec<Given> {
        let given: Vec<Given> =
            self.decisions(budget).iter().map(|decision| decision.given).collect();
        if self.last.len() == given.len() {
            for (seat, switches) in self.switches.iter_mut().enumerate() {
                if self.last[seat] != given[seat] {
                    switches.push(self.now);
                }
            }
        }
        self.last.clone_from(&given);
        given
    }

    /// Decides as often as usual for some time; what is given in the end.
    fn run(&mut self, time: Duration, budget: impl Into<Budget>) -> Vec<Given> {
        let (budget, end) = (budget.into(), self.now + time);
        let mut given = self.decide(budget);
        while self.now < end {
            self.now += TICK;
            given = self.decide(budget);
        }
        given
    }

    /// How often each seat's track was switched so far.
    fn switch_counts(&self) -> Vec<usize> {
        self.switches.iter().map(Vec::len).collect()
    }
}

const fn send(layer: u8, temporal: u8) -> Given {
    Given::Send(Quality { layer, spatial: 0, temporal })
}

const PAUSED: Given = Given::Paused(Reason::Bandwidth);
