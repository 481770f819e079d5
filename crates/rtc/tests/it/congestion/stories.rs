//! What has to hold on every kind of path.

use super::measure::Outcome;
use super::{Story, falling};

/// From second 10 on, of a path that is always the same: most of it is used, and its queue is short.
fn assert_used_well(story: Story, queue_ms: f64) {
    let outcome = story.outcome();
    let (used, queue, dropped) =
        (outcome.used(10.0..40.0), outcome.queue_p95(10.0..40.0), outcome.dropped(0.0..40.0));
    assert!(used >= 85.0, "{used} % used");
    assert!(queue <= queue_ms, "{queue} ms of queue");
    assert!(dropped <= 1.0, "{dropped} % dropped");
}

#[test]
fn a_path_of_300_kbit_is_used_well() {
    // A picture alone takes 30 ms of it.
    assert_used_well(Story::Steady300, 60.0);
}

#[test]
fn a_path_of_500_kbit_is_used_well() {
    assert_used_well(Story::Steady500, 50.0);
}

#[test]
fn a_path_of_1_mbit_is_used_well() {
    assert_used_well(Story::Steady1000, 50.0);
}

#[test]
fn a_path_of_2_mbit_is_used_well() {
    assert_used_well(Story::Steady2000, 50.0);
}

#[test]
fn a_path_of_5_mbit_is_used_well() {
    assert_used_well(Story::Steady5000, 50.0);
}

#[test]
fn the_top_layer_is_reached_in_three_seconds_though_only_the_lowest_is_sent() {
    let outcome = Story::LayersOn5000.outcome();
    assert!(outcome.reaches(0.0, 3_000).is_some_and(|seconds| seconds <= 3.0));
    // And kept.
    assert!(outcome.arrived_kbps(3.0..20.0, |_| true) >= 2_900.0);
}

#[test]
fn two_seconds_after_a_path_has_lost_most_of_its_rate_its_queue_is_short_and_of_nine_senders_one_loses_a_packet()
 {
    // A packet more or less of the camera, and the queue of a probe meets another: with one sender's luck a queue is long.
    let outcomes: Vec<Outcome> = (1..=9).map(|seed| Outcome::new(falling(seed))).collect();
    let of_all = |measure: fn(&Outcome) -> f64| {
        let mut all: Vec<f64> = outcomes.iter().map(measure).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let dropped = of_all(|outcome| outcome.dropped(22.0..40.0));
    assert!(dropped[7] == 0.0 && dropped[8] < 0.2, "{dropped:?}");
    let queues = of_all(|outcome| outcome.queue_p95(22.0..40.0));
    assert!(queues[7] < 50.0 && queues[8] < 60.0, "{queues:?}");
    let used = of_all(|outcome| outcome.used(22.0..40.0));
    assert!(used[0] >= 80.0, "{used:?}");
}

#[test]
fn a_path_that_has_got_faster_is_found_out_in_eight_seconds() {
    let outcome = Story::RisesFrom500To3000.outcome();
    assert!(outcome.reaches(20.0, 2_550).is_some_and(|seconds| seconds <= 8.0));
    assert!(outcome.used(28.0..40.0) >= 80.0);
}

#[test]
fn a_path_that_was_thin_for_twenty_seconds_is_used_again_within_eight_though_it_shakes_and_little_is_sent()
 {
    for seed in 1..=12 {
        let outcome = Outcome::new(super::returning(seed));
        let after = outcome.reaches(30.0, 1_600);
        assert!(after.is_some_and(|seconds| seconds <= 8.0), "{after:?} s, seed {seed}");
        let lost = outcome.dropped(15.0..30.0);
        assert!(lost <= 1.0, "{lost} % lost while it was thin, seed {seed}");
    }
}

#[test]
fn loss_that_does_not_depend_on_the_rate_takes_little_of_it() {
    let without = Story::Steady5000.outcome().used(10.0..40.0);
    let two = Story::LosesTwoPerCent.outcome().used(10.0..40.0);
    let five = Story::LosesFivePerCent.outcome().used(10.0..40.0);
    assert!(two >= 0.8 * without, "{two} % of {without} %");
    assert!(five >= 0.6 * without, "{five} % of {without} %");
}

#[test]
fn a_path_that_shakes_and_reorders_is_used_nearly_as_well_as_a_calm_one() {
    let calm = Story::Steady2000.outcome().used(10.0..40.0);
    let shaking = Story::Shakes.outcome().used(10.0..40.0);
    assert!(shaking >= 0.8 * calm, "{shaking} % of {calm} %");
}

#[test]
fn senders_on_one_path_share_it_fairly_in_twenty_seconds() {
    assert!(Story::TwoShare6000.outcome().fairness(2, 20.0..60.0) >= 0.9);
    assert!(Story::EightShare24000.outcome().fairness(8, 20.0..60.0) >= 0.9);
}

#[test]
fn who_used_little_for_long_gets_much_in_three_seconds() {
    let outcome = Story::WantsLittleThenMuch.outcome();
    assert!(outcome.reaches(30.0, 2_500).is_some_and(|seconds| seconds <= 3.0));
    assert!(outcome.arrived_kbps(33.0..40.0, |_| true) >= 2_250.0);
    assert!(outcome.target(29.9) >= 250);
}

#[test]
fn audio_alone_is_sent_without_probes_and_without_padding() {
    let outcome = Story::AudioAlone.outcome();
    assert_eq!(outcome.stats().probes_started, 0);
    assert_eq!(outcome.arrived_kbps(0.0..40.0, |trace| !trace.is_audio), 0.0);
    assert_eq!((outcome.dropped(0.0..40.0), outcome.queue_p95(0.0..40.0)), (0.0, 0.0));
}

#[test]
fn while_no_feedback_comes_less_is_sent_and_afterwards_it_is_made_up_for() {
    let outcome = Story::FeedbackIsLost.outcome();
    let before = outcome.target(14.9);
    let during = outcome.target(20.0);
    assert!(during < before / 2, "{during} of {before} kbit/s");
    assert!(outcome.reaches(20.1, before * 4 / 5).is_some_and(|seconds| seconds <= 2.0));
}
