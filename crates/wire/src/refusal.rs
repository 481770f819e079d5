//! Why the server said no, or ended a membership.

use serde::{Deserialize, Serialize};

/// A refusal: a reason for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Refusal {
    /// For programs.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// When trying again can help, how long to wait first, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal that repeating the request will not change.
    pub fn new(reason: Reason, message: impl Into<String>) -> Refusal {
        Refusal { reason, message: message.into(), retry_after_ms: None }
    }

    /// A refusal of this moment: the same request may do in `retry_after_ms` milliseconds.
    pub fn for_now(reason: Reason, message: impl Into<String>, retry_after_ms: u64) -> Refusal {
        Refusal { reason, message: message.into(), retry_after_ms: Some(retry_after_ms) }
    }
}

/// Every reason for a refusal or for the end of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The payload does not have the form of the protocol; the message names the field.
    BadRequest,
    /// The topic names no possible room.
    BadRoomId,
    /// The display name is empty or too long.
    BadName,
    /// `protocol` is not `parlor`, or `version` is not 1.
    UnsupportedProtocol,
    /// The SDP cannot be used, and the message names the line; or a membership whose media is gone
    /// was to be resumed without an offer.
    BadOffer,
    /// The room holds as many people as it may.
    RoomFull,
    /// The server holds as many rooms or people as it may.
    ServerFull,
    /// The server has too much to do to take anybody in; who is in stays, and may come back.
    ServerBusy,
    /// The resume token is unknown or too old: join again without it.
    ResumeUnknown,
    /// There is no such track, or it is somebody else's.
    UnknownTrack,
    /// More requests than a person can make.
    TooManyRequests,
    /// More channels on one socket than the server allows.
    #[serde(rename = "too many channels joined")]
    TooManyChannels,
    /// The media side of the server failed: join again.
    MediaFailed,
    /// The server is going down.
    ServerStopping,
    /// The same membership was resumed elsewhere (`ended` only).
    Replaced,
    /// DTLS failed or media stayed silent; the message says which (`ended` only).
    ConnectionFailed,
    /// There is no such topic on this server.
    #[serde(rename = "unmatched topic")]
    UnmatchedTopic,
    /// There is no such event in this topic.
    UnknownEvent,
}

impl Reason {
    /// The reason as it is written in a message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::BadRequest => "bad_request",
            Reason::BadRoomId => "bad_room_id",
            Reason::BadName => "bad_name",
            Reason::UnsupportedProtocol => "unsupported_protocol",
            Reason::BadOffer => "bad_offer",
            Reason::RoomFull => "room_full",
            Reason::ServerFull => "server_full",
            Reason::ServerBusy => "server_busy",
            Reason::ResumeUnknown => "resume_unknown",
            Reason::UnknownTrack => "unknown_track",
            Reason::TooManyRequests => "too_many_requests",
            Reason::TooManyChannels => "too many channels joined",
            Reason::MediaFailed => "media_failed",
            Reason::ServerStopping => "server_stopping",
            Reason::Replaced => "replaced",
            Reason::ConnectionFailed => "connection_failed",
            Reason::UnmatchedTopic => "unmatched topic",
            Reason::UnknownEvent => "unknown_event",
        }
    }

    /// Every reason, in the order of declaration.
    pub const ALL: [Reason; 18] = [
        Reason::BadRequest,
        Reason::BadRoomId,
        Reason::BadName,
        Reason::UnsupportedProtocol,
        Reason::BadOffer,
        Reason::RoomFull,
        Reason::ServerFull,
        Reason::ServerBusy,
        Reason::ResumeUnknown,
        Reason::UnknownTrack,
        Reason::TooManyRequests,
        Reason::TooManyChannels,
        Reason::MediaFailed,
        Reason::ServerStopping,
        Reason::Replaced,
        Reason::ConnectionFailed,
        Reason::UnmatchedTopic,
        Reason::UnknownEvent,
    ];
}
