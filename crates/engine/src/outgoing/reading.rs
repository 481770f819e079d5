//! Where a slot's stream reads in the rings of its track: in which layer, and how much of it.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::Bitrate;

use crate::allocate::Demand;
use crate::measure::Quality;
use crate::rewrite::Highest;
use crate::ring::{Cursor, Read, TrackRing};
use crate::track::Track;

/// A key frame that began so recently is worth beginning with instead of asking for another: what
/// has come since is sent at once and does not swamp the receiver.
pub(super) const FRESH_KEY_FRAME: Duration = Duration::from_millis(200);

/// The same for a key frame that was asked for while the receiver's handshake was at work: it has waited for
/// that. Longer handshakes have lost a flight, and a link that loses is not to be swamped.
pub(super) const AWAITED_KEY_FRAME: Duration = Duration::from_millis(500);

/// A layer that costs so many times what the path takes is given up before a smaller one is there.
const FAR_LESS: f64 = 1.5;

/// A picture of which part has gone out and the rest has not come may have lost it on the publisher's link, or its
/// layer has stopped: for so long the key frame of the next layer waits for it. Encoders' packets are paced over
/// less.
const REST_COMES_WITHIN: Duration = Duration::from_millis(50);

/// The same for a rest that has come and waits for the pacer.
const REST_LEAVES_WITHIN: Duration = Duration::from_millis(250);

/// What is read of a track, and where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    at: Option<Place>,
    /// How much of the track the receiver is to have; `None` before that is decided.
    chosen: Option<Quality>,
}

/// A place in a ring.
#[derive(Clone, Copy, Debug)]
struct Place {
    layer: u8,
    cursor: Cursor,
    next: Option<Next>,
}

/// Another layer, which takes over where it has a key frame.
#[derive(Clone, Copy, Debug)]
struct Next {
    layer: u8,
    from: Cursor,
    meanwhile: Meanwhile,
}

/// What is sent of the layer that is read until the next one takes over, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meanwhile {
    /// All of it.
    All,
    /// The pictures that it cannot do without: the path no longer takes it.
    Least,
    /// Nothing: the path takes far less. What is sent of it would be lost, and the sound with it.
    Nothing,
}

impl Meanwhile {
    /// What is sent `from` one layer until another takes over, on a path that takes so much.
    fn until(track: &Track, (from, to): (u8, u8), takes: Bitrate) -> Meanwhile {
        let cost = Bitrate::from_bps(track.cost_of(from).into());
        match track.cost_of(to) < track.cost_of(from) {
            false => Meanwhile::All,
            true if cost > takes.scaled(FAR_LESS) => Meanwhile::Nothing,
            true => Meanwhile::Least,
        }
    }
}

impl Next {
    /// Nothing is sent until it takes over.
    fn is_alone(self) -> bool {
        self.meanwhile == Meanwhile::Nothing
    }
}

