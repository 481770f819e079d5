//! Decisions for a subscriber to whom anything happens, against what each decision has to keep to.

use std::time::{Duration, Instant};

use parlor_rtc::payload::Resolution;

use crate::allocate::{
    Allocator, Area, Asked, Budget, Class, Decision, Demand, Given, Reason, Subscription, Wanted,
};
use crate::id::TrackId;
use crate::measure::{Quality, Rung};

/// More would only make the search slower: sharing is between two at a time.
const MAX_SEATS: usize = 6;

const LAYERS: u8 = 3;

/// How often decisions are made while nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// Longest script, in operations.
const MAX_OPERATIONS: usize = 400;

/// On a link that is steady, one switch of a track lies so far from the next.
const CALM: Duration = Duration::from_secs(10);

/// An estimate that has not changed for so long is no longer climbing.
const KNOWN_AFTER: Duration = Duration::from_secs(6);

/// Plays `script`, three bytes an operation, and checks every decision. `now` is when the world begins.
pub fn allocate(now: Instant, script: &[u8]) {
    let mut world = World::new(now);
    for &[operation, seat, argument] in script.as_chunks::<3>().0.iter().take(MAX_OPERATIONS) {
        world.play(operation, usize::from(seat), argument);
        world.decide();
    }
    world.stay_calm();
}

/// One subscription, with what it borrows.
struct Seat {
    track: TrackId,
    class: Class,
    shown: Option<Area>,
    on: bool,
    receivable: bool,
    rungs: Vec<Rung>,
    wanted: Wanted,
    given: Option<Given>,
    /// When that changed last while nothing else did.
    switched_at: Option<Instant>,
}

impl Seat {
    fn new(number: u64) -> Seat {
        Seat {
            track: TrackId(number),
            class: Class::Rest,
            shown: Some(Area { width: 1280, height: 720 }),
            on: true,
            receivable: true,
            rungs: Vec::new(),
            wanted: Wanted::new(LAYERS.into()),
            given: None,
            switched_at: None,
        }
    }

    fn subscription(&self) -> Subscription<'_> {
        Subscription {
            track: self.track,
            class: self.class,
            shown: self.shown,
            on: self.on,
            receivable: self.receivable,
            rungs: &self.rungs,
            known: &self.rungs,
            presumed: 0b111,
            asked: Asked::ALL,
            begun: 0,
        }
    }

    fn classify(&mut self, argument: u8) {
        self.class = match argument % 5 {
            0 => Class::Screen,
            1 => Class::Pinned { priority: argument / 5 },
            2 => Class::Speaker,
            _ => Class::Rest,
        };
    }

    /// Fills all encodings of at most so many temporal layers in, the next always dearer, mostly.
    fn encode(&mut self, argument: u8) {
        let (temporal, factor) = (argument % 3 + 1, u32::from(argument >> 4) + 8);
        let is_steady = !argument.is_multiple_of(4);
        self.rungs.clear();
        let mut bps = 10_000 * (u32::from(argument) % 7 + 1);
        for layer in 0..LAYERS {
            let side = 180_u16 << layer;
            for temporal in 0..temporal {
                bps = bps / 8 * factor;
                self.rungs.push(Rung {
                    quality: Quality { layer, spatial: 0, temporal },
                    bitrate_bps: bps,
                    peak_bps: if is_steady { bps } else { bps / 16 * 17 },
                    resolution: Some(Resolution { width: side / 9 * 16, height: side }),
                    frames_per_second: 8 << temporal,
                });
            }
        }
    }

    /// Changes one number of one rung to anything, as hostile publishers can.
    fn distort(&mut self, argument: u8) {
        let count = self.rungs.len().max(1);
        let Some(rung) = self.rungs.get_mut(usize::from(argument) % count) else { return };
        match argument >> 5 {
            0 => rung.resolution = None,
            1 => rung.resolution = Some(Resolution { width: u16::MAX, height: u16::MAX }),
            2 => rung.resolution = Some(Resolution { width: 1, height: 1 }),
            3 => rung.frames_per_second = u16::MAX,
            4 => rung.frames_per_second = 0,
            5 => (rung.bitrate_bps, rung.peak_bps) = (u32::MAX, u32::MAX),
            6 => rung.bitrate_bps = 0,
            _ => rung.peak_bps = rung.peak_bps.saturating_mul(2),
        }
    }

    /// More of it costs more, and its costs are not going up and down: the highest of late are those of now.
    fn is_steady(&self) -> bool {
        self.rungs.is_sorted_by(|lower, higher| lower.bitrate_bps < higher.bitrate_bps)
            && self.rungs.iter().all(|rung| rung.peak_bps == rung.bitrate_bps)
    }

    /// What `given` costs; `None` when there is no such thing.
    fn cost(&self, given: Given) -> Option<u64> {
        let Given::Send(quality) = given else { return Some(0) };
        let rung = self.rungs.iter().find(|rung| rung.quality == quality);
        let nothing_yet = self.rungs.is_empty() && quality == Quality::default();
        rung.map(|rung| rung.bitrate_bps.into()).or(nothing_yet.then_some(0))
    }

    fn check(&self, decision: &Decision) {
        assert_eq!(decision.track, self.track);
        let expected = match decision.given {
            _ if !self.receivable => Some(Reason::CodecNotSupported),
            _ if !self.on => Some(Reason::PublisherOff),
            _ if self.shown.is_none() => Some(Reason::NotShown),
            Given::Paused(_) => Some(Reason::Bandwidth),
            Given::Send(_) => None,
        };
        assert_eq!(decision.given, expected.map_or(decision.given, Given::Paused));
        if let Given::Send(quality) = decision.given {
            let is_demanded = decision.demand.layers & Demand::bit(quality.layer) != 0;
            assert!(is_demanded || self.rungs.is_empty(), "what is sent is not asked for");
        }
    }
}

