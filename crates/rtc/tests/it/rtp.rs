//! Stories about RTP headers, extensions and the numbers that wrap.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::{
    AbsSendTime, AudioLevel, ColorSpace, ExtensionKind, ExtensionMap, HeaderFields, HeaderTemplate,
    InvalidExtensionId, InvalidRtp, NtpClock, NtpTime, RtpView, SequenceExtender, Ssrc,
    TimestampExtender, VideoOrientation,
};
use parlor_rtc::{MediaKind, Mid, fuzzing};
use proptest::prelude::*;

fn map(ids: &[(u8, ExtensionKind)]) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for &(id, kind) in ids {
        map.insert(id, kind).unwrap();
    }
    map
}

fn browser_map() -> ExtensionMap {
    map(&[
        (1, ExtensionKind::AudioLevel),
        (2, ExtensionKind::AbsSendTime),
        (3, ExtensionKind::TransportSequence),
        (4, ExtensionKind::Mid),
        (10, ExtensionKind::Rid),
        (11, ExtensionKind::RepairedRid),
        (12, ExtensionKind::DependencyDescriptor),
        (13, ExtensionKind::VideoOrientation),
        (14, ExtensionKind::ColorSpace),
    ])
}

/// A packet with an extension block of `profile` and `block`, whole words.
fn packet(profile: u16, block: &[u8], payload: &[u8]) -> Vec<u8> {
    assert_eq!(block.len() % 4, 0);
    let mut packet = vec![0x90, 0x80 | 96, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7];
    packet.extend(profile.to_be_bytes());
    packet.extend(((block.len() / 4) as u16).to_be_bytes());
    packet.extend(block);
    packet.extend(payload);
    packet
}

fn fields<'a>() -> HeaderFields<'a> {
    HeaderFields {
        payload_type: 96,
        marker: true,
        sequence: 0x1234,
        timestamp: 0x8765_4321,
        transport_sequence: 0xABCD,
        abs_send_time: AbsSendTime(0x12_3456),
        audio_level: None,
        video_orientation: None,
        color_space: None,
        dependency_descriptor: &[],
    }
}

#[test]
fn a_plain_header_says_what_it_holds() {
    let packet = [0x80, 111, 0xFF, 0xFE, 0, 0, 0, 9, 0, 0, 0, 7, 1, 2, 3];
    let view = RtpView::parse(&packet, &browser_map()).unwrap();
    assert_eq!((view.ssrc, view.sequence, view.timestamp), (Ssrc(7), 0xFFFE, 9));
    assert_eq!((view.payload_type, view.marker), (111, false));
    assert_eq!(view.payload.of(&packet), [1, 2, 3]);
}

#[test]
fn contributing_sources_and_padding_are_no_payload() {
    let packet = [0xA1, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 9, 9, 9, 9, 42, 0, 0, 3];
    let view = RtpView::parse(&packet, &browser_map()).unwrap();
    assert_eq!(view.payload.of(&packet), [42]);
    assert_eq!((view.header_len(), view.padding), (16, 3));
}

#[test]
fn a_packet_of_padding_alone_has_an_empty_payload() {
    let packet = [0xA0, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0, 0, 0, 4];
    let view = RtpView::parse(&packet, &browser_map()).unwrap();
    assert!(view.payload.is_empty());
}

#[test]
fn broken_packets_are_refused_with_their_reason() {
    let parse = |bytes: &[u8]| RtpView::parse(bytes, &browser_map()).unwrap_err();
    assert_eq!(parse(&[0x80; 11]), InvalidRtp::Truncated);
    assert_eq!(parse(&[0x40; 12]), InvalidRtp::Version(1));
    assert_eq!(parse(&[0x81, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7]), InvalidRtp::Truncated);
    assert_eq!(parse(&[0xA0, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0]), InvalidRtp::Padding(0));
    assert_eq!(parse(&[0xA0, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 2]), InvalidRtp::Padding(2));
    let mut short_block = packet(0xBEDE, &[0; 8], &[]);
    short_block.pop();
    assert_eq!(parse(&short_block), InvalidRtp::Truncated);
}

