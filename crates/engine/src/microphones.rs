//! Of many microphones in a room the loudest few are forwarded: carries out who is let in and who gives way.

use std::cmp::Reverse;
use std::time::Instant;

use parlor_rtc::MediaKind;

use crate::assign::{Candidate, Cost, Group, Place as SlotPlace, slots_to_have};
use crate::engine::Engine;
use crate::id::Source;
use crate::loudest::{HOLD, Hearing, Place, giving_way};
use crate::peer::{Peer, PeerKey};
use crate::room::RoomKey;
use crate::slot::{Feed, Slot};
use crate::track::{Subscriber, Track, TrackKey, TrackRef};

impl Engine {
    /// Decides whether all microphones of a room are forwarded or the loudest, as some are on or off now that were
    /// not. Returns whether others may be forwarded than before: who receives them is to be decided anew then.
    pub(crate) fn review_microphones(&mut self, now: Instant, key: RoomKey) -> bool {
        let mut on = self.microphones_that(key, |_| true);
        let Some(room) = self.rooms.get_mut(key) else { return false };
        let limits = &self.config.limits;
        let places = usize::from(limits.loudest_microphones);
        if on.len() <= places.max(limits.open_microphones.into()) {
            room.loudest = None;
            self.set_hearing(&on, Hearing::Open);
            return true;
        }
        let (heard, is_news) = match room.loudest.take() {
            Some(mut heard) => {
                let before = heard.len();
                heard.retain(|track| on.contains(track));
                let is_news = heard.len() != before;
                (heard, is_news)
            }
            None => {
                let Engine { tracks, .. } = self;
                let scores =
                    |track: &TrackKey| tracks.get(*track).map(|track| track.sound.scores());
                on.sort_by_key(|track| Reverse(scores(track).map(|s| (s.long, s.medium))));
                let sounds = |track: &&TrackKey| {
                    tracks
                        .get(**track)
                        .is_some_and(|track| track.sound.has_sounded_within(now, HOLD))
                };
                (on.iter().filter(sounds).take(places).copied().collect::<Vec<_>>(), true)
            }
        };
        on.retain(|track| !heard.contains(track));
        self.set_hearing(&on, Hearing::Waiting { asks: false });
        let newly: Vec<_> =
            heard.iter().filter(|track| !self.has_place(**track)).copied().collect();
        self.set_hearing(&newly, Hearing::Heard { since: now });
        if let Some(room) = self.rooms.get_mut(key) {
            room.loudest = Some(heard);
        }
        self.begin_floor_reviews(now, key);
        is_news
    }

    /// Lets somebody in who has begun to speak, if there is a place or one who gives way.
    pub(crate) fn let_in(&mut self, now: Instant, key: RoomKey, newcomer: TrackKey) {
        let Engine { rooms, tracks, config, .. } = self;
        let Some(heard) = rooms.get_mut(key).and_then(|room| room.loudest.as_mut()) else { return };
        heard.retain(|track| tracks.get(*track).is_some());
        let mut gone = None;
        if heard.len() >= usize::from(config.limits.loudest_microphones) {
            let scores = tracks.get(newcomer).map(|track| track.sound.scores()).unwrap_or_default();
            let places: Vec<Place> =
                heard.iter().filter_map(|track| tracks.get_mut(*track)?.sound.place(now)).collect();
            let Some(index) = giving_way(now, &places, scores) else {
                self.counters.microphones_kept_out += 1;
                return;
            };
            gone = Some(heard.remove(index));
        }
        heard.push(newcomer);
        if let Some(gone) = gone {
            self.close(now, key, gone);
        }
        self.open(now, key, newcomer);
        self.begin_floor_reviews(now, key);
    }

    /// Lets go whoever has been silent for long, and lets in who still asks. True while somebody is heard, or
    /// wants to be.
    pub(crate) fn review_loudest(&mut self, now: Instant, key: RoomKey) -> bool {
        let Engine { rooms, tracks, .. } = self;
        let Some(heard) = rooms.get_mut(key).and_then(|room| room.loudest.as_mut()) else {
            return false;
        };
        let is_silent = |track: &mut TrackKey| {
            tracks.get(*track).is_none_or(|track| !track.sound.has_sounded_within(now, HOLD))
        };
        let silent: Vec<TrackKey> = heard.extract_if(.., is_silent).collect();
        silent.into_iter().for_each(|track| self.close(now, key, track));
        let asks = |track: &Track| track.sound.hearing == Hearing::Waiting { asks: true };
        let mut asking = self.microphones_that(key, asks);
        asking.retain(|track| self.still_asks(*track));
        asking.iter().for_each(|track| self.let_in(now, key, *track));
        let is_heard = |heard: &Vec<TrackKey>| !heard.is_empty();
        let room = self.rooms.get(key);
        !asking.is_empty() || room.and_then(|room| room.loudest.as_ref()).is_some_and(is_heard)
    }

    /// How many audio slots a peer should have, so that whoever speaks next finds one free.
    pub(crate) fn audio_slots_to_have(
        &self,
        key: RoomKey,
        slots: &[SlotPlace],
        candidates: &[Candidate],
    ) -> u16 {
        let limits = &self.config.limits;
        let have = slots.iter().filter(|slot| slot.open && slot.kind == MediaKind::Audio).count();
        let heard = self.rooms.get(key).and_then(|room| room.loudest.as_ref()).map(Vec::len);
        let free =
            heard.map_or(0, |heard| usize::from(limits.loudest_microphones).saturating_sub(heard));
        let flowing = candidates.iter().filter(|c| c.active && c.kind == MediaKind::Audio).count();
        let count = |count| u16::try_from(count).unwrap_or(u16::MAX);
        slots_to_have(count(have), count(flowing + free), limits.slots_per_kind)
    }

