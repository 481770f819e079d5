//! What a byte stream carries: told by its first bytes, and cut into datagrams (RFC 4571) if it is ICE-TCP.
//!
//! The readers are pure: they look at the start of the caller's buffer, which then drops what was
//! read. [`crate::turn::framing`] is the same for TURN.

use std::ops::Range;

use crate::bytes::array_at;
use crate::stun::MAGIC_COOKIE;

/// Longest datagram that is taken out of a stream, in bytes: what fits in a packet of Ethernet, for
/// which everything that travels here was made.
pub const MAX_FRAME_LEN: usize = 1500;

/// Bytes in front of each datagram: its length (RFC 4571 section 2).
pub const FRAME_HEADER_LEN: usize = 2;

/// How many bytes [`classify_stream`] needs at most to decide.
pub const OPENER_LEN: usize = 10;

/// One whole frame at the start of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where the datagram in it lies.
    pub datagram: Range<usize>,
    /// Bytes of the whole frame, padding included: the next one begins there.
    pub len: usize,
}

/// A stream that cannot be cut any further, and has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A frame is longer than we take: waiting for its end would fill the buffer.
    #[error("a frame of {0} bytes, which is too long")]
    TooLong(usize),
    /// Where a frame should begin, something else does.
    #[error("not the beginning of a frame")]
    NotAFrame,
}

/// Reads the first frame of a stream of ICE-TCP (RFC 6544 section 3, RFC 4571). None while it is not
/// there as a whole; its `datagram` may be empty (a null packet, which keeps a NAT open).
pub fn next_frame(buffer: &[u8]) -> Result<Option<Frame>, FramingError> {
    let Some(length) = array_at(buffer, 0) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(length));
    if length > MAX_FRAME_LEN {
        return Err(FramingError::TooLong(length));
    }
    let len = FRAME_HEADER_LEN + length;
    Ok((buffer.len() >= len).then_some(Frame { datagram: FRAME_HEADER_LEN..len, len }))
}

/// What goes in front of a datagram of `len` bytes on a stream of ICE-TCP; none if it is longer
/// than we send.
pub fn frame_header(len: usize) -> Option<[u8; FRAME_HEADER_LEN]> {
    let fits = len <= MAX_FRAME_LEN;
    fits.then_some((len as u16).to_be_bytes())
}

/// What a client means to do with the stream that it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opener {
    /// A TLS handshake; what is inside of it has an opener of its own.
    Tls,
    /// HTTP/1.1, or HTTP/2 with prior knowledge (`PRI * HTTP/2.0`).
    Http,
    /// ICE-TCP (RFC 6544): a STUN message in a frame of RFC 4571.
    IceTcp,
    /// TURN over TCP (RFC 8656 section 3.1), or plain STUN: a STUN message without a frame.
    Turn,
}

/// The first bytes of a stream are those of nothing that we serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream that begins like nothing that is served here")]
pub struct UnknownOpener;

/// The type of a TLS record that has a handshake message (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Tells what a stream is for by its first bytes, the more the better. None: they are too few; with
/// [`OPENER_LEN`] of them it is always decided.
///
/// TLS and HTTP are told by the first byte. Messages of STUN and frames of such begin with less than
/// 64, and have the cookie of RFC 8489 section 5 in a fixed place; what opens ICE-TCP and TURN is always one.
pub fn classify_stream(first_bytes: &[u8]) -> Result<Option<Opener>, UnknownOpener> {
    let cookie_at = |at| array_at(first_bytes, at).map(|found| found == MAGIC_COOKIE.to_be_bytes());
    match first_bytes.first() {
        None => Ok(None),
        Some(&TLS_HANDSHAKE) => Ok(Some(Opener::Tls)),
        Some(b'A'..=b'Z') => Ok(Some(Opener::Http)),
        Some(..=0x3F) => match (cookie_at(4), cookie_at(6)) {
            (Some(true), _) => Ok(Some(Opener::Turn)),
            (_, Some(true)) => Ok(Some(Opener::IceTcp)),
            (_, None) => Ok(None),
            (_, Some(false)) => Err(UnknownOpener),
        },
        Some(_) => Err(UnknownOpener),
    }
}
