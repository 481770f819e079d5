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
    let asked = house.people[ann].client.key_frames_asked;
    house.is_open = false;
    house.run(ms(4_000));
    assert_eq!(house.people[ann].client.key_frames_asked, asked, "nobody takes one meanwhile");
    house.is_open = true;
    house.run(ms(100));
    assert!(house.threads[0].engine.counters().relays_overtaken > 0);
    assert!(
        house.people[ann].client.key_frames_asked > asked,
        "what follows leans on what is gone"
    );
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

/// How many of Ann's pictures Bo has not seen once everything has come that comes.
fn missed(house: &House, [ann, bo]: [usize; 2]) -> usize {
    let sent = house.people[ann].client.senders[0].frames_sent as usize;
    sent.saturating_sub(house.frames(bo, ann, MediaKind::Video))
}

#[test]
fn what_a_viewers_path_loses_is_sent_again_by_the_viewers_own_thread() {
    let mut house = House::new(2);
    let people = [house.join(0, &[Source::Camera], 0), house.join(1, &[], 1)];
    house.run(ms(4_000));
    let (before, asked) = (missed(&house, people), house.people[people[0]].client.key_frames_asked);
    house.downlinks_lose_one_in = 41;
    house.run(ms(4_000));
    house.downlinks_lose_one_in = 0;
    house.run(ms(1_000));
    let again = |thread: usize| house.threads[thread].engine.counters().packets_retransmitted;
    assert!(again(1) > 2 && again(0) == 0, "{} and {}", again(1), again(0));
    assert!(missed(&house, people) <= before + 1, "{} more", missed(&house, people) - before);
    assert_eq!(house.people[people[0]].client.key_frames_asked, asked);
}

#[test]
fn what_a_publishers_path_loses_comes_again_for_those_on_other_threads_too() {
    let mut house = House::new(2);
    let people = [house.join(0, &[Source::Camera], 0), house.join(1, &[], 1)];
    house.run(ms(4_000));
    let before = missed(&house, people);
    house.uplinks_lose_one_in = 41;
    house.run(ms(4_000));
    house.uplinks_lose_one_in = 0;
    house.run(ms(1_000));
    assert!(house.threads[0].engine.counters().packets_recovered > 2);
    assert!(missed(&house, people) <= before + 1, "{} more", missed(&house, people) - before);
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
