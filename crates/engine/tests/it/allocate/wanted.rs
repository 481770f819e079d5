//! What the publisher of a track is asked for, by what its viewers have a use for.

use parlor_engine::allocate::{Asked, Demand, Wanted};

use super::*;

const NOTHING: Demand = Demand { layers: 0, larger: false, presumed: 0, spatial: 0 };

const fn demand(layers: u32) -> Demand {
    Demand { layers, larger: false, presumed: 0, spatial: 1 }
}

/// These arrive, and all are too small.
const fn larger_than(layers: u32) -> Demand {
    Demand { layers, larger: true, presumed: 0, spatial: Demand::ALL_SPATIAL }
}

/// One track's publisher and the time.
struct Publisher {
    now: Instant,
    wanted: Wanted,
}

impl Publisher {
    fn new() -> Publisher {
        Publisher { now: start(), wanted: Wanted::new(CAMERA.len()) }
    }

    /// Lets time pass with what is demanded; the encodings that are asked for in the end.
    fn run(&mut self, time: Duration, demand: Demand) -> u32 {
        self.ask(time, demand).layers
    }

    fn ask(&mut self, time: Duration, demand: Demand) -> Asked {
        let end = self.now + time;
        let mut asked = self.wanted.review(self.now, demand);
        while self.now < end {
            self.now += TICK;
            asked = self.wanted.review(self.now, demand);
        }
        asked
    }
}

#[test]
fn nobody_is_asked_for_what_nobody_watches() {
    assert_eq!(Publisher::new().run(60 * SECOND, NOTHING), 0);
}

#[test]
fn the_first_viewer_is_followed_at_once_by_the_smallest_then_by_what_is_missed() {
    let mut publisher = Publisher::new();
    assert_eq!(publisher.run(Duration::ZERO, larger_than(0)), 0b001);
    assert_eq!(publisher.run(TICK, larger_than(0b001)), 0b011);
    assert_eq!(publisher.run(TICK, larger_than(0b011)), 0b111);
    // The largest there is may still be too small.
    assert_eq!(publisher.run(60 * SECOND, larger_than(0b111)), 0b111);
}

#[test]
fn all_that_will_presumably_be_needed_is_asked_for_at_once() {
    let mut publisher = Publisher::new();
    publisher.run(TICK, larger_than(0));
    let presumed = |presumed| Demand { presumed, ..larger_than(0b001) };
    assert_eq!(publisher.run(TICK, presumed(0b111)), 0b111);
    let mut publisher = Publisher::new();
    publisher.run(TICK, larger_than(0));
    assert_eq!(publisher.run(TICK, presumed(0b011)), 0b011);
    // It may have been presumed wrongly.
    assert_eq!(publisher.run(3 * SECOND, presumed(0b011)), 0b111);
}

#[test]
fn no_larger_one_is_asked_for_than_somebody_shows() {
    let mut publisher = Publisher::new();
    publisher.run(TICK, larger_than(0));
    publisher.run(TICK, larger_than(0b001));
    assert_eq!(publisher.run(60 * SECOND, demand(0b011)), 0b011);
}

#[test]
fn what_does_not_come_does_not_keep_the_next_from_being_asked_for() {
    let mut publisher = Publisher::new();
    assert_eq!(publisher.run(SECOND, larger_than(0b001)), 0b011);
    assert_eq!(publisher.run(SECOND, larger_than(0b001)), 0b111);
    // It has come after all, and is large enough.
    assert_eq!(publisher.run(2 * SECOND, demand(0b011)), 0b011);
    // Where the largest comes first, the others are behind it.
    let mut backwards = Publisher::new();
    assert_eq!(backwards.run(2 * SECOND, larger_than(0b100)), 0b111);
}

#[test]
fn what_nobody_needs_any_more_rests_within_two_seconds() {
    let mut publisher = Publisher::new();
    assert_eq!(publisher.run(10 * SECOND, demand(0b111)), 0b111);
    publisher.now += TICK;
    assert_eq!(publisher.run(SECOND / 2, NOTHING), 0b111);
    assert_eq!(publisher.run(SECOND, NOTHING), 0);
    // It begins again at once.
    publisher.now += TICK;
    assert_eq!(publisher.run(Duration::ZERO, demand(0b001)), 0b001);
}

#[test]
fn spatial_layers_that_nobody_needs_any_more_rest_and_return_at_once() {
    let mut publisher = Publisher::new();
    let spatial = |spatial| Demand { spatial, ..demand(0b001) };
    assert_eq!(publisher.ask(10 * SECOND, spatial(3)).spatial, 3);
    publisher.now += TICK;
    assert_eq!(publisher.ask(SECOND / 2, spatial(1)).spatial, 3);
    assert_eq!(publisher.ask(SECOND, spatial(1)).spatial, 1);
    publisher.now += TICK;
    assert_eq!(publisher.ask(Duration::ZERO, spatial(2)).spatial, 2);
    publisher.now += TICK;
    assert_eq!(publisher.ask(TICK, larger_than(0b001)).spatial, Demand::ALL_SPATIAL);
}

#[test]
fn spatial_layers_that_are_missed_again_soon_are_kept_for_longer_each_time() {
    let mut publisher = Publisher::new();
    let spatial = |spatial| Demand { spatial, ..demand(0b001) };
    let mut changes = 0;
    let mut last = publisher.ask(SECOND, spatial(3)).spatial;
    // Whatever is asked for turns out to be too little, or enough for one.
    for _ in 0..240 {
        publisher.now += TICK;
        let asked = publisher.ask(Duration::ZERO, spatial(if last == 1 { 3 } else { 1 })).spatial;
        changes += u32::from(asked != last);
        last = asked;
    }
    assert!((8..=12).contains(&changes), "{changes} in a minute");
    // Once it lasts, all is forgotten.
    publisher.ask(90 * SECOND, spatial(1));
    publisher.ask(2 * SECOND, spatial(3));
    publisher.now += TICK;
    assert_eq!(publisher.ask(2 * SECOND, spatial(1)).spatial, 1);
}

#[test]
fn going_back_and_forth_between_two_places_does_not_stop_the_encoder() {
    let mut publisher = Publisher::new();
    publisher.run(SECOND, demand(0b111));
    for _ in 0..20 {
        assert_eq!(publisher.run(SECOND / 2, demand(0b001)), 0b111);
        assert_eq!(publisher.run(SECOND / 2, demand(0b111)), 0b111);
    }
}

#[test]
fn only_encodings_that_there_are_are_asked_for() {
    let mut publisher = Publisher::new();
    assert_eq!(publisher.run(300 * SECOND, larger_than(u32::MAX)), 0b111);
    let mut many = Wanted::new(1000);
    assert_eq!(many.review(start(), larger_than(0x7FFF_FFFF)).layers, u32::MAX);
    assert_eq!(Wanted::new(0).review(start(), larger_than(u32::MAX)).layers, 0);
}
