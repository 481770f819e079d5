//! One channel's way back to its client: replies and pushes as frames.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use parlor_wire::frame::event;
use parlor_wire::{Empty, Frame, Refusal, Reply};
use serde::Serialize;

use crate::room::command::{Push, Response};
use crate::socket::Outbox;

/// One client's membership of one topic over one socket, as a room talks to it.
#[derive(Clone, Debug)]
pub struct Session {
    outbox: Outbox,
    topic: Arc<str>,
    join_ref: Option<Arc<str>>,
    over: Arc<AtomicBool>,
    /// When its join arrived.
    pub began: Instant,
}

impl Session {
    /// The session of a join that arrived at `now`.
    pub fn new(outbox: Outbox, topic: &str, join_ref: Option<&str>, now: Instant) -> Session {
        Session {
            outbox,
            topic: topic.into(),
            join_ref: join_ref.map(Arc::from),
            over: Arc::new(AtomicBool::new(false)),
            began: now,
        }
    }

    /// Whether a message that carries `join_ref` is meant for this session: not one of an earlier
    /// join. A message without one is.
    pub fn is_meant(&self, join_ref: Option<&str>) -> bool {
        join_ref.is_none() || join_ref == self.join_ref.as_deref()
    }

    /// Whether the room has ended it.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Answers a request; one without a reference gets no answer.
    pub fn reply(&self, reference: Option<&str>, reply: Result<Response, Refusal>) {
        if reference.is_some() {
            let reply = match reply {
                Ok(response) => Reply::Ok(response),
                Err(refusal) => Reply::Error(refusal),
            };
            self.send(reference, event::REPLY, reply);
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

    /// Says something under another dialect's name for it.
    pub fn push_event<P: Serialize>(&self, event: &str, payload: &P) {
        self.send(None, event, payload);
    }

    /// The same of what is lost when the client has not read everything before it.
    pub fn offer_event<P: Serialize>(&self, event: &str, payload: &P) {
        if self.outbox.is_read() {
            let join_ref = self.join_ref.as_deref();
            self.outbox.offer(encode(join_ref, None, &self.topic, event, payload));
        }
    }

    /// Sends a frame that was encoded for many by [`broadcast`].
    pub fn forward(&self, frame: Utf8Bytes) {
        self.outbox.send(frame);
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Sends `phx_close`, which ends the session.
    pub fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.send(self.join_ref.as_deref(), event::CLOSE, Empty {});
    }

    fn send<P: Serialize>(&self, reference: Option<&str>, event: &str, payload: P) {
        let frame = encode(self.join_ref.as_deref(), reference, &self.topic, event, payload);
        self.outbox.send(frame);
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
