//! What the engine tells the room above it: the latest state of whatever has changed.
//!
//! Changes are level-triggered: one entry per peer or room and kind that is not as it was when last told,
//! so however slowly they are read, they take no more room than the peers and rooms themselves.

use std::time::Instant;

use parlor_rtc::connection::CloseReason;
use parlor_rtc::payload::Resolution;
use parlor_rtc::{MediaKind, Mid, Rid};

use crate::allocate::Reason;
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
    /// What a peer gets.
    Quality {
        /// Who.
        peer: PeerId,
        /// As it is now, whole.
        quality: PeerQuality,
    },
    /// What a peer is to send.
    Wanted {
        /// Who.
        peer: PeerId,
        /// All its video tracks.
        tracks: Vec<WantedLayers>,
    },
}

/// What a peer gets, and over what path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerQuality {
    /// The path in a word.
    pub network: Network,
    /// What it is taken to carry, in bits per second; `None` while nothing is known.
    pub estimate_bps: Option<u64>,
    /// Every video track that has a slot, in the order of slots, and those without whose codec the peer
    /// cannot decode.
    pub tracks: Vec<TrackQuality>,
}

/// A path in a word; later ones are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// Pictures are left out, or words are lost or late.
    Poor,
    /// It carries less than would be shown, or loses, or is slow, so that one might notice.
    Fair,
    /// It carries what is shown.
    Good,
}

/// What a peer gets of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackQuality {
    /// Which.
    pub track: TrackId,
    /// The picture, or why there is none.
    pub given: Result<Picture, Reason>,
}

/// The picture that a peer gets of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its encoding; `None` for the only one.
    pub layer: Option<Rid>,
    /// The highest spatial layer of that.
    pub spatial: u8,
    /// The highest temporal layer of that.
    pub temporal: u8,
    /// Its size, once a key frame has told it.
    pub resolution: Option<Resolution>,
    /// Pictures a second, once they are measured.
    pub frames_per_second: Option<u16>,
}

/// Which encodings of a track somebody has a use for, and in which codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLayers {
    /// Which track.
    pub track: TrackId,
    /// Their rids, the lowest first; `None` for the only one. Empty when nobody watches.
    pub layers: Vec<Option<Rid>>,
    /// How many spatial layers of them are enough, from the lowest, if there are more.
    pub spatial: Option<u8>,
    /// The publisher's payload type that all who show it can decode, once somebody could not decode what was
    /// sent; `None` leaves the codec to the publisher.
    pub payload_type: Option<u8>,
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
