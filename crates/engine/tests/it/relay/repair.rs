//! What becomes of packets between engines that are late or lost, and what the way costs in memory.

use parlor_engine::Source;
use parlor_rtc::MediaKind;

use super::house::House;
use super::ms;
use crate::world::CAMERA_AND_MICROPHONE;

#[test]
fn a_thread_that_is_behind_for_a_moment_misses_nothing() {
    let mut house = House::new(2);
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 0);
    let bo = house.join(1, &[], 1);
    house.run(ms(4_000));
    let asked = house.people[ann].client.key_frames_asked;
    house.is_open = false;
    house.run(ms(300));
    house.is_open = true;
    house.run(ms(2_000));
    for (sender, kind) in [(0, MediaKind::Audio), (1, MediaKind::Video)] {
        let sent = house.people[ann].client.senders[sender].frames_sent as usize;
        let seen = house.frames(bo, ann, kind);
        // What was sent before Bo was there, and what is on its way.
        assert!(seen + 40 > sent, "{seen} of {sent}");
    }
    assert_eq!(house.threads[0].engine.counters().relays_overtaken, 0);
    assert_eq!(house.people[ann].client.key_frames_asked, asked, "no picture was broken");
}

#[test]
fn a_thread_that_is_behind_for_long_goes_on_with_a_key_frame() {
    let mut house = House::new(2);
    let ann = house.join(0, &[Source::Camera], 0);
    let bo = house.join(1, &[], 1);
    house.people[ann].client.senders[0].bitrate_bps = 1_500_000;
    house.run(ms(4_000));
    house.is_open = false;
    house.run(ms(4_000));
    house.is_open = true;
    house.run(ms(100));
    assert!(house.threads[0].engine.counters().relays_overtaken > 0);
    let before = house.frames(bo, ann, MediaKind::Video);
    house.run(ms(2_000));
    assert!(house.frames(bo, ann, MediaKind::Video) > before + 25);
}

#[test]
fn packets_that_are_lost_between_threads_cost_a_key_frame_and_no_more() {
    let mut house = House::new(2);
    let ann = house.join(0, &CAMERA_AND_MICROPHONE, 0);
    let bo = house.join(1, &[], 1);
    house.run(ms(4_000));
    house.loses_one_in = 100;
    house.run(ms(4_000));
    house.loses_one_in = 0;
    assert!(house.lost > 3, "{}", house.lost);
    house.run(ms(4_000));
    let before = house.frames(bo, ann, MediaKind::Video);
    house.run(ms(1_000));
    assert!(house.frames(bo, ann, MediaKind::Video) > before + 25);
}

#[test]
fn relaying_allocates_nothing_in_steady_state() {
    let mut house = House::new(2);
    for thread in [0, 0, 1, 1] {
        house.join(thread, &CAMERA_AND_MICROPHONE, 4);
    }
    house.run(ms(12_000));
    let (before, relayed) = (house.allocations, house.relayed);
    assert!(before > 0, "the counter counts");
    house.run(ms(5_000));
    let relayed = house.relayed - relayed;
    assert!(relayed > 1_000, "{relayed}");
    assert_eq!(house.allocations - before, 0, "for {relayed} packets");
}
