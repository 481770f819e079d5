//! One slot's outgoing stream: where it reads, and how packets become the receiver's.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::rtcp::SenderInfo;
use parlor_rtc::rtp::{NtpTime, Ssrc};
use parlor_rtc::sdp::{Codec, MediaSection};

use crate::codec;
use crate::link::Outlet;
use crate::packet::{Headers, PayloadTypes, Rewritten};
use crate::rewrite::{Decision, DropReason, Original, Rewriter};
use crate::ring::{Cursor, Facts, Read, Stored, TrackRing};
use crate::track::Track;

/// A key frame that began so recently is worth beginning with instead of asking for another: what
/// has come since is sent at once and does not swamp the receiver.
const FRESH_KEY_FRAME: Duration = Duration::from_millis(200);

/// The same for a key frame that was asked for while the receiver's handshake was at work: it has waited for
/// that. Longer handshakes have lost a flight, and a link that loses is not to be swamped.
const AWAITED_KEY_FRAME: Duration = Duration::from_millis(500);

/// Ticks per second of every audio codec that rooms carry (RFC 7587 section 4.1).
const AUDIO_CLOCK_RATE: u32 = 48_000;

/// Ticks per second of every video codec that rooms carry.
const VIDEO_CLOCK_RATE: u32 = 90_000;

/// One slot's outgoing stream and its retransmissions.
pub(crate) struct Outgoing {
    pub(crate) headers: Headers,
    codecs: Box<[PayloadTypes]>,
    rewriter: Rewriter,
    reader: Option<Reader>,
    mapped: Option<Mapped>,
    next_rtx_sequence: u64,
    /// Packets and payload bytes sent, for sender reports (RFC 3550 section 6.4.1).
    packets: u32,
    octets: u32,
    /// As the receiver last reported it.
    reported_lost: i32,
}

/// Where the stream reads.
#[derive(Clone, Copy, Debug)]
struct Reader {
    layer: u8,
    cursor: Cursor,
    /// Another layer, which takes over where it has a key frame.
    next: Option<(u8, Cursor)>,
}

/// A publisher's payload type, and the receiver's for the same codec.
#[derive(Clone, Copy, Debug)]
struct Mapped {
    from: u8,
    to: Option<PayloadTypes>,
}

/// How a pass over a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Everything that has arrived is sent.
    Done,
    /// The same, but nothing more can be shown before a key frame of this layer.
    NeedsKeyFrame(u8),
    /// The arena is full; what is there has to be sent first.
    ArenaFull,
}

/// Why a packet of the ring has not been sent.
enum Unsent {
    /// The arena is full.
    ArenaFull,
    /// Nothing can be shown before a key frame.
    AwaitsKeyFrame,
    /// It is not for the receiver, or cannot be.
    Dropped,
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

impl Outgoing {
    /// A stream that sends nothing yet. Its first numbers are drawn from `seed`.
    pub(crate) fn new(
        section: &MediaSection,
        ssrcs: [Ssrc; 2],
        allow_mixed: bool,
        seed: u64,
    ) -> Outgoing {
        let clock_rate = match section.kind {
            MediaKind::Audio => AUDIO_CLOCK_RATE,
            MediaKind::Video => VIDEO_CLOCK_RATE,
        };
        Outgoing {
            headers: Headers::new(section, ssrcs, allow_mixed),
            codecs: payload_types(section),
            rewriter: Rewriter::new(section.kind, clock_rate, seed),
            reader: None,
            mapped: None,
            next_rtx_sequence: seed >> 33 & 0x7FFF,
            packets: 0,
            octets: 0,
            reported_lost: 0,
        }
    }

    /// Follows a later offer.
    pub(crate) fn update(&mut self, section: &MediaSection, allow_mixed: bool) {
        let ssrcs = [self.headers.ssrc, self.headers.rtx_ssrc];
        self.headers = Headers::new(section, ssrcs, allow_mixed);
        self.codecs = payload_types(section);
        self.mapped = None;
    }

    /// The receiver's payload types for what a publisher sends as `codec`.
    pub(crate) fn receiving(&self, codec: Codec) -> Option<PayloadTypes> {
        codec::receiving(&self.codecs, codec)
    }

