//! Sender and receiver reports (RFC 3550 section 6.4).

use std::time::Duration;

use super::ssrc_at;
use crate::bytes::{array_at, u24_at, u24_bytes, u32_at};
use crate::rtp::{NtpTime, Ssrc, from_ntp_short};

/// Bytes of one report block.
const BLOCK_LEN: usize = 24;

/// What a sender says about its own stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// When the report was sent.
    pub ntp: NtpTime,
    /// The media timestamp of the same moment, in the codec's clock rate.
    pub rtp_timestamp: u32,
    /// Packets sent so far, wrapping.
    pub packets: u32,
    /// Payload bytes sent so far, without headers and padding, wrapping.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn parse(bytes: &[u8]) -> Option<SenderInfo> {
        Some(SenderInfo {
            ntp: NtpTime(u64::from_be_bytes(array_at(bytes, 0)?)),
            rtp_timestamp: u32_at(bytes, 8)?,
            packets: u32_at(bytes, 12)?,
            octets: u32_at(bytes, 16)?,
        })
    }

    pub(super) fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.ntp.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.rtp_timestamp.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.packets.to_be_bytes());
        bytes[16..].copy_from_slice(&self.octets.to_be_bytes());
        bytes
    }
}

/// How a receiver sees one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: Ssrc,
    /// The share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost so far, -2^23 to 2^23-1; negative when duplicates outnumber losses.
    pub cumulative_lost: i32,
    /// The highest sequence number that arrived, with the count of wraps above it.
    pub highest_sequence: u32,
    /// Variation of transit times, in the codec's clock rate.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time in the last sender report; 0 before the first.
    pub last_sr: u32,
    /// Time from that report's arrival to this report, in 65,536ths of a second.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn parse(bytes: &[u8]) -> Option<ReportBlock> {
        // Shifted up and down again, the 24-bit number keeps its sign.
        let cumulative_lost = ((u24_at(bytes, 5)? << 8) as i32) >> 8;
        Some(ReportBlock {
            ssrc: ssrc_at(bytes, 0)?,
            fraction_lost: *bytes.get(4)?,
            cumulative_lost,
            highest_sequence: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sr: u32_at(bytes, 16)?,
            delay_since_last_sr: u32_at(bytes, 20)?,
        })
    }

    pub(super) fn to_bytes(self) -> [u8; BLOCK_LEN] {
        let lost = self.cumulative_lost.clamp(-(1 << 23), (1 << 23) - 1);
        let mut bytes = [0; BLOCK_LEN];
        bytes[..4].copy_from_slice(&self.ssrc.0.to_be_bytes());
        bytes[4] = self.fraction_lost;
        bytes[5..8].copy_from_slice(&u24_bytes(lost as u32));
        bytes[8..12].copy_from_slice(&self.highest_sequence.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.jitter.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.last_sr.to_be_bytes());
        bytes[20..].copy_from_slice(&self.delay_since_last_sr.to_be_bytes());
        bytes
    }

    /// The round-trip time that the block proves when it arrives at `now` (RFC 3550 section 6.4.1);
    /// `None` when it answers no sender report, or claims to have left before one came.
    pub fn round_trip(&self, now: NtpTime) -> Option<Duration> {
        if self.last_sr == 0 {
            return None;
        }
        let away = now.middle().wrapping_sub(self.last_sr).wrapping_sub(self.delay_since_last_sr);
        // Beyond half the circle is a negative time: clocks that drift, or a forged report.
        (away < 1 << 31).then(|| from_ntp_short(away))
    }
}

/// The report blocks of one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    /// The first `count` blocks of `bytes`; what follows them is a profile's own and passed over.
    pub(super) fn new(bytes: &'a [u8], count: u8) -> ReportBlocks<'a> {
        let len = bytes.len().min(usize::from(count) * BLOCK_LEN);
        ReportBlocks { bytes: bytes.get(..len).unwrap_or_default() }
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.bytes.split_at_checked(BLOCK_LEN)?;
        self.bytes = rest;
        ReportBlock::parse(block)
    }
}
