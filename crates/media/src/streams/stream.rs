//! One stream: what has come of it, and what is to be written to it.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use parlor_rtc::Path;
use parlor_rtc::path::{StreamId, StreamPath};

use super::outbox::{MAX_WAIT, Outbox};
use super::slowness::Slowness;
use super::wire::Wire;
use super::{Backlog, Carries, NewStream, STUCK_AFTER};
use crate::sys::{self, Interest};

/// What a stream wakes its thread for at any time.
pub(super) const INCOMING: libc::c_int = libc::EPOLLIN | libc::EPOLLRDHUP;

/// One stream.
pub(super) struct Stream {
    pub(super) wire: Wire,
    pub(super) remote: SocketAddr,
    pub(super) carries: Carries,
    /// What has come and is no whole frame yet.
    pub(super) inbox: Vec<u8>,
    outbox: Outbox,
    slowness: Slowness,
    pub(super) waits_for_room: bool,
    /// Something was queued since it was last written.
    pub(super) is_queued: bool,
    /// Since when it serves no purpose.
    pub(super) idle_since: Option<Instant>,
    _share: Box<dyn Any + Send>,
}

impl Stream {
    pub(super) fn new(now: Instant, new: NewStream) -> Stream {
        let NewStream { socket, remote, tls, head, carries, share } = new;
        Stream {
            wire: Wire::new(socket, tls),
            remote,
            carries,
            inbox: head,
            outbox: Outbox::default(),
            slowness: Slowness::default(),
            waits_for_room: false,
            is_queued: false,
            idle_since: Some(now),
            _share: share,
        }
    }

    pub(super) fn path(&self, id: StreamId) -> StreamPath {
        StreamPath { id, remote: self.remote }
    }

    /// Queues all parts of one message, or none of it. A path that does not know yet that the stream is slow is told.
    pub(super) fn queue(
        &mut self,
        now: Instant,
        path: Option<Path>,
        parts: [&[u8]; 3],
        news: &mut Vec<Backlog>,
    ) -> bool {
        self.slowness.note_use(now, path, news);
        self.outbox.push(now, parts).is_ok()
    }

    /// Writes as much as the connection takes; paths are told what follows of that.
    pub(super) fn write(&mut self, now: Instant, news: &mut Vec<Backlog>) -> io::Result<()> {
        self.outbox.write_to(&mut self.wire)?;
        self.wire.flush_unless_full()?;
        self.slowness.set(now, self.outbox.waits_for(now) > MAX_WAIT, news);
        Ok(())
    }

    /// Nobody knows of its paths any more.
    pub(super) fn forget_told(&mut self) {
        self.slowness.forget();
    }

    pub(super) fn is_slow(&self) -> bool {
        self.slowness.is_slow()
    }

    /// Whether its other end has taken nothing for so long that it never will.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        self.outbox.waits_for(now) > STUCK_AFTER
    }

    /// Has the thread woken when there is room again, if something waits for that.
    pub(super) fn watch(&mut self, epoll: BorrowedFd<'_>, id: StreamId) -> io::Result<()> {
        let waits = !self.outbox.is_empty() || self.wire.holds_back();
        if waits == self.waits_for_room {
            return Ok(());
        }
        self.waits_for_room = waits;
        let room = if waits { libc::EPOLLOUT } else { 0 };
        sys::epoll_watch(epoll, self.wire.as_fd(), Interest::Changed, INCOMING | room, id.0)
    }
}
