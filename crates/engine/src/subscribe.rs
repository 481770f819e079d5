//! Carries out slot assignments: who receives which track over which slot, and whether it flows.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::assign::{Assignment, Candidate, Group, Place, assign};
use crate::engine::Engine;
use crate::layer::REVIEW_INTERVAL;
use crate::peer::{Peer, PeerKey};
use crate::room::RoomKey;
use crate::slot::{Feed, Slot};
use crate::timer::{PeerTimer, Timer};
use crate::track::{Subscriber, Track, TrackKey, TrackRef};

impl Engine {
    /// Decides anew what everyone in a room receives.
    pub(crate) fn reassign_room(&mut self, now: Instant, room: RoomKey) {
        self.review_microphones(now, room);
        let Some(peers) = self.rooms.get(room).map(|room| room.peers.clone()) else { return };
        for peer in peers {
            self.reassign_peer(now, peer);
        }
    }

    /// Decides anew what one peer receives, and does so.
    pub(crate) fn reassign_peer(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let candidates = self.candidates(key, peer);
        let places: Vec<Place> = peer.slots.iter().map(|slot| slot.place()).collect();
        let live: BTreeSet<_> = candidates.iter().filter(|c| c.active).map(|c| c.track).collect();
        let max_slots = self.config.limits.slots_per_kind;
        let Assignment { tracks, mut wanted } = assign(&places, &candidates, max_slots);
        wanted.audio = wanted.audio.max(self.audio_slots_to_have(peer.room, &places, &candidates));
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
        if let Some(peer) = self.peers.get_mut(key)
            && peer.wanted_slots != wanted
        {
            peer.wanted_slots = wanted;
            self.dirty.mark_peer(key);
        }
    }

    /// Every track of the other peers in the room that this peer could receive.
    fn candidates(&self, key: PeerKey, peer: &Peer) -> Vec<Candidate> {
        let others =
            self.rooms.get(peer.room).map(|room| room.peers.as_slice()).unwrap_or_default();
        others
            .iter()
            .filter(|other| **other != key)
            .filter_map(|other| self.peers.get(*other))
            .flat_map(|other| other.published.iter())
            .filter_map(|published| self.tracks.get(published.track))
            .filter(|track| peer.can_decode(track))
            .map(|track| candidate(track, peer))
            .collect()
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
        if let Feed::Flowing(track) = before {
            self.unsubscribe(track.key, subscriber);
        }
        if let Feed::Flowing(track) = feed {
            self.subscribe(now, track.key, subscriber);
        }
    }

    fn subscribe(&mut self, now: Instant, key: TrackKey, subscriber: Subscriber) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        track.subscribers.push(subscriber);
        let peer = self.peers.get_mut(subscriber.peer);
        let Some(slot) = peer.and_then(|peer| peer.slots.get_mut(subscriber.slot)) else { return };
        if let Some(time) = track.hearing.begins_with(now) {
            slot.outgoing.start_since(time, track);
        } else if slot.outgoing.start(now, track) {
            self.requests.push(key, track.chosen_layer());
        }
        self.note_arrival(key);
        self.begin_reports(now, subscriber.peer);
    }

    fn unsubscribe(&mut self, key: TrackKey, subscriber: Subscriber) {
        if let Some(track) = self.tracks.get_mut(key) {
            track.subscribers.retain(|other| *other != subscriber);
        }
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
                    self.requests.push(track.key, source.chosen_layer());
                }
                flowing.push(track.key);
            }
        }
        flowing.into_iter().for_each(|track| self.note_arrival(track));
    }

    /// Takes everything off a peer's slots.
    pub(crate) fn empty_slots(&mut self, now: Instant, key: PeerKey) {
        let slots = self.peers.get(key).map_or(0, |peer| peer.slots.len());
        for slot in 0..slots {
            self.feed_slot(now, Subscriber { peer: key, slot }, Feed::Empty);
        }
    }

    /// Takes a track out of the tables and off every slot.
    pub(crate) fn remove_track(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.remove(key) else { return };
        self.track_keys.remove(&track.id);
        let Some(room) = self.rooms.get(track.room) else { return };
        for &peer in room.peers.clone().iter() {
            let Some(slots) = self.peers.get(peer).map(|peer| &peer.slots) else { continue };
            let carries =
                |slot: &Slot| slot.feed().track().is_some_and(|carried| carried.key == key);
            if let Some(slot) = slots.iter().position(carries) {
                self.feed_slot(now, Subscriber { peer, slot }, Feed::Empty);
            }
        }
    }

    /// Chooses the forwarded layer of a peer's simulcast tracks anew.
    pub(crate) fn review_layers(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        for published in &peer.published {
            let Some(track) = self.tracks.get_mut(published.track) else { continue };
            if track.has_layers() && track.review_layers(now) {
                self.relayered.push(published.track);
            }
        }
        while let Some(track) = self.relayered.pop() {
            self.switch_layer(now, track);
        }
        self.begin_layer_reviews(now, key);
    }

    /// Watches the layers of a peer as long as there are some to choose from.
    pub(crate) fn begin_layer_reviews(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(key).filter(|peer| peer.may_receive()) else { return };
        let mut tracks = peer.published.iter().filter_map(|p| self.tracks.get(p.track));
        let layer = Timer::Peer(key.index, PeerTimer::Layer);
        if tracks.any(|track| track.on && track.has_layers()) {
            self.timers.set_no_later_than(layer, now + REVIEW_INTERVAL);
        }
    }

    /// Lets everyone who receives a track go on with the layer that it has chosen.
    pub(crate) fn switch_layer(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else { return };
        let mut needs_key_frame = false;
        for subscriber in &track.subscribers {
            let peer = self.peers.get_mut(subscriber.peer);
            if let Some(slot) = peer.and_then(|peer| peer.slots.get_mut(subscriber.slot)) {
                needs_key_frame |= slot.outgoing.switch_layer(now, track);
            }
        }
        if needs_key_frame {
            self.requests.push(key, track.chosen_layer());
        }
    }
}

fn candidate(track: &Track, peer: &Peer) -> Candidate {
    let priority = peer.shown.priority(track);
    Candidate {
        track: track.id,
        kind: track.source.kind(),
        group: Group::of(track.publisher, track.source, track.id),
        active: track.on && track.hearing.is_forwarded() && priority.is_some(),
        priority: priority.unwrap_or_default(),
    }
}
