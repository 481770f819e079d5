//! What a place on the screen needs, and what is asked of publishers.

use super::*;

fn demand(seat: Seat, budget_bps: u64) -> parlor_engine::allocate::Demand {
    Viewer::new(vec![seat]).decisions(budget_bps)[0].demand
}

fn given(seat: Seat) -> Given {
    Viewer::new(vec![seat]).decide(10_000_000)[0]
}

#[test]
fn nobody_gets_a_larger_picture_than_they_show() {
    assert_eq!(given(Seat::camera(1).shown_at(320, 180)), send(0, 2));
    assert_eq!(given(Seat::camera(1).shown_at(640, 360)), send(1, 2));
    assert_eq!(given(Seat::camera(1).shown_at(1280, 720)), send(2, 2));
    assert_eq!(given(Seat::camera(1).shown_at(3840, 2160)), send(2, 2));
}

#[test]
fn a_picture_may_be_shown_a_fifth_larger_than_it_is_and_no_more() {
    assert_eq!(given(Seat::camera(1).shown_at(384, 216)), send(0, 2));
    assert_eq!(given(Seat::camera(1).shown_at(385, 216)), send(1, 2));
    assert_eq!(given(Seat::camera(1).shown_at(384, 217)), send(1, 2));
}

#[test]
fn a_picture_of_unknown_size_may_be_too_small() {
    let mut seat = Seat::camera(1).shown_at(320, 180);
    seat.rungs.iter_mut().for_each(|rung| rung.resolution = None);
    assert_eq!(given(seat), send(2, 2));
}

#[test]
fn the_reason_for_nothing_is_the_one_that_no_bandwidth_would_help() {
    let mut seat = Seat::camera(1);
    seat.rungs.clear();
    seat.shown = None;
    assert_eq!(given(seat.clone()), Given::Paused(Reason::NotShown));
    seat.on = false;
    assert_eq!(given(seat.clone()), Given::Paused(Reason::PublisherOff));
    seat.receivable = false;
    assert_eq!(given(seat), Given::Paused(Reason::CodecNotSupported));
}

#[test]
fn what_has_not_arrived_yet_may_come() {
    let mut viewer = Viewer::new(vec![Seat::camera(1)]);
    let rungs = std::mem::take(&mut viewer.seats[0].rungs);
    assert_eq!(viewer.run(SECOND, 2_000_000), [send(0, 0)]);
    viewer.seats[0].rungs = rungs;
    assert_eq!(viewer.decide(2_000_000), [send(2, 2)]);
}

#[test]
fn a_face_that_jerks_is_worse_than_a_smaller_one_that_moves() {
    // The lowest temporal layer has 7 pictures a second here.
    let mut viewer = Viewer::new(vec![Seat::camera(1)]);
    assert_eq!(viewer.decide(600_000), [send(1, 2)]);
    // A screen is to be read.
    let mut viewer = Viewer::new(vec![Seat::camera(1).of(Class::Screen)]);
    assert_eq!(viewer.decide(600_000), [send(2, 0)]);
    // A camera that makes no more is shown as well as it can.
    let seat = Seat::new(1, Class::Rest, encodings(&CAMERA, 8));
    assert_eq!(given(seat), send(2, 2));
}

#[test]
fn what_was_the_best_of_a_picture_that_had_just_begun_is_left_when_it_turns_out_to_jerk() {
    // 15 frames a second, of which the middle size begins with every fourth.
    let camera = || Seat::new(1, Class::Rest, encodings(&CAMERA, 15)).without(|of| of.layer == 2);
    let first = camera().without(|of| of.layer == 1 && of.temporal > 0);
    let mut viewer = Viewer::new(vec![first]);
    assert_eq!(viewer.run(4 * SECOND, 300_000), [send(1, 0)]);
    viewer.seats[0].rungs = camera().rungs;
    // All of it does not fit.
    assert_eq!(viewer.run(SECOND, 300_000), [send(0, 2)]);
}

