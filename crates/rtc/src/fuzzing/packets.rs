//! Bodies for the parsers of RTP, RTCP and payloads.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::payload::{Facts, FrameNumbers, MAX_BLOCKS, PictureId, Red, Resolutions, rewrite};
use crate::receive::{Arrival, StreamReceiver, TransportArrivals, Verdict};
use crate::rtcp::{self, CompoundWriter, Rtcp};
use crate::rtp::{ExtensionKind, ExtensionMap, RtpView, SequenceExtender, Ssrc};
use crate::sdp::Codec;

/// Ids 1 to 7, 16 and 17, so that every kind is met in the one- and in the two-byte form.
fn every_extension() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..=7).chain([16, 17]).zip(ExtensionKind::ALL) {
        assert_eq!(map.insert(id, kind), Ok(()));
    }
    map
}

/// An RTP header never panics, and names only bytes that are there.
pub fn rtp(data: &[u8]) {
    let Ok(view) = RtpView::parse(data, &every_extension()) else { return };
    let payload = view.payload.range();
    assert!(payload.end + usize::from(view.padding) == data.len());
    assert_eq!(view.payload.of(data).len(), view.payload.len());
    if let Some(descriptor) = view.extensions.dependency_descriptor {
        assert!(usize::from(descriptor.end) <= view.header_len());
    }
}

/// A compound never panics, and its iterators are bounded by its bytes.
pub fn rtcp(data: &[u8]) {
    let mut packets = 0;
    for packet in rtcp::parse(data) {
        packets += 1;
        let items = match packet {
            Rtcp::SenderReport { reports, .. } | Rtcp::ReceiverReport { reports, .. } => {
                reports.count()
            }
            Rtcp::SourceDescription(descriptions) => descriptions.count(),
            Rtcp::Goodbye(sources) => sources.count(),
            Rtcp::Nack { lost, .. } => lost.count() / 17,
            Rtcp::PictureLoss { .. } => 0,
            Rtcp::FullIntraRequest(requests) => requests.count(),
            Rtcp::TransportFeedback(feedback) => {
                let said = feedback.statuses().count();
                assert!(said <= usize::from(feedback.status_count));
                0
            }
            Rtcp::ReceiverEstimate(estimate) => estimate.streams.count(),
        };
        assert!(items * 4 <= data.len());
    }
    assert!(packets * 4 <= data.len());
}

/// A payload of any codec never panics; rewriting changes its numbers and nothing else, and a size that is
/// read is one that a picture can have.
///
/// The first byte chooses the codec and the second the length of a dependency descriptor in front
/// of the payload.
pub fn payload(data: &[u8]) {
    let [choice, descriptor_len, rest @ ..] = data else { return };
    let codec = match choice % 6 {
        0 => Codec::Opus,
        1 => Codec::Vp8,
        2 => Codec::Vp9 { profile: 0 },
        3 => Codec::H264 { profile_level_id: 0x42_e01f, packetization_mode: 1 },
        4 => Codec::Av1 { profile: 0 },
        _ => Codec::Red,
    };
    let descriptor_len = usize::from(descriptor_len % 32).min(rest.len());
    let (descriptor, payload) = rest.split_at(descriptor_len);
    if let Some(resolutions) = Resolutions::read(codec, payload, descriptor) {
        let mut sizes = (0..8).filter_map(|spatial| resolutions.of(spatial)).peekable();
        assert!(sizes.peek().is_some() && sizes.all(|size| size.width > 0 && size.height > 0));
    }
    let Some(facts) = Facts::read(codec, payload, choice & 0x80 != 0, descriptor) else { return };
    let new = FrameNumbers {
        picture_id: facts.numbers.picture_id.map(|id| PictureId {
            value: id.value.wrapping_add(1) & if id.wide { 0x7FFF } else { 0x7F },
            ..id
        }),
        tl0_picture_index: facts.numbers.tl0_picture_index.map(|index| index.wrapping_add(1)),
        frame_number: facts.numbers.frame_number,
    };
    let mut rewritten = payload.to_vec();
    rewrite(codec, &mut rewritten, &new);
    let again = Facts::read(codec, &rewritten, choice & 0x80 != 0, descriptor);
    assert_eq!(again, Some(Facts { numbers: new, ..facts }));
    rewrite(codec, &mut rewritten, &facts.numbers);
    assert_eq!(rewritten, payload);
}

