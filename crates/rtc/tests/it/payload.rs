//! Stories about what payloads say of their frames.

use parlor_rtc::fuzzing;
use parlor_rtc::payload::{
    DependencyDescriptor, Facts, FrameNumbers, Layer, PictureId, Resolution, Vp8Descriptor,
    Vp9Descriptor, rewrite,
};
use parlor_rtc::sdp::Codec;
use proptest::prelude::*;

const VP9: Codec = Codec::Vp9 { profile: 0 };
const AV1: Codec = Codec::Av1 { profile: 0 };
const H264: Codec = Codec::H264 { profile_level_id: 0x42_e01f, packetization_mode: 1 };

fn read(codec: Codec, payload: &[u8]) -> Facts {
    Facts::read(codec, payload, false, &[]).unwrap()
}

fn starts(codec: Codec, payload: &[u8]) -> (bool, bool) {
    let facts = read(codec, payload);
    (facts.starts_frame, facts.starts_key_frame)
}

const fn wide(value: u16) -> Option<PictureId> {
    Some(PictureId { value, wide: true })
}

/// First packet of a VP8 key frame of 640x360 as Chromium sends it: 15-bit picture id, TL0PICIDX,
/// TID with Y, KEYIDX.
const VP8_KEY: [u8; 16] = [
    0x90, 0xF0, 0x81, 0x02, 0x33, 0x21, // descriptor
    0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01, // frame tag, start code, size
];

#[test]
fn sound_begins_anywhere() {
    let facts = read(Codec::Opus, &[1, 2, 3]);
    assert!(facts.starts_frame && facts.ends_frame && facts.starts_key_frame);
}

#[test]
fn a_vp8_key_frame_is_known_by_its_first_packet() {
    let facts = read(Codec::Vp8, &VP8_KEY);
    assert!(facts.starts_frame && facts.starts_key_frame);
    let numbers = FrameNumbers {
        picture_id: wide(0x0102),
        tl0_picture_index: Some(0x33),
        frame_number: None,
    };
    assert_eq!(facts.numbers, numbers);
    assert_eq!(facts.layer, Layer { spatial: 0, temporal: 0, switches_up: true });
    let descriptor = Vp8Descriptor::read(&VP8_KEY).unwrap();
    assert_eq!(descriptor.header_len(), 6);
    assert_eq!(descriptor.key_index, Some(1));
    let size = Resolution { width: 640, height: 360 };
    assert_eq!(descriptor.key_frame_size(&VP8_KEY), Some(size));
}

#[test]
fn later_packets_of_a_vp8_key_frame_do_not_start_it() {
    let mut continued = VP8_KEY;
    continued[0] = 0x80;
    assert_eq!(starts(Codec::Vp8, &continued), (false, false));
    let mut second_partition = VP8_KEY;
    second_partition[0] = 0x91;
    assert_eq!(starts(Codec::Vp8, &second_partition), (false, false));
}

#[test]
fn a_vp8_delta_frame_starts_no_key_frame() {
    let mut delta = VP8_KEY;
    delta[6] |= 1;
    assert_eq!(starts(Codec::Vp8, &delta), (true, false));
    assert_eq!(Vp8Descriptor::read(&delta).unwrap().key_frame_size(&delta), None);
}

#[test]
fn vp8_numbers_are_rewritten_in_the_width_they_have() {
    let numbers =
        FrameNumbers { picture_id: wide(0x7ABC), tl0_picture_index: Some(9), frame_number: None };
    let mut payload = VP8_KEY;
    rewrite(Codec::Vp8, &mut payload, &numbers);
    assert_eq!(payload[..6], [0x90, 0xF0, 0xFA, 0xBC, 9, 0x21]);
    assert_eq!(payload[6..], VP8_KEY[6..]);
    let mut narrow = [0x90, 0x80, 0x11, 0x01];
    assert_eq!(
        read(Codec::Vp8, &narrow).numbers.picture_id,
        Some(PictureId { value: 0x11, wide: false })
    );
    rewrite(Codec::Vp8, &mut narrow, &numbers);
    assert_eq!(narrow, [0x90, 0x80, 0x3C, 0x01]);
}

#[test]
fn a_vp8_descriptor_that_is_cut_off_is_refused() {
    for len in 0..=6 {
        assert_eq!(Facts::read(Codec::Vp8, &VP8_KEY[..len], true, &[]), None, "{len}");
    }
}

