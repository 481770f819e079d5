//! Carries out slot assignments: who receives which track over which slot, and whether it flows.

use std::collections::BTreeSet;
use std::time::Instant;

use parlor_rtc::MediaKind;

use crate::allocate::Demand;
use crate::assign::{Assignment, Candidate, Group, Place, assign};
use crate::change::SlotCounts;
use crate::engine::Engine;
use crate::id::{Source, TrackId};
use crate::peer::{Peer, PeerKey};
use crate::room::RoomKey;
use crate::slot::{Feed, Slot};
use crate::timer::{PeerTimer, Timer};
use crate::track::{Subscriber, Track, TrackKey, TrackRef};

impl Engine {
    /// Has it decided anew what everyone in a room receives: as timers, since they may be many.
    pub(crate) fn reassign_room(&mut self, now: Instant, room: RoomKey) {
        self.review_microphones(now, room);
        self.reassign_everybody(now, room);
    }

    fn reassign_everybody(&mut self, now: Instant, room: RoomKey) {
        for peer in self.rooms.get(room).map(|room| room.peers.as_slice()).unwrap_or_default() {
            self.timers.set_no_later_than(assignment_of(*peer), now);
        }
        self.review_relayed_soon(now, room);
    }

    /// Something has come to a room, gone, or been switched: of these sources. Who only watches is nothing to the others, of
    /// whom there may be a thousand. Nor is another microphone where the loudest alone are forwarded, as long as these stay.
    pub(crate) fn reassign_others(&mut self, now: Instant, room: RoomKey, sources: &[Source]) {
        let has_others = !sources.iter().all(|source| *source == Source::Microphone);
        let loudest_change = !sources.is_empty() && self.review_microphones(now, room);
        match has_others || loudest_change {
            true => self.reassign_everybody(now, room),
            false => self.review_relayed_soon(now, room),
        }
    }

    /// Has it decided anew what one peer receives.
    pub(crate) fn reassign_soon(&mut self, now: Instant, key: PeerKey) {
        self.timers.set_no_later_than(assignment_of(key), now);
    }

    /// Decides anew what one peer receives, and does so.
    pub(crate) fn reassign_peer(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        self.counters.assignments += 1;
        let candidates = self.candidates(peer);
        let undecodable = self.undecodable(peer);
        let live: BTreeSet<_> = candidates.iter().filter(|c| c.active).map(|c| c.track).collect();
        let wanted = if peer.is_pinned() {
            let wanted = peer.open_slots();
            self.feed_pinned(now, key, &live);
            wanted
        } else {
            self.feed_floating(now, key, &candidates, &live)
        };
        let Some(peer) = self.peers.get_mut(key) else { return };
        let wants_other_slots = std::mem::replace(&mut peer.wanted_slots, wanted) != wanted;
        let has_news = std::mem::replace(&mut peer.undecodable, undecodable) != peer.undecodable;
        if wants_other_slots {
            self.dirty.mark_peer(key);
        }
        if has_news {
            self.review_soon(now, key);
        }
        self.review_fallbacks_soon(now, key);
    }

    /// Decides what is on a peer's slots that float, and has it sent; returns how many slots it should have.
    fn feed_floating(
        &mut self,
        now: Instant,
        key: PeerKey,
        candidates: &[Candidate],
        live: &BTreeSet<TrackId>,
    ) -> SlotCounts {
        let Some(peer) = self.peers.get(key) else { return SlotCounts::default() };
        let places: Vec<Place> = peer.slots.iter().map(|slot| slot.place()).collect();
        let max_slots = self.config.limits.slots_per_kind;
        let Assignment { tracks, mut wanted } = assign(&places, candidates, max_slots);
        wanted.audio = wanted.audio.max(self.audio_slots_to_have(peer.room, &places, candidates));
        let may_flow: Vec<bool> = places.iter().map(|place| peer.may_be_fed(place.kind)).collect();
        for ((slot, track), may_flow) in tracks.into_iter().enumerate().zip(may_flow) {
            let active = track.is_some_and(|track| live.contains(&track));
            let track = track.and_then(|id| Some(TrackRef { id, key: *self.track_keys.get(&id)? }));
            let feed = match track {
                None => Feed::Empty,
                Some(track) if active && may_flow => Feed::Flowing(track),
                Some(track) => Feed::Paused(track),
            };
            self.feed_slot(now, Subscriber { peer: key, slot }, feed);
        }
        wanted
    }

    /// Every track of the other peers in the room that this peer could receive.
    fn candidates(&self, peer: &Peer) -> Vec<Candidate> {
        let tracks = self.tracks_of_others(peer);
        tracks.filter(|track| peer.can_decode(track)).map(|track| candidate(track, peer)).collect()
    }

    /// Every video track of theirs that it has no decoder for.
    fn undecodable(&self, peer: &Peer) -> Vec<TrackId> {
        let videos = self
            .tracks_of_others(peer)
            .filter(|track| track.source.kind() == MediaKind::Video && track.on);
        videos.filter(|track| !peer.can_decode(track)).map(|track| track.id).collect()
    }

    fn tracks_of_others(&self, peer: &Peer) -> impl Iterator<Item = &Track> {
        let id = peer.id;
        self.tracks_in(peer.room).filter(move |track| track.publisher != id)
    }

