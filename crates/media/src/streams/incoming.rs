//! What has come over one stream, cut into datagrams or messages.

use std::net::SocketAddr;

use parlor_rtc::framing::{self, Frame, FramingError};
use parlor_rtc::path::{StreamId, StreamPath};
use parlor_rtc::turn;

use super::Carries;

/// What has come over a stream, in the hands of the thread that reads it.
pub(crate) struct Incoming {
    pub(crate) id: StreamId,
    pub(crate) remote: SocketAddr,
    pub(crate) carries: Carries,
    pub(super) bytes: Vec<u8>,
    pub(super) taken: usize,
    /// There may be more.
    pub(super) is_full: bool,
    pub(super) has_ended: bool,
}

impl Incoming {
    /// The next datagram or message.
    ///
    /// # Errors
    /// When the stream cannot be cut any further.
    pub(crate) fn next(&mut self) -> Result<Option<&mut [u8]>, FramingError> {
        let rest = self.bytes.get_mut(self.taken..).unwrap_or_default();
        let frame = match self.carries {
            Carries::Ice => framing::next_frame(rest)?,
            Carries::Turn => turn::framing::next_frame(rest)?,
        };
        let Some(Frame { datagram, len }) = frame else { return Ok(None) };
        self.taken += len;
        Ok(rest.get_mut(datagram))
    }

    /// The path of what comes, if it is ICE.
    pub(crate) fn path(&self) -> StreamPath {
        StreamPath { id: self.id, remote: self.remote }
    }
}
