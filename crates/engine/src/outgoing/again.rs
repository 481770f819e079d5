//! What a slot sends once more: packets that its receiver asks for, and padding.

use std::time::{Duration, Instant};

use parlor_rtc::payload::Layer;

use super::Outgoing;
use crate::link::{Link, Outlet};
use crate::packet::Rewritten;
use crate::retransmit::Way;
use crate::rewrite::Original;
use crate::ring::Stored;
use crate::track::Track;

/// Padding goes around among so many of the latest packets: all are in every receiver's memory of what has come.
const PADDING_PACKETS: u16 = 16;

/// Bytes of a packet of padding alone, at most: its last byte says how many (RFC 3550 section 5.1).
const MAX_PADDING: u16 = 255;

/// Where the stream of retransmissions is.
pub(super) struct Again {
    next_sequence: u64,
    /// The latest number of the stream itself, and how far padding has gone back from it.
    pub(super) newest: Option<u16>,
    padded: u16,
}

impl Again {
    /// A stream that begins with this number.
    pub(super) fn new(first_sequence: u64) -> Again {
        Again { next_sequence: first_sequence, newest: None, padded: 0 }
    }
}

/// A packet that the receiver asks for again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) now: Instant,
    /// The number of the slot among the receiver's.
    pub(crate) slot: u16,
    pub(crate) sequence: u16,
    /// What it went out as a copy of.
    pub(crate) original: Original,
    pub(crate) round_trip: Duration,
}

/// A packet that went out again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentAgain {
    /// How often it has.
    pub(crate) times: u8,
    /// What is sent now cannot be decoded without it.
    pub(crate) is_built_on: bool,
}

impl Outgoing {
    /// Where the packet came from that went out with this sequence number; `None` when it is too long
    /// ago, or never did.
    pub(crate) fn original(&self, sequence: u16) -> Option<Original> {
        self.rewriter.original(sequence)
    }

    /// Sends a packet of `track`, which the slot may have stopped to carry, again, in the stream of
    /// retransmissions, and says how often now, and whether pictures that are sent still build on it; `None` when it is no
    /// longer there, or may not be sent.
    pub(crate) fn send_again(
        &mut self,
        request: Request,
        track: &Track,
        outlet: &mut Outlet<'_>,
    ) -> Option<SentAgain> {
        let Request { now, slot, sequence, original, round_trip } = request;
        let flows = self.last_sent == Some(track.id);
        if flows && self.reading.has_left_for_less(track, original.layer.index) {
            return None;
        }
        let way = Way { round_trip, rate: outlet.link.congestion.target() };
        let may =
            |len, link: &mut Link| link.retransmissions.take(now, (slot, sequence), len, way).ok();
        let (len, layer) = self.repeat(original, track, outlet, may)?;
        outlet.counters.packets_retransmitted += 1;
        outlet.counters.bytes_retransmitted += len as u64;
        let is_read = flows && self.reading.layer() == Some(original.layer.index);
        Some(SentAgain {
            times: outlet.link.retransmissions.times(slot, sequence),
            is_built_on: is_read && layer.temporal == 0,
        })
    }

    /// Sends padding, to show what the path takes: one of the latest packets of `track` once more, which a
    /// receiver may even have use for, or `len` bytes of nothing, since larger packets would be far too much for
    /// the probe of a thin path. `None` when neither can be sent.
    pub(crate) fn pad(
        &mut self,
        track: Option<&Track>,
        len: u16,
        outlet: &mut Outlet<'_>,
    ) -> Option<()> {
        track
            .and_then(|track| self.pad_by_repeating(track, len, outlet))
            .or_else(|| self.pad_with_nothing(len.min(MAX_PADDING), outlet))?;
        outlet.counters.padding_packets_out += 1;
        Some(())
    }

    fn pad_by_repeating(
        &mut self,
        track: &Track,
        most: u16,
        outlet: &mut Outlet<'_>,
    ) -> Option<()> {
        let newest = self.again.newest?;
        // An empty one, which only fills a number, would pad nothing.
        let fits = |len, _: &mut Link| (1..=usize::from(most)).contains(&len).then_some(());
        for _ in 0..PADDING_PACKETS {
            self.again.padded = (self.again.padded + 1) % PADDING_PACKETS;
            let original = self.original(newest.wrapping_sub(self.again.padded));
            let is_of_track = |original: &Original| original.layer.track == track.id;
            if let Some(original) = original.filter(is_of_track)
                && self.repeat(original, track, outlet, fits).is_some()
            {
                return Some(());
            }
        }
        None
    }

    /// In the stream of retransmissions, in which a receiver waits for no number (RFC 4588 section 4).
    fn pad_with_nothing(&mut self, len: u16, outlet: &mut Outlet<'_>) -> Option<()> {
        let payload_type = self.codecs.iter().find_map(|types| types.rtx)?;
        let Outlet { link, departure, arena, .. } = outlet;
        let mut room = arena.reserve(departure.path)?;
        let number = (self.again.next_sequence, payload_type);
        let written =
            self.headers.write_padding(len, number, link, *departure, room.bytes_mut())?;
        room.commit(written);
        self.again.next_sequence += 1;
        Some(())
    }

    /// Sends a packet in the stream of retransmissions, if one of its length `may` be; returns its length as
    /// it went out, and the layer it is of.
    fn repeat(
        &mut self,
        original: Original,
        track: &Track,
        outlet: &mut Outlet<'_>,
        may: impl FnOnce(usize, &mut Link) -> Option<()>,
    ) -> Option<(usize, Layer)> {
        let mut stored = track.ring(original.layer.index)?.find(original.sequence)?;
        let mut numbers = original.outgoing(stored.facts);
        if !original.is_wanted(stored.facts) {
            // It was missing when its number was given out, and turns out to be of a layer that is left out. Receivers that
            // are told no picture ids (VP8 without them, H264) wait for every number, so an empty packet takes its place.
            stored = Stored { payload: &[], dependency_descriptor: &[], ..stored };
            numbers.marker = false;
        }
        let codec = track.codecs.of(stored.facts.payload_type)?;
        let types = self.receiving(codec)?;
        let rtx = types.rtx?;
        let Outlet { link, departure, arena, .. } = outlet;
        let mut room = arena.reserve(departure.path)?;
        may(stored.payload.len(), link)?;
        // Receivers remember the colours that came last, of whatever picture.
        let is_shown = self.last_sent == Some(track.id) && !stored.payload.is_empty();
        let color_space = self.colours.of(stored.facts, codec).filter(|_| is_shown);
        let packet = Rewritten { stored, numbers, codec, types, color_space };
        let number = (self.again.next_sequence, rtx);
        let len = self.headers.write_again(&packet, number, link, *departure, room.bytes_mut())?;
        room.commit(len);
        self.again.next_sequence += 1;
        Some((len, stored.facts.layer))
    }
}
