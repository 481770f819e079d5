//! What the server believes of the paths to its clients.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind::{Audio, Video};
use parlor_rtc::congestion::Stats;
use parlor_sim::world::{MICROPHONE_AND_CAMERA, ROOM};
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds};

/// Somebody publishes a camera of so many kbit/s to somebody behind a link of so many.
fn call(camera_kbps: u64, link_kbps: u64) -> (World, usize, usize) {
    let mut world = World::new(21);
    let round_trip = LinkConfig::with_round_trip(ms(50));
    let publisher = world.join_as(ROOM, &MICROPHONE_AND_CAMERA, 1, round_trip);
    let link = LinkConfig { rate_bps: Some(link_kbps * 1000), ..round_trip };
    let viewer = world.join_as(ROOM, &[], 1, link);
    world.seats[publisher].client.senders[1].bitrate_bps = camera_kbps * 1000;
    connect_all(&mut world);
    (world, publisher, viewer)
}

fn stats(world: &World, seat: usize) -> Stats {
    world.engine.bandwidth(world.seats[seat].peer).expect("it is a member")
}

#[test]
fn a_path_that_carries_what_is_sent_is_believed_to_carry_it() {
    let (mut world, _, viewer) = call(500, 5_000);
    world.run_for(seconds(10));
    let Stats { target, acknowledged, loss, round_trip, .. } = stats(&world, viewer);
    // As much was looked for as a whole page may take, and the path has that.
    assert!((550..5_000).contains(&(target.bps() / 1000)), "{target:?}");
    let acknowledged = acknowledged.expect("feedback comes").bps() / 1000;
    assert!((480..700).contains(&acknowledged), "{acknowledged} kbit/s");
    assert!(loss < 0.01, "{loss}");
    let round_trip = round_trip.expect("feedback comes");
    assert!(round_trip >= ms(50) && round_trip < ms(200), "{round_trip:?}");
}

#[test]
fn a_path_that_is_too_thin_is_known_to_be() {
    let (mut world, publisher, viewer) = call(2_000, 800);
    world.run_for(seconds(10));
    let target = stats(&world, viewer).target.bps() / 1000;
    assert!((200..900).contains(&target), "{target} kbit/s");
    assert!(!world.seen(viewer, publisher, Video).is_empty());
}

/// Sound is never held up longer than that by what is sent to find out more: jitter buffers hold as much anyway.
const HELD_UP_AT_MOST: Duration = Duration::from_millis(100);

#[test]
fn while_probes_look_for_more_no_sound_is_lost_and_none_comes_late() {
    // The picture costs more than any of these paths takes, so it is looked for all the time.
    for link_kbps in [500, 1_000, 2_000] {
        let (mut world, publisher, viewer) = call(3_000, link_kbps);
        world.run_for(seconds(2));
        let (from, probes) = (world.now(), stats(&world, viewer).probes_started);
        world.run_for(seconds(30));
        let probes = stats(&world, viewer).probes_started - probes;
        assert!(probes >= 2, "{probes} probes at {link_kbps} kbit/s");
        let heard: Vec<Instant> =
            world.seen(viewer, publisher, Audio).iter().map(|it| it.at).collect();
        let heard: Vec<Instant> = heard.into_iter().filter(|at| *at >= from).collect();
        assert!(
            heard.len() >= 30 * 50 - 2,
            "{} packets of 1500 at {link_kbps} kbit/s",
            heard.len()
        );
        let longest = heard.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        assert!(longest <= HELD_UP_AT_MOST, "{longest:?} without sound at {link_kbps} kbit/s");
    }
}
