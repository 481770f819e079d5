//! One slot's outgoing stream: where it reads, and how packets become the receiver's.

mod reading;

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::rtcp::SenderInfo;
use parlor_rtc::rtp::{NtpTime, Ssrc};
use parlor_rtc::sdp::{Codec, MediaSection};

use crate::allocate::Given;
use crate::codec;
use crate::id::LayerId;
use crate::link::{Link, Outlet};
use crate::packet::{Headers, PayloadTypes, Rewritten};
use crate::rewrite::{Decision, DropReason, Original, Rewriter};
use crate::ring::{Cursor, Facts, Read, Stored};
use crate::track::Track;

pub(crate) use reading::Reading;

/// Padding goes around among so many of the latest packets: all are in every receiver's memory of what has come.
const PADDING_PACKETS: u16 = 16;

/// Ticks per second of every audio codec that rooms carry (RFC 7587 section 4.1).
const AUDIO_CLOCK_RATE: u32 = 48_000;

/// Ticks per second of every video codec that rooms carry.
const VIDEO_CLOCK_RATE: u32 = 90_000;

/// Bytes of a packet of padding alone, at most: its last byte says how many (RFC 3550 section 5.1).
const MAX_PADDING: u16 = 255;

/// One slot's outgoing stream and its retransmissions.
pub(crate) struct Outgoing {
    pub(crate) headers: Headers,
    codecs: Box<[PayloadTypes]>,
    rewriter: Rewriter,
    /// Pictures wait for the path; sound does not.
    is_paced: bool,
    reading: Reading,
    mapped: Option<Mapped>,
    next_rtx_sequence: u64,
    /// The latest number that went out, and how far padding has gone back from it.
    newest: Option<u16>,
    padded: u16,
    /// Packets and payload bytes sent, for sender reports (RFC 3550 section 6.4.1).
    packets: u32,
    octets: u32,
    /// As the receiver last reported it.
    reported_lost: i32,
}

/// A publisher's payload type, its codec, and the receiver's payload types for that.
#[derive(Clone, Copy, Debug)]
struct Mapped {
    from: u8,
    to: Option<(Codec, PayloadTypes)>,
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
    /// The path takes nothing more before this time.
    Waits {
        until: Instant,
        /// A key frame of this layer is needed meanwhile.
        needs_key_frame: Option<u8>,
    },
    /// One packet was sent, for a probe.
    Probed,
}

impl Pass {
    /// The layer of which a key frame is needed.
    pub(crate) fn needs_key_frame(self) -> Option<u8> {
        match self {
            Pass::NeedsKeyFrame(layer) => Some(layer),
            Pass::Waits { needs_key_frame, .. } => needs_key_frame,
            Pass::Done | Pass::ArenaFull | Pass::Probed => None,
        }
    }
}

