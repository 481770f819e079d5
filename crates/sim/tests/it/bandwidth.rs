//! What the server believes of the paths to its clients.

use parlor_rtc::MediaKind::Video;
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
