//! What a room wants of its media.

use parlor_wire::{Kind, PeerId, TrackId, ViewedTrack};

use super::command::NamedSender;

/// What the media side is to do. [`Command::Answered`](super::command::Command::Answered) answers `Join`, `Invite`, `Offer` and `Accept`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaCommand {
    /// A peer enters.
    Join(Negotiate),
    /// A peer enters to whom the server offers; the answer of the media side is the offer.
    Invite(Invite),
    /// A later offer of a peer that is there.
    Offer(Negotiate),
    /// A peer has answered what it was offered.
    Accept {
        /// Whose.
        peer: PeerId,
        /// Which of that peer's negotiations.
        attempt: u64,
        /// The SDP.
        answer: String,
    },
    /// A track is on or off.
    SwitchTrack {
        /// Whose.
        peer: PeerId,
        /// Which one.
        track: TrackId,
        /// How.
        on: bool,
    },
    /// What a peer's page shows.
    View {
        /// Whose.
        peer: PeerId,
        /// The tracks.
        tracks: Vec<ViewedTrack>,
    },
    /// No better encoding of a track is to be sent to a peer than this one.
    Cap {
        /// Whose.
        peer: PeerId,
        /// Which one.
        track: TrackId,
        /// The rid.
        up_to: Option<String>,
    },
    /// A peer goes.
    Remove {
        /// Which one.
        peer: PeerId,
    },
}

/// An offer to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiate {
    /// Whose.
    pub peer: PeerId,
    /// Which of that peer's negotiations.
    pub attempt: u64,
    /// The SDP.
    pub offer: String,
    /// Each sending section with the name of its track.
    pub senders: Vec<NamedSender>,
    /// The tracks that are to be on its receive sections, if those are pinned.
    pub pins: Option<Vec<TrackId>>,
    /// It is of somebody who is new here: nobody is turned away for want of room who was in.
    pub is_new: bool,
}

/// Something to be offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// To whom.
    pub peer: PeerId,
    /// Which of that peer's negotiations.
    pub attempt: u64,
    /// What each section is to carry.
    pub sections: Vec<Kind>,
    /// The tracks that are to be on them, if those are pinned.
    pub pins: Option<Vec<TrackId>>,
}
