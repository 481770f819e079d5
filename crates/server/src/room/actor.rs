//! A room's task: receives, lets the state decide, performs.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use parlor_engine::RoomId;
use parlor_media::{MediaError, MediaHandle, RoomEvents, RoomGone};
use parlor_wire::membrane::ClientEvent;
use parlor_wire::{Ended, PeerId, Reason, Refusal, RoomName};
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::about::Metadata;
use super::command::{Command, Effect, Join, MediaCommand, Push, Response, SessionId};
use super::media::{RoomMedia, command_of, server_busy};
use super::registry::{Rooms, SharedCensus};
use super::report::Inquiry;
use super::state::RoomState;
use super::voice::{Interpreter, Voice};
use crate::metrics::Metrics;

/// Messages that wait for a room. Sockets wait when it is full, and only theirs.
pub(super) const MAILBOX_LEN: usize = 256;

/// How the names of the connection test's rooms begin, of which there is one for each way that it tries (web/check/check.js). The
/// log has one line for each.
const TRIALS: &str = "connection-test-";

/// What comes into a room's mailbox.
#[derive(Debug)]
pub(super) enum ToRoom {
    /// A client wants in; this is the way back to it.
    Join { join: Box<Join>, voice: Voice },
    /// A client of Membrane's dialect says something.
    MediaEvent { session: SessionId, event: Box<ClientEvent<Metadata>> },
    /// Somebody wants its numbers, which changes nothing.
    Inquiry(Inquiry),
    /// Anything else.
    Command(Command),
}

/// A room before it runs.
pub(super) struct Actor {
    pub(super) name: RoomName,
    pub(super) room: RoomId,
    pub(super) inbox: mpsc::Receiver<ToRoom>,
    pub(super) media: MediaHandle,
    pub(super) rooms: Rooms,
    pub(super) shared: Arc<SharedCensus>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
    pub(super) max_peers: usize,
}

/// Why a room ends.
enum Over {
    /// The last one is out.
    Empty,
    /// All are to be told this.
    Told(Ended),
    /// A fault of ours: the state is not to be trusted any more.
    Broken,
}

/// Runs a room's life to its end, which a panic in it is too.
async fn outlived(life: impl Future<Output = Over>) -> Over {
    AssertUnwindSafe(life).catch_unwind().await.unwrap_or(Over::Broken)
}

impl Actor {
    /// Lives as long as somebody is in the room or may come back.
    pub(super) async fn run(mut self) {
        tracing::debug!(room = %self.name, "room opens");
        let created = self.media.create_room(self.room).await;
        let mut was_entered = false;
        let media = RoomMedia { handle: self.media.clone(), room: self.room };
        match created {
            Ok(events) => {
                let mut running = Running {
                    state: RoomState::new(self.max_peers),
                    sessions: BTreeMap::new(),
                    media,
                    events,
                    late: VecDeque::new(),
                    was_entered: false,
                };
                let over = outlived(running.live(&mut self)).await;
                was_entered = running.was_entered;
                // Off the list before anybody is told: whoever comes back at once finds a new room.
                if !matches!(over, Over::Empty) {
                    self.rooms.abandon(&self.name, self.room, &mut self.inbox);
                }
                match over {
                    Over::Empty => {}
                    Over::Told(ended) => {
                        running.apply(&self, Command::End(ended.clone())).await;
                        self.refuse_rest(&late(&ended));
                    }
                    Over::Broken => {
                        tracing::error!(room = %self.name, "a room is broken; its people are told");
                        running.tell_all(media_failed());
                        self.refuse_rest(&late(&media_failed()));
                    }
                }
            }
            Err(MediaError::Busy { retry_after }) => {
                tracing::info!(room = %self.name, "a room is not opened: the server is busy");
                self.rooms.abandon(&self.name, self.room, &mut self.inbox);
                return self.refuse_rest(&server_busy(retry_after));
            }
            Err(error) => {
                tracing::error!(room = %self.name, %error, "a room has no media");
                self.rooms.abandon(&self.name, self.room, &mut self.inbox);
                self.refuse_rest(&late(&media_failed()));
            }
        }
        if let Err(error) = self.media.remove_room(self.room).await {
            tracing::debug!(room = %self.name, %error, "the room's media had ended before");
        }
        if was_entered {
            tracing::info!(room = %self.name, "room ends");
        }
    }

