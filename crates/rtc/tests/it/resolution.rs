//! Stories about reading the size of pictures from the packets that begin key frames.

use parlor_rtc::fuzzing;
use parlor_rtc::payload::{Resolution, Resolutions};
use parlor_rtc::sdp::Codec;
use proptest::prelude::*;

const VP9: Codec = Codec::Vp9 { profile: 0 };
const AV1: Codec = Codec::Av1 { profile: 0 };
const H264: Codec = Codec::H264 { profile_level_id: 0x42_e01f, packetization_mode: 1 };

fn size(width: u16, height: u16) -> Option<Resolution> {
    Some(Resolution { width, height })
}

/// The size of the lowest spatial layer.
fn read(codec: Codec, payload: &[u8]) -> Option<Resolution> {
    Resolutions::read(codec, payload, &[])?.of(0)
}

/// Writes what the parsers read.
#[derive(Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn number(&mut self, count: u32, number: u32) -> &mut Writer {
        self.bits.extend((0..count).rev().map(|bit| number >> bit & 1 == 1));
        self
    }

    fn flags(&mut self, flags: &[u32]) -> &mut Writer {
        self.bits.extend(flags.iter().map(|flag| *flag == 1));
        self
    }

    fn exp_golomb(&mut self, numbers: &[u32]) -> &mut Writer {
        for number in numbers {
            let zeros = (number + 1).ilog2();
            self.number(zeros, 0).number(zeros + 1, number + 1);
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.bits.chunks(8).map(byte).collect()
    }
}

/// Puts the bytes between that keep start codes out of a NAL unit (ITU-T H.264 section 7.4.1).
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in bytes {
        if byte <= 3 && escaped.ends_with(&[0, 0]) {
            escaped.push(3);
        }
        escaped.push(byte);
    }
    escaped
}

/// How the order of pictures is counted: not at all, by some bits, by a list.
const ORDERS: [fn(&mut Writer) -> &mut Writer; 3] = [
    |writer| writer.exp_golomb(&[2]),
    |writer| writer.exp_golomb(&[0, 4]),
    |writer| writer.exp_golomb(&[1]).flags(&[0]).exp_golomb(&[3, 4, 2, 5, 6]),
];

/// Sequence parameters of a profile up to the size.
fn parameters(profile: u32, order: fn(&mut Writer) -> &mut Writer) -> Writer {
    let mut writer = Writer::default();
    writer.number(8, 0x67).number(8, profile).number(8, 0).number(8, 0x1F);
    writer.exp_golomb(&[0]);
    if profile == 100 {
        // 4:2:0, 8 bits, one scaling list of 16 that ends after its second entry.
        writer.exp_golomb(&[1, 0, 0]).flags(&[0, 1]);
        writer.flags(&[1]).exp_golomb(&[1, 18]).flags(&[0, 0, 0, 0, 0, 0, 0]);
    }
    order(writer.exp_golomb(&[0]));
    writer.exp_golomb(&[1]).flags(&[0]);
    writer
}

/// Frames of 1920x1088 of which the lowest 8 rows are cut off.
fn full_hd(profile: u32) -> Vec<u8> {
    let mut writer = parameters(profile, ORDERS[0]);
    writer.exp_golomb(&[119, 67]).flags(&[1, 1, 1]).exp_golomb(&[0, 0, 0, 4]).flags(&[0, 1]);
    escaped(&writer.bytes())
}

#[test]
fn vp8_tells_its_size_in_the_first_packet_of_a_key_frame() {
    let payload = [0x10, 0x02, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x42, 0x68, 0x01];
    assert_eq!(read(Codec::Vp8, &payload), size(640, 360));
    let no_start_code = [0x10, 0x02, 0x00, 0x00, 0x9D, 0x01, 0x2B, 0x80, 0x42, 0x68, 0x01];
    assert_eq!(read(Codec::Vp8, &no_start_code), None);
    let no_width = [0x10, 0x02, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x00, 0x00, 0x68, 0x01];
    assert_eq!(read(Codec::Vp8, &no_width), None);
}

#[test]
fn h264_tells_its_size_in_sequence_parameters_on_their_own_or_aggregated() {
    let unit = full_hd(66);
    assert_eq!(read(H264, &unit), size(1920, 1080));
    let mut aggregation = vec![0x78, 0, 2, 0x09, 0x10, 0, unit.len() as u8];
    aggregation.extend_from_slice(&unit);
    aggregation.extend_from_slice(&[0, 2, 0x68, 0xCE]);
    assert_eq!(read(H264, &aggregation), size(1920, 1080));
    // A slice, and one part of several, tell nothing.
    assert_eq!(read(H264, &[0x65, 0x88]), None);
    assert_eq!(read(H264, &[0x7C, 0x87, 0x42]), None);
}

