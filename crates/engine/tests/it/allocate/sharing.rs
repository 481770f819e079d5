//! How a budget is shared among tracks.

use super::*;

fn fresh(seats: Vec<Seat>, budget_bps: u64) -> Vec<Given> {
    Viewer::new(seats).decide(budget_bps)
}

/// People in one class, all alike.
fn people(count: u64) -> Vec<Seat> {
    (1..=count).map(Seat::camera).collect()
}

#[test]
fn frames_are_given_up_before_size() {
    let steps = [
        (1_500_000, send(2, 2)),
        (1_400_000, send(2, 1)),
        (800_000, send(1, 2)),
        (400_000, send(1, 1)),
        (200_000, send(0, 2)),
        (100_000, send(0, 1)),
        (60_000, send(0, 0)),
        (50_000, PAUSED),
    ];
    for (budget_bps, expected) in steps {
        assert_eq!(fresh(people(1), budget_bps), [expected], "{budget_bps}");
    }
}

#[test]
fn everybody_is_seen_before_anybody_is_seen_better() {
    assert_eq!(fresh(people(4), 225_000), [send(0, 0); 4]);
    assert_eq!(fresh(people(4), 560_000), [send(0, 2); 4]);
    let given = fresh(people(4), 700_000);
    assert_eq!(given, [send(1, 1), send(0, 2), send(0, 2), send(0, 2)]);
}

#[test]
fn tracks_with_other_ladders_get_pictures_of_the_same_size() {
    // One publisher's encoder has no temporal layers: fewer rungs, and no better picture for it.
    let coarse = Seat::camera(1).without(|quality| quality.temporal != 2);
    let given = fresh(vec![coarse, Seat::camera(2)], 400_000);
    assert_eq!(given, [send(0, 2), send(0, 2)]);
    let coarse = Seat::camera(1).without(|quality| quality.temporal != 2);
    let given = fresh(vec![coarse, Seat::camera(2)], 950_000);
    assert_eq!(given, [send(1, 2), send(1, 2)]);
}

#[test]
fn a_dear_track_does_not_keep_the_cheap_ones_from_being_seen() {
    let mut dear = Seat::camera(1).without(|quality| quality.layer != 2);
    dear.rungs.truncate(1);
    let mut seats = people(4);
    seats[0] = dear;
    // With more, the dear one would come first by its number, and nobody else would be left a place.
    for budget_bps in [300_000, 620_000] {
        let given = fresh(seats.clone(), budget_bps);
        assert_eq!(given.iter().filter(|given| **given != PAUSED).count(), 3, "{budget_bps}");
    }
}

#[test]
fn classes_come_one_after_the_other() {
    let seats = || {
        vec![
            Seat::camera(1),
            Seat::camera(2).of(Class::Speaker),
            Seat::camera(3).of(Class::Pinned { priority: 1 }),
            Seat::camera(4).of(Class::Pinned { priority: 2 }),
            Seat::screen(5),
        ]
    };
    let best = [send(2, 2), send(2, 2), send(2, 2), send(2, 2), send(1, 2)];
    assert_eq!(fresh(seats(), 7_400_000), best);
    // The lowest class goes first, its last rung first.
    let given = fresh(seats(), 6_700_000);
    assert_eq!(given, [send(1, 2), best[1], best[2], best[3], best[4]]);
    let given = fresh(seats(), 5_900_000);
    assert_eq!(given, [PAUSED, best[1], best[2], best[3], best[4]]);
    let given = fresh(seats(), 3_020_000);
    assert_eq!(given, [PAUSED, PAUSED, send(0, 2), best[3], best[4]]);
    let given = fresh(seats(), 1_000_000);
    assert_eq!(given, [PAUSED, PAUSED, PAUSED, send(0, 2), send(1, 1)]);
}

#[test]
fn what_a_higher_class_cannot_use_goes_to_the_next() {
    let seats = vec![Seat::screen(1).shown_at(480, 270), Seat::camera(2)];
    assert_eq!(fresh(seats, 2_000_000), [send(0, 2), send(2, 2)]);
}

#[test]
fn the_class_says_what_a_track_is_to_its_viewer() {
    use parlor_engine::Source;
    assert_eq!(Class::of(Source::Screen, 3, true), Class::Screen);
    assert_eq!(Class::of(Source::Camera, 3, true), Class::Pinned { priority: 3 });
    assert_eq!(Class::of(Source::Camera, 0, true), Class::Speaker);
    assert_eq!(Class::of(Source::Camera, 0, false), Class::Rest);
}

#[test]
fn a_budget_that_carries_nothing_is_not_exceeded() {
    for budget_bps in [0, 10_000, 50_000] {
        let mut viewer = Viewer::new(people(2));
        let sent_bps = viewer.allocate(budget_bps, |allocation| allocation.sent_bps);
        assert_eq!(sent_bps, 0);
        assert_eq!(viewer.decide(budget_bps), [PAUSED, PAUSED]);
    }
}

#[test]
fn one_pinned_of_twenty_five_has_its_best_and_the_others_what_is_left() {
    let mut seats = people(25);
    seats[7].class = Class::Pinned { priority: 1 };
    let given = fresh(seats, 2_000_000);
    assert_eq!(given[7], send(2, 2));
    let low = given.iter().filter(|given| matches!(given, Given::Send(q) if q.layer == 0)).count();
    let paused = given.iter().filter(|given| **given == PAUSED).count();
    assert_eq!((low, paused), (9, 15));
}

#[test]
fn with_the_wanted_budget_everything_is_sent_at_its_best() {
    for count in [1, 4, 25] {
        let mut viewer = Viewer::new(people(count));
        let wanted_bps = viewer.allocate(0, |allocation| allocation.wanted_bps);
        assert_eq!(wanted_bps, count * 1_495_000);
        let given = fresh(people(count), wanted_bps);
        assert!(given.iter().all(|given| *given == send(2, 2)));
        let given = fresh(people(count), wanted_bps - 1);
        assert!(!given.iter().all(|given| *given == send(2, 2)));
    }
    let mut hidden = Viewer::new(vec![Seat { shown: None, ..Seat::camera(1) }]);
    assert_eq!(hidden.allocate(0, |allocation| allocation.wanted_bps), 0);
}
