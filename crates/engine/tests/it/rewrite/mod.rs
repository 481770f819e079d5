//! Whatever a slot is fed from, its receiver sees one unbroken stream.

mod camera;

use std::time::Duration;

use parlor_engine::id::{LayerId, TrackId};
use parlor_engine::rewrite::{Decision, DropReason, MAX_GAP, Outgoing, Rewriter, WINDOW};
use parlor_engine::ring::Facts;
use parlor_rtc::MediaKind;

use crate::ring::{facts, start};
use camera::Camera;

pub(crate) use camera::FRAME;

pub(crate) fn layer(track: u64) -> LayerId {
    LayerId { track: TrackId(track), index: 0 }
}

fn video() -> Rewriter {
    Rewriter::new(MediaKind::Video, 90_000, 0x0123_4567_89AB_CDEF)
}

fn sent(decision: Decision) -> Outgoing {
    match decision {
        Decision::Forward(outgoing) => outgoing,
        Decision::Drop(reason) => panic!("dropped: {reason:?}"),
    }
}

fn forward(rewriter: &mut Rewriter, layer: LayerId, packets: &[Facts]) -> Vec<Outgoing> {
    packets.iter().map(|facts| sent(rewriter.decide(layer, facts, true))).collect()
}

fn drop_by_choice(rewriter: &mut Rewriter, layer: LayerId, packets: &[Facts]) {
    for facts in packets {
        let decision = rewriter.decide(layer, facts, false);
        assert_eq!(decision, Decision::Drop(DropReason::NotWanted));
    }
}

fn picture(outgoing: &Outgoing) -> u16 {
    outgoing.numbers.picture_id.unwrap().value
}

/// Asserts that `next` begins the frame right behind `last`, in all its numbers.
fn assert_follows(last: &Outgoing, next: &Outgoing) {
    assert_follows_after(0, last, next);
}

/// The same when so many frames between them were dropped by choice. They have no sequence numbers or
/// picture ids, but their frame numbers stay unused: frames refer to others by the distance of those.
fn assert_follows_after(dropped: u16, last: &Outgoing, next: &Outgoing) {
    assert_eq!(next.sequence, last.sequence + 1);
    assert_eq!(picture(next), (picture(last) + 1) & 0x7FFF);
    let tl0 = |o: &Outgoing| o.numbers.tl0_picture_index.unwrap();
    assert_eq!(tl0(next), tl0(last).wrapping_add(1));
    let number = |o: &Outgoing| o.numbers.frame_number.unwrap();
    assert_eq!(number(next), number(last).wrapping_add(1 + dropped));
}

#[test]
fn video_begins_at_a_key_frame() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    let waiting = camera.frame(2, false);
    let decision = rewriter.decide(layer(1), &waiting[0], true);
    assert_eq!(decision, Decision::Drop(DropReason::AwaitingKeyFrame));
    assert_eq!(rewriter.layer(), None);
    let out = forward(&mut rewriter, layer(1), &camera.frame(2, true));
    assert!(out[0].sequence < 1 << 15);
    assert_eq!(out[1].sequence, out[0].sequence + 1);
    assert_eq!(out[1].timestamp, out[0].timestamp);
    let decision = rewriter.decide(layer(1), &waiting[1], true);
    assert_eq!(decision, Decision::Drop(DropReason::TooLate));
}

#[test]
fn a_frame_dropped_by_choice_leaves_no_trace() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    let key = forward(&mut rewriter, layer(1), &camera.frame(2, true));
    drop_by_choice(&mut rewriter, layer(1), &camera.frame(3, false));
    let next = forward(&mut rewriter, layer(1), &camera.frame(1, false));
    assert_follows_after(1, &key[1], &next[0]);
    assert_eq!(next[0].timestamp, key[0].timestamp + 2 * 2970);
}

