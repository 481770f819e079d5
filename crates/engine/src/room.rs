//! One room as the engine sees it: who is in it, here and on other threads.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::dominant::Dominant;
use crate::id::{Neighbour, PeerId, RoomId};
use crate::peer::PeerKey;
use crate::relay::Guest;
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
    /// What is published in it, here or on other threads, in the order it came.
    pub(crate) tracks: Vec<TrackKey>,
    /// Those who publish on other threads.
    pub(crate) guests: BTreeMap<PeerId, Guest>,
    /// Some have come or gone there, and who receives what is to be decided anew.
    pub(crate) has_new_tracks: bool,
    /// When those last gave back memory.
    pub(crate) tidied_at: Option<Instant>,
    /// The other engines that have people of it.
    pub(crate) shared_with: Vec<Neighbour>,
    /// Of all engines that have people of it, this one tells who is speaking.
    pub(crate) is_home: bool,
    /// Who has the floor.
    pub(crate) dominant: Dominant,
    /// The microphones that are forwarded where not all are; `None` where all are.
    pub(crate) loudest: Option<Vec<TrackKey>>,
}

impl Room {
    pub(crate) const fn new(id: RoomId, is_home: bool) -> Room {
        Room {
            id,
            peers: Vec::new(),
            tracks: Vec::new(),
            guests: BTreeMap::new(),
            has_new_tracks: false,
            tidied_at: None,
            shared_with: Vec::new(),
            is_home,
            dominant: Dominant::new(),
            loudest: None,
        }
    }

    pub(crate) fn leave(&mut self, peer: PeerKey) {
        self.peers.retain(|other| *other != peer);
    }
}