#[test]
fn one_byte_extensions_are_read_between_padding() {
    let block = [0x40, b'5', 0, 0x31, 0xAB, 0xCD, 0, 0x10, 0x85, 0x22, 1, 2, 3, 0xA0, b'h', 0];
    let packet = packet(0xBEDE, &block, &[1]);
    let extensions = RtpView::parse(&packet, &browser_map()).unwrap().extensions;
    assert_eq!(extensions.mid.unwrap().as_str(), "5");
    assert_eq!(extensions.transport_sequence, Some(0xABCD));
    assert_eq!(extensions.audio_level, Some(AudioLevel { voice: true, below_full_scale_db: 5 }));
    assert_eq!(extensions.abs_send_time, Some(AbsSendTime(0x01_0203)));
    assert_eq!(extensions.rid.unwrap().as_str(), "h");
}

#[test]
fn two_byte_extensions_are_read_with_their_longer_values() {
    let mut block = vec![12, 20];
    block.extend([7; 20]);
    block.extend([4, 2, b'1', b'0', 0, 0]);
    let packet = packet(0x1003, &block, &[1]);
    let extensions = RtpView::parse(&packet, &browser_map()).unwrap().extensions;
    assert_eq!(extensions.dependency_descriptor.unwrap().of(&packet), [7; 20]);
    assert_eq!(extensions.mid.unwrap().as_str(), "10");
}

#[test]
fn reading_stops_at_id_15_and_at_padding_with_a_length() {
    for stop in [0xF0, 0x01] {
        let packet = packet(0xBEDE, &[0x40, b'5', stop, 1, 0x31, 0xAB, 0xCD, 0], &[]);
        let extensions = RtpView::parse(&packet, &browser_map()).unwrap().extensions;
        assert!(extensions.mid.is_some());
        assert_eq!(extensions.transport_sequence, None);
    }
}

#[test]
fn an_element_that_ends_behind_its_block_is_not_there() {
    let packet = packet(0xBEDE, &[0x40, b'5', 0x33, 1], &[9, 9, 9, 9]);
    let view = RtpView::parse(&packet, &browser_map()).unwrap();
    assert!(view.extensions.mid.is_some());
    assert_eq!(view.extensions.transport_sequence, None);
    assert_eq!(view.payload.len(), 4);
}

#[test]
fn a_block_of_another_profile_is_passed_over() {
    let packet = packet(0xABCD, &[0x40, b'5', 0, 0], &[1, 2]);
    let view = RtpView::parse(&packet, &browser_map()).unwrap();
    assert_eq!(view.extensions, Default::default());
    assert_eq!(view.payload.of(&packet), [1, 2]);
}

#[test]
fn an_extension_id_has_one_meaning() {
    let mut map = ExtensionMap::new();
    assert_eq!(map.insert(0, ExtensionKind::Mid), Err(InvalidExtensionId::Reserved(0)));
    assert_eq!(map.insert(15, ExtensionKind::Mid), Err(InvalidExtensionId::Reserved(15)));
    assert_eq!(map.insert(4, ExtensionKind::Mid), Ok(()));
    assert_eq!(map.insert(4, ExtensionKind::Mid), Ok(()));
    assert_eq!(
        map.insert(4, ExtensionKind::Rid),
        Err(InvalidExtensionId::Taken { id: 4, named: ExtensionKind::Mid })
    );
    assert_eq!((map.id(ExtensionKind::Mid), map.kind(4)), (Some(4), Some(ExtensionKind::Mid)));
}

#[test]
fn headers_of_one_stream_are_equally_long_with_and_without_optional_values() {
    let mid = Some("3".parse::<Mid>().unwrap());
    let template = HeaderTemplate::new(Ssrc(7), mid, MediaKind::Video, &browser_map(), true);
    let mut out = [0xFF; HeaderTemplate::MAX_LEN];
    let without = template.write(&fields(), &mut out).unwrap();
    let view = RtpView::parse(&out[..without], &browser_map()).unwrap();
    assert_eq!(view.extensions.video_orientation, None);
    assert_eq!(view.extensions.abs_send_time, Some(AbsSendTime(0x12_3456)));
    let orientation = Some(VideoOrientation(3));
    let with = HeaderFields { video_orientation: orientation, ..fields() };
    assert_eq!(template.write(&with, &mut out), Some(without));
    let view = RtpView::parse(&out[..without], &browser_map()).unwrap();
    assert_eq!(view.extensions.video_orientation, orientation);
}

