//! Tracks that are published at other engines: how they come and go here, and what is asked of them.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;

use super::Relayed;
use super::export::payload_type_bit;
use super::notice::{Asks, Clock, Content, News, WallClock};
use crate::codec;
use crate::engine::Engine;
use crate::id::{Neighbour, TrackId};
use crate::lip_sync::MediaClock;
use crate::ring::Facts;
use crate::room::RoomKey;
use crate::timer::Timer;
use crate::track::{NewTrack, Noted, Track, TrackKey, Upstream};

/// How often it is looked at what is asked of other engines, while somebody watches; as publishers' own are.
const REVIEW_INTERVAL: Duration = Duration::from_millis(250);

/// How often rings give back memory, and what costs more is looked at.
const TIDY_INTERVAL: Duration = Duration::from_secs(1);

/// What an engine keeps of a track that is published at another.
#[derive(Debug, Default)]
pub(crate) struct Import {
    /// What that was told last.
    asks: Asks,
    /// The media clock of each layer that is known.
    clocks: Vec<Option<MediaClock>>,
}

/// Somebody in a room whose connection another engine has.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    tracks: Vec<TrackKey>,
    clock: Option<WallClock>,
}

impl Guest {
    /// What they publish.
    pub(crate) fn tracks(&self) -> &[TrackKey] {
        &self.tracks
    }

    /// Their wall clock, once it is known.
    pub(crate) fn clock(&self) -> Option<&WallClock> {
        self.clock.as_ref()
    }
}

impl Track {
    /// The media clock of a layer that is published at another engine.
    pub(crate) fn relayed_clock(&self, layer: u8) -> Option<MediaClock> {
        self.elsewhere.import.clocks.get(usize::from(layer)).copied().flatten()
    }
}

impl Engine {
    /// Takes a packet from the engine that has its publisher. It is kept as if it had come from that publisher.
    pub fn handle_relayed(&mut self, now: Instant, from: Neighbour, packet: Relayed<'_>) {
        let Some(key) = self.relayed_track(from, packet.track) else { return };
        let Some(track) = self.tracks.get(key) else { return };
        // One that was read a moment before this engine looked at the clock is of this moment.
        let facts = Facts { arrival: packet.facts.arrival.min(now), ..*packet.facts };
        let codec = track.codecs.of(facts.payload_type).map(codec::decoded);
        let (Some(codec), Some(_)) = (codec, track.ring(packet.layer)) else {
            self.counters.packets_refused += 1;
            return;
        };
        self.counters.packets_relayed_in += 1;
        let room = track.room.index;
        self.timers.set_no_later_than(Timer::Relay(room), now + TIDY_INTERVAL);
        let kept =
            self.keep(now, (key, packet.layer), codec, facts, (packet.payload, packet.descriptor));
        self.counters.packets_refused += u64::from(kept.is_err());
    }

    /// A track that comes from `from`.
    fn relayed_track(&self, from: Neighbour, id: TrackId) -> Option<TrackKey> {
        let key = *self.track_keys.get(&id)?;
        (self.tracks.get(key)?.upstream == Upstream::Relayed(from)).then_some(key)
    }

    /// Takes in how a track is now that is published at another engine.
    pub(super) fn take_news(&mut self, now: Instant, from: Neighbour, news: News) {
        let Some(&room) = self.room_keys.get(&news.room) else { return };
        let (codec, asked, on) = (news.codec, news.asked, news.on);
        let key = match self.track_keys.get(&news.track) {
            Some(_) => self.relayed_track(from, news.track),
            None => self.import_track(from, room, &news),
        };
        let Some(key) = key else { return };
        self.set_on(now, key, on);
        let Some(track) = self.tracks.get_mut(key) else { return };
        if !track.codecs.known().eq(news.codecs.iter().copied()) {
            track.follow_codecs(news.codecs);
        }
        track.follow_asked(now, asked);
        // Packets that come tell by themselves.
        let is_silent = !track.elsewhere.import.asks.packets;
        if let Some(codec) = codec.filter(|_| is_silent) {
            let noted = track.note_codec(now, codec);
            if noted != Noted::AsBefore {
                self.codec_changed(now, key, noted);
            }
        }
        self.timers.set_no_later_than(Timer::Relay(room.index), now);
    }

    fn import_track(&mut self, from: Neighbour, room: RoomKey, news: &News) -> Option<TrackKey> {
        let key = self.tracks.insert(Track::new(NewTrack {
            id: news.track,
            room,
            publisher: news.publisher,
            source: news.source,
            upstream: Upstream::Relayed(from),
            on: news.on,
            layers: news.layers.clone(),
            codecs: news.codecs.clone(),
        }))?;
        self.register_track(room, news.track, key);
        let room = self.rooms.get_mut(room)?;
        room.guests.entry(news.publisher).or_default().tracks.push(key);
        room.has_new_tracks = true;
        Some(key)
    }

    /// A track that is published at another engine is no more.
    pub(super) fn take_end(&mut self, now: Instant, from: Neighbour, id: TrackId) {
        let Some(key) = self.relayed_track(from, id) else { return };
        self.silence_track(key);
        let Some(track) = self.tracks.get(key) else { return };
        let (room_key, publisher) = (track.room, track.publisher);
        self.remove_track(now, key);
        let Some(room) = self.rooms.get_mut(room_key) else { return };
        room.has_new_tracks = true;
        if let Some(guest) = room.guests.get_mut(&publisher) {
            guest.tracks.retain(|other| *other != key);
            if guest.tracks.is_empty() {
                room.guests.remove(&publisher);
                self.lose_floor(publisher, room_key);
            }
        }
        self.timers.set_no_later_than(Timer::Relay(room_key.index), now);
    }

