//! Sequence numbers and timestamps that wrap around.

use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::World;

use crate::{connect_all, ms, seconds};

#[test]
fn three_hours_of_wrapping_numbers_pass_without_a_gap() {
    let mut world = World::new(31);
    let ann = world.join(1);
    let bo = world.join(1);
    world.seats[bo].client.senders.iter_mut().for_each(|sender| sender.on = false);
    // Both clocks wrap half an hour into the call.
    world.seats[ann].client.senders[0].first_ticks = (1 << 32) - 1800 * 48_000;
    world.seats[ann].client.senders[1].first_ticks = (1 << 32) - 1800 * 90_000;
    // Few packets of either, so that three hours take seconds; each still wraps.
    world.seats[ann].client.senders[0].packet_time = ms(120);
    world.seats[ann].client.senders[1].frames_per_second = 10;
    world.seats[ann].client.senders[1].bitrate_bps = 40_000;
    connect_all(&mut world);
    world.run_for(seconds(3 * 3600));
    for (kind, interval) in [(Audio, ms(120)), (Video, ms(100))] {
        let seen = world.seen(bo, ann, kind);
        let expected = (seconds(3 * 3600).as_millis() / interval.as_millis()) as usize;
        assert!(seen.len() >= expected - 20, "{kind}: {} of {expected}", seen.len());
        assert!(seen.iter().skip(1).all(|frame| frame.contiguous), "{kind} has a gap");
        let step = interval.as_secs_f64();
        let even = seen.windows(2).all(|pair| {
            let passed = pair[1].media_time - pair[0].media_time;
            (passed - step).abs() < step / 10.0
        });
        assert!(even, "{kind} time jumps");
    }
}
