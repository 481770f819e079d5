//! Bodies for the parsers of RTP, RTCP and payloads.

use crate::payload::{Facts, FrameNumbers, PictureId, rewrite};
use crate::rtcp::{self, Rtcp};
use crate::rtp::{ExtensionKind, ExtensionMap, RtpView};
use crate::sdp::Codec;

/// Ids 1 to 7 and 16, so that every kind is met in the one- and in the two-byte form.
fn every_extension() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..=7).chain([16]).zip(ExtensionKind::ALL) {
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

/// A payload of any codec never panics; rewriting changes its numbers and nothing else.
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
