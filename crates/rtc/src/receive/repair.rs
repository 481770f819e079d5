//! Retransmissions (RFC 4588): the packet they repeat, found in place.

use crate::bytes::u16_at;
use crate::rtp::{RtpView, Span};

/// Bytes of the original sequence number that a retransmission's payload begins with.
const ORIGINAL_SEQUENCE_LEN: usize = 2;

/// A packet taken out of its retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The packet's own sequence number, as on the wire.
    pub sequence: u16,
    /// Where the packet's payload lies in the retransmission; never empty.
    pub payload: Span,
}

/// Reads what a retransmission repeats. Header, timestamp and marker are the original's already;
/// the ssrc and payload type are those of the stream that it repairs.
///
/// `None` when there is no payload: padding that a sender probes the link with.
pub fn unwrap_retransmission(packet: &[u8], view: &RtpView) -> Option<Repaired> {
    let sequence = u16_at(view.payload.of(packet), 0)?;
    let len = view.payload.len().checked_sub(ORIGINAL_SEQUENCE_LEN)?;
    let payload = Span::new(view.header_len() + ORIGINAL_SEQUENCE_LEN, len)?;
    (len > 0).then_some(Repaired { sequence, payload })
}