    /// Refuses the joins that came too late.
    fn refuse_rest(&mut self, refusal: &Refusal) {
        while let Ok(message) = self.inbox.try_recv() {
            if let ToRoom::Join { join, voice } = message {
                self.metrics.refused(refusal.reason);
                voice.refuse(&join.reference, refusal.clone());
            }
        }
    }
}

/// A room while it runs.
struct Running {
    state: RoomState,
    sessions: BTreeMap<SessionId, Voice>,
    media: RoomMedia,
    events: RoomEvents,
    /// Commands that came up while effects were performed.
    late: VecDeque<Command>,
    /// Whether anybody has ever been in.
    was_entered: bool,
}

enum Woken {
    Message(Option<ToRoom>),
    Media(Result<Vec<parlor_engine::Change>, RoomGone>),
    Deadline,
    Stop,
}

impl Running {
    async fn live(&mut self, actor: &mut Actor) -> Over {
        loop {
            let deadline = self.deadline();
            let woken = tokio::select! {
                biased;
                () = actor.stop.cancelled() => Woken::Stop,
                changes = self.events.changed() => Woken::Media(changes),
                message = actor.inbox.recv() => Woken::Message(message),
                () = wait_until(deadline) => Woken::Deadline,
            };
            match woken {
                Woken::Stop => return Over::Told(stopping()),
                Woken::Media(Err(gone)) => {
                    tracing::error!(room = %actor.name, reason = %gone.reason, "media is gone");
                    return Over::Told(media_failed());
                }
                Woken::Media(Ok(changes)) => {
                    for change in changes {
                        self.apply(actor, command_of(change)).await;
                    }
                }
                Woken::Message(None) => return Over::Empty,
                Woken::Message(Some(ToRoom::Command(command))) => {
                    self.apply(actor, command).await;
                }
                // An earlier membership of the same channel has ended it: there is nobody to let in.
                Woken::Message(Some(ToRoom::Join { voice, .. })) if voice.is_over() => {}
                Woken::Message(Some(ToRoom::Join { join, voice })) => {
                    self.sessions.insert(join.session, voice);
                    self.apply(actor, Command::Join(join)).await;
                }
                Woken::Message(Some(ToRoom::MediaEvent { session, event })) => {
                    self.with_membrane(actor, session, |voice| voice.heard(*event));
                    self.apply_late(actor).await;
                }
                Woken::Message(Some(ToRoom::Inquiry(inquiry))) => {
                    inquiry.answer(&actor.name, &self.state);
                }
                Woken::Deadline => {
                    self.tick_voices(actor);
                    self.apply(actor, Command::Tick).await;
                }
            }
            let census = self.state.census();
            actor.shared.store(census);
            // Only now is it news: anybody can have joins refused.
            if census.peers > 0 && !self.was_entered {
                self.was_entered = true;
                if actor.name.as_str().starts_with(TRIALS) {
                    tracing::debug!(room = %actor.name, "a way is tried by the connection test");
                } else {
                    tracing::info!(room = %actor.name, "the first one enters a room");
                }
            }
            if self.state.is_over() && actor.rooms.close(&actor.name, actor.room, &mut actor.inbox)
            {
                return Over::Empty;
            }
        }
    }

