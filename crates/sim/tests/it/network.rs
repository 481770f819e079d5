//! What networks do to datagrams other than losing them.

use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::client::SeenFrame;
use parlor_sim::world::{MICROPHONE_AND_CAMERA, ROOM};
use parlor_sim::{LinkConfig, World};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::{assert_connected, connect_all, ms, seconds, share_seen, until_seen};

fn call_over(link: LinkConfig) -> (World, usize, usize) {
    let mut world = World::new(11);
    let publisher = world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 1, link);
    let viewer = world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 1, link);
    connect_all(&mut world);
    (world, publisher, viewer)
}

fn twice(seen: &[SeenFrame]) -> usize {
    let mut numbers: Vec<_> = seen.iter().filter_map(|s| s.frame).map(|f| f.number).collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    all - numbers.len()
}

#[test]
fn reordered_packets_are_put_right_and_no_frame_is_lost() {
    let link = LinkConfig { reorder: 0.05, ..LinkConfig::with_round_trip(ms(50)) };
    let (mut world, publisher, viewer) = call_over(link);
    world.run_for(seconds(2));
    let first = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(10));
    let end = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(1));
    let seen = world.seen(viewer, publisher, Video);
    assert!(share_seen(&seen, first, end) >= 0.999);
}

#[test]
fn duplicated_packets_are_seen_once() {
    let link = LinkConfig { duplicate: 0.1, ..LinkConfig::with_round_trip(ms(50)) };
    let (mut world, publisher, viewer) = call_over(link);
    world.run_for(seconds(10));
    assert_eq!(twice(&world.seen(viewer, publisher, Video)), 0);
    assert_eq!(twice(&world.seen(viewer, publisher, Audio)), 0);
    assert!(world.seen(viewer, publisher, Video).len() > 280);
}

#[test]
fn a_publisher_whose_nat_forgets_it_is_seen_again_within_a_second() {
    let (mut world, publisher, viewer) = call_over(LinkConfig::with_round_trip(ms(50)));
    world.run_for(seconds(5));
    world.rebind(publisher);
    world.run_for(ms(60)); // what was under way from the old address
    let took = until_seen(&mut world, viewer, publisher, Video);
    assert!(took <= seconds(1), "took {took:?}");
    world.run_for(seconds(5));
    assert_connected(&world, publisher);
}

#[test]
fn a_viewer_whose_nat_forgets_it_sees_again_within_a_second() {
    let (mut world, publisher, viewer) = call_over(LinkConfig::with_round_trip(ms(50)));
    world.run_for(seconds(5));
    world.rebind(viewer);
    world.run_for(ms(60));
    let took = until_seen(&mut world, viewer, publisher, Video);
    assert!(took <= seconds(1), "took {took:?}");
    world.run_for(seconds(5));
    assert_connected(&world, viewer);
}

#[test]
fn an_ice_restart_in_the_middle_of_a_call_loses_no_frame() {
    let (mut world, publisher, viewer) = call_over(LinkConfig::with_round_trip(ms(50)));
    world.run_for(seconds(3));
    let first = world.seats[publisher].client.senders[1].frames_sent;
    world.reoffer(publisher, 0, true).expect("fresh ICE credentials are taken");
    world.reoffer(viewer, 0, true).expect("fresh ICE credentials are taken");
    world.run_for(seconds(5));
    let end = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(1));
    let share = share_seen(&world.seen(viewer, publisher, Video), first, end);
    assert!(share >= 0.999, "{share}");
    assert_connected(&world, publisher);
    assert_connected(&world, viewer);
}

#[test]
fn a_network_that_is_gone_for_four_seconds_leaves_the_call_as_it_was() {
    let link = LinkConfig::with_round_trip(ms(50));
    let (mut world, publisher, viewer) = call_over(link);
    world.run_for(seconds(3));
    world.set_link(publisher, LinkConfig { loss: 1.0, ..link });
    world.run_for(seconds(4));
    world.set_link(publisher, link);
    let took = until_seen(&mut world, viewer, publisher, Video);
    assert!(took <= seconds(1), "took {took:?}");
    let before = world.seen(viewer, publisher, Video).len();
    world.run_for(seconds(3));
    assert!(world.seen(viewer, publisher, Video).len() > before + 80);
}

/// Bytes that follow from `seed` and are nothing: of any length, and of any protocol by their first byte.
fn garbage(seed: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = vec![0; random.next_u32() as usize % 1_500];
    random.fill_bytes(&mut bytes);
    // STUN, DTLS handshake, alert and data, SRTP, SRTCP, or as it comes.
    let first: [Option<u8>; 8] =
        [Some(0), Some(22), Some(21), Some(23), Some(0x90), Some(0x80), Some(44), None];
    if let (Some(first), Some(byte)) = (first[seed as usize % 8], bytes.first_mut()) {
        *byte = first;
    }
    if seed % 8 == 5 && bytes.len() > 1 {
        bytes[1] = 200;
    }
    bytes
}

#[test]
fn ten_thousand_garbage_datagrams_from_anywhere_cost_nobody_a_frame() {
    let (mut world, publisher, viewer) = call_over(LinkConfig::with_round_trip(ms(50)));
    world.run_for(seconds(2));
    let first = world.seats[publisher].client.senders[1].frames_sent;
    let sources = [
        world.address(publisher),
        world.address(viewer),
        "198.51.100.1:1".parse().unwrap(),
        "198.51.100.2:2".parse().unwrap(),
    ];
    for round in 0..1_000u64 {
        for seed in 0..10 {
            let number = round * 10 + seed;
            // Neither divides the other: each source sends everything.
            world.inject(sources[number as usize / 8 % sources.len()], garbage(number));
        }
        world.run_for(ms(5));
    }
    let end = world.seats[publisher].client.senders[1].frames_sent;
    world.run_for(seconds(1));
    assert!(end - first >= 140, "five seconds of pictures");
    let share = share_seen(&world.seen(viewer, publisher, Video), first, end);
    assert!(share >= 0.999, "{share}");
    for seat in [publisher, viewer] {
        assert_connected(&world, seat);
    }
}