    /// Whether somebody who has asked to be heard still speaks. Who has stopped may ask again.
    fn still_asks(&mut self, key: TrackKey) -> bool {
        let Some(track) = self.tracks.get_mut(key) else { return false };
        let still_speaks = track.sound.is_heard();
        if !still_speaks {
            track.sound.hearing = Hearing::Waiting { asks: false };
        }
        still_speaks
    }

    /// The microphones in a room that are on, and of which something holds.
    fn microphones_that(&self, key: RoomKey, holds: impl Fn(&Track) -> bool) -> Vec<TrackKey> {
        let tracks = self.rooms.get(key).map(|room| room.tracks.as_slice()).unwrap_or_default();
        let is_one = |track: &Track| track.on && track.source == Source::Microphone && holds(track);
        let are = tracks.iter().filter(|key| self.tracks.get(**key).is_some_and(is_one));
        are.copied().collect()
    }

    fn has_place(&self, key: TrackKey) -> bool {
        self.tracks
            .get(key)
            .is_some_and(|track| matches!(track.sound.hearing, Hearing::Heard { .. }))
    }

    fn set_hearing(&mut self, keys: &[TrackKey], hearing: Hearing) {
        for key in keys {
            if let Some(track) = self.tracks.get_mut(*key) {
                track.sound.hearing = hearing;
            }
        }
    }

    /// Forwards a track from now on, beginning with what was said a moment ago.
    fn open(&mut self, now: Instant, room: RoomKey, key: TrackKey) {
        self.counters.microphones_let_in += 1;
        self.set_hearing(&[key], Hearing::Heard { since: now });
        let Some(members) = self.rooms.get(room).map(|room| room.peers.clone()) else { return };
        for peer in members {
            // It has kept its slot, or finds a free one: nothing else changes.
            match self.slot_for(peer, key) {
                Some((slot, track)) => {
                    self.feed_slot(now, Subscriber { peer, slot }, Feed::Flowing(track));
                }
                None => self.reassign_soon(now, peer),
            }
        }
    }

    /// Forwards a track no more. It keeps its slots while nobody needs them.
    fn close(&mut self, now: Instant, room: RoomKey, key: TrackKey) {
        self.set_hearing(&[key], Hearing::Waiting { asks: false });
        let Some(members) = self.rooms.get(room).map(|room| room.peers.clone()) else { return };
        for peer in members {
            match self.slot_carrying(peer, key) {
                // Somebody else may wait for it.
                Some(_) if self.lacks_audio_slots(peer) => self.reassign_soon(now, peer),
                Some((slot, track)) => {
                    self.feed_slot(now, Subscriber { peer, slot }, Feed::Paused(track));
                }
                None => {}
            }
        }
    }

    /// The slot of a peer over which a track can be sent at once: the one that carries it, or the one that
    /// [`assign`](crate::assign::assign) would take of those that are not needed. In a large room that is asked
    /// for everybody whenever somebody begins to speak.
    fn slot_for(&self, key: PeerKey, track: TrackKey) -> Option<(usize, TrackRef)> {
        let peer = self.peers.get(key).filter(|peer| peer.may_be_fed(MediaKind::Audio))?;
        self.slot_carrying(key, track).or_else(|| {
            let newcomer = self.tracks.get(track).filter(|track| track.publisher != peer.id)?;
            if peer.is_pinned() {
                return None;
            }
            let slot = peer.can_decode(newcomer).then(|| self.idle_slot(peer, newcomer))??;
            Some((slot, TrackRef { id: newcomer.id, key: track }))
        })
    }

    fn idle_slot(&self, peer: &Peer, newcomer: &Track) -> Option<usize> {
        let group = |track: &Track| Group::of(track.publisher, track.source, track.id);
        let joins = |slot: &Slot| Some(group(self.tracks.get(slot.track()?)?) == group(newcomer));
        let cost = |idle: &Slot| {
            let mut videos = peer.slots.iter().filter(|slot| slot.kind == MediaKind::Video);
            let partner = videos.find(|slot| slot.pair() == idle.pair());
            Cost::of_idle(idle.track().is_some(), partner.and_then(joins))
        };
        let is_idle = |slot: &Slot| {
            let is_needed = matches!(slot.feed(), Feed::Flowing(_));
            slot.is_open() && slot.kind == MediaKind::Audio && !is_needed
        };
        let slots = peer.slots.iter().enumerate().filter(|(_, slot)| is_idle(slot));
        slots.min_by_key(|(index, slot)| (cost(slot), *index)).map(|(index, _)| index)
    }

    fn lacks_audio_slots(&self, key: PeerKey) -> bool {
        let Some(peer) = self.peers.get(key) else { return false };
        let is_audio = |slot: &&Slot| slot.is_open() && slot.kind == MediaKind::Audio;
        peer.slots.iter().filter(is_audio).count() < usize::from(peer.wanted_slots.audio)
    }

    fn slot_carrying(&self, peer: PeerKey, key: TrackKey) -> Option<(usize, TrackRef)> {
        let slots = self.peers.get(peer)?.slots.iter().enumerate();
        let mut carried = slots.filter_map(|(index, slot)| Some((index, slot.feed().track()?)));
        carried.find(|(_, track)| track.key == key)
    }
}
