//! Where a slot's stream reads in the rings of its track: in which layer, and how much of it.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::payload::Layer;

use crate::allocate::Demand;
use crate::measure::Quality;
use crate::ring::{Cursor, Facts, Read, TrackRing};
use crate::track::Track;

/// A key frame that began so recently is worth beginning with instead of asking for another: what
/// has come since is sent at once and does not swamp the receiver.
pub(super) const FRESH_KEY_FRAME: Duration = Duration::from_millis(200);

/// The same for a key frame that was asked for while the receiver's handshake was at work: it has waited for
/// that. Longer handshakes have lost a flight, and a link that loses is not to be swamped.
pub(super) const AWAITED_KEY_FRAME: Duration = Duration::from_millis(500);

/// What is read of a track, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    at: Option<Place>,
    /// How much of the track the receiver is to have; `None` before that is decided.
    chosen: Option<Quality>,
    /// The highest temporal layer that is sent.
    temporal: u8,
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

impl Default for Reading {
    /// Nothing is read.
    fn default() -> Reading {
        Reading { at: None, chosen: None, temporal: u8::MAX }
    }
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

    /// Goes over to the next layer if it has a key frame by now.
    #[inline]
    pub(super) fn take_next_layer(&mut self, track: &Track) {
        let Some(place) = &mut self.at else { return };
        let Some(Next { layer, from, .. }) = place.next else { return };
        let key_frame = track.ring(layer).and_then(TrackRing::latest_key_frame);
        if let Some(cursor) = key_frame.filter(|cursor| *cursor >= from) {
            *place = Place { layer, cursor, next: None };
        }
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

    /// Whether the receiver is to have a packet, by its temporal layer. Changes from frame to frame alone,
    /// and upward where a receiver can follow.
    #[inline]
    pub(super) fn wants(&mut self, facts: &Facts) -> bool {
        let Layer { temporal, switches_up, .. } = facts.layer;
        if facts.starts_frame {
            let chosen = self.highest_temporal();
            if chosen < self.temporal || facts.starts_key_frame {
                self.temporal = chosen;
            } else if switches_up && temporal > self.temporal && temporal <= chosen {
                self.temporal = temporal;
            }
        }
        temporal <= self.temporal
    }

    #[inline]
    fn highest_temporal(&self) -> u8 {
        match (self.at, self.chosen) {
            (Some(Place { next: Some(Next { is_smaller: true, .. }), .. }), _) => 0,
            (_, Some(chosen)) => chosen.temporal,
            (_, None) => u8::MAX,
        }
    }

    /// The layer that is read.
    pub(crate) fn layer(&self) -> Option<u8> {
        self.at.map(|place| place.layer)
    }

    /// What is sent now, as far as that has been decided.
    pub(crate) fn quality(&self) -> Option<Quality> {
        let layer = self.layer()?;
        let chosen = self.chosen.filter(|chosen| chosen.layer == layer);
        Some(Quality { temporal: self.temporal, layer, ..chosen.unwrap_or_default() })
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