/// A redundant payload never panics, its own frame is its end, and other payload types change nothing else.
pub fn red(data: &[u8]) {
    let Some(red) = Red::read(data) else { return };
    let primary = red.primary(data);
    assert!(data.ends_with(primary));
    let blocks = red.payload_types(data).count();
    assert!((1..=MAX_BLOCKS).contains(&blocks));
    assert!(red.payload_types(data).all(|payload_type| payload_type < 128));
    let mut other = data.to_vec();
    red.set_payload_types(&mut other, 111);
    assert_eq!(Red::read(&other), Some(red));
    assert!(red.payload_types(&other).all(|payload_type| payload_type == 111));
    assert_eq!(red.primary(&other), primary);
    let changed = data.iter().zip(&other).filter(|(before, after)| before != after).count();
    assert!(changed <= blocks);
}

/// Arrivals in any order, at any pace, make feedback of at most 1,200 bytes that can be read, and
/// never more of it than there is to tell.
///
/// Each three bytes are a step of the transport-wide number and of time.
pub fn transport_feedback(data: &[u8]) {
    // Nothing depends on which instant this is: only differences count.
    #[allow(clippy::disallowed_methods)]
    let mut now = Instant::now();
    let mut arrivals = TransportArrivals::default();
    let mut sequence = 0_u16;
    for step in data.as_chunks::<3>().0 {
        let &[high, low, wait] = step;
        // Small steps in both directions, and now and then any.
        let jump =
            if high < 250 { i16::from(low as i8) / 8 } else { i16::from_be_bytes([low, wait]) };
        sequence = sequence.wrapping_add_signed(jump);
        // Up to 250 ms, and now and then long enough to wrap the clock of feedbacks.
        let wait = u64::from(wait);
        let long = high == 249;
        now += if long { Duration::from_secs(wait * 10_000) } else { Duration::from_millis(wait) };
        arrivals.handle_packet(now, sequence);
        check_feedbacks(&mut arrivals, now);
    }
}

fn check_feedbacks(arrivals: &mut TransportArrivals, now: Instant) {
    // As many as there are remembered arrivals, each too far in time from the last, is the worst.
    for _ in 0..=1_024 {
        if arrivals.deadline().is_none_or(|at| now < at) {
            return;
        }
        let mut buffer = [0; 1_200];
        let mut writer = CompoundWriter::new(&mut buffer);
        let wrote = arrivals.write(now, Ssrc(1), Ssrc(2), &mut writer);
        assert!(wrote.is_ok(), "a feedback is longer than 1,200 bytes");
        let len = writer.len();
        let read = rtcp::parse(buffer.get(..len).unwrap_or_default()).next();
        let Some(Rtcp::TransportFeedback(feedback)) = read else {
            panic!("a feedback cannot be read back");
        };
        assert_eq!(feedback.statuses().count(), usize::from(feedback.status_count));
    }
    panic!("feedback does not end");
}

/// Packets and retransmissions in any order: each number is new once, and no more is asked for
/// than is missing.
///
/// Each three bytes are a step of the sequence number and of time.
pub fn receive(data: &[u8]) {
    // Nothing depends on which instant this is: only differences count.
    #[allow(clippy::disallowed_methods)]
    let mut now = Instant::now();
    let mut receiver = StreamReceiver::new(90_000);
    let mut sequences = SequenceExtender::new();
    let mut sequence = 0_u16;
    let mut new = BTreeSet::new();
    for &[high, low, wait] in data.as_chunks::<3>().0 {
        let small = high < 250;
        let jump = if small { i16::from(low as i8) / 16 } else { i16::from_be_bytes([low, wait]) };
        sequence = sequence.wrapping_add_signed(jump);
        now += Duration::from_millis(u64::from(wait) / 4);
        let arrival = if high % 4 == 0 { Arrival::Repair } else { Arrival::Original };
        let extended = sequences.extend(sequence);
        let verdict = receiver.handle_packet(now, extended, u32::from(wait) << 24, arrival);
        assert!(verdict != Verdict::New || new.insert(extended), "{extended} is new twice");
        let requests = receiver.requests(now, Duration::from_millis(u64::from(low)));
        for asked in requests.as_slice() {
            assert!(!new.contains(&sequences.peek(*asked)), "{asked} has been here");
        }
        let report = receiver.report(now, Ssrc(1));
        assert!(report.is_none_or(|report| report.jitter < 90_000));
    }
}