    /// Ends every session without asking the state.
    fn tell_all(&mut self, ended: Ended) {
        let push = Push::Ended(ended);
        for mut voice in std::mem::take(&mut self.sessions).into_values() {
            voice.push(&push);
            voice.close();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let voices = self.sessions.values().filter_map(Voice::deadline);
        voices.chain(self.state.deadline(Instant::now())).min()
    }

    fn tick_voices(&mut self, actor: &Actor) {
        let now = Instant::now();
        let is_due = |voice: &Voice| voice.deadline().is_some_and(|at| at <= now);
        let due = self.sessions.iter().filter(|(_, voice)| is_due(voice));
        let due: Vec<SessionId> = due.map(|(session, _)| *session).collect();
        for session in due {
            self.with_membrane(actor, session, |voice| voice.tick(now));
        }
    }

    /// Has something done with a client of Membrane's dialect, and gathers what comes of it.
    fn with_membrane(
        &mut self,
        actor: &Actor,
        session: SessionId,
        act: impl FnOnce(&mut dyn Interpreter),
    ) {
        if let Some(Voice::Membrane(voice)) = self.sessions.get_mut(&session) {
            act(voice.as_mut());
        }
        self.poll_voice(actor, session);
    }

    fn poll_voice(&mut self, actor: &Actor, session: SessionId) {
        let Some(Voice::Membrane(voice)) = self.sessions.get_mut(&session) else { return };
        if voice.is_over() {
            return self.late.push_back(Command::SocketClosed { session });
        }
        let asked = voice.poll(&actor.rooms).into_iter();
        self.late.extend(asked.map(|(reference, request)| Command::Request {
            session,
            reference,
            request,
        }));
    }

    async fn apply_late(&mut self, actor: &Actor) {
        if let Some(command) = self.late.pop_front() {
            self.apply(actor, command).await;
        }
    }

    /// Applies a command, and those that come of it.
    async fn apply(&mut self, actor: &Actor, command: Command) {
        let mut next = Some(command);
        while let Some(command) = next {
            for effect in self.state.apply(command, Instant::now()) {
                self.perform(actor, effect).await;
            }
            next = self.late.pop_front();
        }
    }

    async fn perform(&mut self, actor: &Actor, effect: Effect) {
        match effect {
            Effect::Reply { session, reference, reply } => {
                let Some(voice) = self.sessions.get_mut(&session) else { return };
                match &reply {
                    Ok(Response::Joined(_)) => {
                        if let Some(began) = voice.began() {
                            actor.metrics.joined(began.elapsed());
                        }
                    }
                    Ok(_) => {}
                    Err(refusal) => actor.metrics.refused(refusal.reason),
                }
                voice.reply(&reference, reply);
                self.poll_voice(actor, session);
            }
            Effect::Refuse { session, reference, refusal } => {
                actor.metrics.refused(refusal.reason);
                if let Some(voice) = self.sessions.remove(&session) {
                    voice.refuse(&reference, refusal);
                }
            }
            Effect::Push { session, push } => {
                if let Some(voice) = self.sessions.get_mut(&session) {
                    voice.push(&push);
                    self.poll_voice(actor, session);
                }
            }
            Effect::Broadcast { sessions, push } => {
                let mut frame = None;
                for session in sessions {
                    if let Some(voice) = self.sessions.get_mut(&session) {
                        voice.forward(&mut frame, &push);
                        self.poll_voice(actor, session);
                    }
                }
            }
            Effect::Close { session } => {
                if let Some(voice) = self.sessions.remove(&session) {
                    voice.close();
                }
            }
            Effect::Forget { session } => {
                self.sessions.remove(&session);
            }
            Effect::Media(command) => self.perform_media(command).await,
        }
    }

    async fn perform_media(&mut self, command: MediaCommand) {
        let removed = match &command {
            MediaCommand::Remove { peer } => Some(*peer),
            _ => None,
        };
        self.late.extend(self.media.perform(command).await);
        if let Some(peer) = removed {
            self.forget_news_of(peer);
        }
    }

    /// What was written of a peer's last connection must not be taken for news of its next one,
    /// which has the same id.
    fn forget_news_of(&mut self, removed: PeerId) {
        let Some(Ok(changes)) = self.events.changed().now_or_never() else { return };
        let rest = changes
            .into_iter()
            .map(command_of)
            .filter(|command| !matches!(command, Command::Media { peer, .. } if *peer == removed));
        self.late.extend(rest);
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// What those are told who came to a room just before its end.
fn late(ended: &Ended) -> Refusal {
    Refusal::for_now(ended.reason, ended.message.clone(), 1_000)
}

fn stopping() -> Ended {
    let message = "The server is restarting.".to_owned();
    Ended { reason: Reason::ServerStopping, message }
}

fn media_failed() -> Ended {
    let message = "The media side of the server failed; join again.".to_owned();
    Ended { reason: Reason::MediaFailed, message }
}

#[cfg(test)]
mod tests {
    use super::{Over, outlived};

    #[tokio::test]
    async fn a_panic_in_a_room_is_an_end_that_its_people_are_told_of() {
        let life =
            async { if std::hint::black_box(true) { panic!("a fault") } else { Over::Empty } };
        assert!(matches!(outlived(life).await, Over::Broken));
        assert!(matches!(outlived(async { Over::Empty }).await, Over::Empty));
    }
}
