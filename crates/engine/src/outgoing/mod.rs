//! One slot's outgoing stream: where it reads, and how packets become the receiver's.

mod again;
mod colours;
mod reading;
mod reports;

use std::time::Instant;

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::Bitrate;
use parlor_rtc::rtcp::ReportBlock;
use parlor_rtc::rtp::Ssrc;
use parlor_rtc::sdp::{Codec, MediaSection};

use crate::allocate::Given;
use crate::codec;
use crate::id::{LayerId, TrackId};
use crate::link::Outlet;
use crate::packet::{Headers, PayloadTypes, Rewritten};
use crate::rewrite::{Decision, DropReason, Rewriter};
use crate::ring::{Cursor, Facts, Read, Stored};
use crate::track::Track;

pub(crate) use again::Request;
pub(crate) use reading::Reading;

use again::Again;
use colours::Colours;

/// Ticks per second of every audio codec that rooms carry (RFC 7587 section 4.1).
const AUDIO_CLOCK_RATE: u32 = 48_000;

/// Ticks per second of every video codec that rooms carry.
const VIDEO_CLOCK_RATE: u32 = 90_000;

/// One slot's outgoing stream and its retransmissions.
pub(crate) struct Outgoing {
    pub(crate) headers: Headers,
    codecs: Box<[PayloadTypes]>,
    rewriter: Rewriter,
    /// Pictures wait for the path; sound does not.
    is_paced: bool,
    reading: Reading,
    mapped: Option<Mapped>,
    again: Again,
    colours: Colours,
    /// The track of which something was sent last.
    last_sent: Option<TrackId>,
    /// Packets and payload bytes sent, for sender reports (RFC 3550 section 6.4.1).
    packets: u32,
    octets: u32,
    /// What the receiver last reported.
    reported: Option<ReportBlock>,
    /// Packets that were sent again since it last did.
    repaired: u32,
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
            again: Again::new(seed >> 33 & 0x7FFF),
            colours: Colours::default(),
            last_sent: None,
            packets: 0,
            octets: 0,
            reported: None,
            repaired: 0,
        }
    }

    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let counts = u64::from(self.packets) ^ u64::from(self.mapped.is_some());
        self.headers.touch() ^ self.rewriter.touch() ^ self.reading.touch() ^ counts
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

    /// Sends so much of the track from now on, or nothing; another layer as soon as it has a key frame. `takes`
    /// is what the path takes. True when a key frame has to be asked for.
    pub(crate) fn choose(
        &mut self,
        now: Instant,
        track: &Track,
        given: Given,
        takes: Bitrate,
    ) -> bool {
        match given {
            Given::Send(quality) => {
                if self.reading.has_given_up(quality.layer) {
                    // What was left out meanwhile is not missing.
                    self.rewriter.pause();
                }
                self.reading.choose(now, track, quality, takes)
            }
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

    /// How often something has begun to go out that may be by another clock than what went out before.
    #[inline]
    pub(crate) fn beginnings(&self) -> u32 {
        self.rewriter.beginnings()
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
                // Whole pictures are left out, never a part of one.
                Read::Packet(_)
                    if self.is_paced
                        && outlet.link.is_slow(outlet.departure.path)
                        && !self.rewriter.is_within_picture() =>
                {
                    self.reading.go_to(ring.end());
                    self.rewriter.pause();
                    outlet.counters.pictures_too_late += 1;
                    break;
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

    /// Whether anything of a track has been sent, since anything of another was.
    pub(crate) fn has_begun(&self, track: TrackId) -> bool {
        self.last_sent == Some(track)
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
        self.colours.note(stored.facts);
        let color_space = self.colours.of(stored.facts, codec);
        let packet = Rewritten { stored, numbers, codec, types, color_space };
        let len = self.headers.write(&packet, link, *departure, room.bytes_mut());
        let len = len.ok_or(Unsent::Dropped)?;
        room.commit(len);
        self.again.newest = Some(numbers.sequence as u16);
        self.last_sent = Some(track.id);
        link.retransmissions.note_media(len);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload().len() as u32);
        counters.packets_out += 1;
        counters.bytes_out += len as u64;
        Ok(())
    }

    /// What a packet with these facts carries, and the receiver's payload types for that.
    #[inline]
    fn payload_types(&mut self, track: &Track, facts: &Facts) -> Option<(Codec, PayloadTypes)> {
        if let Some(Mapped { from, to }) = self.mapped
            && from == facts.payload_type
        {
            return to;
        }
        let codec = track.codecs.of(facts.payload_type);
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