#[test]
fn a_lost_packet_leaves_one_gap_which_it_fills_when_it_is_recovered() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    let frame = camera.frame(4, true);
    let out = forward(&mut rewriter, layer(1), &[frame[0], frame[1], frame[3]]);
    assert_eq!(out[2].sequence, out[1].sequence + 2);
    let later = forward(&mut rewriter, layer(1), &camera.frame(1, false));
    let late = Facts { recovered: true, arrival: camera.now, ..frame[2] };
    let filled = sent(rewriter.decide(layer(1), &late, true));
    assert_eq!(filled.sequence, out[1].sequence + 1);
    assert_eq!(filled.timestamp, out[1].timestamp);
    assert_eq!(filled.numbers, out[1].numbers);
    assert_eq!(later[0].sequence, out[2].sequence + 1);
    let again = rewriter.decide(layer(1), &late, true);
    assert_eq!(again, Decision::Drop(DropReason::Duplicate));
}

#[test]
fn a_missing_packet_counts_as_wanted_until_its_frame_proves_otherwise() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    let key = forward(&mut rewriter, layer(1), &camera.frame(1, true));
    // The middle of a dropped frame is missing: known to be unwanted.
    let dropped = camera.frame(4, false);
    drop_by_choice(&mut rewriter, layer(1), &[dropped[0], dropped[3]]);
    let next = forward(&mut rewriter, layer(1), &camera.frame(1, false));
    assert_follows_after(1, &key[0], &next[0]);
    // Its end is missing: the next frame proves it.
    let dropped = camera.frame(2, false);
    drop_by_choice(&mut rewriter, layer(1), &dropped[..1]);
    let after = forward(&mut rewriter, layer(1), &camera.frame(1, false));
    assert_follows_after(1, &next[0], &after[0]);
    // Its start is missing: the rest proves it.
    let dropped = camera.frame(2, false);
    drop_by_choice(&mut rewriter, layer(1), &dropped[1..]);
    let last = forward(&mut rewriter, layer(1), &camera.frame(1, false));
    assert_follows_after(1, &after[0], &last[0]);
    // A frame of which nothing arrived may have been wanted.
    camera.frame(1, false);
    let end = forward(&mut rewriter, layer(1), &camera.frame(1, false));
    assert_eq!(end[0].sequence, last[0].sequence + 2);
    assert_eq!(picture(&end[0]), (picture(&last[0]) + 2) & 0x7FFF);
}

#[test]
fn a_packet_of_a_dropped_frame_that_comes_late_stays_dropped() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    forward(&mut rewriter, layer(1), &camera.frame(1, true));
    let dropped = camera.frame(3, false);
    drop_by_choice(&mut rewriter, layer(1), &[dropped[0], dropped[2]]);
    forward(&mut rewriter, layer(1), &camera.frame(1, false));
    let late = rewriter.decide(layer(1), &dropped[1], true);
    assert_eq!(late, Decision::Drop(DropReason::TooLate));
}

#[test]
fn a_switch_to_another_track_is_not_noticed() {
    let mut rewriter = video();
    let mut first = Camera::new(start(), 100, 0);
    let mut second = Camera::new(start(), 60_000, 4_000_000_000);
    let before = forward(&mut rewriter, layer(1), &first.frame(2, true));
    for _ in 0..10 {
        second.frame(3, false);
    }
    let decision = rewriter.decide(layer(2), &second.frame(1, false)[0], true);
    assert_eq!(decision, Decision::Drop(DropReason::AwaitingKeyFrame));
    assert_eq!(rewriter.layer(), Some(layer(1)));
    let elapsed = FRAME * 11;
    let after = forward(&mut rewriter, layer(2), &second.frame(2, true));
    assert_eq!(rewriter.layer(), Some(layer(2)));
    assert_follows(&before[1], &after[0]);
    let step = after[0].timestamp - before[1].timestamp;
    assert_eq!(step, elapsed.as_millis() as u64 * 90);
}

