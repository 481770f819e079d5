//! The byte streams of a media thread: TCP connections, encrypted or not, over which clients speak ICE (RFC 6544)
//! or TURN (RFC 8656) because their network lets no datagrams through.
//!
//! The server accepts a connection, reads as much as it takes to know what it is for, and hands it over. From then on the
//! thread reads and writes it; nothing of it waits.

mod incoming;
mod outbox;
mod wire;

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use parlor_rtc::path::{StreamId, StreamPath};
use parlor_rtc::{Path, framing};
use rustls::ServerConnection;

use crate::sys::{self, Interest, MAX_BATCH};
pub(crate) use incoming::Incoming;
use outbox::{MAX_WAIT, Outbox};
use wire::Wire;

/// Bytes taken from one stream before others have their turn, and so the most that lies unread.
const READ_AT_ONCE: usize = 32 * 1024;

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

/// One stream.
struct Stream {
    wire: Wire,
    remote: SocketAddr,
    carries: Carries,
    /// What has come and was not taken yet.
    inbox: Vec<u8>,
    outbox: Outbox,
    /// What was written last belongs to this path.
    path: Option<Path>,
    /// The path knows that there is no room for pictures.
    is_slow: bool,
    waits_for_room: bool,
    is_queued: bool,
    /// Since when it serves no purpose.
    idle_since: Option<Instant>,
    _share: Box<dyn Any + Send>,
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
            closed: Vec::new(),
            sweep_at: None,
            facts: StreamFacts::default(),
        })
    }

    /// Takes over a stream; what has been read of it already is taken with the next turn.
    pub(crate) fn add(&mut self, now: Instant, id: StreamId, new: NewStream) -> io::Result<()> {
        let NewStream { socket, remote, tls, head, carries, share } = new;
        let limit = sys::set_option(
            socket.as_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            KERNEL_HOLDS,
        );
        if let Err(error) = limit {
            tracing::debug!(%error, "a stream's queue in the kernel is not limited");
        }
        let events = libc::EPOLLIN | libc::EPOLLRDHUP;
        sys::epoll_watch(self.epoll.as_fd(), socket.as_fd(), Interest::New, events, id.0)?;
        let stream = Stream {
            wire: Wire::new(socket, tls),
            remote,
            carries,
            inbox: head,
            outbox: Outbox::default(),
            path: None,
            is_slow: false,
            waits_for_room: false,
            is_queued: false,
            idle_since: Some(now),
            _share: share,
        };
        self.by_id.insert(id, stream);
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
        let mut bytes = std::mem::take(&mut stream.inbox);
        let (mut is_full, mut has_ended) = (false, false);
        loop {
            let len = bytes.len();
            if len >= READ_AT_ONCE {
                is_full = true;
                break;
            }
            bytes.resize(READ_AT_ONCE, 0);
            let read = stream.wire.read(bytes.get_mut(len..).unwrap_or_default());
            bytes.truncate(len + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => has_ended = true,
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => has_ended = true,
            }
            break;
        }
        let (remote, carries) = (stream.remote, stream.carries);
        Some(Incoming { id, remote, carries, bytes, taken: 0, is_full, has_ended })
    }

    /// Takes back what was read: the rest of it is looked at when more has come. A stream that has ended is closed.
    pub(crate) fn put_back(&mut self, incoming: Incoming, frames: u64) {
        let Incoming { id, mut bytes, taken, is_full, has_ended, .. } = incoming;
        self.facts.frames_in += frames;
        if has_ended {
            return self.close(id);
        }
        let Some(stream) = self.by_id.get_mut(&id) else { return };
        bytes.drain(..taken);
        stream.inbox = bytes;
        if is_full {
            self.unread.push(id);
        }
    }

    /// Closes a stream: it broke its protocol, or serves no purpose.
    pub(crate) fn close(&mut self, id: StreamId) {
        if let Some(stream) = self.by_id.remove(&id) {
            self.closed.push(StreamPath { id, remote: stream.remote });
        }
    }

    /// The next stream that has been closed.
    pub(crate) fn poll_closed(&mut self) -> Option<StreamPath> {
        self.closed.pop()
    }

    /// The next path that has room for pictures again, or none.
    pub(crate) fn poll_backlog(&mut self) -> Option<Backlog> {
        self.backlogs.pop()
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
        match stream.outbox.push(now, parts) {
            Ok(()) => self.facts.frames_out += 1,
            Err(outbox::Full) => self.facts.dropped += 1,
        }
        stream.path = path.or(stream.path);
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
        let written = stream.write();
        let is_slow = stream.outbox.waits_for(now) > MAX_WAIT;
        if is_slow != stream.is_slow
            && let Some(path) = stream.path
        {
            stream.is_slow = is_slow;
            self.facts.slow += u64::from(is_slow);
            self.backlogs.push(Backlog { path, is_slow });
        }
        let is_stuck = stream.outbox.waits_for(now) > STUCK_AFTER;
        let watched = written.and_then(|()| stream.watch(self.epoll.as_fd(), id));
        if watched.is_err() || is_stuck {
            self.close(id);
        }
    }

    /// Closes streams that serve no purpose. `serves` says of each whether it does now.
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
            let path = StreamPath { id: *id, remote: stream.remote };
            match serves(path, stream.carries) {
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

impl Stream {
    /// Writes as much as the connection takes.
    fn write(&mut self) -> io::Result<()> {
        let singly = self.wire.is_encrypted();
        self.outbox.write_to(&mut self.wire, singly)?;
        match self.wire.flush_tls() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Has the thread woken when there is room again, if something waits for that.
    fn watch(&mut self, epoll: BorrowedFd<'_>, id: StreamId) -> io::Result<()> {
        let waits = !self.outbox.is_empty() || self.wire.holds_back();
        if waits == self.waits_for_room {
            return Ok(());
        }
        self.waits_for_room = waits;
        let room = if waits { libc::EPOLLOUT } else { 0 };
        let events = libc::EPOLLIN | libc::EPOLLRDHUP | room;
        sys::epoll_watch(epoll, self.wire.as_fd(), Interest::Changed, events, id.0)
    }
}

impl AsRawFd for Streams {
    fn as_raw_fd(&self) -> i32 {
        self.epoll.as_raw_fd()
    }
}