#[test]
fn high_profile_describes_its_samples_before_the_size() {
    assert_eq!(read(H264, &full_hd(100)), size(1920, 1080));
}

#[test]
fn h264_of_fields_has_units_of_twice_the_height() {
    let mut writer = parameters(77, ORDERS[1]);
    writer.exp_golomb(&[44, 17]).flags(&[0, 1, 1, 1]).exp_golomb(&[0, 0, 0, 1]);
    // 720 wide; 18 units of 32 rows, without 1 unit of 4.
    assert_eq!(read(H264, &escaped(&writer.bytes())), size(720, 572));
}

#[test]
fn h264_may_list_how_its_picture_order_goes() {
    let mut writer = parameters(66, ORDERS[2]);
    writer.exp_golomb(&[39, 22]).flags(&[1, 1, 1]).exp_golomb(&[0, 0, 0, 4]);
    assert_eq!(read(H264, &escaped(&writer.bytes())), size(640, 360));
}

#[test]
fn h264_that_crops_more_than_there_is_has_no_size() {
    let mut writer = parameters(66, ORDERS[0]);
    writer.exp_golomb(&[0, 0]).flags(&[1, 1, 1]).exp_golomb(&[4, 4, 0, 0]).flags(&[1]);
    assert_eq!(read(H264, &escaped(&writer.bytes())), None);
    let mut writer = parameters(66, ORDERS[0]);
    writer.exp_golomb(&[1 << 30, 0]).flags(&[1, 1, 0]);
    assert_eq!(read(H264, &escaped(&writer.bytes())), None);
}

/// Beginnings of key frames that Chromium's encoders made.
mod chromium {
    pub(super) const VP8_640_360: [u8; 10] =
        [0x50, 0x33, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01];
    pub(super) const VP9_322_182: [u8; 12] =
        [0x82, 0x49, 0x83, 0x42, 0x50, 0x14, 0x10, 0x0B, 0x56, 0x08, 0x38, 0x24];
    /// Error resilient, with three temporal layers.
    pub(super) const VP9_1280_720: [u8; 12] =
        [0x83, 0x49, 0x83, 0x42, 0x50, 0x4F, 0xF0, 0x2C, 0xF0, 0xF0, 0xE0, 0x90];
    /// Constrained baseline.
    pub(super) const H264_322_182: [u8; 18] = [
        0x67, 0x42, 0xC0, 0x0D, 0x8C, 0x8D, 0x40, 0xA8, 0xCB, 0x11, 0x34, 0xDC, 0x04, 0x34, 0x04,
        0x1E, 0x11, 0x08,
    ];
    /// High profile.
    pub(super) const H264_1920_1080: [u8; 20] = [
        0x67, 0x64, 0x0C, 0x28, 0xAC, 0x19, 0x1A, 0x80, 0x78, 0x02, 0x27, 0xE5, 0x9B, 0x80, 0x86,
        0x80, 0x83, 0xC2, 0x21, 0x1A,
    ];
    pub(super) const AV1_640_360: [u8; 15] =
        [0x0A, 0x0D, 0x00, 0x00, 0x00, 0x0C, 0xC4, 0xFF, 0x67, 0x00, 0x68, 0x80, 0x86, 0x80, 0xC2];
    /// With three temporal layers, and so three operating points.
    pub(super) const AV1_1280_720: [u8; 20] = [
        0x0A, 0x12, 0x00, 0x21, 0x07, 0x28, 0x81, 0x94, 0x40, 0x4B, 0x53, 0x3F, 0xEC, 0xF0, 0x06,
        0x88, 0x08, 0x68, 0x0C, 0x20,
    ];
}

