//! What the engine tells the room above it: the latest state of whatever has changed.
//!
//! Changes are level-triggered: one entry per peer or room that is not as it was when last told,
//! so however slowly they are read, they take no more room than the peers and rooms themselves.

use std::time::Instant;

use parlor_rtc::connection::CloseReason;
use parlor_rtc::{MediaKind, Mid};

use crate::id::{PeerId, RoomId, TrackId};

/// The latest state of something that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A peer's connection or slots.
    Peer {
        /// Whose.
        peer: PeerId,
        /// As it is now, whole.
        state: PeerState,
    },
    /// Who is speaking in a room, or who has the floor.
    Speaking {
        /// Where.
        room: RoomId,
        /// Everyone who is speaking now, in ascending order.
        peers: Vec<PeerId>,
        /// Who has the floor: the one to show large. It keeps it in silence, until another takes it; `None`
        /// before anybody has spoken and after it has left.
        dominant: Option<PeerId>,
    },
}

/// What a room knows of a peer's media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// Whether media can flow.
    pub connection: ConnectionState,
    /// Every receive section in the order of the offer, with the track it carries.
    pub slots: Vec<SlotState>,
    /// How many slots of each kind the peer should have. When that is more than `slots` holds, it
    /// should be asked for a bigger offer.
    pub wanted_slots: SlotCounts,
}

/// Whether a peer's media can flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// ICE and DTLS are under way.
    Connecting,
    /// Media can flow.
    Connected,
    /// It was connected, but nothing authenticated has arrived since `since`.
    Silent {
        /// The last authenticated arrival.
        since: Instant,
    },
    /// It is over; only a fresh join helps.
    Closed(CloseReason),
}

/// One slot and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// The receive section.
    pub mid: Mid,
    /// What it can carry.
    pub kind: MediaKind,
    /// The track it carries now. One that is off may keep its slot.
    pub track: Option<TrackId>,
}

/// A number of slots of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCounts {
    /// Of audio slots.
    pub audio: u16,
    /// Of video slots.
    pub video: u16,
}
