//! Reading ahead: what sending to a peer needs of its state is fetched for several peers at once, before their turn.
//!
//! A room of a hundred people has more state than a processor keeps in its cache while a media thread sleeps between two
//! packets. Whoever sends to one of them after the other waits for memory some twenty times for each; reads that do not
//! depend on each other wait together.

use std::hint::black_box;

use crate::engine::Engine;
use crate::peer::{Peer, PeerKey};
use crate::timer::{PeerTimer, Timer};

/// How many peers are read ahead at a time: their state, some 30 lines of 64 bytes each, fits into any first-level
/// cache, and a processor has no more reads than theirs under way at a time.
const PEERS_AHEAD: usize = 8;

impl Engine {
    /// Reads what sending to the first of these peers will read or write. Returns how many of them, at least one.
    pub(crate) fn read_ahead<'a>(&self, peers: impl Iterator<Item = &'a PeerKey>) -> usize {
        let mut count = 0;
        for key in peers.take(PEERS_AHEAD) {
            let timers = [PeerTimer::Congestion, PeerTimer::Pacing];
            let timers = timers.map(|timer| self.timers.at(Timer::Peer(key.index, timer)));
            let set = timers.iter().flatten().count() as u64;
            black_box(set ^ self.peers.get(*key).map_or(0, Peer::touch));
            count += 1;
        }
        count.max(1)
    }
}