#[test]
fn what_chromium_encodes_has_the_size_it_was_told_to() {
    let packet = |header: &[u8], frame: &[u8]| [header, frame].concat();
    let vp8 = packet(&[0x10], &chromium::VP8_640_360);
    assert_eq!(read(Codec::Vp8, &vp8), size(640, 360));
    assert_eq!(read(VP9, &packet(&[0x08], &chromium::VP9_322_182)), size(322, 182));
    assert_eq!(read(VP9, &packet(&[0x08], &chromium::VP9_1280_720)), size(1280, 720));
    assert_eq!(read(H264, &chromium::H264_322_182), size(322, 182));
    assert_eq!(read(H264, &chromium::H264_1920_1080), size(1920, 1080));
    assert_eq!(read(AV1, &packet(&[0x18], &chromium::AV1_640_360)), size(640, 360));
    assert_eq!(read(AV1, &packet(&[0x18], &chromium::AV1_1280_720)), size(1280, 720));
    // Behind a temporal delimiter, which has no place in RTP.
    assert_eq!(read(AV1, &packet(&[0x28, 2, 0x12, 0], &chromium::AV1_640_360)), size(640, 360));
}

/// A VP9 frame of profile 0 from its first bit to its size.
fn vp9_frame(width: u32, height: u32) -> Vec<u8> {
    let mut writer = Writer::default();
    // Marker, profile, shown before, key frame, shown, error resilient, sync code, colours.
    writer.number(2, 2).number(2, 0).flags(&[0, 0, 1, 0]).number(24, 0x49_83_42);
    writer.number(3, 2).flags(&[0]).number(16, width - 1).number(16, height - 1);
    writer.bytes()
}

#[test]
fn vp9_tells_its_size_in_the_frame_when_there_is_no_structure() {
    // B, E and a picture id in front.
    let payload = [vec![0x8C, 0x05], vp9_frame(1280, 720)].concat();
    assert_eq!(read(VP9, &payload), size(1280, 720));
    let delta = [vec![0xCC, 0x05], vp9_frame(1280, 720)].concat();
    assert_eq!(read(VP9, &delta), None);
}

#[test]
fn vp9_tells_the_size_of_every_spatial_layer_in_its_structure() {
    // I, L, B and V; picture id; layer 0; TL0PICIDX; three layers with sizes.
    let mut payload = vec![0xAA, 0x05, 0x00, 0x09, 0x50];
    for (width, height) in [(320_u16, 180_u16), (640, 360), (1280, 720)] {
        payload.extend(width.to_be_bytes());
        payload.extend(height.to_be_bytes());
    }
    payload.push(0);
    let resolutions = Resolutions::read(VP9, &payload, &[]).unwrap();
    assert_eq!(resolutions.of(0), size(320, 180));
    assert_eq!(resolutions.of(1), size(640, 360));
    assert_eq!(resolutions.of(2), size(1280, 720));
    assert_eq!(resolutions.of(3), None);
    assert_eq!(resolutions.of(200), None);
}

#[test]
fn a_vp9_structure_without_sizes_leaves_it_to_the_frame() {
    // One layer, a group of two pictures, the second with two references.
    let structure = [0x8E, 0x05, 0x08, 0x02, 0x00, 0x08, 0x01, 0x02];
    let payload = [structure.to_vec(), vp9_frame(320, 180)].concat();
    assert_eq!(read(VP9, &payload), size(320, 180));
}

/// An AV1 sequence header from behind its OBU header.
fn av1_sequence(operating_points: &[u32], with_decoder_model: bool) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(3, 0).flags(&[0, 0]);
    if with_decoder_model {
        // Ticks, each as long as the others; delays of 10 bits.
        writer.flags(&[1]).number(32, 1).number(32, 30).flags(&[1]).exp_golomb(&[0]);
        writer.flags(&[1]).number(5, 9).number(32, 1).number(10, 0);
    } else {
        writer.flags(&[0]);
    }
    writer.flags(&[1]).number(5, operating_points.len() as u32 - 1);
    for point in operating_points {
        writer.number(12, *point).number(5, 8).flags(&[0]);
        if with_decoder_model {
            writer.flags(&[1]).number(10, 3).number(10, 3).flags(&[1]);
        }
        writer.flags(&[1]).number(4, 3);
    }
    writer.number(4, 10).number(4, 9).number(11, 1279).number(10, 719).number(16, 0);
    writer.bytes()
}