#[test]
fn a_vp9_key_picture_begins_at_its_lowest_spatial_layer() {
    // I, L, B, E; 15-bit picture id; TID 0, SID 0; TL0PICIDX.
    let base = [0xAC, 0x80, 0x05, 0x00, 0x77, 1];
    let facts = read(VP9, &base);
    assert!(facts.starts_frame && facts.ends_frame && facts.starts_key_frame);
    assert_eq!(facts.numbers.picture_id, wide(5));
    assert_eq!(facts.numbers.tl0_picture_index, Some(0x77));
    // The same picture's next spatial layer refers to the one below.
    let upper = [0xAC, 0x80, 0x05, 0x03, 0x77, 1];
    assert_eq!(starts(VP9, &upper), (true, false));
    assert_eq!(read(VP9, &upper).layer, Layer { spatial: 1, temporal: 0, switches_up: false });
    // P: predicted from an earlier picture.
    let delta = [0xEC, 0x80, 0x06, 0x00, 0x78, 1];
    assert_eq!(starts(VP9, &delta), (true, false));
    // No B: a later packet.
    let later = [0xA4, 0x80, 0x05, 0x00, 0x77, 1];
    assert_eq!(starts(VP9, &later), (false, false));
}

#[test]
fn flexible_vp9_has_no_tl0_index() {
    let payload = [0xB8, 0x05, 0x32, 0xFF];
    let descriptor = Vp9Descriptor::read(&payload).unwrap();
    assert!(descriptor.is_flexible);
    assert_eq!(descriptor.layer, Some(Layer { spatial: 1, temporal: 1, switches_up: true }));
    assert_eq!(descriptor.numbers().tl0_picture_index, None);
}

#[test]
fn flexible_vp9_names_the_pictures_that_it_refers_to() {
    let references = |payload: &[u8]| Vp9Descriptor::read(payload).map(|read| read.references);
    // I, P, F, B, E: one picture back and four, then the picture.
    assert_eq!(references(&[0xDC, 0x05, 0x03, 0x08, 0xFF]), Some([1, 4, 0]));
    // Three are the most: the bit that announces another is passed over.
    assert_eq!(references(&[0xDC, 0x05, 0x03, 0x09, 0xFF, 0xFF]), Some([1, 4, 127]));
    assert_eq!(references(&[0xDC, 0x05, 0x03, 0x08]), None, "nothing follows");
    assert_eq!(references(&[0xDC, 0x05, 0x03]), None, "one is missing");
    // A key picture refers to none, and other modes do not name them.
    assert_eq!(references(&[0x9C, 0x05, 0xFF]), Some([0; 3]));
    assert_eq!(references(&[0xCC, 0x05, 0xFF]), Some([0; 3]));
}

#[test]
fn vp9_tells_its_layers_and_what_they_lean_on() {
    // I, P, L, B, E, Z: temporal layer 2, a place to switch up, spatial layer 1, on the one below.
    let payload = [0xED, 0x80, 0x06, 0x53, 0x78, 1];
    let descriptor = Vp9Descriptor::read(&payload).unwrap();
    assert!(descriptor.is_inter_predicted && descriptor.is_inter_layer_predicted);
    assert!(descriptor.is_unused_above);
    let facts = read(VP9, &payload);
    assert_eq!(facts.layer, Layer { spatial: 1, temporal: 2, switches_up: true });
    assert!(facts.ends_frame, "of its layer, whatever the marker says");
    assert!(facts.refers_by_picture_id && !read(Codec::Vp8, &VP8_KEY).refers_by_picture_id);
}

#[test]
fn vp9_numbers_are_rewritten_in_place() {
    let mut payload = [0xAC, 0x80, 0x05, 0x00, 0x77, 1];
    let numbers =
        FrameNumbers { picture_id: wide(0x1234), tl0_picture_index: Some(8), frame_number: None };
    rewrite(VP9, &mut payload, &numbers);
    assert_eq!(payload, [0xAC, 0x92, 0x34, 0x00, 8, 1]);
}

