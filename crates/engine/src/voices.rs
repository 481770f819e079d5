//! Who is speaking in each room.

use std::time::Instant;

use crate::change::Change;
use crate::engine::Engine;
use crate::id::PeerId;
use crate::peer::PeerKey;
use crate::room::RoomKey;
use crate::sound::Heard;
use crate::timer::Timer;
use crate::track::TrackKey;

impl Engine {
    /// Takes in what the loudness of a packet says.
    #[inline]
    pub(crate) fn follow_voice(&mut self, now: Instant, key: TrackKey, heard: Heard) {
        if heard == Heard::default() {
            return;
        }
        let Some(room) = self.tracks.get(key).map(|track| track.room) else { return };
        if heard.changes_speaking {
            self.speaking_changed(room);
        }
        if heard.is_voiced {
            self.begin_floor_reviews(now, room);
        }
        if heard.asks_to_be_heard {
            self.let_in(now, room, key);
        }
    }

    /// Somebody in a room has begun or stopped to speak.
    fn speaking_changed(&mut self, room: RoomKey) {
        self.dirty.mark_speaking(room);
        let timer = Timer::Speaking(room.index);
        if self.timers.at(timer).is_none() {
            let deadline = self.quiet_deadline(room);
            self.timers.set(timer, deadline);
        }
    }

    /// Judges whether somebody of whom nothing more is heard has stopped to speak.
    pub(crate) fn review_speaking(&mut self, now: Instant, room: RoomKey) {
        let Some(tracks) = self.rooms.get(room).map(|room| &room.tracks) else { return };
        let mut changed = false;
        for key in tracks {
            if let Some(track) = self.tracks.get_mut(*key) {
                changed |= track.sound.review_voice(now);
            }
        }
        if changed {
            self.dirty.mark_speaking(room);
        }
        let deadline = self.quiet_deadline(room);
        self.timers.set(Timer::Speaking(room.index), deadline);
    }

    /// Nothing is heard of a peer any more.
    pub(crate) fn silence_peer(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let room = peer.room;
        for published in &peer.published {
            let track = self.tracks.get_mut(published.track);
            if track.is_some_and(|track| track.sound.silence()) {
                self.dirty.mark_speaking(room);
            }
        }
        let deadline = self.quiet_deadline(room);
        self.timers.set(Timer::Speaking(room.index), deadline);
    }

    /// Nothing is heard of one track for now.
    pub(crate) fn silence_track(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        let room = track.room;
        if track.sound.silence() {
            self.dirty.mark_speaking(room);
            let deadline = self.quiet_deadline(room);
            self.timers.set(Timer::Speaking(room.index), deadline);
        }
    }

    pub(crate) fn speaking_change(&self, key: RoomKey) -> Option<Change> {
        let room = self.rooms.get(key).filter(|room| room.is_home)?;
        let speaking = self.tracks_in(key).filter(|track| track.sound.is_speaking());
        let mut peers: Vec<PeerId> = speaking.map(|track| track.publisher).collect();
        peers.sort_unstable();
        peers.dedup();
        Some(Change::Speaking { room: room.id, peers, dominant: room.dominant.peer() })
    }

    /// When the first speaker of a room will have been quiet for long.
    fn quiet_deadline(&self, room: RoomKey) -> Option<Instant> {
        self.tracks_in(room).filter_map(|track| track.sound.quiet_deadline()).min()
    }
}