#[test]
fn quick_switches_advance_by_a_frame_each_and_do_not_run_away_from_real_time() {
    let mut rewriter = video();
    let begin = start();
    let mut cameras = [1u64, 2].map(|n| Camera::new(begin, n * 1000, n * 1_000_000));
    let mut last: Option<Outgoing> = None;
    let mut first = None;
    for n in 0..2_000 {
        let camera = &mut cameras[n % 2];
        // Switches 5 ms apart: faster than frames.
        camera.now = begin + Duration::from_millis(5) * n as u32;
        let key = camera.frame(1, true);
        let out = forward(&mut rewriter, layer(n as u64 % 2), &key)[0];
        first.get_or_insert(out);
        if let Some(last) = last {
            assert!(out.timestamp >= last.timestamp + 3000);
        }
        last = Some(out);
    }
    // Then at rest for long enough: the debt is paid back.
    let camera = &mut cameras[0];
    camera.now = begin + Duration::from_secs(100);
    let out = forward(&mut rewriter, layer(0), &camera.frame(1, true))[0];
    let ticks = out.timestamp - first.unwrap().timestamp;
    assert!(ticks.abs_diff(100 * 90_000) < 3000, "{ticks}");
}

#[test]
fn a_pause_leaves_no_gap_and_timestamps_go_on_with_real_time() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    let before = forward(&mut rewriter, layer(1), &camera.frame(2, true));
    rewriter.pause();
    for _ in 0..100 {
        camera.frame(2, false);
    }
    let decision = rewriter.decide(layer(1), &camera.frame(2, false)[0], true);
    assert_eq!(decision, Decision::Drop(DropReason::AwaitingKeyFrame));
    // Its arrival jitters by 20 ms, but the source's own clock is trusted.
    camera.now += Duration::from_millis(20);
    let after = forward(&mut rewriter, layer(1), &camera.frame(2, true));
    assert_follows(&before[1], &after[0]);
    assert_eq!(after[0].timestamp - before[0].timestamp, 102 * 2970);
}

#[test]
fn a_source_whose_clock_stood_still_over_a_pause_goes_on_with_real_time() {
    let mut rewriter = Rewriter::new(MediaKind::Audio, 48_000, 7);
    let now = start();
    let sound = |sequence: u64, millis: u64| Facts {
        timestamp: sequence * 960,
        starts_key_frame: true,
        ..facts(sequence, now + Duration::from_millis(millis))
    };
    let before = sent(rewriter.decide(layer(1), &sound(10, 0), true));
    rewriter.pause();
    let after = sent(rewriter.decide(layer(1), &sound(11, 5_000), true));
    assert_eq!(after.sequence, before.sequence + 1);
    assert_eq!(after.timestamp, before.timestamp + 5 * 48_000);
}

#[test]
fn audio_switches_at_once() {
    let mut rewriter = Rewriter::new(MediaKind::Audio, 48_000, 7);
    let now = start();
    let packet = |sequence, later| Facts { starts_key_frame: true, ..facts(sequence, now + later) };
    let first = sent(rewriter.decide(layer(1), &packet(10, Duration::ZERO), true));
    let second = sent(rewriter.decide(layer(2), &packet(9_000, FRAME), true));
    assert_eq!(second.sequence, first.sequence + 1);
    assert_eq!(second.timestamp, first.timestamp + 33 * 48);
    let again = sent(rewriter.decide(layer(1), &packet(11, FRAME), true));
    assert_eq!(again.sequence, second.sequence + 1);
    assert_eq!(again.timestamp, second.timestamp + 960);
}

#[test]
fn a_source_that_begins_anew_looks_like_one_lost_packet() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 1 << 40);
    let before = forward(&mut rewriter, layer(1), &camera.frame(2, true));
    camera.sequence += MAX_GAP + 1;
    camera.timestamp = 7;
    let after = forward(&mut rewriter, layer(1), &camera.frame(2, true));
    assert_eq!(after[0].sequence, before[1].sequence + 2);
    let step = after[0].timestamp - before[1].timestamp;
    assert_eq!(step, 3000, "33 ms are less than the shortest step");
    assert_eq!(rewriter.original((before[1].sequence + 1) as u16), None);
}

