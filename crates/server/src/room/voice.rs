//! How a room talks to one client, whichever dialect that speaks.

use std::fmt;
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use parlor_wire::membrane::ClientEvent;
use parlor_wire::{Ended, Refusal, RoomName};
use tokio::sync::mpsc;

use super::about::Metadata;
use super::command::{Push, Reference, Request, Response};
use super::registry::Rooms;
use crate::pool::Share;
use crate::session::{Session, broadcast};

/// The way back to one client.
#[derive(Debug)]
pub enum Voice {
    /// In our own protocol.
    Parlor(Session),
    /// In Membrane's media events.
    Membrane(Box<dyn Interpreter>),
    /// By HTTP: what is asked is answered, one at a time, and there is no way to say anything else.
    Http(HttpVoice),
}

/// Something to be asked of the room, and what its reply is to refer to.
pub type Asked = (Reference, Request);

/// Between a room and one client of Membrane's dialect: hears what either says, and has things to ask of the room. The
/// room carries that client's events to it and knows nothing of what they mean.
pub trait Interpreter: fmt::Debug + Send {
    /// The room replies to something.
    fn reply(&mut self, reference: Option<&str>, reply: Result<Response, Refusal>);
    /// The room does not let it in.
    fn refuse(&self, refusal: Refusal);
    /// Whether the way to the client is closed for good.
    fn is_over(&self) -> bool;
    /// The room says something.
    fn push(&mut self, push: &Push);
    /// The client says something.
    fn heard(&mut self, event: ClientEvent<Metadata>);
    /// When [`Interpreter::tick`] is due, if ever.
    fn deadline(&self) -> Option<Instant>;
    /// Time has passed.
    fn tick(&mut self, now: Instant);
    /// The room has let it go.
    fn close(&self);
    /// Says what there is to say; returns what is to be asked of the room.
    fn poll(&mut self, rooms: &Rooms) -> Vec<Asked>;
}

/// The way back to who came by WHIP or WHEP. Dropping it is the end.
#[derive(Debug)]
pub struct HttpVoice {
    /// Where answers go. Full only when more was asked than is waited for.
    pub replies: mpsc::Sender<Result<Response, Refusal>>,
    /// When the join arrived.
    pub began: Instant,
    /// Which room, for logs.
    pub room: RoomName,
    /// The place among sockets that it takes for as long as it is in, whether anybody waits for it or not.
    pub place: Share,
}

impl HttpVoice {
    /// Why it ends nobody can tell the client, so whoever runs the server is told.
    fn note(&self, push: &Push) {
        if let Push::Ended(Ended { reason, message }) = push {
            let (room, reason) = (&self.room, reason.as_str());
            tracing::info!(%room, reason, "who came by WHIP or WHEP is out: {message}");
        }
    }
}

impl Voice {
    /// When the join arrived, where the time until its answer counts.
    pub(super) fn began(&self) -> Option<Instant> {
        match self {
            Voice::Parlor(session) => Some(session.began),
            Voice::Membrane(_) => None,
            Voice::Http(voice) => Some(voice.began),
        }
    }

    pub(super) fn reply(&mut self, reference: &Reference, reply: Result<Response, Refusal>) {
        match self {
            Voice::Parlor(session) => session.reply(reference.as_deref(), reply),
            Voice::Membrane(voice) => voice.reply(reference.as_deref(), reply),
            Voice::Http(voice) => drop(voice.replies.try_send(reply)),
        }
    }

    pub(super) fn refuse(&self, reference: &Reference, refusal: Refusal) {
        match self {
            Voice::Parlor(session) => session.refuse(reference.as_deref(), refusal),
            Voice::Membrane(voice) => voice.refuse(refusal),
            Voice::Http(voice) => drop(voice.replies.try_send(Err(refusal))),
        }
    }

    pub(super) fn push(&mut self, push: &Push) {
        match self {
            Voice::Parlor(session) => session.push(push),
            Voice::Membrane(voice) => voice.push(push),
            Voice::Http(voice) => voice.note(push),
        }
    }

    /// Whether the way to the client is closed for good.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Voice::Parlor(session) => session.is_over(),
            Voice::Membrane(voice) => voice.is_over(),
            // It is dropped with its request.
            Voice::Http(_) => false,
        }
    }

    pub(super) fn close(&self) {
        match self {
            Voice::Parlor(session) => session.close(),
            Voice::Membrane(voice) => voice.close(),
            Voice::Http(_) => {}
        }
    }

    /// Sends what is encoded once for many, by the first that comes to it, or says it in other words.
    pub(super) fn forward(&mut self, frame: &mut Option<Utf8Bytes>, push: &Push) {
        match self {
            Voice::Parlor(session) => {
                let frame = frame.get_or_insert_with(|| broadcast(session.topic(), push));
                session.forward(frame.clone());
            }
            Voice::Membrane(voice) => voice.push(push),
            Voice::Http(_) => {}
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Voice::Parlor(_) | Voice::Http(_) => None,
            Voice::Membrane(voice) => voice.deadline(),
        }
    }
}
