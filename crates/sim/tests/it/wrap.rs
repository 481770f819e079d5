//! Sequence numbers and timestamps that wrap around.

use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::World;

use crate::{connect_all, seconds};

#[test]
fn three_hours_of_wrapping_numbers_pass_without_a_gap() {
    let mut world = World::new(31);
    let ann = world.join(1);
    let bo = world.join(1);
    world.seats[bo].client.senders.iter_mut().for_each(|sender| sender.on = false);
    // Both clocks wrap half an hour into the call.
    world.seats[ann].client.senders[0].first_ticks = (1 << 32) - 1800 * 48_000;
    world.seats[ann].client.senders[1].first_ticks = (1 << 32) - 1800 * 90_000;
    world.seats[ann].client.senders[1].frames_per_second = 10;
    world.seats[ann].client.senders[1].bitrate_bps = 40_000;
    connect_all(&mut world);
    world.run_for(seconds(3 * 3600));
    for (kind, per_second) in [(Audio, 50), (Video, 10)] {
        let seen = world.seen(bo, ann, kind);
        let expected = 3 * 3600 * per_second;
        assert!(seen.len() >= expected - 2 * per_second, "{kind}: {} of {expected}", seen.len());
        assert!(seen.iter().skip(1).all(|frame| frame.contiguous), "{kind} has a gap");
        let step = 1.0 / per_second as f64;
        let even = seen.windows(2).all(|pair| {
            let passed = pair[1].media_time - pair[0].media_time;
            (passed - step).abs() < step / 10.0
        });
        assert!(even, "{kind} time jumps");
    }
}
