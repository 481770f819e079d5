//! The byte streams of a media thread: TCP connections, encrypted or not, over which clients speak ICE (RFC 6544)
//! or TURN (RFC 8656) because their network lets no datagrams through.
//!
//! The server accepts a connection, reads as much as it takes to know what it is for, and hands it over. From then on the
//! thread reads and writes it; nothing of it waits.

mod incoming;
mod outbox;
mod slowness;
mod stream;
mod wire;

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use parlor_rtc::path::{StreamId, StreamPath};
use parlor_rtc::{Path, framing};
use rustls::ServerConnection;

use crate::sys::{self, Interest, MAX_BATCH};
pub(crate) use incoming::Incoming;
use stream::{INCOMING, Stream};

/// Bytes that the kernel may hold of a stream beyond those that are under way: what is in its hands cannot be taken
/// back when the network becomes slow, and it would take megabytes.
const KERNEL_HOLDS: libc::c_int = 16 * 1024;

/// A stream that has no purpose for so long is closed: nobody's checks come over it, or it has no allocation.
const PURPOSE_PATIENCE: Duration = Duration::from_secs(10);

/// A stream whose other end has taken nothing for so long is closed: what waits for it takes memory.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// How often streams are looked through for such.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Datagrams of ICE-TCP.
    Ice,
    /// Messages of TURN.
    Turn,
}

/// A connection that is handed to a media thread.
pub struct NewStream {
    /// The connection, non-blocking.
    pub socket: TcpStream,
    /// Its other end, never v4-mapped.
    pub remote: SocketAddr,
    /// Its encryption, after the handshake.
    pub tls: Option<Box<ServerConnection>>,
    /// What has been read of it, decrypted.
    pub head: Vec<u8>,
    /// What it carries.
    pub carries: Carries,
    /// What the connection takes of some limit, given back when it is closed.
    pub share: Box<dyn Any + Send>,
}

impl std::fmt::Debug for NewStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NewStream { remote, carries, .. } = self;
        f.debug_struct("NewStream").field("remote", remote).field("carries", carries).finish()
    }
}

/// The streams of one thread, counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// Streams now.
    pub open: usize,
    /// Streams taken over.
    pub taken: u64,
    /// Datagrams and messages that came.
    pub frames_in: u64,
    /// Those that were queued to be written.
    pub frames_out: u64,
    /// Those that found no room, or no stream any more.
    pub dropped: u64,
    /// Times that a stream became too slow for pictures.
    pub slow: u64,
}

/// A path has or has no room for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) path: Path,
    pub(crate) is_slow: bool,
}

/// All streams of a thread.
pub(crate) struct Streams {
    epoll: OwnedFd,
    by_id: HashMap<StreamId, Stream>,
    /// Those that something was queued for since they were last written.
    queued: Vec<StreamId>,
    /// Those of which not all was read.
    unread: Vec<StreamId>,
    backlogs: Vec<Backlog>,
    /// What streams are read into.
    room: Vec<u8>,
    /// The stream whose bytes the thread has.
    in_hand: Option<StreamId>,
    closed: Vec<StreamPath>,
    sweep_at: Option<Instant>,
    facts: StreamFacts,
}

impl Streams {
    /// No streams.
    ///
    /// # Errors
    /// When the process has too many open files.
    pub(crate) fn new() -> io::Result<Streams> {
        Ok(Streams {
            epoll: sys::epoll()?,
            by_id: HashMap::new(),
            queued: Vec::new(),
            unread: Vec::new(),
            backlogs: Vec::new(),
            room: Vec::new(),
            in_hand: None,
            closed: Vec::new(),
            sweep_at: None,
            facts: StreamFacts::default(),
        })
    }

    /// Takes over a stream; what has been read of it already is taken with the next turn.
    pub(crate) fn add(&mut self, now: Instant, id: StreamId, new: NewStream) -> io::Result<()> {
        let limit = sys::set_option(
            new.socket.as_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            KERNEL_HOLDS,
        );
        if let Err(error) = limit {
            tracing::debug!(%error, "a stream's queue in the kernel is not limited");
        }
        let fd = new.socket.as_fd();
        sys::epoll_watch(self.epoll.as_fd(), fd, Interest::New, INCOMING, id.0)?;
        self.by_id.insert(id, Stream::new(now, new));
        self.unread.push(id);
        self.facts.taken += 1;
        self.sweep_at.get_or_insert(now + SWEEP_INTERVAL);
        Ok(())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether something has been read that was not looked at.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// When [`Streams::sweep`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.sweep_at
    }

    /// What was done so far.
    pub(crate) fn facts(&self) -> StreamFacts {
        StreamFacts { open: self.by_id.len(), ..self.facts }
    }

    /// Writes what can be written, and adds the streams of which something may be read to `ready`.
    pub(crate) fn ready(&mut self, now: Instant, ready: &mut Vec<StreamId>) {
        ready.append(&mut self.unread);
        if self.by_id.is_empty() {
            return;
        }
        let mut keys = [0; MAX_BATCH];
        // What does not fit is told the next time: those that were told are read until nothing is there.
        let count = sys::epoll_ready(self.epoll.as_fd(), &mut keys).unwrap_or_default();
        for id in keys.iter().take(count).map(|key| StreamId(*key)) {
            if self.by_id.get(&id).is_some_and(|stream| stream.waits_for_room) {
                self.write(now, id);
            }
            if !ready.contains(&id) {
                ready.push(id);
            }
        }
    }

