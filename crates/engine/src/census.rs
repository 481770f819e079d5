//! How much an engine holds, for metrics and for tests that nothing is left behind.

use crate::engine::Engine;

/// How many of each thing there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Rooms.
    pub rooms: usize,
    /// Peers of all rooms.
    pub peers: usize,
    /// Tracks of all peers.
    pub tracks: usize,
    /// Known paths to peers.
    pub paths: usize,
    /// Known streams of publishers.
    pub streams: usize,
    /// Slots that a track flows to.
    pub subscriptions: usize,
    /// Timers that are set, but for those that come and go with packets: feedback, requests and congestion.
    pub timers: usize,
    /// Changes that wait to be polled.
    pub changes: usize,
    /// Bytes of memory that packets are kept in.
    pub ring_bytes: usize,
}

impl Engine {
    /// Counts what there is.
    pub fn census(&self) -> Census {
        Census {
            rooms: self.rooms.len(),
            peers: self.peers.len(),
            tracks: self.tracks.len(),
            paths: self.paths.len(),
            streams: self.ssrcs.len(),
            subscriptions: self.tracks.iter().map(|track| track.subscribers.len()).sum(),
            timers: self.timers.standing(),
            changes: self.dirty.len(),
            ring_bytes: self.tracks.iter().map(|track| track.memory()).sum(),
        }
    }
}
