//! What the server holds of the media threads: commands in, room events and facts out.

use std::net::SocketAddr;
use std::sync::Arc;

use parlor_engine::{Join, Joined, Sender, View};
use parlor_engine::{PeerId, RoomId, TrackId};

use crate::board::{RoomEvents, board};
use crate::directory::Directory;
use crate::facts::{Shared, ThreadFacts};
use crate::mailbox::{Command, Mailbox, MediaError, Reply};
use crate::placement;
use crate::strain::Level;

/// Sends commands to the media threads. Cheap to clone.
///
/// Every command waits for room in its thread's mailbox and for its answer; whoever stops waiting
/// must not conclude that the command was not carried out.
#[derive(Clone, Debug)]
pub struct MediaHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    threads: Vec<ThreadLink>,
    directory: Arc<Directory>,
    bound: Vec<SocketAddr>,
    candidates: Vec<SocketAddr>,
}

/// The way to one media thread.
#[derive(Debug)]
pub(crate) struct ThreadLink {
    pub(crate) mailbox: Mailbox,
    pub(crate) shared: Arc<Shared>,
}

impl MediaHandle {
    pub(crate) fn new(
        threads: Vec<ThreadLink>,
        directory: Arc<Directory>,
        bound: Vec<SocketAddr>,
        candidates: Vec<SocketAddr>,
    ) -> MediaHandle {
        MediaHandle { inner: Arc::new(Inner { threads, directory, bound, candidates }) }
    }

    /// Makes an empty room on the media thread that carries the least, and returns its events.
    /// Whoever stops waiting for the answer calls [`MediaHandle::remove_room`].
    ///
    /// # Errors
    /// [`MediaError::RoomExists`], [`MediaError::Busy`] when no thread keeps up, [`MediaError::Stopped`],
    /// [`MediaError::ThreadDied`].
    pub async fn create_room(&self, room: RoomId) -> Result<RoomEvents, MediaError> {
        let threads = &self.inner.threads;
        let choose = |rooms: &[usize]| {
            placement::choose(threads.iter().zip(rooms).map(|(thread, n)| thread.shared.load(*n)))
        };
        let Some(thread) = self.inner.directory.place(room, choose) else {
            let exists = self.inner.directory.find(room).is_some();
            return Err(if exists { MediaError::RoomExists(room) } else { self.no_place() });
        };
        let (writer, events) = board(room);
        let add = |reply| Command::AddRoom { room, board: writer, reply };
        let added = self.mailbox(thread)?.ask(add).await;
        if added.is_err() {
            self.inner.directory.forget(&[room]);
        }
        added.map(|()| events)
    }

    /// Ends a room and everyone's membership of it. Its events end with [`RoomGone`](crate::board::RoomGone).
    ///
    /// # Errors
    /// [`MediaError::NoSuchRoom`] when it has ended already, [`MediaError::Stopped`],
    /// [`MediaError::ThreadDied`]. After any of them the room is no more, too.
    pub async fn remove_room(&self, room: RoomId) -> Result<(), MediaError> {
        let result = self.ask(room, |reply| Command::RemoveRoom { room, reply }).await;
        self.inner.directory.forget(&[room]);
        result
    }

    /// A peer enters a room; the answer has the SDP answer and its slots.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the room's thread has too much to do to take anybody in; else as
    /// [`MediaHandle::rejoin`].
    pub async fn join(&self, join: Join) -> Result<Joined, MediaError> {
        let thread = self.inner.directory.find(join.room);
        let link = thread.and_then(|thread| self.inner.threads.get(thread));
        match link.and_then(|link| link.shared.level().retry_after()) {
            Some(retry_after) => Err(MediaError::Busy { retry_after }),
            None => self.rejoin(join).await,
        }
    }

    /// The same for somebody who was in it a moment ago and comes back, and is let in however much there is to do.
    ///
    /// # Errors
    /// [`MediaError::Refused`] says what is wrong with the offer, or which limit was reached;
    /// [`MediaError::NoSuchRoom`], [`MediaError::Stopped`], [`MediaError::ThreadDied`].
    pub async fn rejoin(&self, join: Join) -> Result<Joined, MediaError> {
        self.ask(join.room, |reply| Command::Join { join, reply }).await
    }