    /// Every track of a room, whichever thread it is published on.
    pub(crate) fn tracks_in(&self, room: RoomKey) -> impl Iterator<Item = &Track> {
        let tracks = self.rooms.get(room).map(|room| room.tracks.as_slice()).unwrap_or_default();
        tracks.iter().filter_map(|key| self.tracks.get(*key))
    }

    /// Lets a slot carry what `feed` says, and tells both sides.
    pub(crate) fn feed_slot(&mut self, now: Instant, subscriber: Subscriber, feed: Feed) {
        let Some(peer) = self.peers.get_mut(subscriber.peer) else { return };
        let Some(slot) = peer.slots.get_mut(subscriber.slot) else { return };
        let before = slot.feed();
        if before == feed {
            return;
        }
        if before.track() != feed.track() {
            self.dirty.mark_peer(subscriber.peer);
        }
        slot.set_feed(feed);
        let is_video = slot.kind == MediaKind::Video;
        if let Feed::Flowing(track) = before {
            self.unsubscribe(now, track.key, subscriber);
        }
        if let Feed::Flowing(track) = feed {
            self.subscribe(now, track.key, subscriber);
        }
        if is_video {
            self.review_soon(now, subscriber.peer);
        }
    }

    fn subscribe(&mut self, now: Instant, key: TrackKey, subscriber: Subscriber) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        track.subscribers.push(subscriber);
        let peer = self.peers.get_mut(subscriber.peer);
        let Some(slot) = peer.and_then(|peer| peer.slots.get_mut(subscriber.slot)) else { return };
        if slot.kind == MediaKind::Video {
            // Until it is known how large it is shown: the smallest comes first in any case.
            slot.demand = Demand { layers: Demand::bit(track.first_layer()), ..Demand::default() };
        }
        if let Some(time) = track.sound.hearing.begins_with(now) {
            slot.outgoing.start_since(time, track);
        } else if slot.outgoing.start(now, track) {
            self.requests.push(key, slot.outgoing.reading().layer().unwrap_or_default());
        }
        self.follow_readers(key);
        self.note_arrival(key);
        self.begin_reports(now, subscriber.peer);
        self.review_soon(now, subscriber.peer);
        self.review_wanted_soon(now, key);
    }

    fn unsubscribe(&mut self, now: Instant, key: TrackKey, subscriber: Subscriber) {
        if let Some(track) = self.tracks.get_mut(key) {
            track.subscribers.retain(|other| *other != subscriber);
        }
        self.follow_readers(key);
        self.review_wanted_soon(now, key);
    }

    /// Lets everything that flows to a peer begin anew, since it can be sent only now.
    pub(crate) fn begin_sending(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let mut flowing = Vec::new();
        for slot in &mut peer.slots {
            if let Feed::Flowing(track) = slot.feed()
                && let Some(source) = self.tracks.get(track.key)
            {
                if slot.outgoing.start_after_handshake(now, source) {
                    self.requests
                        .push(track.key, slot.outgoing.reading().layer().unwrap_or_default());
                }
                flowing.push(track.key);
            }
        }
        for track in flowing {
            self.follow_readers(track); // another layer may be the smallest that arrives by now
            self.note_arrival(track);
        }
    }

    /// Takes everything off a peer's slots.
    pub(crate) fn empty_slots(&mut self, now: Instant, key: PeerKey) {
        let slots = self.peers.get(key).map_or(0, |peer| peer.slots.len());
        for slot in 0..slots {
            self.feed_slot(now, Subscriber { peer: key, slot }, Feed::Empty);
        }
    }

    /// Makes a track known by its name, and to its room.
    pub(crate) fn register_track(&mut self, room: RoomKey, id: TrackId, key: TrackKey) {
        self.track_keys.insert(id, key);
        if let Some(room) = self.rooms.get_mut(room) {
            room.tracks.push(key);
        }
    }

    /// Takes a track out of the tables and off every slot.
    pub(crate) fn remove_track(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.remove(key) else { return };
        self.track_keys.remove(&track.id);
        self.relay.note_end(&track);
        let Some(room) = self.rooms.get_mut(track.room) else { return };
        room.tracks.retain(|other| *other != key);
        for &peer in room.peers.clone().iter() {
            let Some(slots) = self.peers.get(peer).map(|peer| &peer.slots) else { continue };
            let carries =
                |slot: &Slot| slot.feed().track().is_some_and(|carried| carried.key == key);
            if let Some(slot) = slots.iter().position(carries) {
                self.feed_slot(now, Subscriber { peer, slot }, Feed::Empty);
                self.spend_slot(Subscriber { peer, slot });
            }
        }
    }
}

fn assignment_of(key: PeerKey) -> Timer {
    Timer::Peer(key.index, PeerTimer::Assignment)
}

fn candidate(track: &Track, peer: &Peer) -> Candidate {
    let priority = peer.shown.priority(track);
    Candidate {
        track: track.id,
        kind: track.source.kind(),
        group: Group::of(track.publisher, track.source, track.id),
        active: track.on && track.sound.hearing.is_forwarded() && priority.is_some(),
        priority: priority.unwrap_or_default(),
    }
}
