//! Retransmissions (RFC 4588): the packet they repeat, put together again in place.

use crate::rtp::RtpView;

/// Bytes of the original sequence number that a retransmission's payload begins with.
const ORIGINAL_SEQUENCE_LEN: usize = 2;

/// A packet taken out of its retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The packet's own sequence number, as on the wire.
    pub sequence: u16,
    /// Where in the buffer the packet's payload begins and ends.
    pub payload: (usize, usize),
}

/// Reads what a retransmission repeats. Header, timestamp and marker are the original's already;
/// the ssrc and payload type are those of the stream that it repairs.
///
/// `None` when there is no payload: padding that a sender probes the link with.
pub fn unwrap_retransmission(packet: &[u8], view: &RtpView) -> Option<Repaired> {
    let payload = view.payload.range();
    let number = packet.get(payload.start..payload.start + ORIGINAL_SEQUENCE_LEN)?;
    let sequence = u16::from_be_bytes(number.try_into().ok()?);
    let start = payload.start + ORIGINAL_SEQUENCE_LEN;
    (start < payload.end).then_some(Repaired { sequence, payload: (start, payload.end) })
}
