//! The frames of Phoenix Channels, serializer V2: `[join_ref, ref, topic, event, payload]`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One text frame. `P` is what the payload is read as or written from.
///
/// It is a JSON array of exactly five elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame<'a, P>(
    /// The `ref` of the latest join of this channel; null for broadcasts and heartbeats.
    #[serde(borrow)]
    pub Option<Cow<'a, str>>,
    /// Matches a reply to its request; null when the server speaks first.
    #[serde(borrow)]
    pub Option<Cow<'a, str>>,
    /// The topic, `room:<id>` or `phoenix`.
    #[serde(borrow)]
    pub Cow<'a, str>,
    /// The event's name.
    #[serde(borrow)]
    pub Cow<'a, str>,
    /// The payload.
    pub P,
);

/// The payload of a `phx_reply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "response", rename_all = "snake_case")]
pub enum Reply<R, E> {
    /// The request was carried out.
    Ok(R),
    /// The request was refused.
    Error(E),
}

/// Events that Phoenix itself defines.
pub mod event {
    /// Asks for membership of a topic.
    pub const JOIN: &str = "phx_join";
    /// Gives membership up.
    pub const LEAVE: &str = "phx_leave";
    /// Answers a request.
    pub const REPLY: &str = "phx_reply";
    /// The membership is over; the client does not join again by itself.
    pub const CLOSE: &str = "phx_close";
    /// Asks whether the socket is alive.
    pub const HEARTBEAT: &str = "heartbeat";
}

/// The topic of heartbeats.
pub const PHOENIX_TOPIC: &str = "phoenix";

/// What the topic of a room starts with; the room's name follows.
pub const ROOM_TOPIC_PREFIX: &str = "room:";

/// The serializer version that this crate speaks, the query parameter `vsn`.
pub const SERIALIZER_VERSION: &str = "2.0.0";