#[test]
fn colours_are_told_by_the_packets_that_tell_them_and_take_no_room_in_others() {
    let template = HeaderTemplate::new(Ssrc(7), None, MediaKind::Video, &browser_map(), false);
    let mut out = [0xFF; HeaderTemplate::MAX_LEN];
    let without = template.write(&fields(), &mut out).unwrap();
    let view = RtpView::parse(&out[..without], &browser_map()).unwrap();
    assert_eq!(view.extensions.color_space, None);
    let color_space = Some(ColorSpace([6, 6, 6, 0x10]));
    let len = template.write(&HeaderFields { color_space, ..fields() }, &mut out).unwrap();
    assert!(without < len && len <= without + 8);
    let view = RtpView::parse(&out[..len], &browser_map()).unwrap();
    assert_eq!(view.extensions.color_space, color_space);
}

#[test]
fn colours_are_read_in_the_short_form_and_in_the_one_that_tells_of_a_mastering_display() {
    let read = |len: u8| ColorSpace::from_bytes(&(1..=len).collect::<Vec<_>>());
    for len in 0..=255 {
        let expected = matches!(len, 4 | 28).then_some(ColorSpace([1, 2, 3, 4]));
        assert_eq!(read(len), expected, "{len}");
    }
}

#[test]
fn a_receiver_without_extensions_gets_a_bare_header() {
    let map = ExtensionMap::new();
    let template = HeaderTemplate::new(Ssrc(7), None, MediaKind::Audio, &map, false);
    let mut out = [0; 64];
    assert_eq!(template.write(&fields(), &mut out), Some(12));
    assert!(RtpView::parse(&out[..12], &map).is_ok());
    assert!(!template.carries_transport_sequence());
}

#[test]
fn a_long_dependency_descriptor_takes_the_two_byte_form() {
    let template = HeaderTemplate::new(Ssrc(7), None, MediaKind::Video, &browser_map(), true);
    for len in [3, 16, 17, 255] {
        let descriptor = vec![0x5A; len];
        let fields = HeaderFields { dependency_descriptor: &descriptor, ..fields() };
        let mut out = [0; HeaderTemplate::MAX_LEN];
        let written = template.write(&fields, &mut out).unwrap();
        assert_eq!(out[12] == 0xBE, len <= 16, "{len}");
        let view = RtpView::parse(&out[..written], &browser_map()).unwrap();
        assert_eq!(view.extensions.dependency_descriptor.unwrap().of(&out), descriptor);
        assert_eq!(view.extensions.transport_sequence, Some(0xABCD));
    }
}

#[test]
fn a_receiver_that_cannot_mix_forms_gets_no_dependency_descriptor() {
    let template = HeaderTemplate::new(Ssrc(7), None, MediaKind::Video, &browser_map(), false);
    assert!(!template.carries_dependency_descriptor());
    let fields = HeaderFields { dependency_descriptor: &[1, 2, 3], ..fields() };
    let mut out = [0; HeaderTemplate::MAX_LEN];
    let written = template.write(&fields, &mut out).unwrap();
    let view = RtpView::parse(&out[..written], &browser_map()).unwrap();
    assert_eq!(view.extensions.dependency_descriptor, None);
}

#[test]
fn a_header_that_does_not_fit_is_not_written() {
    let template = HeaderTemplate::new(Ssrc(7), None, MediaKind::Video, &browser_map(), true);
    let mut out = [0; HeaderTemplate::MAX_LEN];
    let len = template.write(&fields(), &mut out).unwrap();
    assert_eq!(template.write(&fields(), &mut out[..len - 1]), None);
}

#[test]
fn sequence_numbers_extend_over_a_wrap_and_back_for_late_packets() {
    let mut extender = SequenceExtender::new();
    let first = extender.extend(65_534);
    assert_eq!(extender.extend(1), first + 3);
    assert_eq!(extender.extend(65_535), first + 1);
    assert_eq!(extender.highest(), Some(first + 3));
    assert_eq!(extender.peek(65_533), first - 1);
}

#[test]
fn a_packet_from_before_the_first_one_has_a_number() {
    let mut extender = SequenceExtender::new();
    let first = extender.extend(2);
    assert_eq!(extender.extend(65_530), first - 8);
}

