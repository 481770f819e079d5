//! Where a slot's stream reads in the rings of its track: in which layer, and how much of it.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;

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

/// A picture of which part has gone out and the rest has not come may have lost it on the publisher's link, or its
/// layer has stopped: for so long the key frame of the next layer waits for it. Encoders' packets are paced over
/// less.
const REST_COMES_WITHIN: Duration = Duration::from_millis(50);

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
    /// It is smaller than the one that is read: as the path no longer takes that one, only the pictures
    /// that it cannot do without are sent of it until then.
    is_smaller: bool,
}

impl Reading {
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

    /// Reads so much of the track from now on: another layer as soon as it has a key frame. True when one has
    /// to be asked for.
    pub(super) fn choose(&mut self, now: Instant, track: &Track, quality: Quality) -> bool {
        self.chosen = Some(quality);
        let Some(place) = &mut self.at else { return self.start(now, track, FRESH_KEY_FRAME) };
        let layer = quality.layer;
        if place.layer == layer {
            place.next = None;
            return false;
        }
        if place.next.is_some_and(|next| next.layer == layer) {
            return false;
        }
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame = young_key_frame(now, ring, FRESH_KEY_FRAME);
        let is_smaller = track.cost_of(layer) < track.cost_of(place.layer);
        place.next = Some(Next { layer, from: key_frame.unwrap_or(ring.end()), is_smaller });
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
        let Some(Next { layer, from, .. }) = place.next else { return false };
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame = ring.latest_key_frame();
        let Some(cursor) = key_frame.filter(|cursor| *cursor >= from) else { return false };
        if is_within_picture {
            let read = track.ring(place.layer).map(|ring| ring.read(place.cursor));
            let has_ended = matches!(read, None | Some(Read::CaughtUp | Read::Overtaken { .. }));
            let is_late = young_key_frame(now, ring, REST_COMES_WITHIN).is_none();
            if !(has_ended && is_late) {
                return false;
            }
        }
        *place = Place { layer, cursor, next: None };
        true
    }

    /// The layer and the place in it to read at.
    #[inline]
    pub(super) fn position(&self) -> Option<(u8, Cursor)> {
        self.at.map(|place| (place.layer, place.cursor))
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
            (Some(Place { next: Some(Next { is_smaller: true, .. }), .. }), _) => {
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
