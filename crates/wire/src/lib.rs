//! What browser and server say to each other: the types of Parlor's signalling protocol.
//!
//! `docs/protocol.md` is the protocol in words. `web/wire.d.ts` is made from these types by a test
//! of this crate (`UPDATE_GOLDEN=1 cargo test -p parlor-wire` rewrites it).

pub mod frame;
pub mod id;
pub mod membrane;
pub mod refusal;
pub mod request;
pub mod response;
#[cfg(test)]
mod typescript;

pub use frame::{Frame, Reply};
pub use id::{InvalidRoomName, PeerId, RoomName, TrackId};
pub use refusal::{Reason, Refusal};
pub use request::{Join, Offer, Report, Sender, SwitchTrack, View, ViewedTrack};
pub use response::{
    Empty, Ended, IceServer, Joined, LeaveReason, Left, MoreSlots, Negotiated, Network, OwnTrack,
    PauseReason, Peer, PeerState, Presence, Quality, Slot, Slots, Speakers, Track, TrackQuality,
    TrackState, Wanted, WantedTrack,
};

use serde::{Deserialize, Serialize};

/// The `protocol` of a join that speaks this dialect.
pub const PROTOCOL: &str = "parlor";

/// The `version` of this dialect.
pub const VERSION: u32 = 1;

/// Where a track's media comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A person's voice.
    Microphone,
    /// A person's picture.
    Camera,
    /// A shared screen, window or tab.
    Screen,
    /// The sound that goes with a shared screen.
    ScreenAudio,
    /// Anything else; the sender says its `kind`.
    Custom,
}

/// Sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}
