//! Which peers and rooms are not as they were when last told.

use std::collections::BTreeSet;

use crate::peer::PeerKey;
use crate::room::RoomKey;

/// Bounded by the number of peers and rooms: being dirty twice is being dirty once.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    peers: BTreeSet<PeerKey>,
    qualities: BTreeSet<PeerKey>,
    wanted: BTreeSet<PeerKey>,
    speaking: BTreeSet<RoomKey>,
}

/// Something whose state is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    Peer(PeerKey),
    Quality(PeerKey),
    Wanted(PeerKey),
    Speaking(RoomKey),
}

impl Dirty {
    pub(crate) fn mark_peer(&mut self, peer: PeerKey) {
        self.peers.insert(peer);
    }

    pub(crate) fn mark_quality(&mut self, peer: PeerKey) {
        self.qualities.insert(peer);
    }

    pub(crate) fn mark_wanted(&mut self, peer: PeerKey) {
        self.wanted.insert(peer);
    }

    pub(crate) fn mark_speaking(&mut self, room: RoomKey) {
        self.speaking.insert(room);
    }

    /// Nothing is told of who is gone.
    pub(crate) fn forget_peer(&mut self, peer: PeerKey) {
        self.peers.remove(&peer);
        self.qualities.remove(&peer);
        self.wanted.remove(&peer);
    }

    pub(crate) fn forget_room(&mut self, room: RoomKey) {
        self.speaking.remove(&room);
    }

    pub(crate) fn pop(&mut self) -> Option<Stale> {
        let peer = self.peers.pop_first().map(Stale::Peer);
        peer.or_else(|| self.wanted.pop_first().map(Stale::Wanted))
            .or_else(|| self.qualities.pop_first().map(Stale::Quality))
            .or_else(|| self.speaking.pop_first().map(Stale::Speaking))
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len() + self.qualities.len() + self.wanted.len() + self.speaking.len()
    }
}
