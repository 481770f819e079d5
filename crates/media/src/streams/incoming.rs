//! What has come over one stream, cut into datagrams or messages.

use std::io;
use std::net::SocketAddr;

use parlor_rtc::framing::{self, Frame, FramingError};
use parlor_rtc::path::{StreamId, StreamPath};
use parlor_rtc::turn;

use super::Carries;
use super::wire::Wire;

/// Most bytes that are looked at of one stream before others have their turn; more than the longest frame.
pub(super) const READ_AT_ONCE: usize = 32 * 1024;

/// Most frames of those. Requests of TURN are as small as 20 bytes, and each is answered.
const FRAMES_AT_ONCE: usize = 128;

/// What has come over a stream, in the hands of the thread that reads it.
pub(crate) struct Incoming {
    pub(crate) id: StreamId,
    pub(crate) remote: SocketAddr,
    pub(crate) carries: Carries,
    /// Room that the thread has for all its streams.
    pub(super) room: Vec<u8>,
    len: usize,
    taken: usize,
    frames: usize,
    /// There may be more.
    pub(super) has_more: bool,
    pub(super) has_ended: bool,
}

impl Incoming {
    pub(super) fn new(id: StreamId, remote: SocketAddr, carries: Carries, room: Vec<u8>) -> Self {
        let (has_more, has_ended) = (false, false);
        Incoming { id, remote, carries, room, len: 0, taken: 0, frames: 0, has_more, has_ended }
    }

    /// Begins with what was left the last time.
    pub(super) fn resume(&mut self, rest: &[u8]) {
        self.room.resize(READ_AT_ONCE, 0);
        if let Some(front) = self.room.get_mut(..rest.len()) {
            front.copy_from_slice(rest);
            self.len = rest.len();
        }
    }

    /// Reads until nothing is there, or there is no room.
    pub(super) fn fill(&mut self, wire: &mut Wire) {
        while let Some(room) = self.room.get_mut(self.len..).filter(|room| !room.is_empty()) {
            let size = room.len();
            match wire.read(room) {
                Ok(0) => return self.has_ended = true,
                Ok(count) => {
                    self.len += count;
                    // What comes after so little wakes us; but not what the encryption has read already.
                    if count < size && !wire.is_encrypted() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.has_ended = true,
            }
        }
        self.has_more = true;
    }

    /// The next datagram or message; none if there is none that is whole, or others are to have their turn.
    ///
    /// # Errors
    /// When the stream cannot be cut any further.
    pub(crate) fn next(&mut self) -> Result<Option<&mut [u8]>, FramingError> {
        let rest = self.room.get_mut(self.taken..self.len).unwrap_or_default();
        let frame = match self.carries {
            Carries::Ice => framing::next_frame(rest)?,
            Carries::Turn => turn::framing::next_frame(rest)?,
        };
        let Some(Frame { datagram, len }) = frame else { return Ok(None) };
        if self.frames == FRAMES_AT_ONCE {
            self.has_more = true;
            return Ok(None);
        }
        self.frames += 1;
        self.taken += len;
        Ok(rest.get_mut(datagram))
    }

    /// How many there were.
    pub(super) fn frames(&self) -> u64 {
        self.frames as u64
    }

    /// What was not taken.
    pub(super) fn rest(&self) -> &[u8] {
        self.room.get(self.taken..self.len).unwrap_or_default()
    }

    /// The path of what comes, if it is ICE.
    pub(crate) fn path(&self) -> StreamPath {
        StreamPath { id: self.id, remote: self.remote }
    }
}
