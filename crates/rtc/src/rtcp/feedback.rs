//! Feedback that names packets, pictures and bitrates: NACK, FIR and REMB.

use super::ssrc_at;
use crate::bytes::{array_at, u16_at};
use crate::rtp::Ssrc;

/// The sequence numbers that one NACK asks for (RFC 4585 section 6.2.1): each entry names one
/// packet and marks which of the 16 behind it are lost too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LostSequences<'a> {
    bytes: &'a [u8],
    /// The packet that the marks are behind.
    base: u16,
    marks: u16,
}

impl<'a> LostSequences<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> LostSequences<'a> {
        LostSequences { bytes, base: 0, marks: 0 }
    }
}

impl Iterator for LostSequences<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.marks != 0 {
            let behind = self.marks.trailing_zeros() as u16 + 1;
            self.marks &= self.marks - 1;
            return Some(self.base.wrapping_add(behind));
        }
        self.base = u16_at(self.bytes, 0)?;
        self.marks = u16_at(self.bytes, 2)?;
        self.bytes = self.bytes.get(4..)?;
        Some(self.base)
    }
}

/// Packs sequence numbers into NACK entries. Numbers in order make the fewest.
pub(super) struct NackEntries<I: Iterator<Item = u16>> {
    lost: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = u16>> NackEntries<I> {
    pub(super) fn new(lost: I) -> Self {
        NackEntries { lost: lost.peekable() }
    }
}

impl<I: Iterator<Item = u16>> Iterator for NackEntries<I> {
    type Item = [u8; 4];

    fn next(&mut self) -> Option<[u8; 4]> {
        let base = self.lost.next()?;
        let mut marks = 0_u16;
        while let Some(&next) = self.lost.peek() {
            match next.wrapping_sub(base) {
                0 => {}
                behind @ 1..=16 => marks |= 1 << (behind - 1),
                _ => break,
            }
            self.lost.next();
        }
        let ([a, b], [c, d]) = (base.to_be_bytes(), marks.to_be_bytes());
        Some([a, b, c, d])
    }
}

/// The key frames that one FIR asks for (RFC 5104 section 4.3.1): the stream, and the number of
/// the request, by which its repetitions are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FullIntraRequests<'a> {
    bytes: &'a [u8],
}

impl<'a> FullIntraRequests<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> FullIntraRequests<'a> {
        FullIntraRequests { bytes }
    }
}

impl Iterator for FullIntraRequests<'_> {
    type Item = (Ssrc, u8);

    fn next(&mut self) -> Option<(Ssrc, u8)> {
        let (entry, rest) = self.bytes.split_at_checked(8)?;
        self.bytes = rest;
        Some((ssrc_at(entry, 0)?, *entry.get(4)?))
    }
}

/// Tells REMB from other application feedback.
pub(super) const REMB_NAME: [u8; 4] = *b"REMB";

/// What a receiver thinks it can take (draft-alvestrand-rmcat-remb-03 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReceiverEstimate<'a> {
    /// Bits per second, over all of `streams`; at most [`u64::MAX`], where the wire says more.
    pub bitrate_bps: u64,
    /// The streams that it is about.
    pub streams: super::Sources<'a>,
}

impl<'a> ReceiverEstimate<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<ReceiverEstimate<'a>> {
        if array_at::<4>(bytes, 0)? != REMB_NAME {
            return None;
        }
        let [count, a, b, c] = array_at(bytes, 4)?;
        let mantissa = u64::from(u32::from_be_bytes([0, a & 0x03, b, c]));
        let exponent = u32::from(a >> 2);
        let fits = exponent <= mantissa.leading_zeros();
        let bitrate_bps = if fits { mantissa << exponent } else { u64::MAX };
        let sources = bytes.get(8..)?;
        let streams = super::Sources::new(sources, count);
        Some(ReceiverEstimate { bitrate_bps, streams })
    }
}

/// The exponent and mantissa of `bitrate_bps`, rounded down to 18 significant bits.
pub(super) fn remb_bitrate(bitrate_bps: u64) -> [u8; 3] {
    let exponent = (64 - bitrate_bps.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate_bps >> exponent) as u32;
    let [_, a, b, c] = mantissa.to_be_bytes();
    [(exponent as u8) << 2 | a, b, c]
}
