//! A layer that goes on as another codec: its receiver never meets what it cannot begin with.

use std::time::Duration;

use parlor_engine::rewrite::{Decision, DropReason, Outgoing, Rewriter};
use parlor_engine::ring::Facts;
use parlor_rtc::MediaKind;

use crate::rewrite::{FRAME, layer};
use crate::ring::{facts, start};

const BEFORE: u8 = 45;
const AFTER: u8 = 96;

fn rewriter(kind: MediaKind) -> Rewriter {
    Rewriter::new(kind, 90_000, 0x0123_4567_89AB_CDEF)
}

/// The packet with this number, each a picture of its own.
fn packet(sequence: u64, payload_type: u8, key: bool) -> Facts {
    let arrival = start() + FRAME * sequence as u32;
    Facts { payload_type, starts_key_frame: key, ..facts(sequence, arrival) }
}

fn sent(decision: Decision) -> Outgoing {
    match decision {
        Decision::Forward(outgoing) => outgoing,
        Decision::Drop(reason) => panic!("dropped: {reason:?}"),
    }
}

#[test]
fn another_codec_begins_with_a_key_frame_and_leaves_no_gap() {
    let mut rewriter = rewriter(MediaKind::Video);
    let before = sent(rewriter.decide(layer(1), &packet(100, BEFORE, true), true));
    for sequence in 101..103 {
        let decision = rewriter.decide(layer(1), &packet(sequence, AFTER, false), true);
        assert_eq!(decision, Decision::Drop(DropReason::AwaitingKeyFrame));
    }
    let after = sent(rewriter.decide(layer(1), &packet(103, AFTER, true), true));
    assert_eq!(after.sequence, before.sequence + 1);
    assert!(after.timestamp > before.timestamp);
    sent(rewriter.decide(layer(1), &packet(104, AFTER, false), true));
}

#[test]
fn what_comes_late_of_the_codec_before_fills_its_gap() {
    let mut rewriter = rewriter(MediaKind::Video);
    let first = sent(rewriter.decide(layer(1), &packet(100, BEFORE, true), true));
    sent(rewriter.decide(layer(1), &packet(102, BEFORE, false), true));
    sent(rewriter.decide(layer(1), &packet(103, AFTER, true), true));
    let late = sent(rewriter.decide(layer(1), &packet(101, BEFORE, false), true));
    assert_eq!(late.sequence, first.sequence + 1);
    let next = sent(rewriter.decide(layer(1), &packet(104, AFTER, false), true));
    assert_eq!(next.sequence, first.sequence + 4);
}

#[test]
fn another_codec_is_a_beginning_whose_clock_is_the_same_unless_its_first_picture_comes_late() {
    for (late_ms, is_same) in [(0, true), (100, true), (400, false)] {
        let mut rewriter = rewriter(MediaKind::Video);
        sent(rewriter.decide(layer(1), &packet(100, BEFORE, true), true));
        let clock = |rewriter: &Rewriter| rewriter.outgoing_timestamp(123_456).unwrap();
        let (before, beginnings) = (clock(&rewriter), rewriter.beginnings());
        let key_frame = packet(101, AFTER, true);
        let arrival = key_frame.arrival + Duration::from_millis(late_ms);
        sent(rewriter.decide(layer(1), &Facts { arrival, ..key_frame }, true));
        assert_eq!(clock(&rewriter) == before, is_same, "{late_ms} ms late");
        assert_eq!(rewriter.beginnings(), beginnings + 1);
    }
}

#[test]
fn sound_goes_on_whatever_it_is_packed_as() {
    let mut rewriter = rewriter(MediaKind::Audio);
    let mut before = None;
    for (sequence, payload_type) in [(100, BEFORE), (101, AFTER), (103, BEFORE), (102, AFTER)] {
        let decision = rewriter.decide(layer(1), &packet(sequence, payload_type, true), true);
        let Outgoing { sequence: outgoing, timestamp, .. } = sent(decision);
        let offset = (outgoing - sequence, timestamp - sequence * 3000);
        assert_eq!(*before.get_or_insert(offset), offset, "one run");
    }
}
