//! What an engine has yet to tell others: names of what has changed, each of them once.

use std::collections::BTreeMap;

use crate::id::{LayerId, Neighbour, RoomId, TrackId};
use crate::track::{Track, TrackKey};

/// Everything that is on its way to other engines.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    outboxes: BTreeMap<Neighbour, Outbox>,
    /// Tracks of which something has arrived that others want.
    pub(super) fresh: Vec<TrackKey>,
}

/// What one other engine is to be told.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    shares: Names<RoomId>,
    tracks: Names<TrackId>,
    asks: Names<TrackId>,
    key_frames: Names<LayerId>,
    clocks: Names<LayerId>,
    overflows: Names<TrackId>,
}

/// A set that keeps its memory, so that what comes again and again allocates nothing.
#[derive(Debug)]
struct Names<T>(Vec<T>);

/// Something that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Share(RoomId),
    Track(TrackId),
    Asks(TrackId),
    KeyFrame(LayerId),
    Clock(LayerId),
    Overflow(TrackId),
}

impl Relay {
    pub(super) fn outbox(&mut self, to: Neighbour) -> &mut Outbox {
        self.outboxes.entry(to).or_default()
    }

    /// What is to be told next: whatever a later one leans on comes before it.
    pub(super) fn pop(&mut self, to: Neighbour) -> Option<Due> {
        let outbox = self.outboxes.get_mut(&to)?;
        let share = outbox.shares.pop().map(Due::Share);
        share
            .or_else(|| outbox.tracks.pop().map(Due::Track))
            .or_else(|| outbox.asks.pop().map(Due::Asks))
            .or_else(|| outbox.key_frames.pop().map(Due::KeyFrame))
            .or_else(|| outbox.clocks.pop().map(Due::Clock))
            .or_else(|| outbox.overflows.pop().map(Due::Overflow))
    }

    /// A track that others have is not what it was.
    pub(crate) fn note_news(&mut self, track: &Track) {
        for to in track.elsewhere.exports.neighbours() {
            self.outbox(to).tracks.insert(track.id);
        }
    }

    /// A track that others may have is no more.
    pub(crate) fn note_end(&mut self, track: &Track) {
        for to in track.elsewhere.exports.neighbours() {
            let outbox = self.outbox(to);
            outbox.tracks.insert(track.id);
            outbox.clocks.0.retain(|layer| layer.track != track.id);
        }
    }

    /// The path of a track's publisher overflows.
    pub(crate) fn note_overflow(&mut self, track: &Track) {
        for to in track.elsewhere.exports.neighbours() {
            self.outbox(to).overflows.insert(track.id);
        }
    }

    /// Something has arrived of a track.
    #[inline]
    pub(crate) fn note_arrival(&mut self, track: &mut Track, key: TrackKey) {
        if track.elsewhere.exports.become_fresh() {
            self.fresh.push(key);
        }
    }

    /// Somebody needs a key frame of a track that is published at another engine.
    pub(crate) fn ask_for_key_frame(&mut self, from: Neighbour, layer: LayerId) {
        self.outbox(from).key_frames.insert(layer);
    }
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names(Vec::new())
    }
}

impl<T: Ord> Names<T> {
    fn insert(&mut self, name: T) {
        if let Err(index) = self.0.binary_search(&name) {
            self.0.insert(index, name);
        }
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl Outbox {
    pub(super) fn share(&mut self, room: RoomId) {
        self.shares.insert(room);
    }

    pub(super) fn ask(&mut self, track: TrackId) {
        self.asks.insert(track);
    }

    pub(super) fn tell_clock(&mut self, layer: LayerId) {
        self.clocks.insert(layer);
    }
}
