//! How somebody came into a room, and what follows from that.

use parlor_wire::{PeerId, TrackId};

/// The door by which somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A channel over a socket: a person in a conversation.
    Channel,
    /// WHIP (RFC 9725): somebody who is seen and heard, and has no socket.
    Whip,
    /// WHEP (draft-ietf-wish-whep): somebody who watches this, has no socket, and is not seen.
    Whep(Watch),
}

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

impl Door {
    /// Whether there is a socket to talk over. Who has none lives by its media alone.
    pub const fn has_socket(self) -> bool {
        matches!(self, Door::Channel)
    }

    /// Whether others are told of whoever came this way. Viewers take a place in the room as everybody does, and
    /// are no participants of the conversation.
    pub const fn is_seen(self) -> bool {
        !matches!(self, Door::Whep(_))
    }
}