#[test]
fn av1_tells_its_size_in_the_sequence_header() {
    for with_decoder_model in [false, true] {
        // One OBU of the rest of the packet.
        let payload = [vec![0x18, 0x08], av1_sequence(&[0], with_decoder_model)].concat();
        assert_eq!(read(AV1, &payload), size(1280, 720));
    }
    // With its length, a frame behind it; the OBU has an extension and a size of its own.
    let sequence = av1_sequence(&[0], false);
    let mut payload = vec![0x28, sequence.len() as u8 + 3, 0x0E, 0x00, sequence.len() as u8];
    payload.extend_from_slice(&sequence);
    payload.extend_from_slice(&[0x30, 1, 2]);
    assert_eq!(read(AV1, &payload), size(1280, 720));
    // The rest of an OBU, and a frame, tell nothing.
    assert_eq!(read(AV1, &[0x90, 0x08, 0, 0, 0]), None);
    assert_eq!(read(AV1, &[0x10, 0x30, 0, 0, 0]), None);
}

#[test]
fn av1_tells_the_size_of_the_largest_spatial_layer_alone() {
    let payload = [vec![0x18, 0x08], av1_sequence(&[0x703, 0x301, 0x100], false)].concat();
    let resolutions = Resolutions::read(AV1, &payload, &[]).unwrap();
    assert_eq!(resolutions.of(2), size(1280, 720));
    assert_eq!((resolutions.of(0), resolutions.of(1)), (None, None));
}

/// The dependency descriptor of two spatial layers with two temporal ones each.
fn descriptor(with_sizes: bool) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(24, 0x80_00_01).flags(&[1, 0, 0, 0, 0]).number(6, 0).number(5, 3);
    for next in [1, 2, 1, 3] {
        writer.number(2, next);
    }
    for _ in 0..4 * 4 {
        writer.number(2, 2);
    }
    // The first template refers to nothing, the others to one frame or two.
    writer.flags(&[0]).flags(&[1]).number(4, 1).flags(&[0]);
    writer.flags(&[1]).number(4, 1).flags(&[1]).number(4, 2).flags(&[0]);
    writer.flags(&[1]).number(4, 1).flags(&[0]);
    // Two chains of at most four, in three bits where two do not do; each target by one of two.
    writer.number(2, 2).flags(&[0, 0, 1, 1]);
    for _ in 0..4 * 2 {
        writer.number(4, 7);
    }
    writer.flags(&[u32::from(with_sizes)]);
    if with_sizes {
        writer.number(16, 639).number(16, 359).number(16, 1279).number(16, 719);
    }
    writer.bytes()
}

#[test]
fn a_dependency_descriptor_tells_the_size_of_every_spatial_layer() {
    let resolutions = Resolutions::read(AV1, &[0x10, 0x30], &descriptor(true)).unwrap();
    assert_eq!((resolutions.of(0), resolutions.of(1)), (size(640, 360), size(1280, 720)));
    assert_eq!(resolutions.of(2), None);
}

#[test]
fn a_descriptor_without_sizes_leaves_it_to_the_sequence_header() {
    let payload = [vec![0x18, 0x08], av1_sequence(&[0], false)].concat();
    for descriptor in [descriptor(false), vec![0x80, 0, 1], vec![0x80, 0, 1, 0x80]] {
        let resolutions = Resolutions::read(AV1, &payload, &descriptor).unwrap();
        assert_eq!(resolutions.of(0), size(1280, 720));
    }
}

#[test]
fn a_key_frame_that_is_cut_off_before_its_size_tells_none() {
    let vp9 = [vec![0x8C, 0x05], vp9_frame(1280, 720)].concat();
    let av1 = [vec![0x18, 0x08], av1_sequence(&[0], true)].concat();
    for (codec, payload, behind) in [(H264, full_hd(100), 2), (VP9, vp9, 1), (AV1, av1, 3)] {
        for len in 0..payload.len() - behind {
            assert_eq!(read(codec, &payload[..len]), None, "{len} of {codec:?}");
        }
    }
    let value = descriptor(true);
    for len in 0..value.len() - 1 {
        assert_eq!(Resolutions::read(AV1, &[], &value[..len]), None, "{len}");
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_a_real_beginning_are_survived(
        which in 0_usize..4,
        keep in 0_usize..40,
        tail in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        // The first byte chooses the codec, the second how long the descriptor is.
        let (codec, payload) = [
            (3, full_hd(100)),
            (2, vec![0xAA, 0x05, 0x00, 0x09, 0x50]),
            (4, [vec![0x18, 0x08], av1_sequence(&[0x703, 0x301], true)].concat()),
            (4, descriptor(true)),
        ][which].clone();
        let descriptor_len = if which == 3 { 31 } else { 0 };
        let kept = &payload[..keep.min(payload.len())];
        fuzzing::payload(&[&[codec, descriptor_len], kept, &tail].concat());
    }
}
