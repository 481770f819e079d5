//! The elements of a header extension block, in the one- and two-byte forms of RFC 8285.

use crate::bytes::{Span, put};

/// Profile of a block whose elements have one-byte headers (RFC 8285 section 4.2).
const ONE_BYTE_PROFILE: u16 = 0xBEDE;

/// Profile of a block whose elements have two-byte headers (RFC 8285 section 4.3); the low four
/// bits are for the application and mean nothing to us.
const TWO_BYTE_PROFILE: u16 = 0x1000;
const TWO_BYTE_PROFILE_MASK: u16 = 0xFFF0;

/// The one-byte id at which reading of a block stops (RFC 8285 section 4.2).
const ONE_BYTE_END: u8 = 15;

/// Largest id of an element with a one-byte header.
pub(super) const ONE_BYTE_ID_MAX: u8 = 14;

/// Largest value, in bytes, of an element with a one-byte header.
pub(super) const ONE_BYTE_VALUE_MAX: usize = 16;

/// How long the headers of a block's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    OneByte,
    TwoByte,
}

impl Form {
    /// The form that `profile` announces; other profiles are not RFC 8285 and are passed over.
    pub(super) fn of_profile(profile: u16) -> Option<Form> {
        match profile {
            ONE_BYTE_PROFILE => Some(Form::OneByte),
            p if p & TWO_BYTE_PROFILE_MASK == TWO_BYTE_PROFILE => Some(Form::TwoByte),
            _ => None,
        }
    }

    /// The profile that announces the form.
    pub(super) const fn profile(self) -> u16 {
        match self {
            Form::OneByte => ONE_BYTE_PROFILE,
            Form::TwoByte => TWO_BYTE_PROFILE,
        }
    }

    pub(super) const fn header_len(self) -> usize {
        match self {
            Form::OneByte => 1,
            Form::TwoByte => 2,
        }
    }

    /// Writes the header of an element to `bytes` at `at` and returns where its value goes. The
    /// one-byte form holds values of 1 to 16 bytes, the two-byte form of up to 255.
    pub(super) fn put_header(
        self,
        bytes: &mut [u8],
        at: usize,
        id: u8,
        len: usize,
    ) -> Option<usize> {
        let header = match self {
            Form::OneByte => [id << 4 | (len.checked_sub(1)? as u8 & 0x0F), 0],
            Form::TwoByte => [id, len as u8],
        };
        put(bytes, at, header.get(..self.header_len())?).then_some(at + self.header_len())
    }
}

/// Walks a block; a truncated element ends the walk, since what came before it is still good.
pub(super) struct Elements<'a> {
    packet: &'a [u8],
    at: usize,
    end: usize,
    form: Form,
}

impl<'a> Elements<'a> {
    /// The elements of the block that `block` spans in `packet`.
    pub(super) fn new(packet: &'a [u8], block: Span, form: Form) -> Self {
        let range = block.range();
        Elements { packet, at: range.start, end: range.end.min(packet.len()), form }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = (self.at < self.end).then(|| self.packet.get(self.at).copied())??;
        self.at += 1;
        Some(byte)
    }

    fn header(&mut self) -> Option<(u8, usize)> {
        loop {
            let first = self.byte()?;
            if self.form == Form::TwoByte {
                if first == 0 {
                    continue; // padding
                }
                return Some((first, usize::from(self.byte()?)));
            }
            match first >> 4 {
                // Id 0 is padding only with length 0; with any other, reading stops as it does at 15.
                0 if first == 0 => continue,
                0 | ONE_BYTE_END => return None,
                id => return Some((id, usize::from(first & 0x0F) + 1)),
            }
        }
    }
}

impl Iterator for Elements<'_> {
    /// The id, and where its value lies in the packet.
    type Item = (u8, Span);

    fn next(&mut self) -> Option<(u8, Span)> {
        let (id, len) = self.header()?;
        if len > self.end.saturating_sub(self.at) {
            self.at = self.end;
            return None;
        }
        let value = Span::new(self.at, len)?;
        self.at += len;
        Some((id, value))
    }
}
