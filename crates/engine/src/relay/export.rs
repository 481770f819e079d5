//! Tracks that are published here and that other engines have too: what these are told and given of them.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::sdp::Codec;

use super::Relayed;
use super::notice::{Asks, Clock, Content, News, WallClock};
use crate::allocate::Demand;
use crate::engine::Engine;
use crate::id::{LayerId, Neighbour, RoomId, TrackId};
use crate::ring::{Cursor, Read, TrackRing};
use crate::track::{Track, TrackKey, Upstream};

/// A key frame that began so recently is on its way to whoever asks for one, or is what they begin with.
const FRESH_KEY_FRAME: Duration = Duration::from_millis(200);

/// The other engines that have a track.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    to: Vec<Export>,
    /// Something has arrived that one of them wants and has not been given.
    is_fresh: bool,
}

/// What others were sent of a track.
struct Sent {
    packets: u64,
    /// They have everything.
    all: bool,
    /// Times that one of them was too slow for the ring.
    overtaken: u64,
    /// Layers of which one of them has begun anew without a key frame: one bit each.
    torn: u32,
}

/// One other engine that has a track.
#[derive(Debug)]
struct Export {
    to: Neighbour,
    asks: Asks,
    /// Of the ring of each layer, and since when.
    readers: Vec<Reader>,
    began_at: Option<Instant>,
}

/// Where in the ring of a layer is read.
#[derive(Clone, Copy, Debug)]
struct Reader {
    next: Cursor,
    /// What comes next leans on what is gone.
    is_torn: bool,
}

impl Exports {
    pub(super) fn neighbours(&self) -> impl Iterator<Item = Neighbour> {
        self.to.iter().map(|export| export.to)
    }

    /// Something has arrived. True when that is news, and somebody wants it.
    #[inline]
    pub(super) fn become_fresh(&mut self) -> bool {
        let is_news = !self.is_fresh && self.to.iter().any(|export| export.asks.packets);
        self.is_fresh |= is_news;
        is_news
    }

    fn of(&mut self, to: Neighbour) -> Option<&mut Export> {
        self.to.iter_mut().find(|export| export.to == to)
    }

