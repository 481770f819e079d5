//! One stream: what has come of it, what is to be written to it, and which paths know that it is slow.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use parlor_rtc::Path;
use parlor_rtc::path::{StreamId, StreamPath};

use super::outbox::{MAX_WAIT, Outbox};
use super::wire::Wire;
use super::{Backlog, Carries, NewStream, STUCK_AFTER};
use crate::sys::{self, Interest};

/// Paths of one stream that are told when it is slow: over TURN, one for each of our addresses that its client tries.
const MAX_TOLD: usize = 16;

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
    /// The path that what was queued last belongs to.
    latest: Option<Path>,
    /// What was sent before waits for too long.
    is_slow: bool,
    /// The paths that know.
    told: Vec<Path>,
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
            latest: None,
            is_slow: false,
            told: Vec::new(),
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
        self.latest = path.or(self.latest);
        if self.is_slow {
            self.tell(news);
        }
        self.outbox.push(now, parts).is_ok()
    }

    /// Writes as much as the connection takes; paths are told what follows of that.
    pub(super) fn write(&mut self, now: Instant, news: &mut Vec<Backlog>) -> io::Result<()> {
        self.outbox.write_to(&mut self.wire)?;
        self.wire.flush_unless_full()?;
        let was_slow = self.is_slow;
        self.is_slow = self.outbox.waits_for(now) > MAX_WAIT;
        match (was_slow, self.is_slow) {
            (false, true) => self.tell(news),
            (true, false) => {
                news.extend(self.told.drain(..).map(|path| Backlog { path, is_slow: false }));
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells the path that was used last that the stream is slow.
    fn tell(&mut self, news: &mut Vec<Backlog>) {
        let unaware = |path: &Path| !self.told.contains(path) && self.told.len() < MAX_TOLD;
        if let Some(path) = self.latest.filter(unaware) {
            self.told.push(path);
            news.push(Backlog { path, is_slow: true });
        }
    }

    /// Nobody knows of its paths any more.
    pub(super) fn forget_told(&mut self) {
        self.is_slow = false;
        self.told.clear();
    }

    pub(super) fn is_slow(&self) -> bool {
        self.is_slow
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