    /// Reads a stream; what came is to be given back to [`Streams::put_back`].
    pub(crate) fn read(&mut self, id: StreamId) -> Option<Incoming> {
        let stream = self.by_id.get_mut(&id)?;
        let room = std::mem::take(&mut self.room);
        let mut incoming = Incoming::new(id, stream.remote, stream.carries, room);
        incoming.resume(&stream.inbox);
        incoming.fill(&mut stream.wire);
        self.in_hand = Some(id);
        Some(incoming)
    }

    /// Takes back what was read: the rest of it is looked at when more has come, or soon. A stream that has ended is closed.
    pub(crate) fn put_back(&mut self, incoming: Incoming) {
        let id = incoming.id;
        self.in_hand = None;
        self.facts.frames_in += incoming.frames();
        if let Some(stream) = self.by_id.get_mut(&id) {
            stream.inbox.clear();
            stream.inbox.extend_from_slice(incoming.rest());
        }
        if incoming.has_more {
            self.unread.push(id);
        } else if incoming.has_ended {
            self.close(id);
        }
        self.room = incoming.room;
    }

    /// The thread has begun anew after a panic, with an engine that knows of no path. The stream that was in its hands then is
    /// closed, since what was read of it is lost; the others are looked at again.
    pub(crate) fn begin_anew(&mut self) {
        if let Some(id) = self.in_hand.take() {
            self.close(id);
        }
        self.by_id.values_mut().for_each(Stream::forget_told);
        self.backlogs.clear();
        self.unread.clear();
        self.unread.extend(self.by_id.keys());
    }

    /// Closes a stream: it broke its protocol, or serves no purpose.
    pub(crate) fn close(&mut self, id: StreamId) {
        if let Some(stream) = self.by_id.remove(&id) {
            self.closed.push(stream.path(id));
        }
    }

    /// The next stream that has been closed.
    pub(crate) fn poll_closed(&mut self) -> Option<StreamPath> {
        self.closed.pop()
    }

    /// The paths that have no room for pictures, or have again, in the order in which that became so.
    pub(crate) fn take_backlogs(&mut self) -> Vec<Backlog> {
        std::mem::take(&mut self.backlogs)
    }

    /// Keeps what could not be told now.
    pub(crate) fn keep_backlog(&mut self, backlog: Backlog) {
        self.backlogs.push(backlog);
    }

    /// Whether there is something to tell.
    pub(crate) fn has_backlogs(&self) -> bool {
        !self.backlogs.is_empty()
    }

    /// Queues one datagram of ICE.
    pub(crate) fn send(&mut self, now: Instant, path: StreamPath, datagram: &[u8]) {
        match framing::frame_header(datagram.len()) {
            Some(header) => {
                self.queue(now, path.id, Some(Path::Stream(path)), [&header, datagram, &[]]);
            }
            None => self.facts.dropped += 1,
        }
    }

    /// Queues one message in its parts. `path` is what it belongs to.
    pub(crate) fn queue(
        &mut self,
        now: Instant,
        id: StreamId,
        path: Option<Path>,
        parts: [&[u8]; 3],
    ) {
        let Some(stream) = self.by_id.get_mut(&id) else {
            self.facts.dropped += 1;
            return;
        };
        match stream.queue(now, path, parts, &mut self.backlogs) {
            true => self.facts.frames_out += 1,
            false => self.facts.dropped += 1,
        }
        if !std::mem::replace(&mut stream.is_queued, true) {
            self.queued.push(id);
        }
    }

    /// Writes what was queued, as far as it can be written.
    pub(crate) fn flush(&mut self, now: Instant) {
        while let Some(id) = self.queued.pop() {
            if let Some(stream) = self.by_id.get_mut(&id) {
                stream.is_queued = false;
                self.write(now, id);
            }
        }
    }

    fn write(&mut self, now: Instant, id: StreamId) {
        let Some(stream) = self.by_id.get_mut(&id) else { return };
        let was_slow = stream.is_slow();
        let written = stream.write(now, &mut self.backlogs);
        self.facts.slow += u64::from(!was_slow && stream.is_slow());
        let watched = written.and_then(|()| stream.watch(self.epoll.as_fd(), id));
        if watched.is_err() {
            self.close(id);
        }
    }

    /// Closes streams that serve no purpose, or take nothing. `serves` says of each whether it does now.
    pub(crate) fn sweep(
        &mut self,
        now: Instant,
        mut serves: impl FnMut(StreamPath, Carries) -> bool,
    ) {
        if self.sweep_at.is_none_or(|at| now < at) {
            return;
        }
        let mut over = Vec::new();
        for (id, stream) in &mut self.by_id {
            match serves(stream.path(*id), stream.carries) {
                _ if stream.is_stuck(now) => over.push(*id),
                true => stream.idle_since = None,
                false => {
                    let since = *stream.idle_since.get_or_insert(now);
                    if now >= since + PURPOSE_PATIENCE {
                        over.push(*id);
                    }
                }
            }
        }
        over.into_iter().for_each(|id| self.close(id));
        self.sweep_at = (!self.by_id.is_empty()).then_some(now + SWEEP_INTERVAL);
    }
}

impl AsRawFd for Streams {
    fn as_raw_fd(&self) -> i32 {
        self.epoll.as_raw_fd()
    }
}
