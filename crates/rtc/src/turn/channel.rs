//! ChannelData messages (RFC 8656 section 12): a number and a length in front of a datagram.

use std::ops::Range;

use crate::bytes::u16_at;

/// Bytes in front of the datagram.
pub const CHANNEL_HEADER_LEN: usize = 4;

/// Whether a message that begins with this byte is one of ChannelData.
///
/// RFC 8656 ends the numbers at 0x4FFF, so that DTLS-like protocols may share the port (RFC 7983); RFC 5766 had
/// them up to 0x7FFF, which clients still use, and nothing of ours begins so.
pub const fn is_channel_data(first: u8) -> bool {
    matches!(first, 0x40..=0x7F)
}

/// The number of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelNumber(u16);

impl ChannelNumber {
    /// The number, if a channel can have it.
    pub(super) fn new(number: u16) -> Option<ChannelNumber> {
        is_channel_data(number.to_be_bytes()[0]).then_some(ChannelNumber(number))
    }

    /// What goes in front of a datagram of `len` bytes.
    pub(super) fn header(self, len: u16) -> [u8; CHANNEL_HEADER_LEN] {
        let ([n0, n1], [l0, l1]) = (self.0.to_be_bytes(), len.to_be_bytes());
        [n0, n1, l0, l1]
    }
}

/// Reads a whole message: its channel, and where the datagram is. What follows it is padding.
pub(super) fn parse(message: &[u8]) -> Option<(ChannelNumber, Range<usize>)> {
    let number = ChannelNumber::new(u16_at(message, 0)?)?;
    let end = CHANNEL_HEADER_LEN + usize::from(u16_at(message, 2)?);
    (message.len() >= end).then_some((number, CHANNEL_HEADER_LEN..end))
}
