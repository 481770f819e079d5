//! Packets that are lost on the way in, on the way out, or both, are repaired.

use parlor_rtc::MediaKind::Video;
use parlor_sim::world::{MICROPHONE_AND_CAMERA, ROOM};
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds, share_seen};

/// Share of 20 s of a publisher's pictures that a viewer saw whole.
fn share_at(seed: u64, publisher_loss: f64, viewer_loss: f64) -> f64 {
    let link = LinkConfig::with_round_trip(ms(50));
    let mut world = World::new(seed);
    let publisher = world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 1, link);
    let viewer = world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 1, link);
    connect_all(&mut world);
    world.run_for(seconds(2));
    world.set_link(publisher, LinkConfig { loss: publisher_loss, ..link });
    world.set_link(viewer, LinkConfig { loss: viewer_loss, ..link });
    let first = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(20));
    let end = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(2));
    share_seen(&world.seen(viewer, publisher, Video), first, end)
}

#[test]
fn five_percent_lost_on_the_publishers_link_costs_less_than_half_a_percent_of_frames() {
    for seed in 1..=3 {
        let share = share_at(seed, 0.05, 0.0);
        assert!(share >= 0.995, "seed {seed}: {share}");
    }
}

#[test]
fn five_percent_lost_on_the_viewers_link_costs_less_than_half_a_percent_of_frames() {
    for seed in 1..=3 {
        let share = share_at(seed, 0.0, 0.05);
        assert!(share >= 0.995, "seed {seed}: {share}");
    }
}

#[test]
fn five_percent_lost_on_both_links_costs_less_than_half_a_percent_of_frames() {
    for seed in 1..=3 {
        let share = share_at(seed, 0.05, 0.05);
        assert!(share >= 0.995, "seed {seed}: {share}");
    }
}

#[test]
fn one_percent_lost_costs_nothing_that_is_seen() {
    let share = share_at(1, 0.01, 0.01);
    assert!(share >= 0.999, "{share}");
}

#[test]
fn ten_percent_lost_on_both_links_still_leaves_a_call() {
    let share = share_at(1, 0.10, 0.10);
    assert!(share >= 0.97, "{share}");
}
