//! Who has the floor in each room: when it is judged, and by what.

use std::time::{Duration, Instant};

use crate::dominant::Contender;
use crate::engine::Engine;
use crate::id::PeerId;
use crate::peer::PeerKey;
use crate::room::RoomKey;
use crate::timer::Timer;

/// How often it is judged while somebody speaks: as long as the shorter time scale that it depends on.
const REVIEW_INTERVAL: Duration = Duration::from_millis(100);

impl Engine {
    /// Somebody in a room is heard: judges who has the floor for as long as that goes on.
    #[inline]
    pub(crate) fn begin_floor_reviews(&mut self, now: Instant, room: RoomKey) {
        let timer = Timer::Floor(room.index);
        if self.timers.at(timer).is_none() {
            self.timers.set(timer, Some(now + REVIEW_INTERVAL));
        }
    }

    /// Judges who has the floor, and whether it is to be judged again.
    pub(crate) fn review_floor(&mut self, now: Instant, key: RoomKey) {
        let Engine { rooms, tracks, .. } = self;
        let Some(room) = rooms.get_mut(key) else { return };
        for track in &room.tracks {
            if let Some(track) = tracks.get_mut(*track) {
                track.sound.speech().review(now);
            }
        }
        let published = room.tracks.iter().filter_map(|track| tracks.get(*track));
        let contenders = published
            .map(|track| Contender { peer: track.publisher, scores: track.sound.scores() });
        if room.dominant.judge(contenders) {
            self.dirty.mark_speaking(key);
        }
        let is_any_kept = self.review_loudest(now, key);
        if is_any_kept || self.is_anybody_heard(key) {
            self.begin_floor_reviews(now, key);
        }
    }

    /// A peer, who is silent by now, leaves its room, and the floor with it.
    pub(crate) fn leave_floor(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        self.lose_floor(peer.id, peer.room);
    }

    /// Somebody leaves a room, and the floor with it.
    pub(crate) fn lose_floor(&mut self, id: PeerId, room: RoomKey) {
        if self.rooms.get_mut(room).is_some_and(|room| room.dominant.forget(id)) {
            self.dirty.mark_speaking(room);
        }
        if !self.is_anybody_heard(room) {
            self.timers.set(Timer::Floor(room.index), None);
        }
    }

    fn is_anybody_heard(&self, room: RoomKey) -> bool {
        self.tracks_in(room).any(|track| track.sound.is_heard())
    }
}
