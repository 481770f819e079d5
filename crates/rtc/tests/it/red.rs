//! Redundant audio: where a packet's own frame is, and under which payload types all are.

use parlor_rtc::fuzzing;
use parlor_rtc::payload::{Facts, MAX_BLOCKS, Red};
use parlor_rtc::sdp::Codec;
use proptest::prelude::*;

/// A payload of these blocks, each 960 ticks after the one before, the packet's own frame last.
fn payload(payload_types: &[u8], blocks: &[Vec<u8>]) -> Vec<u8> {
    let (mut headers, count) = (Vec::new(), blocks.len());
    for (index, (payload_type, block)) in payload_types.iter().zip(blocks).enumerate() {
        if index + 1 == count {
            headers.push(*payload_type);
        } else {
            let offset = 960 * (count - 1 - index) as u32;
            let [_, a, b, c] = (offset << 10 | block.len() as u32).to_be_bytes();
            headers.extend([0x80 | payload_type, a, b, c]);
        }
    }
    [headers, blocks.concat()].concat()
}

fn opus(len: usize) -> Vec<u8> {
    (0..len).map(|at| at as u8).collect()
}

#[test]
fn a_packet_of_chromiums_has_its_own_frame_behind_one_copy() {
    let bytes = payload(&[111, 111], &[opus(70), opus(81)]);
    let red = Red::read(&bytes).unwrap();
    assert_eq!(red.primary(&bytes), opus(81));
    assert_eq!(red.payload_types(&bytes).collect::<Vec<_>>(), [111, 111]);
    let facts = Facts::read(Codec::Red, &bytes, false, &[]).unwrap();
    assert!(facts.starts_frame && facts.ends_frame && facts.starts_key_frame);
}

#[test]
fn the_first_packet_has_no_copy_yet() {
    let bytes = payload(&[111], &[opus(40)]);
    assert_eq!(Red::read(&bytes).unwrap().primary(&bytes), opus(40));
}

#[test]
fn a_packet_may_carry_copies_alone() {
    let bytes = payload(&[111, 111], &[opus(70), Vec::new()]);
    assert!(Red::read(&bytes).unwrap().primary(&bytes).is_empty());
}

#[test]
fn what_is_cut_off_or_has_too_many_blocks_is_refused() {
    let bytes = payload(&[111, 111], &[opus(70), opus(10)]);
    for end in 0..5 + 70 {
        assert_eq!(Red::read(&bytes[..end]), None, "{end} bytes");
    }
    assert_eq!(Facts::read(Codec::Red, &bytes[..20], false, &[]), None);
    let many = |count| payload(&vec![111; count], &vec![opus(5); count]);
    assert!(Red::read(&many(MAX_BLOCKS)).is_some());
    assert!(Red::read(&many(MAX_BLOCKS + 1)).is_none());
}

proptest! {
    #[test]
    fn what_is_wrapped_comes_out_and_other_numbers_change_nothing_else(
        blocks in prop::collection::vec(
            (0u8..128, prop::collection::vec(any::<u8>(), 0..1024)), 1..=MAX_BLOCKS,
        ),
        other in 0u8..128,
    ) {
        let (payload_types, blocks): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
        let mut bytes = payload(&payload_types, &blocks);
        let red = Red::read(&bytes).unwrap();
        prop_assert_eq!(red.primary(&bytes), blocks.last().unwrap());
        prop_assert_eq!(red.payload_types(&bytes).collect::<Vec<_>>(), payload_types);
        red.set_payload_types(&mut bytes, other);
        prop_assert_eq!(bytes, payload(&vec![other; blocks.len()], &blocks));
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..80)) {
        fuzzing::red(&data);
    }
}
