//! Bodies for the parsers of RTP and RTCP.

use crate::rtcp::{self, Rtcp};
use crate::rtp::{ExtensionKind, ExtensionMap, RtpView};

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