    /// A room ends, and with it what others publish in it.
    pub(crate) fn remove_guests(&mut self, now: Instant, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        room.guests.clear();
        for track in room.tracks.clone() {
            self.remove_track(now, track);
        }
    }

    /// Takes in what the clocks of another engine's publisher show.
    pub(super) fn take_clock(&mut self, now: Instant, from: Neighbour, clock: Clock) {
        let Clock { layer, media, publishers } = clock;
        let Some(key) = self.relayed_track(from, layer.track) else { return };
        let Some(track) = self.tracks.get_mut(key) else { return };
        let (rings, elsewhere) = track.rings_and_elsewhere();
        let clocks = &mut elsewhere.import.clocks;
        clocks.resize(rings.len(), None);
        let known = clocks.get_mut(usize::from(layer.index));
        let is_first = known.is_some_and(|known| known.replace(media).is_none());
        let (room, publisher) = (track.room, track.publisher);
        let guest = self.rooms.get_mut(room).and_then(|room| room.guests.get_mut(&publisher));
        if let Some(guest) = guest {
            guest.clock = Some(publishers);
        }
        if is_first {
            self.report_to_subscribers(now, key);
        }
    }

    /// The path of another engine's publisher overflows.
    pub(super) fn take_overflow(&mut self, now: Instant, from: Neighbour, id: TrackId) {
        if let Some(key) = self.relayed_track(from, id) {
            self.expect_the_smallest(now, key);
        }
    }

    /// Has it decided anew what the people of a room here want of those who are elsewhere, if there are any.
    pub(crate) fn review_relayed_soon(&mut self, now: Instant, room: RoomKey) {
        if self.rooms.get(room).is_some_and(|room| !room.guests.is_empty()) {
            self.timers.set_no_later_than(Timer::Relay(room.index), now);
        }
    }

    /// Decides what the people of a room here want of those who are elsewhere, and says so if that is news.
    pub(crate) fn review_relayed(&mut self, now: Instant, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let is_tidied = room.tidied_at.is_some_and(|at| now < at + TIDY_INTERVAL);
        if !is_tidied {
            room.tidied_at = Some(now);
        }
        // Once for all that have come or gone: each is everybody's business.
        if std::mem::take(&mut room.has_new_tracks) {
            self.reassign_room(now, key);
        }
        let (mut is_watched, mut is_kept, mut next) = (false, false, 0);
        while let Some(&track) = self.rooms.get(key).and_then(|room| room.tracks.get(next)) {
            next += 1;
            if !self.is_published_here(track) {
                self.review_readers_of(now, track);
                is_watched |= self.review_asks(track, !is_tidied);
                let Some(track) = self.tracks.get_mut(track) else { continue };
                if !is_tidied {
                    track.trim(now);
                }
                is_kept |= track.memory() > 0;
            }
        }
        // While nothing is watched nor kept, the next packet sets it again, or the next change.
        let interval = match is_watched {
            true => Some(REVIEW_INTERVAL),
            false => is_kept.then_some(TIDY_INTERVAL),
        };
        self.timers.set(Timer::Relay(key.index), interval.map(|interval| now + interval));
    }

    /// Returns whether anybody watches a track that is published elsewhere.
    fn review_asks(&mut self, key: TrackKey, is_thorough: bool) -> bool {
        let Some(track) = self.tracks.get(key) else { return false };
        let Upstream::Relayed(from) = track.upstream else { return false };
        let asks = self.asks(track, is_thorough);
        let is_watched = asks.demand.layers != 0;
        let Some(track) = self.tracks.get_mut(key) else { return false };
        if std::mem::replace(&mut track.elsewhere.import.asks, asks) != asks {
            self.relay.outbox(from).ask(track.id);
        }
        is_watched
    }

    fn asks(&self, track: &Track, is_thorough: bool) -> Asks {
        let room = self.rooms.get(track.room);
        if track.source.kind() == MediaKind::Audio {
            // Who tells who is speaking has to hear everybody.
            let packets = room.is_some_and(|room| room.is_home || !room.peers.is_empty());
            return Asks { packets, ..Asks::default() };
        }
        let current = track.codecs.current();
        let excluded = current.map_or(0, |codec| self.excluded(track, codec).len());
        let before = track.elsewhere.import.asks;
        // Nobody can be without a codec as long as everybody has this one, but for those who come.
        let lacking = match is_thorough || before.lacking != 0 || excluded != 0 {
            true => self.lacking(track),
            false => 0,
        };
        Asks {
            packets: !track.subscribers.is_empty(),
            demand: self.demand(track),
            reads: track.read_layers,
            lacking,
            excluded: u32::try_from(excluded).unwrap_or(u32::MAX),
        }
    }

    /// The payload types that somebody who shows a track cannot decode.
    fn lacking(&self, track: &Track) -> u128 {
        let lacking =
            track.codecs.known().filter(|(_, codec)| !self.excluded(track, *codec).is_empty());
        lacking.fold(0, |all, (payload_type, _)| all | payload_type_bit(payload_type))
    }

    pub(super) fn asks_of(&self, id: TrackId) -> Option<Content> {
        let track = self.tracks.get(*self.track_keys.get(&id)?)?;
        Some(Content::Asks(id, Box::new(track.elsewhere.import.asks)))
    }
}
