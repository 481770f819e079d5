//! A member's way back: replies and pushes as frames of a channel, or replies alone to who came by HTTP.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use parlor_wire::frame::event;
use parlor_wire::{Empty, Frame, Refusal, Reply};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::room::command::{Push, Response};
use crate::socket::Outbox;

/// One client's membership of one topic, as a room talks to it.
#[derive(Clone, Debug)]
pub struct Session {
    way: Way,
    topic: Arc<str>,
    over: Arc<AtomicBool>,
    /// When its join arrived.
    pub began: Instant,
}

/// How a client is talked to.
#[derive(Clone, Debug)]
enum Way {
    /// Over a socket.
    Channel { outbox: Outbox, join_ref: Option<Arc<str>> },
    /// By answers to what it asks, one at a time: there is no way to say anything else. Dropping it is the end.
    Replies(mpsc::Sender<Result<Response, Refusal>>),
}

impl Session {
    /// The session of a join that arrived at `now`.
    pub fn new(outbox: Outbox, topic: &str, join_ref: Option<&str>, now: Instant) -> Session {
        let join_ref = join_ref.map(Arc::from);
        Session::by(Way::Channel { outbox, join_ref }, topic, now)
    }

    /// The session of a join by HTTP that arrived at `now`. What it asks is answered to `replies`, which close when
    /// the room has ended it.
    pub fn by_replies(
        replies: mpsc::Sender<Result<Response, Refusal>>,
        topic: &str,
        now: Instant,
    ) -> Session {
        Session::by(Way::Replies(replies), topic, now)
    }

    fn by(way: Way, topic: &str, now: Instant) -> Session {
        Session { way, topic: topic.into(), over: Arc::new(AtomicBool::new(false)), began: now }
    }

    /// Whether a message that carries `join_ref` is meant for this session: not one of an earlier
    /// join. A message without one is.
    pub fn is_meant(&self, join_ref: Option<&str>) -> bool {
        join_ref.is_none() || join_ref == self.join_ref()
    }

    fn join_ref(&self) -> Option<&str> {
        match &self.way {
            Way::Channel { join_ref, .. } => join_ref.as_deref(),
            Way::Replies(_) => None,
        }
    }

    /// Whether the room has ended it.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Answers a request; one without a reference gets no answer.
    pub fn reply(&self, reference: Option<&str>, reply: Result<Response, Refusal>) {
        if reference.is_none() {
            return;
        }
        match &self.way {
            Way::Channel { .. } => {
                let reply = match reply {
                    Ok(response) => Reply::Ok(response),
                    Err(refusal) => Reply::Error(refusal),
                };
                self.send(reference, event::REPLY, reply);
            }
            // Full only when more was asked than is waited for.
            Way::Replies(replies) => drop(replies.try_send(reply)),
        }
    }

    /// Refuses the join itself, which ends the session.
    pub fn refuse(&self, reference: Option<&str>, refusal: Refusal) {
        self.over.store(true, Ordering::Relaxed);
        self.reply(reference, Err(refusal));
    }

    /// Says something of the room's own.
    pub fn push(&self, push: &Push) {
        self.send(None, push.event(), push);
    }

    /// Sends a frame that was encoded for many by [`broadcast`].
    pub fn forward(&self, frame: Utf8Bytes) {
        if let Way::Channel { outbox, .. } = &self.way {
            outbox.send(frame);
        }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Sends `phx_close`, which ends the session.
    pub fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.send(self.join_ref(), event::CLOSE, Empty {});
    }

    fn send<P: Serialize>(&self, reference: Option<&str>, event: &str, payload: P) {
        if let Way::Channel { outbox, .. } = &self.way {
            outbox.send(encode(self.join_ref(), reference, &self.topic, event, payload));
        }
    }
}

/// A frame for everyone in a topic, encoded once.
pub fn broadcast(topic: &str, push: &Push) -> Utf8Bytes {
    encode(None, None, topic, push.event(), push)
}

/// One text frame.
pub fn encode<P: Serialize>(
    join_ref: Option<&str>,
    reference: Option<&str>,
    topic: &str,
    event: &str,
    payload: P,
) -> Utf8Bytes {
    let frame = Frame(
        join_ref.map(Cow::Borrowed),
        reference.map(Cow::Borrowed),
        Cow::Borrowed(topic),
        Cow::Borrowed(event),
        payload,
    );
    // Our own types have string keys and no failing parts: there is nothing that could go wrong.
    serde_json::to_string(&frame).unwrap_or_default().into()
}