struct World {
    now: Instant,
    allocator: Allocator,
    budget: Budget,
    seats: Vec<Seat>,
    joined: u64,
}

impl World {
    fn new(now: Instant) -> World {
        World {
            now,
            allocator: Allocator::new(),
            budget: Budget::from(300_000),
            seats: Vec::new(),
            joined: 0,
        }
    }

    fn play(&mut self, operation: u8, seat: usize, argument: u8) {
        let count = self.seats.len().max(1);
        // Of all magnitudes.
        let bps = (16 + u64::from(argument % 16)) << (argument / 16) << 8;
        match (operation % 15, self.seats.get_mut(seat % count)) {
            (0..=2, _) => self.now += Duration::from_millis(u64::from(argument) * 20),
            (3 | 4, _) => self.budget.now_bps = bps,
            // The path was found full, or was not for a minute.
            (12, _) => self.budget.assured_bps = Some(bps),
            (13, _) => self.budget.assured_bps = None,
            (14, _) => self.budget.shown_bps = bps,
            (5, _) | (_, None) => self.join(argument),
            (6, Some(seat)) => seat.classify(argument),
            (7, Some(seat)) => {
                let width = u16::from(argument) * 16;
                seat.shown = (width > 0).then_some(Area { width, height: width / 16 * 9 });
            }
            (8, Some(seat)) => {
                (seat.on, seat.receivable) = (argument > 40, !argument.is_multiple_of(8));
            }
            (9, Some(seat)) => seat.rungs.retain(|rung| rung.quality.layer != argument % LAYERS),
            (10, Some(seat)) => seat.distort(argument),
            (_, Some(_)) if argument < 32 => drop(self.seats.remove(seat % count)),
            (_, Some(_)) if argument < 64 => self.stay_calm(),
            (_, Some(seat)) => seat.encode(argument),
        }
        self.seats.iter_mut().for_each(|seat| seat.switched_at = None);
    }

    fn join(&mut self, argument: u8) {
        if self.seats.len() >= MAX_SEATS {
            return;
        }
        self.joined += 1;
        let mut seat = Seat::new(self.joined);
        seat.encode(argument);
        // In any order.
        let at = usize::from(argument) % (self.seats.len() + 1);
        self.seats.insert(at, seat);
    }

    fn decide(&mut self) {
        let World { now, allocator, budget, seats, .. } = self;
        let budget_bps = budget.now_bps;
        let subscriptions: Vec<Subscription<'_>> = seats.iter().map(Seat::subscription).collect();
        let allocation = allocator.allocate(*now, *budget, &subscriptions);
        let (decisions, sent_bps) = (allocation.decisions.to_vec(), allocation.sent_bps);
        let again = allocator.allocate(*now, *budget, &subscriptions);
        // What is possible depends on whether anything was sent before.
        let known = |it: &Decision| Decision { possible: None, awaited: None, ..*it };
        let (again_decided, decided) =
            (again.decisions.iter().map(known), decisions.iter().map(known));
        assert!(again_decided.eq(decided), "nothing has happened in between");
        assert_eq!(again.sent_bps, sent_bps);
        assert!(sent_bps <= budget_bps, "{sent_bps} of {budget_bps} are sent");
        assert_eq!(decisions.len(), seats.len());
        let costs = seats.iter().zip(&decisions).map(|(seat, decision)| seat.cost(decision.given));
        assert_eq!(costs.sum::<Option<u64>>(), Some(sent_bps), "what is sent does not exist");
        for (seat, decision) in seats.iter_mut().zip(&decisions) {
            seat.check(decision);
            let there_are = u32::MAX >> (u32::BITS - u32::from(LAYERS));
            let wanted = seat.wanted.review(*now, decision.demand);
            assert_eq!(wanted.layers & decision.demand.layers, decision.demand.layers);
            assert_eq!(wanted.layers & !there_are, 0, "there is no such encoding");
            seat.given = Some(decision.given);
        }
    }

    /// A minute in which nothing happens. Once the link is known to be steady, tracks switch seldom.
    fn stay_calm(&mut self) {
        let (known, end) = (self.now + KNOWN_AFTER, self.now + 6 * CALM);
        let is_steady = self.seats.iter().all(Seat::is_steady);
        while self.now < end {
            let before: Vec<Option<Given>> = self.seats.iter().map(|seat| seat.given).collect();
            self.decide();
            let changed = self.seats.iter().zip(&before).filter(|(seat, it)| seat.given != **it);
            let first = changed.map(|(seat, _)| seat.class.rank()).min();
            for (seat, before) in self.seats.iter_mut().zip(before) {
                if seat.given == before || self.now < known {
                    continue;
                }
                let last = seat.switched_at.replace(self.now);
                // The more important may take from the less important at any time.
                let is_taken = first.is_some_and(|first| first < seat.class.rank());
                let is_late = last.is_none_or(|last| self.now >= last + CALM);
                let is_calm = !is_steady || is_taken || is_late;
                assert!(is_calm, "a track has switched twice on a steady link");
            }
            self.now += TICK;
        }
    }
}