#[test]
fn spatial_layers_of_one_stream_are_climbed_like_encodings() {
    let mut seat = Seat::camera(1).shown_at(640, 360);
    for rung in &mut seat.rungs {
        rung.quality = Quality { layer: 0, spatial: rung.quality.layer, ..rung.quality };
    }
    let quality = Quality { layer: 0, spatial: 1, temporal: 2 };
    assert_eq!(given(seat.clone()), Given::Send(quality));
    assert_eq!(demand(seat, 0).layers, 0b1);
}

#[test]
fn what_costs_more_than_something_better_is_left_out() {
    let mut seat = Seat::camera(1);
    // A static picture: the middle encoding spends more than the large one.
    for rung in &mut seat.rungs {
        let cost = [50_000, 400_000, 300_000][usize::from(rung.quality.layer)];
        (rung.bitrate_bps, rung.peak_bps) = (cost, cost);
    }
    assert_eq!(Viewer::new(vec![seat.clone()]).decide(500_000), [send(2, 2)]);
    assert_eq!(Viewer::new(vec![seat]).decide(340_000), [send(0, 2)]);
}

#[test]
fn what_is_asked_of_publishers_is_all_up_to_what_the_place_needs() {
    for budget_bps in [0, 10_000_000] {
        let up_to_medium = demand(Seat::camera(1).shown_at(640, 360), budget_bps);
        assert_eq!((up_to_medium.layers, up_to_medium.larger), (0b011, false));
    }
    let all = demand(Seat::camera(1).shown_at(1280, 720), 0);
    assert_eq!((all.layers, all.larger), (0b111, false));
}

#[test]
fn a_larger_picture_than_arrives_is_missed_where_it_would_be_seen() {
    let without_large = Seat::camera(1).without(|quality| quality.layer == 2);
    let missed = demand(without_large.clone().shown_at(1280, 720), 0);
    assert_eq!((missed.layers, missed.larger), (0b011, true));
    assert!(!demand(without_large.shown_at(640, 360), 0).larger);
    let mut nothing_yet = Seat::camera(1);
    nothing_yet.rungs.clear();
    assert!(demand(nothing_yet, 0).larger);
}

#[test]
fn what_would_presumably_fill_the_place_is_missed_once_something_smaller_arrives() {
    let mut seat = Seat::camera(1).without(|quality| quality.layer > 0).shown_at(1280, 720);
    seat.presumed = 0b111;
    assert_eq!(demand(seat.clone(), 0).presumed, 0b111);
    assert_eq!(demand(seat.clone().shown_at(320, 180), 0).presumed, 0, "what arrives is enough");
    seat.rungs.clear();
    assert_eq!(demand(seat, 0).presumed, 0, "the smallest comes first");
}

#[test]
fn nothing_is_asked_for_what_nobody_sees() {
    let mut hidden = Seat::camera(1);
    hidden.shown = None;
    assert_eq!(demand(hidden, 10_000_000), Default::default());
    let mut off = Seat::camera(1);
    off.on = false;
    assert_eq!(demand(off, 10_000_000), Default::default());
}

#[test]
fn demands_of_several_viewers_are_merged() {
    let mut both = demand(Seat::camera(1).shown_at(320, 180), 0);
    both.merge(demand(Seat::camera(1).shown_at(3840, 2160), 0));
    assert_eq!((both.layers, both.larger), (0b111, true));
}

#[test]
fn whose_picture_has_stopped_gets_a_larger_one_as_soon_as_the_path_is_known_to_take_it() {
    let seat = Seat::camera(1).shown_at(320, 180);
    let mut viewer = Viewer::new(vec![seat.clone()]);
    assert_eq!(viewer.run(10 * SECOND, 150_000), [send(0, 2)]);
    viewer.seats[0] = seat.clone().without(|quality| quality.layer == 0);
    assert_eq!(viewer.decide(150_000), [PAUSED]);
    viewer.now += TICK;
    assert_eq!(viewer.decide(600_000), [send(1, 2)]);
    // And the own one again when that returns.
    viewer.seats[0] = seat;
    viewer.now += TICK;
    assert_eq!(viewer.decide(600_000), [send(0, 2)]);
}
