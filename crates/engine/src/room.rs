//! One room as the engine sees it: who is in it.

use crate::dominant::Dominant;
use crate::id::RoomId;
use crate::peer::PeerKey;
use crate::slab::Key;
use crate::track::TrackKey;

/// Names a room in the engine's table.
pub(crate) type RoomKey = Key<Room>;

/// The peers that receive each other's tracks.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    /// In the order they came.
    pub(crate) peers: Vec<PeerKey>,
    /// Who has the floor.
    pub(crate) dominant: Dominant,
    /// The microphones that are forwarded where not all are; `None` where all are.
    pub(crate) loudest: Option<Vec<TrackKey>>,
}

impl Room {
    pub(crate) const fn new(id: RoomId) -> Room {
        Room { id, peers: Vec::new(), dominant: Dominant::new(), loudest: None }
    }

    pub(crate) fn leave(&mut self, peer: PeerKey) {
        self.peers.retain(|other| *other != peer);
    }
}