    /// Gives everyone who wants them the packets that have arrived, until `give` takes no more for them.
    fn give(
        &mut self,
        track: TrackId,
        rings: &[TrackRing],
        give: &mut impl FnMut(Neighbour, Relayed<'_>) -> bool,
    ) -> Sent {
        let mut sent = Sent { packets: 0, all: true, overtaken: 0, torn: 0 };
        for export in self.to.iter_mut().filter(|export| export.asks.packets) {
            export.give(track, rings, give, &mut sent);
        }
        self.is_fresh = !sent.all;
        sent
    }
}

impl Export {
    fn give(
        &mut self,
        track: TrackId,
        rings: &[TrackRing],
        give: &mut impl FnMut(Neighbour, Relayed<'_>) -> bool,
        sent: &mut Sent,
    ) {
        for ((layer, ring), reader) in (0..).zip(rings).zip(&mut self.readers) {
            loop {
                match ring.read(reader.next) {
                    Read::CaughtUp => break,
                    Read::Overtaken { .. } => {
                        *reader = Reader::anew(ring, ring.latest_key_frame());
                        sent.overtaken += 1;
                    }
                    Read::Packet(stored) => {
                        let (facts, payload) = (stored.facts, stored.payload);
                        let descriptor = stored.dependency_descriptor;
                        if !give(self.to, Relayed { track, layer, facts, payload, descriptor }) {
                            sent.all = false;
                            return;
                        }
                        reader.next = reader.next.next();
                        sent.packets += 1;
                        // Not before it takes something again: a key frame that nobody reads helps nobody.
                        if std::mem::take(&mut reader.is_torn) {
                            sent.torn |= Demand::bit(layer);
                        }
                    }
                }
            }
        }
    }

    /// Begins to read: with a key frame if there is a fresh one.
    fn begin(&mut self, now: Instant, rings: &[TrackRing]) {
        self.began_at = Some(now);
        let begin =
            |ring| Reader { is_torn: false, ..Reader::anew(ring, fresh_key_frame(now, ring)) };
        self.readers = rings.iter().map(begin).collect();
    }
}

impl Reader {
    /// Where reading begins anew: with a key frame, or with what comes next.
    fn anew(ring: &TrackRing, key_frame: Option<Cursor>) -> Reader {
        Reader { next: key_frame.unwrap_or(ring.end()), is_torn: key_frame.is_none() }
    }
}

fn fresh_key_frame(now: Instant, ring: &TrackRing) -> Option<Cursor> {
    let cursor = ring.latest_key_frame()?;
    match ring.read(cursor) {
        Read::Packet(stored) => (now < stored.facts.arrival + FRESH_KEY_FRAME).then_some(cursor),
        Read::CaughtUp | Read::Overtaken { .. } => None,
    }
}

impl Engine {
    /// Gives other engines what has arrived for them since the last call: `give` is called with each packet, and
    /// returns false when that engine takes no more for now. Returns whether all have everything; if not, it is to be
    /// called again soon.
    pub fn relay(&mut self, mut give: impl FnMut(Neighbour, Relayed<'_>) -> bool) -> bool {
        // Should there not be room for all, sound is not to wait behind pictures.
        self.relay_all_of(MediaKind::Audio, &mut give);
        self.relay_all_of(MediaKind::Video, &mut give);
        self.relay.fresh.is_empty()
    }

    fn relay_all_of(
        &mut self,
        kind: MediaKind,
        give: &mut impl FnMut(Neighbour, Relayed<'_>) -> bool,
    ) {
        let Engine { relay, tracks, counters, requests, .. } = self;
        relay.fresh.retain(|key| {
            let Some(track) = tracks.get_mut(*key) else { return false };
            let id = track.id;
            let is_one = track.source.kind() == kind;
            let (rings, elsewhere) = track.rings_and_elsewhere();
            if !is_one {
                return true;
            }
            let layers = (0..).zip(rings).map(|(layer, _)| layer);
            let Sent { packets, all, overtaken, torn } = elsewhere.exports.give(id, rings, give);
            let is_torn = |layer: &u8| kind == MediaKind::Video && torn & Demand::bit(*layer) != 0;
            layers.filter(is_torn).for_each(|layer| requests.push(*key, layer));
            counters.packets_relayed_out += packets;
            counters.relays_overtaken += overtaken;
            !all
        });
    }

    /// Another engine has people of a room, too.
    pub(super) fn share(&mut self, room: RoomId, with: Neighbour) {
        let Some(room) = self.room_keys.get(&room).and_then(|key| self.rooms.get_mut(*key)) else {
            return;
        };
        if room.shared_with.contains(&with) {
            return;
        }
        room.shared_with.push(with);
        for key in room.tracks.clone() {
            self.export_track(key);
        }
    }

    /// Lets all who share its room know of a track that is published here.
    pub(crate) fn export_track(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        let Upstream::Published(_) = track.upstream else { return };
        let Some(room) = self.rooms.get(track.room) else { return };
        for to in &room.shared_with {
            let exports = &mut track.elsewhere.exports;
            if exports.of(*to).is_none() {
                exports.to.push(Export {
                    to: *to,
                    asks: Asks::default(),
                    readers: Vec::new(),
                    began_at: None,
                });
            }
        }
        self.relay.note_news(track);
        self.tell_clock(key);
    }

    /// The media clocks of a track may be known better.
    pub(crate) fn tell_clock(&mut self, key: TrackKey) {
        let Engine { tracks, relay, .. } = self;
        let Some(track) = tracks.get_mut(key) else { return };
        let id = track.id;
        let (rings, elsewhere) = track.rings_and_elsewhere();
        for to in elsewhere.exports.neighbours() {
            for (index, _) in (0..).zip(rings) {
                relay.outbox(to).tell_clock(LayerId { track: id, index });
            }
        }
    }

    pub(super) fn news_of(&self, id: TrackId) -> Content {
        let track = self.track_keys.get(&id).and_then(|key| self.tracks.get(*key));
        let room = track.and_then(|track| self.rooms.get(track.room));
        let (Some(track), Some(room)) = (track, room) else { return Content::Gone(id) };
        Content::News(Box::new(News {
            room: room.id,
            track: id,
            publisher: track.publisher,
            source: track.source,
            on: track.on,
            layers: track.names_of(u32::MAX).collect(),
            codecs: track.codecs.known().collect(),
            codec: track.codecs.current(),
            asked: track.asked(),
        }))
    }

    pub(super) fn clock_of(&mut self, now: Instant, layer: LayerId) -> Option<Content> {
        let key = *self.track_keys.get(&layer.track)?;
        let Upstream::Published(publisher) = self.tracks.get(key)?.upstream else { return None };
        let publisher = self.peers.get_mut(publisher)?;
        let index = publisher.published.iter().position(|published| published.track == key)?;
        let shows = publisher.clock_difference.publishers(self.clock.ntp(now))?;
        let (_, stream) = publisher.incoming.media(index, layer.index)?;
        let publishers = WallClock { at: now, shows };
        Some(Content::Clock(Box::new(Clock { layer, media: stream.clock?, publishers })))
    }

    /// What the people of another engine have a use for of a track that is published here.
    pub(super) fn take_asks(&mut self, now: Instant, from: Neighbour, id: TrackId, asks: Asks) {
        let Some(&key) = self.track_keys.get(&id) else { return };
        let Some(track) = self.tracks.get_mut(key) else { return };
        let (rings, elsewhere) = track.rings_and_elsewhere();
        let Some(export) = elsewhere.exports.of(from) else { return };
        let begins = asks.packets && !export.asks.packets;
        export.asks = asks;
        if begins {
            export.begin(now, rings);
            self.relay.note_arrival(track, key);
        }
        self.follow_readers(key);
        self.review_wanted_soon(now, key);
    }

    /// Somebody at another engine needs a key frame.
    pub(super) fn take_key_frame_wish(&mut self, now: Instant, from: Neighbour, layer: LayerId) {
        let Some(&key) = self.track_keys.get(&layer.track) else { return };
        let Some(track) = self.tracks.get_mut(key) else { return };
        // Who has just begun did so with one that was there. Whoever asks later has lost it.
        let (rings, elsewhere) = track.rings_and_elsewhere();
        let began_at = elsewhere.exports.of(from).and_then(|export| export.began_at);
        let has_just_begun = began_at.is_some_and(|at| now < at + FRESH_KEY_FRAME);
        let ring = rings.get(usize::from(layer.index)).filter(|_| has_just_begun);
        let is_on_its_way = ring.is_some_and(|ring| fresh_key_frame(now, ring).is_some());
        if self.is_published_here(key) && !is_on_its_way {
            self.requests.push(key, layer.index);
        }
    }
}

impl Track {
    /// Whether its packets are wanted by another engine.
    #[inline]
    pub(crate) fn is_wanted_elsewhere(&self) -> bool {
        self.elsewhere.exports.to.iter().any(|export| export.asks.packets)
    }

    /// What people at other engines have a use for.
    pub(crate) fn demand_elsewhere(&self) -> Demand {
        let mut all = Demand::default();
        self.elsewhere.exports.to.iter().for_each(|export| all.merge(export.asks.demand));
        all
    }

    /// Its layers that people at other engines read, one bit for each.
    pub(crate) fn read_elsewhere(&self) -> u32 {
        self.elsewhere.exports.to.iter().fold(0, |all, export| all | export.asks.reads)
    }

    /// How many people at other engines show it and could not decode it in a codec, as far as is known.
    pub(crate) fn excluded_elsewhere(&self, codec: Codec) -> u32 {
        let bits = self.codecs.known().filter(|(_, known)| *known == codec);
        let bits = bits.fold(0, |all, (payload_type, _)| all | payload_type_bit(payload_type));
        let lacking = self.elsewhere.exports.to.iter().filter(|e| e.asks.lacking & bits != 0);
        lacking.map(|export| export.asks.excluded.max(1)).sum()
    }
}

/// The bit of a payload type in a set of them.
pub(super) fn payload_type_bit(payload_type: u8) -> u128 {
    1_u128.checked_shl(payload_type.into()).unwrap_or_default()
}
