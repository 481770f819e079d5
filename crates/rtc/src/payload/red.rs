//! Redundant audio (RFC 2198): a packet's own frame behind copies of earlier ones, each under a payload type of its own.

use crate::bytes::u24_at;

/// Most blocks of one packet. A browser sends one copy, and at most nine; more than that repeats what nobody waits for.
pub const MAX_BLOCKS: usize = 10;

/// Bytes of the header of a copy; that of the frame itself is one byte (RFC 2198 section 3).
const COPY_HEADER_LEN: usize = 4;

/// Set in a header behind which another one comes.
const ANOTHER_FOLLOWS: u8 = 0x80;

/// Bits of a block's length.
const LENGTH_MASK: u32 = 0x3FF;

/// Where the parts of a redundant payload are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red {
    /// Copies of earlier frames in front of the packet's own.
    copies: usize,
    /// Where the packet's own frame begins.
    primary_at: usize,
}

impl Red {
    /// Reads the headers of a payload; `None` when they are broken, or there are more than [`MAX_BLOCKS`].
    pub fn read(payload: &[u8]) -> Option<Red> {
        let (mut at, mut copied) = (0, 0);
        for copies in 0..MAX_BLOCKS {
            if payload.get(at)? & ANOTHER_FOLLOWS == 0 {
                let primary_at = at + 1 + copied;
                return (primary_at <= payload.len()).then_some(Red { copies, primary_at });
            }
            copied += (u24_at(payload, at + 1)? & LENGTH_MASK) as usize;
            at += COPY_HEADER_LEN;
        }
        None
    }

    /// The packet's own frame in the payload that this was read from; empty if it carries copies alone.
    pub fn primary<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.primary_at..).unwrap_or_default()
    }

    /// The payload types of all blocks, that of the packet's own frame last.
    pub fn payload_types<'a>(&self, payload: &'a [u8]) -> impl Iterator<Item = u8> + use<'a> {
        self.headers().filter_map(|at| Some(payload.get(at)? & !ANOTHER_FOLLOWS))
    }

    /// Puts all blocks of the payload that this was read from under one payload type, 0 to 127.
    pub fn set_payload_types(&self, payload: &mut [u8], payload_type: u8) {
        for at in self.headers() {
            if let Some(header) = payload.get_mut(at) {
                *header = *header & ANOTHER_FOLLOWS | payload_type & !ANOTHER_FOLLOWS;
            }
        }
    }

    /// Where the blocks' headers begin.
    fn headers(&self) -> impl Iterator<Item = usize> + use<> {
        (0..=self.copies).map(|block| block * COPY_HEADER_LEN)
    }
}
