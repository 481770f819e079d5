//! What the server holds of the media threads: commands in, room events and facts out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parlor_engine::{Join, Joined, Sender, View, thread_of_check};
use parlor_engine::{Neighbour, PeerId, RoomId, TrackId};
use parlor_rtc::Rid;
use parlor_rtc::framing;
use parlor_rtc::path::StreamId;
use parlor_rtc::sdp::Candidates;
use parlor_rtc::turn::Secret;

use crate::board::{RoomEvents, board};
use crate::directory::{Directory, Seating};
use crate::facts::{Shared, ThreadFacts};
use crate::mailbox::{Command, Mailbox, MediaError, Reply};
use crate::strain::Level;
use crate::streams::{Carries, NewStream};
use crate::{placement, spreading};

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
    candidates: Candidates,
    turn_secret: Secret,
    /// The number of the next stream.
    next_stream: AtomicU64,
    /// See [`MediaConfig`](crate::MediaConfig).
    peers_per_thread_of_room: usize,
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
        candidates: Candidates,
        turn_secret: Secret,
        peers_per_thread_of_room: usize,
    ) -> MediaHandle {
        let next_stream = AtomicU64::new(0);
        let inner = Inner {
            threads,
            directory,
            bound,
            candidates,
            turn_secret,
            next_stream,
            peers_per_thread_of_room,
        };
        MediaHandle { inner: Arc::new(inner) }
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
        let (writer, events) = board(room);
        let Some(thread) = self.inner.directory.place(room, writer.root(), choose) else {
            let exists = self.inner.directory.contains(room);
            return Err(if exists { MediaError::RoomExists(room) } else { self.no_place() });
        };
        let add = |reply| Command::AddRoom { room, board: writer, reply };
        let added = self.mailbox(thread)?.ask(add).await;
        if added.is_err() {
            self.inner.directory.forget(room);
        }
        added.map(|()| events)
    }

    /// Ends a room and everyone's membership of it. Its events end with [`RoomGone`](crate::board::RoomGone).
    ///
    /// # Errors
    /// [`MediaError::NoSuchRoom`] when it has ended already, [`MediaError::Stopped`],
    /// [`MediaError::ThreadDied`]. After any of them the room is no more, too.
    pub async fn remove_room(&self, room: RoomId) -> Result<(), MediaError> {
        let threads = self.inner.directory.threads_of(room);
        self.inner.directory.forget(room);
        let mut result = Err(MediaError::NoSuchRoom(room));
        for thread in threads {
            let remove = |reply| Command::RemoveRoom { room, reply };
            result = match (result, self.mailbox(thread)?.ask(remove).await) {
                (Ok(()), _) | (_, Ok(())) => Ok(()),
                (_, Err(error)) => Err(error),
            };
        }
        result
    }

    /// A peer enters a room; the answer has the SDP answer and its slots. In a room that is too much for one thread, another one
    /// may have it.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the room's threads have too much to do to take anybody in, and so has every other; else as
    /// [`MediaHandle::rejoin`].
    pub async fn join(&self, join: Join) -> Result<Joined, MediaError> {
        let (thread, is_new) = self.seat(join.room, join.peer).await?;
        let link = self.inner.threads.get(thread);
        if let Some(retry_after) = link.and_then(|link| link.shared.level().retry_after()) {
            if is_new {
                self.inner.directory.leave(join.room, join.peer);
            }
            return Err(MediaError::Busy { retry_after });
        }
        self.join_on(thread, is_new, join).await
    }

    /// The same for somebody who was in it a moment ago and comes back, and is let in however much there is to do.
    ///
    /// # Errors
    /// [`MediaError::Refused`] says what is wrong with the offer, or which limit was reached;
    /// [`MediaError::NoSuchRoom`], [`MediaError::Stopped`], [`MediaError::ThreadDied`].
    pub async fn rejoin(&self, join: Join) -> Result<Joined, MediaError> {
        let (thread, is_new) = self.seat(join.room, join.peer).await?;
        self.join_on(thread, is_new, join).await
    }

    async fn join_on(&self, thread: usize, is_new: bool, join: Join) -> Result<Joined, MediaError> {
        let (room, peer) = (join.room, join.peer);
        let joined = self.mailbox(thread)?.ask(|reply| Command::Join { join, reply }).await;
        if joined.is_err() && is_new {
            self.inner.directory.leave(room, peer);
        }
        joined
    }

    /// A peer's later offer: fresh ICE credentials, more slots, more or other senders. `pins` are the tracks that are
    /// to be on its slots if it joined with pinned ones.
    ///
    /// # Errors
    /// As [`MediaHandle::rejoin`]; a refused offer changes nothing.
    pub async fn reoffer(
        &self,
        room: RoomId,
        peer: PeerId,
        offer: String,
        senders: Vec<Sender>,
        pins: Vec<TrackId>,
    ) -> Result<Joined, MediaError> {
        let reoffer = |reply| Command::Reoffer { room, peer, offer, senders, pins, reply };
        self.ask(room, peer, reoffer).await
    }

    /// A peer's answer to what it was offered when it joined by [`Opening::Invited`](parlor_engine::Opening::Invited).
    ///
    /// # Errors
    /// As [`MediaHandle::rejoin`]; a refused answer changes nothing.
    pub async fn accept(
        &self,
        room: RoomId,
        peer: PeerId,
        answer: String,
    ) -> Result<Joined, MediaError> {
        self.ask(room, peer, |reply| Command::Accept { room, peer, answer, reply }).await
    }

    /// A publisher, `peer`, has switched one of its tracks on or off.
    ///
    /// # Errors
    /// [`MediaError::NoSuchRoom`], [`MediaError::Stopped`], [`MediaError::ThreadDied`]. A track
    /// that is not there is passed over.
    pub async fn switch_track(
        &self,
        room: RoomId,
        peer: PeerId,
        track: TrackId,
        on: bool,
    ) -> Result<(), MediaError> {
        self.ask(room, peer, |reply| Command::SwitchTrack { room, track, on, reply }).await
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
        self.ask(room, peer, |reply| Command::View { room, peer, tracks, reply }).await
    }

    /// A peer is to be sent no better encoding of a track than the one of this rid; `None` takes that back.
    ///
    /// # Errors
    /// As [`MediaHandle::switch_track`].
    pub async fn cap(
        &self,
        room: RoomId,
        peer: PeerId,
        track: TrackId,
        up_to: Option<Rid>,
    ) -> Result<(), MediaError> {
        self.ask(room, peer, |reply| Command::Cap { room, peer, track, up_to, reply }).await
    }

    /// Ends a peer's membership of its room.
    ///
    /// # Errors
    /// As [`MediaHandle::switch_track`]; the peer is gone after any of them.
    pub async fn remove_peer(&self, room: RoomId, peer: PeerId) -> Result<(), MediaError> {
        // First: should it join again meanwhile, that is another seat.
        let thread = self.inner.directory.leave(room, peer).ok_or(MediaError::NoSuchRoom(room))?;
        self.mailbox(thread)?.ask(|reply| Command::RemovePeer { room, peer, reply }).await
    }

    /// Gives a byte stream to a media thread: that of ICE to the one that its first check names, which must be whole in what has
    /// been read of it; that of TURN to any.
    ///
    /// # Errors
    /// [`MediaError::StreamRefused`], [`MediaError::Stopped`], [`MediaError::ThreadDied`]; the stream is closed then.
    pub async fn adopt(&self, stream: NewStream) -> Result<(), MediaError> {
        let id = StreamId(self.inner.next_stream.fetch_add(1, Ordering::Relaxed));
        let thread = match stream.carries {
            Carries::Ice => named_thread(&stream.head).ok_or(MediaError::StreamRefused)?,
            Carries::Turn => id.0 as usize % self.inner.threads.len().max(1),
        };
        self.mailbox(thread)?.ask(|reply| Command::AddStream { id, stream, reply }).await
    }

    /// The UDP port of all media, or the first of several.
    pub fn local_port(&self) -> u16 {
        self.inner.bound.first().map_or(0, SocketAddr::port)
    }

    /// All UDP ports of media, in the order in which threads take them.
    pub fn local_ports(&self) -> Vec<u16> {
        let mut ports = Vec::new();
        for port in self.inner.bound.iter().map(SocketAddr::port) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        ports
    }

    /// The addresses that clients are told to send datagrams to, best first.
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.inner.candidates.udp
    }

    /// The addresses to which clients are told to open TCP connections, best first.
    pub fn tcp_candidates(&self) -> &[SocketAddr] {
        &self.inner.candidates.tcp
    }

    /// What makes the credentials that the threads' TURN servers take.
    pub fn turn_secret(&self) -> &Secret {
        &self.inner.turn_secret
    }

    /// What each media thread has done, as of about a second ago.
    pub fn facts(&self) -> Vec<ThreadFacts> {
        self.inner.threads.iter().map(|thread| thread.shared.facts()).collect()
    }

    /// Makes a thread panic, to see what becomes of it and its rooms.
    #[doc(hidden)]
    pub async fn panic_thread(&self, thread: usize) -> Result<(), MediaError> {
        self.mailbox(thread)?.ask(|reply| Command::Panic { reply }).await
    }

    /// The threads that have people of a room or are about to, its home first; empty when there is no such room.
    pub fn threads_of(&self, room: RoomId) -> Vec<usize> {
        self.inner.directory.threads_of(room)
    }

    /// Makes the threads on which `room` lives say that they can take on so much, to see what becomes of it.
    #[doc(hidden)]
    pub fn set_level_of(&self, room: RoomId, level: Level) {
        for thread in self.threads_of(room) {
            if let Some(link) = self.inner.threads.get(thread) {
                link.shared.publish_level(level);
            }
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
        peer: PeerId,
        make: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, MediaError> {
        let thread = self.inner.directory.find(room, peer).ok_or(MediaError::NoSuchRoom(room))?;
        self.mailbox(thread)?.ask(make).await
    }

    /// The thread on which a peer joins, and whether it had no seat there before. Makes an annex of the room if it is to have one;
    /// should nobody wait for that any more, the next who is to have a seat there asks for it again.
    async fn seat(&self, room: RoomId, peer: PeerId) -> Result<(usize, bool), MediaError> {
        let Inner { threads, directory, peers_per_thread_of_room, .. } = &*self.inner;
        let loads: Vec<_> = threads.iter().map(|thread| thread.shared.load(0)).collect();
        let seating = directory.seat(room, peer, |parts, may_grow| {
            spreading::seat(parts, &loads, *peers_per_thread_of_room, may_grow)
        });
        match seating.ok_or(MediaError::NoSuchRoom(room))? {
            Seating::On { thread, is_new } => Ok((thread, is_new)),
            Seating::Annex { thread, others, board } => {
                let others = others.into_iter().map(|other| Neighbour(other as u8)).collect();
                let add = |reply| Command::AddAnnex { room, board, others, reply };
                let added = self.mailbox(thread)?.ask(add).await;
                let seated = directory.grown(room, peer, thread, added.is_ok());
                added?;
                let Some(is_new) = seated else {
                    // It ended meanwhile, and whoever ended it may have asked this thread before it had a part.
                    let remove = |reply| Command::RemoveRoom { room, reply };
                    let _gone = self.mailbox(thread)?.ask(remove).await;
                    return Err(MediaError::NoSuchRoom(room));
                };
                Ok((thread, is_new))
            }
        }
    }

    fn mailbox(&self, thread: usize) -> Result<&Mailbox, MediaError> {
        self.inner.threads.get(thread).map(|link| &link.mailbox).ok_or(MediaError::Stopped)
    }
}

/// The thread that the check at the beginning of a stream names.
fn named_thread(head: &[u8]) -> Option<usize> {
    let frame = framing::next_frame(head).ok()??;
    thread_of_check(head.get(frame.datagram)?).map(usize::from)
}