/// Why a packet of the ring has not been sent.
enum Unsent {
    /// The arena is full.
    ArenaFull,
    /// The path takes no picture before this time.
    Waits(Instant),
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
            is_paced: section.kind == MediaKind::Video,
            reading: Reading::default(),
            mapped: None,
            next_rtx_sequence: seed >> 33 & 0x7FFF,
            newest: None,
            padded: 0,
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
        self.mapped = None;
        self.reading.start(now, track, reading::FRESH_KEY_FRAME)
    }

    /// Begins anew now that what is read can be sent: what has gathered since is left out, but for a key frame
    /// that is young enough and what follows it. True when one has to be asked for.
    pub(crate) fn start_after_handshake(&mut self, now: Instant, track: &Track) -> bool {
        self.mapped = None;
        self.reading.start(now, track, reading::AWAITED_KEY_FRAME)
    }

    /// Begins to read a track of sound with what has arrived of it since `time`.
    pub(crate) fn start_since(&mut self, time: Instant, track: &Track) {
        self.mapped = None;
        self.reading.start_since(time, track);
    }

    /// Stops reading. What has been sent can still be sent again.
    pub(crate) fn stop(&mut self) {
        self.reading = Reading::default();
        self.rewriter.pause();
    }

    /// Sends so much of the track from now on, or nothing; another layer as soon as it has a key frame. True
    /// when one has to be asked for.
    pub(crate) fn choose(&mut self, now: Instant, track: &Track, given: Given) -> bool {
        match given {
            Given::Send(quality) => self.reading.choose(now, track, quality),
            Given::Paused(_) => {
                self.reading.pause();
                self.rewriter.pause();
                false
            }
        }
    }

    /// What is read of the track.
    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// What of a track goes out, or did last; `None` while nothing does.
    #[inline]
    pub(crate) fn layer_sent(&self) -> Option<LayerId> {
        self.rewriter.layer()
    }

    /// Sends what has arrived since the last pass; for a probe, one packet of it.
    #[inline]
    pub(crate) fn forward(&mut self, track: &Track, outlet: &mut Outlet<'_>) -> Pass {
        self.rewriter.want(self.reading.highest());
        let mut needs_key_frame = None;
        while let Some((layer, cursor)) = self.position(track, outlet) {
            let Some(ring) = track.ring(layer) else { break };
            match ring.read(cursor) {
                Read::CaughtUp => break,
                Read::Overtaken { .. } => {
                    self.reading.go_to(ring.latest_key_frame().unwrap_or(ring.end()));
                    self.rewriter.pause();
                    outlet.counters.readers_overtaken += 1;
                    needs_key_frame = Some(layer);
                }
                Read::Packet(stored) => {
                    let sent = self.send(track, layer, stored, outlet);
                    match sent {
                        Err(Unsent::ArenaFull) => return Pass::ArenaFull,
                        Err(Unsent::Waits(until)) => {
                            let next = self.reading.next_layer();
                            return Pass::Waits {
                                until,
                                needs_key_frame: next.or(needs_key_frame),
                            };
                        }
                        Err(Unsent::AwaitsKeyFrame) => needs_key_frame = Some(layer),
                        Err(Unsent::Dropped) => {}
                        Ok(()) => needs_key_frame = None,
                    }
                    self.reading.go_to(cursor.next());
                    if sent.is_ok() && outlet.departure.probe.is_some() {
                        return Pass::Probed;
                    }
                }
            }
        }
        let larger = self.reading.layer().filter(|_| self.rewriter.awaits_larger());
        match self.reading.next_layer().or(needs_key_frame).or(larger) {
            Some(layer) => Pass::NeedsKeyFrame(layer),
            None => Pass::Done,
        }
    }

    /// Where to read on: in another layer, if that has taken over.
    #[inline]
    fn position(&mut self, track: &Track, outlet: &mut Outlet<'_>) -> Option<(u8, Cursor)> {
        if self.reading.next_layer().is_some()
            && self.reading.take_next_layer(
                outlet.departure.now,
                track,
                self.rewriter.is_within_picture(),
            )
        {
            outlet.counters.layer_switches += 1;
            self.rewriter.want(self.reading.highest());
        }
        self.reading.position()
    }

    /// About how many bytes of the track wait to be sent.
    pub(crate) fn queued(&self, track: &Track) -> u64 {
        let position = self.reading.position();
        let queued = position.and_then(|(layer, at)| Some(track.ring(layer)?.bytes_from(at)));
        queued.unwrap_or_default()
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
        let Some((codec, types)) = self.payload_types(track, stored.facts) else {
            outlet.counters.packets_of_other_codec += 1;
            return Err(Unsent::Dropped);
        };
        let Outlet { link, departure, arena, counters } = outlet;
        // Before deciding: a number that was given out must be used.
        if self.is_paced
            && departure.probe.is_none()
            && let Some(until) = link.congestion.wait(departure.now)
        {
            return Err(Unsent::Waits(until));
        }
        let mut room = arena.reserve(departure.path).ok_or(Unsent::ArenaFull)?;
        let numbers = match self.rewriter.decide(track.layer_id(layer), stored.facts, true) {
            Decision::Forward(numbers) => numbers,
            Decision::Drop(DropReason::AwaitingKeyFrame) => return Err(Unsent::AwaitsKeyFrame),
            Decision::Drop(_) => return Err(Unsent::Dropped),
        };
        let packet = Rewritten { stored, numbers, codec, types };
        let len = self.headers.write(&packet, link, *departure, room.bytes_mut());
        let len = len.ok_or(Unsent::Dropped)?;
        room.commit(len);
        self.newest = Some(numbers.sequence as u16);
        link.retransmissions.note_media(len);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload().len() as u32);
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
        let may = |len, link: &mut Link| {
            link.retransmissions.take(now, (slot, sequence), len, round_trip).ok()
        };
        let len = self.repeat(original, track, outlet, may)?;
        outlet.counters.packets_retransmitted += 1;
        outlet.counters.bytes_retransmitted += len as u64;
        Some(())
    }

    /// Sends padding, to show what the path takes: one of the latest packets of `track` once more, which a
    /// receiver may even have use for, or about `len` bytes of nothing. `None` when neither can be sent.
    pub(crate) fn pad(
        &mut self,
        track: Option<&Track>,
        len: u16,
        outlet: &mut Outlet<'_>,
    ) -> Option<()> {
        track
            .and_then(|track| self.pad_by_repeating(track, outlet))
            .or_else(|| self.pad_with_nothing(len.min(MAX_PADDING), outlet))?;
        outlet.counters.padding_packets_out += 1;
        Some(())
    }

    fn pad_by_repeating(&mut self, track: &Track, outlet: &mut Outlet<'_>) -> Option<()> {
        let newest = self.newest?;
        for _ in 0..PADDING_PACKETS {
            self.padded = (self.padded + 1) % PADDING_PACKETS;
            let original = self.original(newest.wrapping_sub(self.padded));
            let is_of_track = |original: &Original| original.layer.track == track.id;
            if let Some(original) = original.filter(is_of_track)
                && self.repeat(original, track, outlet, |_, _| Some(())).is_some()
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
        let number = (self.next_rtx_sequence, payload_type);
        let written =
            self.headers.write_padding(len, number, link, *departure, room.bytes_mut())?;
        room.commit(written);
        self.next_rtx_sequence += 1;
        Some(())
    }

    /// Sends a packet in the stream of retransmissions, if one of its length `may` be; returns its length as
    /// it went out.
    fn repeat(
        &mut self,
        original: Original,
        track: &Track,
        outlet: &mut Outlet<'_>,
        may: impl FnOnce(usize, &mut Link) -> Option<()>,
    ) -> Option<usize> {
        let stored = track.ring(original.layer.index)?.find(original.sequence)?;
        if !original.is_wanted(stored.facts) {
            return None;
        }
        let codec = track.codec_of(stored.facts.payload_type)?;
        let types = self.receiving(codec)?;
        let rtx = types.rtx?;
        let Outlet { link, departure, arena, .. } = outlet;
        let mut room = arena.reserve(departure.path)?;
        may(stored.payload.len(), link)?;
        let packet = Rewritten { stored, numbers: original.outgoing(stored.facts), codec, types };
        let number = (self.next_rtx_sequence, rtx);
        let len = self.headers.write_again(&packet, number, link, *departure, room.bytes_mut())?;
        room.commit(len);
        self.next_rtx_sequence += 1;
        Some(len)
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

    /// What a packet with these facts carries, and the receiver's payload types for that.
    #[inline]
    fn payload_types(&mut self, track: &Track, facts: &Facts) -> Option<(Codec, PayloadTypes)> {
        if let Some(Mapped { from, to }) = self.mapped
            && from == facts.payload_type
        {
            return to;
        }
        let codec = track.codec_of(facts.payload_type);
        let to = codec.and_then(|codec| Some((codec, self.receiving(codec)?)));
        self.mapped = Some(Mapped { from: facts.payload_type, to });
        to
    }
}

fn payload_types(section: &MediaSection) -> Box<[PayloadTypes]> {
    let opus = section.codecs.iter().find(|codec| codec.codec == Codec::Opus);
    let types = section.codecs.iter().map(|codec| PayloadTypes {
        codec: codec.codec,
        media: codec.payload_type,
        rtx: codec.rtx_payload_type,
        opus: opus.map(|opus| opus.payload_type),
    });
    types.collect()
}
