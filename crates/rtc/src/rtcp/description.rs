//! Source descriptions and goodbyes (RFC 3550 sections 6.5 and 6.6).

use super::ssrc_at;
use crate::rtp::Ssrc;

/// The item that names a stream's owner; the others are for people and nobody here reads them.
pub(super) const CNAME: u8 = 1;

/// The canonical names of one SDES packet: `(stream, name)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descriptions<'a> {
    bytes: &'a [u8],
    chunks: u8,
}

impl<'a> Descriptions<'a> {
    pub(super) fn new(bytes: &'a [u8], chunks: u8) -> Descriptions<'a> {
        Descriptions { bytes, chunks }
    }

    /// Takes one chunk off the front: its stream, and its name if it has one.
    fn chunk(&mut self) -> Option<(Ssrc, Option<&'a [u8]>)> {
        self.chunks = self.chunks.checked_sub(1)?;
        let ssrc = ssrc_at(self.bytes, 0)?;
        let mut name = None;
        let mut at = 4;
        loop {
            let kind = *self.bytes.get(at)?;
            if kind == 0 {
                break;
            }
            let len = usize::from(*self.bytes.get(at + 1)?);
            let text = self.bytes.get(at + 2..at + 2 + len)?;
            if kind == CNAME {
                name = Some(text);
            }
            at += 2 + len;
        }
        // The list ends with at least one zero and fills whole words.
        self.bytes = self.bytes.get((at + 1).next_multiple_of(4)..).unwrap_or_default();
        Some((ssrc, name))
    }
}

impl<'a> Iterator for Descriptions<'a> {
    type Item = (Ssrc, &'a [u8]);

    fn next(&mut self) -> Option<(Ssrc, &'a [u8])> {
        loop {
            if let (ssrc, Some(name)) = self.chunk()? {
                return Some((ssrc, name));
            }
        }
    }
}

/// The streams that one BYE packet ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sources<'a> {
    bytes: &'a [u8],
}

impl<'a> Sources<'a> {
    pub(super) fn new(bytes: &'a [u8], count: u8) -> Sources<'a> {
        let len = bytes.len().min(usize::from(count) * 4);
        Sources { bytes: bytes.get(..len).unwrap_or_default() }
    }
}

impl Iterator for Sources<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        let ssrc = ssrc_at(self.bytes, 0)?;
        self.bytes = self.bytes.get(4..)?;
        Some(ssrc)
    }
}
