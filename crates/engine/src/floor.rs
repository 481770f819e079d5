//! Who has the floor in each room: when it is judged, and by what.

use std::time::{Duration, Instant};

use crate::dominant::Contender;
use crate::engine::Engine;
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
        let Engine { rooms, peers, tracks, .. } = self;
        let Some(room) = rooms.get_mut(key) else { return };
        let members = room.peers.iter().filter_map(|peer| peers.get(*peer));
        for published in members.clone().flat_map(|peer| &peer.published) {
            if let Some(track) = tracks.get_mut(published.track) {
                track.sound.speech().review(now);
            }
        }
        let contenders = members.flat_map(|peer| {
            let tracks = peer.published.iter().filter_map(|p| tracks.get(p.track));
            tracks.map(|track| Contender { peer: peer.id, scores: track.sound.scores() })
        });
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
        let (id, room) = (peer.id, peer.room);
        if self.rooms.get_mut(room).is_some_and(|room| room.dominant.forget(id)) {
            self.dirty.mark_speaking(room);
        }
        if !self.is_anybody_heard(room) {
            self.timers.set(Timer::Floor(room.index), None);
        }
    }

    fn is_anybody_heard(&self, room: RoomKey) -> bool {
        let members = self.rooms.get(room).map(|room| room.peers.as_slice()).unwrap_or_default();
        let published =
            members.iter().filter_map(|peer| self.peers.get(*peer)).flat_map(|p| &p.published);
        let mut tracks = published.filter_map(|published| self.tracks.get(published.track));
        tracks.any(|track| track.sound.is_heard())
    }
}