#[test]
fn an_h264_key_frame_begins_with_its_sequence_parameters() {
    // On its own, and as the first of an aggregation.
    assert_eq!(starts(H264, &[0x67, 0x42]), (true, true));
    let aggregation = [0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68, 0, 2, 0x65, 0x88];
    assert_eq!(starts(H264, &aggregation), (true, true));
    // Behind a delimiter.
    assert_eq!(starts(H264, &[0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42]), (true, true));
    // The picture itself, and the other parameters, come later.
    assert_eq!(starts(H264, &[0x68, 1]), (false, false));
    assert_eq!(starts(H264, &[0x7C, 0x85, 0x88]), (false, false));
}

#[test]
fn an_h264_picture_begins_at_its_first_macroblock() {
    assert_eq!(starts(H264, &[0x41, 0x9A]), (true, false));
    assert_eq!(starts(H264, &[0x41, 0x1A]), (false, false));
    assert_eq!(starts(H264, &[0x5C, 0x81, 0x9A]), (true, false));
    assert_eq!(starts(H264, &[0x5C, 0x01, 0x9A]), (false, false));
    assert_eq!(starts(H264, &[0x09, 0x10]), (true, false));
}

#[test]
fn an_h264_aggregation_that_is_cut_off_says_what_it_can() {
    assert_eq!(starts(H264, &[0x78, 0, 9, 0x67]), (false, false));
    assert_eq!(starts(H264, &[0x78, 0, 0, 0, 1, 0x67]), (true, true));
    assert_eq!(Facts::read(H264, &[0x7C], true, &[]), None);
}

#[test]
fn an_av1_sequence_begins_where_the_n_bit_says() {
    // N with one OBU of the rest of the packet: a sequence header.
    assert_eq!(starts(AV1, &[0x18, 0x08, 1]), (true, true));
    // Two OBUs, the first with its length: a frame.
    assert_eq!(starts(AV1, &[0x20, 0x02, 0x30, 1, 0x30]), (true, false));
    // Z: the rest of an OBU.
    assert_eq!(starts(AV1, &[0x90, 0x08, 1]), (false, false));
    // A tile group of its own goes on with a frame.
    assert_eq!(starts(AV1, &[0x10, 0x20, 1]), (false, false));
    assert_eq!(Facts::read(AV1, &[0x20, 0x80, 0x80], true, &[]), None);
}

#[test]
fn a_dependency_descriptor_says_where_frames_begin_and_end() {
    let last_of_frame = [0x45, 0x12, 0x34];
    let facts = Facts::read(AV1, &[0x90, 1, 1], false, &last_of_frame).unwrap();
    assert!(!facts.starts_frame && facts.ends_frame && !facts.starts_key_frame);
    assert_eq!(facts.numbers.frame_number, Some(0x1234));
    let with_structure = [0x80, 0, 1, 0x80, 0];
    let facts = Facts::read(AV1, &[0x10, 0x30, 1], false, &with_structure).unwrap();
    assert!(facts.starts_frame && facts.starts_key_frame);
    let descriptor = DependencyDescriptor::read(&last_of_frame).unwrap();
    assert_eq!((descriptor.template_id, descriptor.has_structure), (5, false));
    assert_eq!(DependencyDescriptor::read(&[0x80, 1]), None);
}

#[test]
fn the_marker_ends_a_frame_where_the_codec_does_not_say() {
    for codec in [Codec::Vp8, H264] {
        assert!(Facts::read(codec, &VP8_KEY, true, &[]).unwrap().ends_frame);
        assert!(!read(codec, &VP8_KEY).ends_frame);
    }
}

proptest! {
    #[test]
    fn any_payload_of_any_codec_is_survived(data in prop::collection::vec(any::<u8>(), 0..80)) {
        fuzzing::payload(&data);
    }

    #[test]
    fn str0m_finds_the_same_numbers_in_vp8(payload in prop::collection::vec(any::<u8>(), 0..12)) {
        use str0m::rtp::Vp8Descriptor as Oracle;
        // It reads a picture with nothing behind its descriptor, and refuses reserved combinations.
        if let (Some(ours), Ok(theirs)) = (Vp8Descriptor::read(&payload), Oracle::parse(&payload)) {
            prop_assert_eq!(ours.numbers().picture_id.map(|id| id.value), theirs.picture_id());
            prop_assert_eq!(ours.numbers().tl0_picture_index, theirs.tl0_pic_idx());
            prop_assert_eq!(ours.key_index, theirs.key_idx());
            prop_assert_eq!(ours.starts_key_frame(&payload), theirs.starts_keyframe(&payload));
        }
    }
}
