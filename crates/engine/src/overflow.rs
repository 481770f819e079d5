//! What is done for a publisher whose path to us overflows: it is told what the path carries, nothing is asked for
//! again, and whoever watches goes down to the smallest picture, which will soon be all that still comes.

use std::time::Instant;

use crate::engine::Engine;
use crate::peer::PeerKey;
use crate::timer::{PeerTimer, Timer};
use crate::track::TrackKey;

impl Engine {
    /// The path of a publisher has been found to overflow.
    #[cold]
    pub(crate) fn relieve(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        self.counters.publishers_limited += 1;
        for (media, _) in peer.incoming.all_media() {
            media.receiver.give_up();
        }
        self.timers.set_no_later_than(Timer::Peer(key.index, PeerTimer::Feedback), now);
        for index in 0..peer.published.len() {
            let track = self.peers.get(key).and_then(|peer| Some(peer.published.get(index)?.track));
            let Some(track_key) = track else { return };
            if let Some(track) = self.tracks.get(track_key) {
                self.relay.note_overflow(track);
            }
            self.expect_the_smallest(now, track_key);
        }
    }

    /// Whoever watches a track goes down to its smallest layer, before the larger ones end by themselves.
    pub(crate) fn expect_the_smallest(&mut self, now: Instant, key: TrackKey) {
        if self.tracks.get_mut(key).is_some_and(|track| track.stop_larger_layers(now)) {
            self.review_subscribers(now, key);
        }
    }
}
