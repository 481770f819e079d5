//! A stream of datagrams: framed as ICE does over TCP (RFC 4571), or TURN's messages one after the other (RFC 8656 section 3.1).

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use parlor_rtc::framing::{Frame, FramingError, frame_header, next_frame};
use parlor_rtc::turn;

use crate::stream::Stream;

/// Read at once.
const READ: usize = 64 * 1024;
/// What waits for a stream at most, in bytes: a second of 8 Mbit/s. What comes then is lost, as in a full queue of a network.
const MAX_WAITING: usize = 1 << 20;
/// A server that says nothing for so long answers no more.
const PATIENCE: Duration = Duration::from_secs(5);

/// How datagrams are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A length goes before each.
    Ice,
    /// Each says its length.
    Turn,
}

impl Framing {
    fn next(self, buffer: &[u8]) -> Result<Option<Frame>, FramingError> {
        match self {
            Framing::Ice => next_frame(buffer),
            Framing::Turn => turn::framing::next_frame(buffer),
        }
    }
}

/// A stream, and what waits on both sides of it.
pub(super) struct Framed {
    stream: Stream,
    remote: SocketAddr,
    framing: Framing,
    read: Vec<u8>,
    waiting: Vec<u8>,
}

impl Framed {
    pub(super) fn new(stream: Stream, remote: SocketAddr, framing: Framing) -> Framed {
        Framed { stream, remote, framing, read: Vec::new(), waiting: Vec::new() }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// From now on nothing waits for the other end.
    pub(super) fn wait_no_more(&mut self) -> Result<(), String> {
        self.stream.tcp().set_nonblocking(true).map_err(|error| error.to_string())
    }

    /// Sends a request and waits for the next message.
    pub(super) fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, String> {
        let wrong = |error: io::Error| format!("no answer from {}: {error}", self.remote);
        self.stream.tcp().set_read_timeout(Some(PATIENCE)).map_err(wrong)?;
        self.stream.write_all(request).and_then(|()| self.stream.flush()).map_err(wrong)?;
        let mut answer = None;
        while answer.is_none() {
            self.read_some().map_err(|error| format!("no answer from {}: {error}", self.remote))?;
            self.cut(|message| answer = answer.take().or(Some(message.to_vec())))
                .map_err(|error| error.to_string())?;
        }
        answer.ok_or_else(|| "no answer".into())
    }

    /// Takes what has come; true if there may be more.
    pub(super) fn receive(&mut self, take: impl FnMut(&mut [u8])) -> io::Result<bool> {
        match self.read_some() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        self.cut(take)?;
        Ok(true)
    }

    fn read_some(&mut self) -> io::Result<()> {
        let before = self.read.len();
        self.read.resize(before + READ, 0);
        let room = self.read.get_mut(before..).unwrap_or_default();
        let result = self.stream.read(room);
        self.read.truncate(before + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "closed by the server")),
            result => result.map(|_| ()),
        }
    }

    fn cut(&mut self, mut take: impl FnMut(&mut [u8])) -> io::Result<()> {
        let mut rest = &mut self.read[..];
        let mut cut = 0;
        while let Some(Frame { datagram, len }) =
            self.framing.next(rest).map_err(io::Error::other)?
        {
            take(rest.get_mut(datagram).unwrap_or_default());
            rest = rest.get_mut(len..).unwrap_or_default();
            cut += len;
        }
        self.read.drain(..cut);
        Ok(())
    }

    /// Adds a datagram of ICE.
    pub(super) fn push(&mut self, datagram: &[u8]) {
        if let Some(header) = frame_header(datagram.len()) {
            self.add(&[&header, datagram]);
        }
    }

    /// Adds a datagram behind its ChannelData header, with padding (RFC 8656 section 12.5).
    pub(super) fn push_message(&mut self, header: &[u8], datagram: &[u8]) {
        let len = header.len() + datagram.len();
        self.add(&[header, datagram, &[0; 3][..len.next_multiple_of(4) - len]]);
    }

    fn add(&mut self, parts: &[&[u8]]) {
        if self.waiting.len() <= MAX_WAITING {
            parts.iter().for_each(|part| self.waiting.extend_from_slice(part));
        }
    }

    /// Writes what the stream takes. That it is broken shows when it is read.
    pub(super) fn flush(&mut self) {
        let mut written = 0;
        while let Some(rest) = self.waiting.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_full_or_broken) => break,
            }
        }
        self.waiting.drain(..written);
        let _full_or_broken = self.stream.flush();
    }
}

impl AsRawFd for Framed {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
