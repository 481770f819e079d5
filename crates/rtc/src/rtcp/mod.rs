//! RTCP: compound packets read without allocating, and written into a caller's buffer (RFC 3550
//! section 6, RFC 4585, RFC 5104, RFC 5506).

mod description;
mod feedback;
mod report;
mod transport_feedback;
mod writer;

use crate::bytes::{array_at, u32_at};
use crate::rtp::Ssrc;

pub use description::{Descriptions, Sources};
pub use feedback::{FullIntraRequests, LostSequences, ReceiverEstimate};
pub use report::{ReportBlock, ReportBlocks, SenderInfo};
pub use transport_feedback::{
    MAX_STATUSES, Statuses, TICK, TICKS_PER_REFERENCE, TransportFeedback, TransportFeedbackHeader,
};
pub use writer::{CompoundWriter, NoRoom};

/// Bytes of the header that every RTCP packet has.
const HEADER_LEN: usize = 4;

/// Most report blocks, chunks or sources that one packet can count (five bits).
pub const MAX_COUNT: usize = 31;

/// The packet types that the server reads and writes (IANA "RTCP Control Packet Types").
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(super) const GOODBYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// The feedback message types inside packet types 205 and 206.
mod format {
    pub(super) const NACK: u8 = 1;
    pub(super) const TRANSPORT_CC: u8 = 15;
    pub(super) const PLI: u8 = 1;
    pub(super) const FIR: u8 = 4;
    pub(super) const APPLICATION: u8 = 15;
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rtcp<'a> {
    /// What a stream's sender has sent, and how it sees the streams it receives (RFC 3550 6.4.1).
    SenderReport {
        /// The stream.
        ssrc: Ssrc,
        /// What it has sent.
        info: SenderInfo,
        /// The streams it receives.
        reports: ReportBlocks<'a>,
    },
    /// How somebody sees the streams it receives (RFC 3550 6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// The streams it receives.
        reports: ReportBlocks<'a>,
    },
    /// Names of streams' owners (RFC 3550 6.5).
    SourceDescription(Descriptions<'a>),
    /// Streams that have ended (RFC 3550 6.6).
    Goodbye(Sources<'a>),
    /// Packets that are asked for again (RFC 4585 6.2.1).
    Nack {
        /// The stream whose packets were lost.
        media: Ssrc,
        /// Their sequence numbers.
        lost: LostSequences<'a>,
    },
    /// A key frame is needed, pictures were lost (RFC 4585 6.3.1).
    PictureLoss {
        /// The stream.
        media: Ssrc,
    },
    /// A key frame is needed (RFC 5104 4.3.1).
    FullIntraRequest(FullIntraRequests<'a>),
    /// When packets arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
    TransportFeedback(TransportFeedback<'a>),
    /// The bitrate that a receiver thinks it can take (draft-alvestrand-rmcat-remb-03).
    ReceiverEstimate(ReceiverEstimate<'a>),
}

/// The packets of the compound `bytes`, which is the whole plaintext of one RTCP datagram.
///
/// A compound may be reduced in size, beginning with any packet (RFC 5506). Packets of other kinds
/// (XR, APP, unknown feedback) and packets with a body too short for their kind are passed over;
/// reading ends at the first whose header or length is broken, since nothing behind it has a place.
pub fn parse(bytes: &[u8]) -> Compound<'_> {
    Compound { rest: bytes }
}

/// Walks a compound; see [`parse`].
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Compound<'a> {
    type Item = Rtcp<'a>;

    fn next(&mut self) -> Option<Rtcp<'a>> {
        loop {
            let packet = RawPacket::split_off(&mut self.rest)?;
            if let Some(rtcp) = packet.read() {
                return Some(rtcp);
            }
        }
    }
}

/// One packet with its header taken off.
struct RawPacket<'a> {
    packet_type: u8,
    /// The five bits that count items, or name the feedback message.
    count: u8,
    body: &'a [u8],
}

impl<'a> RawPacket<'a> {
    fn split_off(rest: &mut &'a [u8]) -> Option<RawPacket<'a>> {
        let [first, packet_type, len_high, len_low] = array_at(rest, 0)?;
        let words = usize::from(u16::from_be_bytes([len_high, len_low]));
        if first >> 6 != 2 {
            return None;
        }
        let (packet, behind) = rest.split_at_checked(HEADER_LEN + 4 * words)?;
        *rest = behind;
        let mut body = packet.get(HEADER_LEN..)?;
        if first & 0x20 != 0 {
            let padding = usize::from(*body.last()?);
            body = body.get(..body.len().checked_sub(padding)?)?;
        }
        Some(RawPacket { packet_type, count: first & 0x1F, body })
    }

    fn read(&self) -> Option<Rtcp<'a>> {
        let body = self.body;
        match (self.packet_type, self.count) {
            (packet_type::SENDER_REPORT, count) => Some(Rtcp::SenderReport {
                ssrc: ssrc_at(body, 0)?,
                info: SenderInfo::parse(body.get(4..)?)?,
                reports: ReportBlocks::new(body.get(24..)?, count),
            }),
            (packet_type::RECEIVER_REPORT, count) => Some(Rtcp::ReceiverReport {
                ssrc: ssrc_at(body, 0)?,
                reports: ReportBlocks::new(body.get(4..)?, count),
            }),
            (packet_type::SOURCE_DESCRIPTION, count) => {
                Some(Rtcp::SourceDescription(Descriptions::new(body, count)))
            }
            (packet_type::GOODBYE, count) => Some(Rtcp::Goodbye(Sources::new(body, count))),
            (packet_type::TRANSPORT_FEEDBACK, format::NACK) => Some(Rtcp::Nack {
                media: ssrc_at(body, 4)?,
                lost: LostSequences::new(body.get(8..)?),
            }),
            (packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) => {
                TransportFeedback::parse(body).map(Rtcp::TransportFeedback)
            }
            (packet_type::PAYLOAD_FEEDBACK, format::PLI) => {
                Some(Rtcp::PictureLoss { media: ssrc_at(body, 4)? })
            }
            (packet_type::PAYLOAD_FEEDBACK, format::FIR) => {
                Some(Rtcp::FullIntraRequest(FullIntraRequests::new(body.get(8..)?)))
            }
            (packet_type::PAYLOAD_FEEDBACK, format::APPLICATION) => {
                ReceiverEstimate::parse(body.get(8..)?).map(Rtcp::ReceiverEstimate)
            }
            _ => None,
        }
    }
}

fn ssrc_at(bytes: &[u8], at: usize) -> Option<Ssrc> {
    u32_at(bytes, at).map(Ssrc)
}