    /// Begins to read `track`. True when a key frame of its layer has to be asked for.
    pub(crate) fn start(&mut self, now: Instant, track: &Track) -> bool {
        self.start_at_key_frame(now, track, FRESH_KEY_FRAME)
    }

    /// Begins anew now that what is read can be sent: what has gathered since is left out, but for a key frame
    /// that is young enough and what follows it. True when one has to be asked for.
    pub(crate) fn start_after_handshake(&mut self, now: Instant, track: &Track) -> bool {
        self.start_at_key_frame(now, track, AWAITED_KEY_FRAME)
    }

    fn start_at_key_frame(&mut self, now: Instant, track: &Track, max_age: Duration) -> bool {
        let layer = track.chosen_layer();
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame =
            ring.latest_key_frame().filter(|cursor| is_younger(now, ring, *cursor, max_age));
        let cursor = key_frame.unwrap_or(ring.end());
        self.reader = Some(Reader { layer, cursor, next: None });
        self.mapped = None;
        key_frame.is_none() && track.source.kind() == MediaKind::Video
    }

    /// Stops reading. What has been sent can still be sent again.
    pub(crate) fn stop(&mut self) {
        self.reader = None;
        self.rewriter.pause();
    }

    /// Goes on with another layer as soon as it has a key frame. True when one has to be asked for.
    pub(crate) fn switch_layer(&mut self, now: Instant, track: &Track) -> bool {
        let layer = track.chosen_layer();
        let Some(reader) = &mut self.reader else { return false };
        if reader.layer == layer {
            reader.next = None;
            return false;
        }
        let Some(ring) = track.ring(layer) else { return false };
        let key_frame = ring
            .latest_key_frame()
            .filter(|cursor| is_younger(now, ring, *cursor, FRESH_KEY_FRAME));
        reader.next = Some((layer, key_frame.unwrap_or(ring.end())));
        key_frame.is_none()
    }

    /// Sends what has arrived since the last pass.
    #[inline]
    pub(crate) fn forward(&mut self, track: &Track, outlet: &mut Outlet<'_>) -> Pass {
        self.take_next_layer(track);
        let mut needs_key_frame = None;
        while let Some(reader) = &mut self.reader {
            let layer = reader.layer;
            let Some(ring) = track.ring(layer) else { break };
            match ring.read(reader.cursor) {
                Read::CaughtUp => break,
                Read::Overtaken { .. } => {
                    reader.cursor = ring.latest_key_frame().unwrap_or(ring.end());
                    self.rewriter.pause();
                    outlet.counters.readers_overtaken += 1;
                    needs_key_frame = Some(layer);
                }
                Read::Packet(stored) => {
                    match self.send(track, layer, stored, outlet) {
                        Err(Unsent::ArenaFull) => return Pass::ArenaFull,
                        Err(Unsent::AwaitsKeyFrame) => needs_key_frame = Some(layer),
                        Err(Unsent::Dropped) => {}
                        Ok(()) => needs_key_frame = None,
                    }
                    if let Some(reader) = &mut self.reader {
                        reader.cursor = reader.cursor.next();
                    }
                }
            }
        }
        let next = self.reader.and_then(|reader| reader.next).map(|(layer, _)| layer);
        match next.or(needs_key_frame) {
            Some(layer) => Pass::NeedsKeyFrame(layer),
            None => Pass::Done,
        }
    }

    /// Sends one packet of the ring, if it is to be sent.
    #[inline]
    fn send(
        &mut self,
        track: &Track,
        layer: u8,
        stored: Stored<'_>,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), Unsent> {
        let Some(types) = self.payload_types(track, stored.facts) else {
            outlet.counters.packets_of_other_codec += 1;
            return Err(Unsent::Dropped);
        };
        let Outlet { link, departure, arena, counters } = outlet;
        // Before deciding: a number that was given out must be used.
        let mut room = arena.reserve(departure.path).ok_or(Unsent::ArenaFull)?;
        let numbers = match self.rewriter.decide(track.layer_id(layer), stored.facts, true) {
            Decision::Forward(numbers) => numbers,
            Decision::Drop(DropReason::AwaitingKeyFrame) => return Err(Unsent::AwaitsKeyFrame),
            Decision::Drop(_) => return Err(Unsent::Dropped),
        };
        let packet = Rewritten { stored, numbers, types };
        let len = self.headers.write(&packet, link, *departure, room.bytes_mut());
        let len = len.ok_or(Unsent::Dropped)?;
        room.commit(len);
        link.retransmissions.note_media(len);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(stored.payload.len() as u32);
        counters.packets_out += 1;
        counters.bytes_out += len as u64;
        Ok(())
    }

