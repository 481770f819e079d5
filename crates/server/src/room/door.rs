//! The doors beside the channel: WHIP and WHEP, and what follows from having come that way.

use parlor_wire::{PeerId, TrackId};

use super::command::Manner;

/// What a viewer asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Whatever is published, as it comes and goes: sections float.
    Everything,
    /// The tracks that this peer has now, one on each section for its life.
    Peer(PeerId),
    /// This track alone.
    Track(TrackId),
}

impl Manner {
    /// Whether there is a socket to talk over. Who has none lives by its media alone.
    pub const fn has_socket(self) -> bool {
        matches!(self, Manner::Parlor | Manner::Membrane)
    }

    /// Whether others are told of whoever came this way. Viewers take a place in the room as everybody does, and
    /// are no participants of the conversation.
    pub const fn is_seen(self) -> bool {
        !matches!(self, Manner::Whep(_))
    }
}