#[test]
fn a_nack_is_traced_back_over_switches_and_pauses() {
    let mut rewriter = video();
    let mut first = Camera::new(start(), 100, 0);
    let mut second = Camera::new(start(), 65_530, 1_000_000);
    let mut expected = Vec::new();
    for round in 0..5u64 {
        let (camera, from) =
            if round % 2 == 0 { (&mut first, layer(1)) } else { (&mut second, layer(2)) };
        for frame in 0..3 {
            let packets = camera.frame(3, frame == 0);
            if frame == 1 {
                drop_by_choice(&mut rewriter, from, &packets);
                continue;
            }
            for facts in &packets {
                expected.push((sent(rewriter.decide(from, facts, true)), from, *facts));
            }
        }
        if round == 2 {
            rewriter.pause();
        }
    }
    for (outgoing, from, facts) in &expected {
        let original = rewriter.original(outgoing.sequence as u16).unwrap();
        assert_eq!((original.layer, original.sequence), (*from, facts.sequence));
        assert_eq!(original.outgoing(facts), *outgoing);
    }
    let (last, ..) = expected.last().unwrap();
    assert_eq!(rewriter.original((last.sequence + 1) as u16), None);
    let (first, ..) = expected[0];
    assert_eq!(rewriter.original((first.sequence - 1) as u16), None);
}

#[test]
fn a_packet_too_late_for_replay_windows_is_not_sent() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 100, 0);
    forward(&mut rewriter, layer(1), &camera.frame(1, true));
    let lost = camera.frame(1, false)[0];
    for _ in 0..WINDOW {
        forward(&mut rewriter, layer(1), &camera.frame(1, false));
    }
    let late = rewriter.decide(layer(1), &lost, true);
    assert_eq!(late, Decision::Drop(DropReason::TooLate));
}

#[test]
fn sender_reports_can_be_translated() {
    let mut rewriter = video();
    assert_eq!(rewriter.outgoing_timestamp(5), None);
    let mut camera = Camera::new(start(), 100, u64::from(u32::MAX) - 10_000);
    for _ in 0..5 {
        let packet = camera.frame(1, true);
        let out = forward(&mut rewriter, layer(1), &packet)[0];
        let translated = rewriter.outgoing_timestamp(packet[0].timestamp as u32);
        assert_eq!(translated, Some(out.timestamp as u32));
    }
}

#[test]
fn three_hours_of_wrapping_numbers_are_unbroken() {
    let mut rewriter = video();
    let mut camera = Camera::new(start(), 65_000, u64::from(u32::MAX) - 1_000_000);
    let mut last: Option<Outgoing> = None;
    for frame in 0..3 * 3600 * 30 {
        let packets = camera.frame(3, frame % 3000 == 0);
        if frame % 2 == 1 {
            drop_by_choice(&mut rewriter, layer(1), &packets);
            continue;
        }
        let out = forward(&mut rewriter, layer(1), &packets);
        if let Some(last) = last {
            assert_follows_after(1, &last, &out[0]);
            assert_eq!(out[0].timestamp, last.timestamp + 2 * 2970);
        }
        last = out.last().copied();
    }
    let sequence = last.unwrap().sequence;
    assert!(sequence > 7 * (1 << 16), "{sequence}");
}

#[test]
fn an_outage_longer_than_any_gap_is_shown_as_one_loss() {
    let key_frame = [0, 0x30];
    let lost_frame = [1, 0x7F];
    let frame = [1, 0x70];
    let outage = lost_frame.repeat(MAX_GAP as usize / 4 + 1);
    let script = [&key_frame[..], &outage, &frame, &lost_frame, &frame].concat();
    parlor_engine::fuzzing::rewriter(start(), &script);
}

#[test]
fn what_is_recovered_from_between_two_new_beginnings_is_in_its_place() {
    let lost_key_frame = [0, 0x27];
    let new_beginning = [15, 0];
    let recover_first_of_it = [9, 2];
    let script = [lost_key_frame, new_beginning, recover_first_of_it].concat().repeat(2);
    parlor_engine::fuzzing::rewriter(start(), &script);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..Default::default()
    })]
    #[test]
    fn no_script_of_losses_drops_switches_and_pauses_breaks_the_rules(
        script in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..1500)
    ) {
        parlor_engine::fuzzing::rewriter(start(), &script);
    }
}
