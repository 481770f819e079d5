//! How many datagrams of a picture leave together: the kernel's send is the cost, and it takes a run of equal ones as
//! one message.

use std::collections::BTreeSet;
use std::time::Duration;

use parlor_rtc::fuzzing::scalable::Mode;
use parlor_sim::packets::{Camera, Carrier};
use parlor_sim::seat::SentMessage;
use parlor_sim::{LinkConfig, World};

const CAMERA: Camera = Camera {
    carrier: Carrier::Vp8,
    mode: Mode { spatial_layers: 1, temporal_layers: 1, key_only: false },
    rids: &[],
};

/// Longer than any packet of sound, or of RTCP.
const PICTURE_BYTES: usize = 400;

/// Datagrams of a run, on the average, that left in ten seconds for a viewer of one camera: as they left, and as they
/// would have left with each picture at once.
fn runs(camera_kbps: u64) -> (f64, f64) {
    let mut world = World::new(1);
    let publisher = world.join_with_packets(Some(CAMERA), 0, LinkConfig::default());
    world.seats[publisher].client.senders[1].bitrate_bps = camera_kbps * 1000;
    let link = LinkConfig::with_round_trip(Duration::from_millis(50));
    let link = LinkConfig { rate_bps: Some(50_000_000), ..link };
    let viewer = world.join_with_packets(None, 1, link);
    world.run_for(Duration::from_secs(10));
    world.seats[viewer].messages = Some(Vec::new());
    world.run_for(Duration::from_secs(10));
    let mut messages = world.seats[viewer].messages.take().unwrap();
    messages.retain(|message| message.segment_size >= PICTURE_BYTES);
    let datagrams: usize = messages.iter().map(SentMessage::count).sum();
    let pictures: BTreeSet<&[u8]> = messages.iter().map(|it| &it.bytes[4..8]).collect();
    let per = |messages: usize| datagrams as f64 / messages as f64;
    (per(messages.len()), per(pictures.len()))
}

#[test]
fn pictures_leave_in_runs_of_many_datagrams_though_they_are_paced() {
    // Datagrams of a picture, and how many of them leave together at least.
    for (camera_kbps, picture, run) in [(1_500, 6.0, 6.0), (3_000, 12.0, 6.0), (5_000, 19.0, 9.0)] {
        let (paced, unpaced) = runs(camera_kbps);
        assert!(paced >= 0.98 * run, "{camera_kbps} kbit/s: {paced} a run");
        assert!(unpaced >= 0.98 * picture, "{camera_kbps} kbit/s: {unpaced} a picture");
    }
}
