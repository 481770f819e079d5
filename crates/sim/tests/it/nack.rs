//! What is missing of a publisher's stream is asked for as often as it has to be.

use parlor_rtc::MediaKind::Video;
use parlor_sim::world::{MICROPHONE_AND_CAMERA, ROOM};
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds, share_seen};

/// How many requests each packet took that a publisher's link lost, and the share of its pictures that
/// a viewer saw. The publisher receives nothing, so no report of it tells the round trip.
fn requests_for_each_loss(seed: u64, link: LinkConfig) -> (f64, f64) {
    let mut world = World::new(seed);
    let publisher =
        world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 0, LinkConfig { loss: 0.0, ..link });
    let viewer = world.join_as(ROOM, &[], 1, LinkConfig::default());
    connect_all(&mut world);
    world.run_for(seconds(2));
    world.set_link(publisher, link);
    let first = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(60));
    let end = world.seats[publisher].client.senders[1].frames_sent;
    world.set_link(publisher, LinkConfig { loss: 0.0, ..link });
    world.run_for(seconds(2));
    let counters = world.engine.counters();
    let requests = counters.nacks_out as f64 / counters.packets_recovered as f64;
    (requests, share_seen(&world.seen(viewer, publisher, Video), first, end))
}

#[test]
fn a_publisher_far_away_that_receives_nothing_is_asked_about_once_for_each_lost_packet() {
    let link = LinkConfig { loss: 0.05, ..LinkConfig::with_round_trip(ms(200)) };
    for seed in 1..=3 {
        let (requests, seen) = requests_for_each_loss(seed, link);
        // A tenth of requests and answers is lost too.
        assert!(requests < 1.25, "seed {seed}: {requests} requests for each");
        assert!(seen >= 0.995, "seed {seed}: {seen}");
    }
}

#[test]
fn so_is_one_whose_path_is_uneven() {
    let jitter = ms(30);
    let link = LinkConfig { loss: 0.05, jitter, ..LinkConfig::with_round_trip(ms(150)) };
    for seed in 1..=3 {
        let (requests, seen) = requests_for_each_loss(seed, link);
        assert!(requests < 1.3, "seed {seed}: {requests} requests for each");
        assert!(seen >= 0.995, "seed {seed}: {seen}");
    }
}