#[test]
fn abs_send_time_counts_64_seconds_in_18_bits_of_fraction() {
    let start = start();
    let clock = NtpClock::new(start, NtpTime(0));
    assert_eq!(clock.abs_send_time(start + Duration::from_millis(1_500)), AbsSendTime(0x06_0000));
    let later = start + Duration::from_millis(65_500);
    assert_eq!(clock.abs_send_time(later), AbsSendTime(0x06_0000));
}

#[test]
fn ntp_time_runs_with_the_clock_in_both_directions() {
    let start = start() + Duration::from_secs(5);
    let clock = NtpClock::new(start, NtpTime(10 << 32));
    assert_eq!(clock.ntp(start + Duration::from_millis(250)), NtpTime((10 << 32) + (1 << 30)));
    assert_eq!(clock.ntp(start - Duration::from_millis(250)), NtpTime((10 << 32) - (1 << 30)));
    assert_eq!(clock.ntp(start).middle(), 10 << 16);
}

/// Some instant; nothing depends on which.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

proptest! {
    #[test]
    fn any_bytes_are_a_packet_or_refused(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::rtp(&data);
    }

    #[test]
    fn any_extension_block_is_survived(
        profile in prop::sample::select(vec![0xBEDE_u16, 0x1000, 0x100F]),
        mut block in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        block.truncate(block.len() & !3);
        fuzzing::rtp(&packet(profile, &block, &[1, 2, 3]));
    }

    #[test]
    fn what_a_template_writes_is_read_back(
        payload_type in 0_u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32,
        transport_sequence: u16, send_time in 0_u32..1 << 24, level: Option<u8>, audio: bool,
        id_offset in prop::sample::select(vec![0_u8, 40]), descriptor_len in 0_usize..40,
        mid in "[a-z0-9]{1,16}", color_space: Option<[u8; ColorSpace::LEN]>,
    ) {
        let mut map = ExtensionMap::new();
        for (id, kind) in browser_map().iter() {
            map.insert(id + id_offset, kind).unwrap();
        }
        let kind = if audio { MediaKind::Audio } else { MediaKind::Video };
        let mid: Mid = mid.parse().unwrap();
        let template = HeaderTemplate::new(Ssrc(ssrc), Some(mid), kind, &map, true);
        let descriptor = vec![9; descriptor_len];
        let fields = HeaderFields {
            payload_type, marker, sequence, timestamp, transport_sequence,
            abs_send_time: AbsSendTime(send_time),
            audio_level: level.map(AudioLevel::from_byte),
            video_orientation: level.map(VideoOrientation),
            color_space: color_space.map(ColorSpace),
            dependency_descriptor: &descriptor,
        };
        let mut out = [0xEE; HeaderTemplate::MAX_LEN];
        let len = template.write(&fields, &mut out).unwrap();
        prop_assert_eq!(len % 4, 0);
        let view = RtpView::parse(&out[..len], &map).unwrap();
        prop_assert_eq!(
            (view.ssrc.0, view.sequence, view.timestamp, view.marker, view.payload_type),
            (ssrc, sequence, timestamp, marker, payload_type)
        );
        prop_assert!(view.payload.is_empty());
        let read = view.extensions;
        prop_assert_eq!(read.mid, Some(mid));
        prop_assert_eq!(read.transport_sequence, Some(transport_sequence));
        prop_assert_eq!(read.abs_send_time, Some(AbsSendTime(send_time)));
        prop_assert_eq!(read.audio_level, fields.audio_level.filter(|_| audio));
        prop_assert_eq!(read.video_orientation, fields.video_orientation.filter(|_| !audio));
        prop_assert_eq!(read.color_space, fields.color_space.filter(|_| !audio));
        let expected = if audio { &[][..] } else { &descriptor[..] };
        let read = read.dependency_descriptor.map_or(&[][..], |span| span.of(&out));
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn extended_timestamps_follow_any_walk_of_less_than_half_a_circle(
        first: u32, steps in prop::collection::vec(-1_000_000_i64..1 << 31, 1..50),
    ) {
        let mut extender = TimestampExtender::new();
        let mut expected = extender.extend(first) as i64;
        let mut highest = expected;
        for step in steps {
            // Each number is within half a circle of the highest before it.
            expected = highest + step;
            highest = highest.max(expected);
            prop_assert_eq!(extender.extend(expected as u32) as i64, expected);
        }
    }
}
