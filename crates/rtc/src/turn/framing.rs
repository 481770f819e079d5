//! How messages of STUN and ChannelData are cut out of a byte stream (RFC 8656 sections 3.1 and 12.5).

use crate::bytes::{array_at, u16_at};
use crate::framing::{Frame, FramingError};
use crate::stun::{HEADER_LEN, MAGIC_COOKIE};

use super::channel::{CHANNEL_HEADER_LEN, is_channel_data};

/// Longest message that is taken out of a stream, in bytes: a Send indication with the longest
/// datagram of [`crate::framing`], an address and some attributes that we do not know.
pub const MAX_STREAM_MESSAGE_LEN: usize = 2048;

/// Reads the first message of a stream: one of STUN or of ChannelData. None while it is not there as
/// a whole.
///
/// The `datagram` of the frame is the whole message as UDP would carry it, header included and without
/// the padding that ChannelData has on streams.
pub fn next_frame(buffer: &[u8]) -> Result<Option<Frame>, FramingError> {
    let Some(&first) = buffer.first() else { return Ok(None) };
    let Some(length) = u16_at(buffer, 2).map(usize::from) else { return Ok(None) };
    let message = if is_channel_data(first) {
        CHANNEL_HEADER_LEN + length
    } else if is_stun(first, length, buffer) {
        HEADER_LEN + length
    } else {
        return Err(FramingError::NotAFrame);
    };
    if message > MAX_STREAM_MESSAGE_LEN {
        return Err(FramingError::TooLong(message));
    }
    let len = message.next_multiple_of(4);
    Ok((buffer.len() >= len).then_some(Frame { datagram: 0..message, len }))
}

/// Whether a STUN message begins here, as far as can be told: where the next one begins is known only
/// as long as each is one.
fn is_stun(first: u8, length: usize, buffer: &[u8]) -> bool {
    let cookie = array_at(buffer, 4).is_none_or(|found| found == MAGIC_COOKIE.to_be_bytes());
    first < 0x40 && length.is_multiple_of(4) && cookie
}
