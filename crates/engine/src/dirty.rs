//! Which peers and rooms are not as they were when last told.

use std::collections::BTreeSet;

use crate::peer::PeerKey;

/// Bounded by the number of peers and rooms: being dirty twice is being dirty once.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    peers: BTreeSet<PeerKey>,
}

/// Something whose state is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    Peer(PeerKey),
}

impl Dirty {
    pub(crate) fn mark_peer(&mut self, peer: PeerKey) {
        self.peers.insert(peer);
    }

    /// Nothing is told of who is gone.
    pub(crate) fn forget_peer(&mut self, peer: PeerKey) {
        self.peers.remove(&peer);
    }

    pub(crate) fn pop(&mut self) -> Option<Stale> {
        self.peers.pop_first().map(Stale::Peer)
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }
}