    /// Where the packet came from that went out with this sequence number; `None` when it is too long
    /// ago, or never did.
    pub(crate) fn original(&self, sequence: u16) -> Option<Original> {
        self.rewriter.original(sequence)
    }

    /// Sends a packet of `track`, which the slot may have stopped to carry, again, in the stream of
    /// retransmissions; `None` when it is no longer there, or may not be sent.
    pub(crate) fn send_again(
        &mut self,
        request: Request,
        track: &Track,
        outlet: &mut Outlet<'_>,
    ) -> Option<()> {
        let Request { now, slot, sequence, original, round_trip } = request;
        let stored = track.ring(original.layer.index)?.find(original.sequence)?;
        if !original.is_wanted(stored.facts) {
            return None;
        }
        let types = self.receiving(track.codec_of(stored.facts.payload_type)?)?;
        let rtx = types.rtx?;
        let Outlet { link, departure, arena, counters } = outlet;
        let mut room = arena.reserve(departure.path)?;
        let len = stored.payload.len();
        link.retransmissions.take(now, (slot, sequence), len, round_trip).ok()?;
        let packet = Rewritten { stored, numbers: original.outgoing(stored.facts), types };
        let number = (self.next_rtx_sequence, rtx);
        let len = self.headers.write_again(&packet, number, link, *departure, room.bytes_mut())?;
        room.commit(len);
        self.next_rtx_sequence += 1;
        counters.packets_retransmitted += 1;
        counters.bytes_retransmitted += len as u64;
        Some(())
    }

    /// Takes the receiver's count of lost packets; returns how many it grew by.
    pub(crate) fn take_cumulative_loss(&mut self, lost: i32) -> u32 {
        let before = std::mem::replace(&mut self.reported_lost, lost);
        u32::try_from(i64::from(lost) - i64::from(before)).unwrap_or_default()
    }

    /// What a sender report says of the stream at `now`, which is `ntp` by our clock; `None` when it
    /// is not known what the publisher's clock shows.
    pub(crate) fn sender_info(
        &self,
        ntp: NtpTime,
        publishers_timestamp: u32,
    ) -> Option<SenderInfo> {
        let rtp_timestamp = self.rewriter.outgoing_timestamp(publishers_timestamp)?;
        Some(SenderInfo { ntp, rtp_timestamp, packets: self.packets, octets: self.octets })
    }

    /// The layer that is read.
    pub(crate) fn layer(&self) -> Option<u8> {
        self.reader.map(|reader| reader.layer)
    }

    /// Goes over to the next layer if it has a key frame by now.
    #[inline]
    fn take_next_layer(&mut self, track: &Track) {
        let Some(reader) = &mut self.reader else { return };
        let Some((layer, from)) = reader.next else { return };
        let key_frame = track.ring(layer).and_then(TrackRing::latest_key_frame);
        if let Some(cursor) = key_frame.filter(|cursor| *cursor >= from) {
            *reader = Reader { layer, cursor, next: None };
        }
    }

    /// The receiver's payload types for what a packet with these facts carries.
    #[inline]
    fn payload_types(&mut self, track: &Track, facts: &Facts) -> Option<PayloadTypes> {
        if let Some(Mapped { from, to }) = self.mapped
            && from == facts.payload_type
        {
            return to;
        }
        let codec = track.codec_of(facts.payload_type);
        let to = codec.and_then(|codec| self.receiving(codec));
        self.mapped = Some(Mapped { from: facts.payload_type, to });
        to
    }
}

fn payload_types(section: &MediaSection) -> Box<[PayloadTypes]> {
    let types = section.codecs.iter().map(|codec| PayloadTypes {
        codec: codec.codec,
        media: codec.payload_type,
        rtx: codec.rtx_payload_type,
    });
    types.collect()
}

fn is_younger(now: Instant, ring: &TrackRing, cursor: Cursor, age: Duration) -> bool {
    match ring.read(cursor) {
        Read::Packet(stored) => now < stored.facts.arrival + age,
        Read::CaughtUp | Read::Overtaken { .. } => false,
    }
}