impl Reading {
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.at.is_some())
    }

    /// Begins to read `track`, with a key frame if there is one of at most `max_age`. True when one has to be
    /// asked for.
    pub(super) fn start(&mut self, now: Instant, track: &Track, max_age: Duration) -> bool {
        let layer = self.chosen.map_or_else(|| track.first_layer(), |chosen| chosen.layer);
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame = young_key_frame(now, ring, max_age);
        let cursor = key_frame.unwrap_or(ring.end());
        self.at = Some(Place { layer, cursor, next: None });
        key_frame.is_none() && track.source.kind() == MediaKind::Video
    }

    /// Begins to read a track of sound with what has arrived of it since `time`.
    pub(super) fn start_since(&mut self, time: Instant, track: &Track) {
        let Some(ring) = track.ring(0) else { return };
        self.at = Some(Place { layer: 0, cursor: ring.since(time), next: None });
    }

    /// Stops to read until more is chosen.
    pub(super) fn pause(&mut self) {
        *self = Reading::default();
    }

    /// Reads so much of the track from now on: another layer as soon as it has a key frame. `takes` is what the
    /// path takes. True when a key frame has to be asked for.
    pub(super) fn choose(
        &mut self,
        now: Instant,
        track: &Track,
        quality: Quality,
        takes: Bitrate,
    ) -> bool {
        self.chosen = Some(quality);
        let Some(place) = &mut self.at else { return self.start(now, track, FRESH_KEY_FRAME) };
        let layer = quality.layer;
        if place.layer == layer {
            let was_given_up = place.next.take().is_some_and(|next| next.is_alone());
            return was_given_up && self.start(now, track, FRESH_KEY_FRAME);
        }
        let meanwhile = Meanwhile::until(track, (place.layer, layer), takes);
        if let Some(next) = place.next.as_mut().filter(|next| next.layer == layer) {
            next.meanwhile = next.meanwhile.max(meanwhile);
            return false;
        }
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame = young_key_frame(now, ring, FRESH_KEY_FRAME);
        place.next = Some(Next { layer, from: key_frame.unwrap_or(ring.end()), meanwhile });
        key_frame.is_none()
    }

    /// Goes over to the next layer if it has a key frame by now; returns whether it did. `is_within_picture` is
    /// whether part of a picture has gone out, the rest of which comes first.
    #[inline]
    pub(super) fn take_next_layer(
        &mut self,
        now: Instant,
        track: &Track,
        is_within_picture: bool,
    ) -> bool {
        let Some(place) = &mut self.at else { return false };
        let Some(next) = place.next else { return false };
        let Next { layer, from, .. } = next;
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame = ring.latest_key_frame();
        let Some(cursor) = key_frame.filter(|cursor| *cursor >= from) else { return false };
        if is_within_picture && !next.is_alone() {
            let read = track.ring(place.layer).map(|ring| ring.read(place.cursor));
            let has_ended = matches!(read, None | Some(Read::CaughtUp | Read::Overtaken { .. }));
            let patience = if has_ended { REST_COMES_WITHIN } else { REST_LEAVES_WITHIN };
            if young_key_frame(now, ring, patience).is_some() {
                return false;
            }
        }
        *place = Place { layer, cursor, next: None };
        true
    }

    /// The layer and the place in it to read at.
    #[inline]
    pub(super) fn position(&self) -> Option<(u8, Cursor)> {
        let place = self.at.filter(|place| !place.next.is_some_and(Next::is_alone))?;
        Some((place.layer, place.cursor))
    }

    /// Whether a layer is read no more, though the next one has not taken over.
    pub(super) fn has_given_up(&self, layer: u8) -> bool {
        let given_up = self.at.filter(|place| place.next.is_some_and(Next::is_alone));
        given_up.is_some_and(|place| place.layer == layer)
    }

    /// Whether a layer of the track is read no more since there is to be less: what was lost of it is of no use to
    /// a receiver that begins with the key frame of a smaller one.
    pub(super) fn has_left_for_less(&self, track: &Track, layer: u8) -> bool {
        // What costs nothing is not measured.
        let costs_less = |read| (1..track.cost_of(layer)).contains(&track.cost_of(read));
        self.has_given_up(layer) || self.layer().is_some_and(costs_less)
    }

    #[inline]
    pub(super) fn go_to(&mut self, cursor: Cursor) {
        if let Some(place) = &mut self.at {
            place.cursor = cursor;
        }
    }

    /// The layer that takes over next.
    #[inline]
    pub(super) fn next_layer(&self) -> Option<u8> {
        self.at?.next.map(|next| next.layer)
    }

    /// The highest layers inside the encoding that is read that are to be sent of it.
    pub(super) fn highest(&self) -> Highest {
        match (self.at, self.chosen) {
            (Some(Place { next: Some(Next { meanwhile: Meanwhile::Least, .. }), .. }), _) => {
                Highest { temporal: 0, ..Highest::ALL }
            }
            (Some(Place { layer, .. }), Some(chosen)) if chosen.layer == layer => {
                Highest { spatial: chosen.spatial, temporal: chosen.temporal }
            }
            _ => Highest::ALL,
        }
    }

    /// The layer that is read.
    pub(crate) fn layer(&self) -> Option<u8> {
        self.at.map(|place| place.layer)
    }

    /// What is sent now: all of the encoding that is read, if nothing else has been decided of that.
    pub(crate) fn quality(&self) -> Option<Quality> {
        let layer = self.layer()?;
        let Highest { spatial, temporal } = self.highest();
        Some(Quality { layer, spatial, temporal })
    }

    /// The layers that are read or waited for.
    pub(crate) fn layers(&self) -> u32 {
        let Some(Place { layer, next, .. }) = self.at else { return 0 };
        Demand::bit(layer) | next.map_or(0, |next| Demand::bit(next.layer))
    }
}

fn young_key_frame(now: Instant, ring: &TrackRing, max_age: Duration) -> Option<Cursor> {
    let cursor = ring.latest_key_frame()?;
    match ring.read(cursor) {
        Read::Packet(stored) => (now < stored.facts.arrival + max_age).then_some(cursor),
        Read::CaughtUp | Read::Overtaken { .. } => None,
    }
}