    /// A peer's later offer: fresh ICE credentials, more slots, more or other senders.
    ///
    /// # Errors
    /// As [`MediaHandle::rejoin`]; a refused offer changes nothing.
    pub async fn reoffer(
        &self,
        room: RoomId,
        peer: PeerId,
        offer: String,
        senders: Vec<Sender>,
    ) -> Result<Joined, MediaError> {
        self.ask(room, |reply| Command::Reoffer { room, peer, offer, senders, reply }).await
    }

    /// A publisher has switched one of its tracks on or off.
    ///
    /// # Errors
    /// [`MediaError::NoSuchRoom`], [`MediaError::Stopped`], [`MediaError::ThreadDied`]. A track
    /// that is not there is passed over.
    pub async fn switch_track(
        &self,
        room: RoomId,
        track: TrackId,
        on: bool,
    ) -> Result<(), MediaError> {
        self.ask(room, |reply| Command::SwitchTrack { room, track, on, reply }).await
    }

    /// A peer says which video tracks it shows; replaces what it said before.
    ///
    /// # Errors
    /// As [`MediaHandle::switch_track`].
    pub async fn view(
        &self,
        room: RoomId,
        peer: PeerId,
        tracks: Vec<View>,
    ) -> Result<(), MediaError> {
        self.ask(room, |reply| Command::View { room, peer, tracks, reply }).await
    }

    /// Ends a peer's membership of its room.
    ///
    /// # Errors
    /// As [`MediaHandle::switch_track`]; the peer is gone after any of them.
    pub async fn remove_peer(&self, room: RoomId, peer: PeerId) -> Result<(), MediaError> {
        self.ask(room, |reply| Command::RemovePeer { room, peer, reply }).await
    }

    /// The UDP port of all media.
    pub fn local_port(&self) -> u16 {
        self.inner.bound.first().map_or(0, SocketAddr::port)
    }

    /// The addresses that clients are told to send to, best first.
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.inner.candidates
    }

    /// What each media thread has done, as of about a second ago.
    pub fn facts(&self) -> Vec<ThreadFacts> {
        self.inner.threads.iter().map(|thread| thread.shared.facts()).collect()
    }

    /// Makes the thread on which `room` lives panic, to see what becomes of it.
    #[doc(hidden)]
    pub async fn panic_thread_of(&self, room: RoomId) -> Result<(), MediaError> {
        self.ask(room, |reply| Command::Panic { reply }).await
    }

    /// Makes the thread on which `room` lives say that it can take on so much, to see what becomes of it.
    #[doc(hidden)]
    pub fn set_level_of(&self, room: RoomId, level: Level) {
        let thread = self.inner.directory.find(room);
        if let Some(link) = thread.and_then(|thread| self.inner.threads.get(thread)) {
            link.shared.publish_level(level);
        }
    }

    /// Why no thread takes a room: those that have not ended are busy, the shortest time of which counts.
    fn no_place(&self) -> MediaError {
        let living = self.inner.threads.iter().filter(|thread| thread.shared.load(0).is_some());
        let waits = living.filter_map(|thread| thread.shared.level().retry_after());
        waits.min().map_or(MediaError::Stopped, |retry_after| MediaError::Busy { retry_after })
    }

    /// Asks all threads to end.
    pub(crate) fn stop(&self) {
        for thread in &self.inner.threads {
            thread.shared.stop();
            thread.mailbox.waker().wake();
        }
    }

    async fn ask<T>(
        &self,
        room: RoomId,
        make: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, MediaError> {
        let thread = self.inner.directory.find(room).ok_or(MediaError::NoSuchRoom(room))?;
        self.mailbox(thread)?.ask(make).await
    }

    fn mailbox(&self, thread: usize) -> Result<&Mailbox, MediaError> {
        self.inner.threads.get(thread).map(|link| &link.mailbox).ok_or(MediaError::Stopped)
    }
}
