//! The rooms of this server by name, and the ids that are given out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use parlor_engine::RoomId;
use parlor_media::MediaHandle;
use parlor_wire::membrane::ClientEvent;
use parlor_wire::{PeerId, Reason, Refusal, RoomName, Sender, TrackId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::about::{Metadata, TrackAbout};
use super::actor::{Actor, MAILBOX_LEN, ToRoom};
use super::command::{Command, Join, NamedSender, Reference, SessionId};
use super::negotiate::resume_is_unknown;
use super::report::{Inquiry, Report};
use super::state::Census;
use super::token::Token;
use super::voice::Voice;
use crate::admission::{self, Wish};
use crate::ice_servers::IceServers;
use crate::metrics::Metrics;

/// A join that has passed admission, with the way back to its client.
#[derive(Debug)]
pub struct Entry {
    /// What is wanted.
    pub wish: Wish,
    /// The way back.
    pub voice: Voice,
    /// What to answer to.
    pub reference: Reference,
    /// The session of the same topic and socket that this one takes the place of.
    pub replaces: Option<SessionId>,
    /// The name or address by which the client has reached the server over HTTP, if it says so.
    pub host: Option<String>,
}

/// What rooms are made with.
#[derive(Debug)]
pub struct RoomConfig {
    /// People in one room.
    pub max_peers: usize,
    /// Rooms on this server.
    pub max_rooms: usize,
    /// Where people find TURN.
    pub ice_servers: IceServers,
}

/// All rooms.
#[derive(Clone, Debug)]
pub struct Rooms {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: RoomConfig,
    media: MediaHandle,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    actors: TaskTracker,
    ids: Ids,
    by_name: Mutex<HashMap<RoomName, Listed>>,
}

/// The next id of each sort. None is ever used twice.
#[derive(Debug, Default)]
struct Ids {
    room: AtomicU64,
    peer: AtomicU64,
    track: AtomicU64,
    session: AtomicU64,
}

#[derive(Debug)]
struct Listed {
    room: RoomId,
    mailbox: mpsc::Sender<ToRoom>,
    shared: Arc<SharedCensus>,
}

/// How many there are of what in one room, written by its actor.
#[derive(Debug, Default)]
pub(super) struct SharedCensus {
    peers: AtomicUsize,
    tracks: AtomicUsize,
    slots: AtomicUsize,
    simulcast: Simulcast,
}

impl SharedCensus {
    pub(super) fn store(&self, census: Census) {
        self.peers.store(census.peers, Ordering::Relaxed);
        self.tracks.store(census.tracks, Ordering::Relaxed);
        self.slots.store(census.slots, Ordering::Relaxed);
    }
}

/// The way to a room.
#[derive(Clone, Debug)]
pub struct RoomHandle {
    mailbox: mpsc::Sender<ToRoom>,
}

impl RoomHandle {
    /// A room that is told no more until what is returned with it is read.
    #[cfg(test)]
    pub(crate) fn stuck() -> (RoomHandle, impl Sized) {
        let (mailbox, inbox) = mpsc::channel(1);
        assert!(mailbox.try_send(ToRoom::Command(Command::Tick)).is_ok());
        (RoomHandle { mailbox }, inbox)
    }

    /// Tells the room something, waiting while its mailbox is full. False when the room has ended.
    pub async fn send(&self, command: Command) -> bool {
        self.mailbox.send(ToRoom::Command(command)).await.is_ok()
    }

    /// Tells the room something without waiting for it: what finds its mailbox full is there as soon as there is room.
    pub(super) fn tell(&self, command: Command) {
        let full = match self.mailbox.try_send(ToRoom::Command(command)) {
            Err(TrySendError::Full(message)) => message,
            Ok(()) | Err(TrySendError::Closed(_)) => return,
        };
        // Without a runtime the process ends, and the room with it.
        if let Ok(runtime) = Handle::try_current() {
            let mailbox = self.mailbox.clone();
            runtime.spawn(async move { mailbox.send(full).await });
        }
    }

    /// As [`RoomHandle::send`], for what a client of Membrane's dialect says.
    pub async fn send_event(&self, session: SessionId, event: ClientEvent<Metadata>) -> bool {
        let event = Box::new(event);
        self.mailbox.send(ToRoom::MediaEvent { session, event }).await.is_ok()
    }

    /// Its numbers as the member of `session` may know them, of itself and of as many others that those are at most
    /// `endpoints`. None when it is not in, and from a room that has too much to do.
    pub async fn report(&self, session: SessionId, endpoints: usize) -> Option<Report> {
        let (answer, report) = oneshot::channel();
        let inquiry = Inquiry { session, endpoints, answer };
        self.mailbox.try_send(ToRoom::Inquiry(inquiry)).ok()?;
        report.await.ok()
    }
}

/// Decided once: nothing yet, or else whether the first one said nothing, no or yes.
#[derive(Debug, Default)]
struct Simulcast(OnceLock<Option<bool>>);

impl Simulcast {
    /// `None` of somebody whose dialect does not know the question.
    fn decide(&self, wanted: Option<Option<bool>>) {
        if let Some(wanted) = wanted {
            self.0.get_or_init(|| wanted);
        }
    }

    fn decided(&self) -> Option<Option<bool>> {
        self.0.get().copied()
    }
}

fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

impl Rooms {
    /// No rooms yet. They end when `stop` is cancelled.
    pub fn new(
        config: RoomConfig,
        media: MediaHandle,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Rooms {
        let (actors, ids, by_name) = (TaskTracker::new(), Ids::default(), Mutex::default());
        Rooms { inner: Arc::new(Inner { config, media, metrics, stop, actors, ids, by_name }) }
    }

    /// Names the track of each sending section, should it be new.
    pub fn name_tracks(&self, senders: Vec<Sender>) -> Vec<NamedSender> {
        let named = senders.into_iter().map(|sender| (sender, TrackAbout::default()));
        self.name_described_tracks(named)
    }

    /// The same for sections of which their owner says something.
    pub fn name_described_tracks(
        &self,
        senders: impl IntoIterator<Item = (Sender, TrackAbout)>,
    ) -> Vec<NamedSender> {
        let name = |(sender, about)| NamedSender {
            track: TrackId(next(&self.inner.ids.track)),
            sender,
            about,
        };
        senders.into_iter().map(name).collect()
    }

    /// Hands a join to its room, which is opened if there is none. The room answers it.
    ///
    /// # Errors
    /// When the join does not even get there.
    pub fn enter(&self, entry: Entry) -> Result<(SessionId, RoomHandle), Refusal> {
        let inner = &self.inner;
        let Entry { wish, voice, reference, replaces, host } = entry;
        let token = Token::random().map_err(|error| {
            tracing::error!(%error, "no resume token can be made");
            Refusal::for_now(Reason::MediaFailed, "The server cannot take anybody now.", 1_000)
        })?;
        let id = SessionId(next(&inner.ids.session));
        let peer = PeerId(next(&inner.ids.peer));
        let ice_servers = inner.config.ice_servers.for_browser(&peer.to_string(), host.as_deref());
        let join = Join {
            session: id,
            reference,
            replaces,
            manner: wish.manner,
            name: wish.name,
            metadata: wish.metadata,
            offer: wish.offer,
            senders: self.name_tracks(wish.senders),
            pins: None,
            resume: wish.resume,
            peer,
            token,
            ice_servers: vec![ice_servers],
        };
        // Under the lock from finding the room to being in its mailbox: a room that ends looks
        // into its mailbox under the same lock, so no join is lost between two rooms.
        let mut by_name = self.lock();
        if inner.stop.is_cancelled() {
            let message = "The server is stopping.";
            return Err(Refusal::for_now(Reason::ServerStopping, message, 2_000));
        }
        let simulcast = wish.simulcast;
        free_if_dead(&mut by_name, &wish.room);
        if !by_name.contains_key(&wish.room) {
            // Whoever has been there, is forgotten: no room is opened to find that out.
            if join.resume.is_some() {
                return Err(resume_is_unknown());
            }
            admission::may_open_room(by_name.len(), inner.config.max_rooms)?;
            let listed = self.open(&wish.room);
            by_name.insert(wish.room.clone(), listed);
        }
        let mailbox = match by_name.get(&wish.room) {
            Some(listed) => {
                listed.shared.simulcast.decide(simulcast);
                listed.mailbox.clone()
            }
            None => return Err(busy()),
        };
        let message = ToRoom::Join { join: Box::new(join), voice };
        mailbox.try_send(message).map_err(|_| busy())?;
        Ok((id, RoomHandle { mailbox }))
    }

    /// Whether publishers of a room are to send several encodings, as the first client of Membrane's dialect there
    /// wanted it, or else as this one does.
    pub fn simulcast(&self, name: &RoomName, wanted: Option<bool>) -> Option<bool> {
        let by_name = self.lock();
        let decided = by_name.get(name).and_then(|listed| listed.shared.simulcast.decided());
        decided.unwrap_or(wanted)
    }

    fn open(&self, name: &RoomName) -> Listed {
        let room = RoomId(next(&self.inner.ids.room));
        let (mailbox, inbox) = mpsc::channel(MAILBOX_LEN);
        let shared = Arc::new(SharedCensus::default());
        let actor = Actor {
            name: name.clone(),
            room,
            inbox,
            media: self.inner.media.clone(),
            rooms: self.clone(),
            shared: Arc::clone(&shared),
            metrics: Arc::clone(&self.inner.metrics),
            stop: self.inner.stop.clone(),
            max_peers: self.inner.config.max_peers,
        };
        self.inner.actors.spawn(actor.run());
        Listed { room, mailbox, shared }
    }

    /// Takes a room that is over off the list, unless somebody has come meanwhile.
    pub(super) fn close(
        &self,
        name: &RoomName,
        room: RoomId,
        inbox: &mut mpsc::Receiver<ToRoom>,
    ) -> bool {
        let mut by_name = self.lock();
        if !inbox.is_empty() {
            return false;
        }
        inbox.close();
        if by_name.get(name).is_some_and(|listed| listed.room == room) {
            by_name.remove(name);
        }
        true
    }

    /// Takes a room off the list whoever has come: its media is gone.
    pub(super) fn abandon(
        &self,
        name: &RoomName,
        room: RoomId,
        inbox: &mut mpsc::Receiver<ToRoom>,
    ) {
        let mut by_name = self.lock();
        inbox.close();
        if by_name.get(name).is_some_and(|listed| listed.room == room) {
            by_name.remove(name);
        }
    }

    /// How many rooms there are, and how many of what in all of them.
    pub fn census(&self) -> (usize, Census) {
        let by_name = self.lock();
        let sum = by_name.values().fold(Census::default(), |sum, listed| Census {
            peers: sum.peers + listed.shared.peers.load(Ordering::Relaxed),
            tracks: sum.tracks + listed.shared.tracks.load(Ordering::Relaxed),
            slots: sum.slots + listed.shared.slots.load(Ordering::Relaxed),
        });
        (by_name.len(), sum)
    }

    /// Waits until all rooms have ended; they do once `stop` is cancelled.
    pub async fn ended(&self) {
        self.inner.actors.close();
        self.inner.actors.wait().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, Listed>> {
        self.inner.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a room off the list whose task has ended without doing so itself.
fn free_if_dead(by_name: &mut HashMap<RoomName, Listed>, name: &RoomName) {
    if by_name.get(name).is_some_and(|listed| listed.mailbox.is_closed()) {
        by_name.remove(name);
    }
}

fn busy() -> Refusal {
    let message = "This room is busy; try again in a moment.";
    Refusal::for_now(Reason::TooManyRequests, message, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_room_whose_task_is_gone_is_free() {
        let listed = |number| {
            let (mailbox, inbox) = mpsc::channel(1);
            (Listed { room: RoomId(number), mailbox, shared: Arc::default() }, inbox)
        };
        let ((tea, tea_inbox), (coffee, _coffee_inbox)) = (listed(1), listed(2));
        let names: [RoomName; 2] = ["tea".parse().unwrap(), "coffee".parse().unwrap()];
        let [tea_name, coffee_name] = names.clone();
        let mut by_name: HashMap<_, _> = names.into_iter().zip([tea, coffee]).collect();
        free_if_dead(&mut by_name, &tea_name);
        assert_eq!(by_name.len(), 2, "its task lives");
        drop(tea_inbox);
        free_if_dead(&mut by_name, &tea_name);
        free_if_dead(&mut by_name, &coffee_name);
        assert!(by_name.contains_key(&coffee_name) && !by_name.contains_key(&tea_name));
    }
}
