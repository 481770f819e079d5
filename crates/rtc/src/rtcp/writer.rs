//! Compound packets, written one after another into a caller's buffer.

use super::feedback::{NackEntries, REMB_NAME, remb_bitrate};
use super::transport_feedback::write_body;
use super::{
    HEADER_LEN, MAX_COUNT, ReportBlock, SenderInfo, TransportFeedbackHeader, description, format,
    packet_type,
};
use crate::bytes::put;
use crate::rtp::Ssrc;

/// The packet does not fit into what is left of the buffer, or has more items than it can count;
/// the buffer is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room for an RTCP packet")]
pub struct NoRoom;

/// Appends RTCP packets to a buffer until it is full.
///
/// Where reduced-size RTCP is not agreed on, a compound begins with a report and holds a source
/// description (RFC 3550 section 6.1).
#[derive(Debug)]
pub struct CompoundWriter<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> CompoundWriter<'a> {
    /// A writer that begins at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> CompoundWriter<'a> {
        CompoundWriter { out, len: 0 }
    }

    /// Bytes written so far: the whole compound is the buffer up to here.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a sender report with at most [`MAX_COUNT`] blocks.
    pub fn sender_report(
        &mut self,
        ssrc: Ssrc,
        info: SenderInfo,
        reports: &[ReportBlock],
    ) -> Result<(), NoRoom> {
        let mut packet = self.begin(packet_type::SENDER_REPORT, count(reports.len())?)?;
        packet.ssrc(ssrc)?;
        packet.append(&info.to_bytes())?;
        packet.blocks(reports)?;
        packet.end()
    }

    /// Appends a receiver report with at most [`MAX_COUNT`] blocks.
    pub fn receiver_report(&mut self, ssrc: Ssrc, reports: &[ReportBlock]) -> Result<(), NoRoom> {
        let mut packet = self.begin(packet_type::RECEIVER_REPORT, count(reports.len())?)?;
        packet.ssrc(ssrc)?;
        packet.blocks(reports)?;
        packet.end()
    }

    /// Appends a source description with the canonical name of one stream, at most 255 bytes.
    pub fn canonical_name(&mut self, ssrc: Ssrc, name: &str) -> Result<(), NoRoom> {
        let len = u8::try_from(name.len()).map_err(|_| NoRoom)?;
        let mut packet = self.begin(packet_type::SOURCE_DESCRIPTION, 1)?;
        packet.ssrc(ssrc)?;
        packet.append(&[description::CNAME, len])?;
        packet.append(name.as_bytes())?;
        // The item list ends with a zero, which the padding to whole words may be.
        packet.append(&[0])?;
        packet.end()
    }

    /// Appends a goodbye from at most [`MAX_COUNT`] streams.
    pub fn goodbye(&mut self, streams: &[Ssrc]) -> Result<(), NoRoom> {
        let mut packet = self.begin(packet_type::GOODBYE, count(streams.len())?)?;
        streams.iter().try_for_each(|&ssrc| packet.ssrc(ssrc))?;
        packet.end()
    }

    /// Appends a NACK for the packets `lost` of the stream `media`, best in order. Nothing is
    /// written when there are none.
    pub fn nack(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        lost: impl IntoIterator<Item = u16>,
    ) -> Result<(), NoRoom> {
        let mut entries = NackEntries::new(lost.into_iter()).peekable();
        if entries.peek().is_none() {
            return Ok(());
        }
        let mut packet = self.begin(packet_type::TRANSPORT_FEEDBACK, format::NACK)?;
        packet.ssrc(sender)?;
        packet.ssrc(media)?;
        entries.try_for_each(|entry| packet.append(&entry))?;
        packet.end()
    }

    /// Appends a request for a key frame of the stream `media` (picture loss indication).
    pub fn picture_loss(&mut self, sender: Ssrc, media: Ssrc) -> Result<(), NoRoom> {
        let mut packet = self.begin(packet_type::PAYLOAD_FEEDBACK, format::PLI)?;
        packet.ssrc(sender)?;
        packet.ssrc(media)?;
        packet.end()
    }

    /// Appends a full intra request for the stream `media`; `request` counts requests, and stays
    /// the same when one is repeated.
    pub fn full_intra_request(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        request: u8,
    ) -> Result<(), NoRoom> {
        let mut packet = self.begin(packet_type::PAYLOAD_FEEDBACK, format::FIR)?;
        packet.ssrc(sender)?;
        packet.ssrc(Ssrc(0))?; // the stream is in the entry (RFC 5104 section 4.3.1.2)
        packet.ssrc(media)?;
        packet.append(&[request, 0, 0, 0])?;
        packet.end()
    }

    /// Appends the bitrate that `streams` together may have, rounded down to 18 significant bits.
    pub fn receiver_estimate(
        &mut self,
        sender: Ssrc,
        bitrate_bps: u64,
        streams: &[Ssrc],
    ) -> Result<(), NoRoom> {
        let streams_len = u8::try_from(streams.len()).map_err(|_| NoRoom)?;
        let [a, b, c] = remb_bitrate(bitrate_bps);
        let mut packet = self.begin(packet_type::PAYLOAD_FEEDBACK, format::APPLICATION)?;
        packet.ssrc(sender)?;
        packet.ssrc(Ssrc(0))?;
        packet.append(&REMB_NAME)?;
        packet.append(&[streams_len, a, b, c])?;
        streams.iter().try_for_each(|&ssrc| packet.ssrc(ssrc))?;
        packet.end()
    }

    /// Appends transport-wide feedback on the packets from `header.base_sequence` on.
    ///
    /// `deltas` has one entry for each: none for a lost packet, else the [`super::TICK`]s since the
    /// arrival named before it (the first: since the reference time). At most
    /// [`super::MAX_STATUSES`] keep the packet below 1,200 bytes.
    pub fn transport_feedback(
        &mut self,
        header: &TransportFeedbackHeader,
        deltas: &[Option<i16>],
    ) -> Result<(), NoRoom> {
        let mut packet = self.begin(packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC)?;
        let len = write_body(header, deltas, packet.room()).ok_or(NoRoom)?;
        packet.end += len;
        packet.end()
    }

    fn begin(&mut self, packet_type: u8, count: u8) -> Result<Packet<'_, 'a>, NoRoom> {
        let start = self.len;
        let mut packet = Packet { writer: self, start, end: start };
        packet.append(&[0x80 | count, packet_type, 0, 0])?;
        Ok(packet)
    }
}

