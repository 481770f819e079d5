//! What publishers are asked to send: the encodings that somebody has a use for, and nothing else, in a codec
//! that all can decode.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;

use crate::allocate::Demand;
use crate::change::{Change, WantedLayers};
use crate::engine::Engine;
use crate::peer::PeerKey;
use crate::timer::{PeerTimer, Timer};
use crate::track::{Track, TrackKey, Upstream};

/// How often that is looked at while somebody watches: what is wanted changes with time too.
const REVIEW_INTERVAL: Duration = Duration::from_millis(250);

impl Engine {
    /// Somebody has begun or stopped to watch a track, or watches it in another size.
    pub(crate) fn review_wanted_soon(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else { return };
        if track.source.kind() == MediaKind::Video {
            let timer = match track.upstream {
                Upstream::Published(publisher) => Timer::Peer(publisher.index, PeerTimer::Wanted),
                Upstream::Relayed(_) => Timer::Relay(track.room.index),
            };
            self.timers.set_no_later_than(timer, now);
        }
    }

    /// Decides which encodings of a peer's tracks it is to send.
    pub(crate) fn review_wanted(&mut self, now: Instant, key: PeerKey) {
        self.review_readers_of_stopped(now, key);
        let Some(peer) = self.peers.get(key) else { return };
        let mut is_watched = false;
        let mut has_changed = false;
        for published in &peer.published {
            let Some(track) = self.tracks.get(published.track) else { continue };
            let (mut demand, needed) = (self.demand(track), self.fallback_needed(track));
            let Some(track) = self.tracks.get_mut(published.track) else { continue };
            if track.source.kind() == MediaKind::Video {
                has_changed |= track.fallback.review(now, needed);
                if track.fallback.is_awaited(now) {
                    demand.layers |= Demand::bit(track.first_layer());
                }
                if track.review_wanted(now, demand) {
                    has_changed = true;
                    self.relay.note_news(track);
                }
                is_watched |= track.asked().layers != 0;
            }
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.rests = !is_watched;
        }
        if has_changed {
            self.dirty.mark_wanted(key);
        }
        if is_watched {
            let timer = Timer::Peer(key.index, PeerTimer::Wanted);
            self.timers.set_no_later_than(timer, now + REVIEW_INTERVAL);
        }
    }

    /// Whoever reads a layer that a peer has stopped to send has it decided anew.
    fn review_readers_of_stopped(&mut self, now: Instant, key: PeerKey) {
        let published = self.peers.get(key).map_or(0, |peer| peer.published.len());
        for index in 0..published {
            let track = self.peers.get(key).and_then(|peer| Some(peer.published.get(index)?.track));
            let Some(key) = track else { return };
            self.review_readers_of(now, key);
        }
    }

    /// Whoever reads a layer of a track that has stopped has it decided anew.
    pub(crate) fn review_readers_of(&mut self, now: Instant, key: TrackKey) {
        if self.tracks.get_mut(key).is_some_and(|track| track.reads_what_has_stopped()) {
            self.review_subscribers(now, key);
        }
    }

    /// What all who watch a track together have a use for.
    pub(crate) fn demand(&self, track: &Track) -> Demand {
        let mut all = track.demand_elsewhere();
        for subscriber in &track.subscribers {
            let slot =
                self.peers.get(subscriber.peer).and_then(|peer| peer.slots.get(subscriber.slot));
            if let Some(slot) = slot {
                all.merge(slot.demand);
            }
        }
        all
    }

    pub(crate) fn wanted_change(&self, key: PeerKey) -> Option<Change> {
        let peer = self.peers.get(key)?;
        let tracks = peer.published.iter().filter_map(|p| self.tracks.get(p.track));
        let videos = tracks.filter(|track| track.source.kind() == MediaKind::Video);
        let wanted = videos.map(|track| WantedLayers {
            track: track.id,
            layers: track.names_of(track.asked().layers).collect(),
            spatial: track.spatial_limit(),
            payload_type: track.fallback.payload_type,
        });
        Some(Change::Wanted { peer: peer.id, tracks: wanted.collect() })
    }
}
