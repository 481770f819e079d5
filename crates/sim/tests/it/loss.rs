//! Packets that are lost on the way in, on the way out, or both, are repaired.

use parlor_rtc::MediaKind::Video;
use parlor_rtc::fuzzing::scalable::L1T3;
use parlor_sim::packets::{Camera, Carrier};
use parlor_sim::world::{MICROPHONE_AND_CAMERA, ROOM};
use parlor_sim::{LinkConfig, World};

use crate::codecs::RIDS;
use crate::layers::path;
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

#[test]
fn what_a_path_has_lost_of_a_large_picture_is_not_sent_again_once_a_smaller_one_flows() {
    for seed in 51..55 {
        let mut world = World::new(seed);
        let camera = Camera { carrier: Carrier::Vp8, mode: L1T3, rids: RIDS };
        let publisher = world.join_with_packets(Some(camera), 0, LinkConfig::default());
        world.seats[publisher].client.senders[1].bitrate_bps = 1_500_000;
        let viewer = world.join_with_packets(None, 1, path(5_000));
        connect_all(&mut world);
        world.run_for(seconds(10));
        let step = world.now();
        world.set_link(viewer, path(500));
        world.run_for(seconds(3));
        let arrived = world.packets(viewer).arrived.iter().filter(|it| it.at >= step);
        let marks = arrived.filter_map(|it| Some((it.at, it.mark.as_ref()?.encoding, it.is_audio)));
        let pictures: Vec<_> = marks.filter(|(_, _, is_audio)| !is_audio).collect();
        assert!(world.seats[viewer].down.counters().overflowed > 10, "much was lost");
        let smaller = pictures.iter().find(|(_, encoding, _)| *encoding < 2);
        let (smaller_at, ..) = *smaller.expect("a smaller one flows");
        // What was sent before is in the queue, and the round trip.
        let later = pictures.iter().filter(|(at, ..)| *at >= smaller_at + ms(150));
        assert_eq!(later.filter(|(_, encoding, _)| *encoding == 2).count(), 0, "seed {seed}");
    }
}