fn count(items: usize) -> Result<u8, NoRoom> {
    if items > MAX_COUNT { Err(NoRoom) } else { Ok(items as u8) }
}

/// A packet being written; it counts only once it is ended.
struct Packet<'w, 'a> {
    writer: &'w mut CompoundWriter<'a>,
    start: usize,
    end: usize,
}

impl Packet<'_, '_> {
    fn room(&mut self) -> &mut [u8] {
        self.writer.out.get_mut(self.end..).unwrap_or_default()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        if !put(self.writer.out, self.end, bytes) {
            return Err(NoRoom);
        }
        self.end += bytes.len();
        Ok(())
    }

    fn ssrc(&mut self, ssrc: Ssrc) -> Result<(), NoRoom> {
        self.append(&ssrc.0.to_be_bytes())
    }

    fn blocks(&mut self, reports: &[ReportBlock]) -> Result<(), NoRoom> {
        reports.iter().try_for_each(|block| self.append(&block.to_bytes()))
    }

    /// Fills the packet up to whole words and writes its length.
    fn end(mut self) -> Result<(), NoRoom> {
        let len = self.end - self.start;
        let padding = len.next_multiple_of(4) - len;
        self.append([0; 3].get(..padding).unwrap_or_default())?;
        let words = (self.end - self.start - HEADER_LEN) / 4;
        let words = u16::try_from(words).map_err(|_| NoRoom)?;
        put(self.writer.out, self.start + 2, &words.to_be_bytes());
        self.writer.len = self.end;
        Ok(())
    }
}
