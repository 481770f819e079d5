//! RTP in: from an opened packet to its place in its track's ring.

use std::time::Instant;

use parlor_rtc::receive::{Arrival, Repaired, unwrap_retransmission};
use parlor_rtc::rtp::{RtpView, Span, Ssrc};
use parlor_rtc::sdp::Codec;

use crate::codec;
use crate::engine::Engine;
use crate::frame;
use crate::incoming::Role;
use crate::media_stream::Position;
use crate::peer::{Peer, PeerKey};
use crate::published::Format;
use crate::ring::{Facts, NotStored};
use crate::timer::{PeerTimer, Timer};
use crate::track::{Noted, TrackKey};

/// A packet that is media of a track, whichever stream it came by.
struct Arrived {
    track: TrackKey,
    layer: u8,
    /// What a receiver has to decode.
    codec: Codec,
    facts: Facts,
    payload: Span,
    /// The dependency descriptor of its header; empty if there is none.
    descriptor: Span,
    /// When missing packets of the same stream are to be asked for.
    nack_at: Option<Instant>,
}

/// A packet that is not media of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unusable {
    /// It is malformed or not negotiated.
    Refused,
    /// It has nothing to forward: it was here before, or only probes the bandwidth.
    Empty,
}

impl Engine {
    /// Takes one RTP packet of a peer.
    #[inline]
    pub(crate) fn handle_rtp(&mut self, now: Instant, key: PeerKey, packet: &[u8]) {
        self.counters.packets_in += 1;
        self.counters.bytes_in += packet.len() as u64;
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Ok(view) = RtpView::parse(packet, &peer.incoming.extensions) else {
            self.counters.packets_refused += 1;
            return;
        };
        // libwebrtc probes its path for no more than twice what its encoders may use, and believes what it finds: of one
        // that sends nothing but sound, 300 kbit/s would be left for whoever comes to watch.
        let is_misleading = peer.rests && view.payload.is_empty();
        if let Some(sequence) = view.extensions.transport_sequence {
            let numbered = (sequence, packet.len());
            let (due, overflows) = peer.note_transport_arrival(now, numbered, !is_misleading);
            if let Some(at) = due {
                self.timers.set_no_later_than(Timer::Peer(key.index, PeerTimer::Feedback), at);
            }
            if overflows {
                self.relieve(now, key);
            }
        }
        let known = self.peers.get_mut(key).and_then(|peer| peer.incoming.place(view.ssrc));
        let place = known.or_else(|| self.introduce(now, key, &view));
        let received = place.and_then(|place| {
            let peer = self.peers.get_mut(key)?;
            Some(peer.receive(now, place, &view, packet))
        });
        match received.unwrap_or(Err(Unusable::Refused)) {
            Ok(arrived) => {
                if let Some(at) = arrived.nack_at {
                    self.timers.set_no_later_than(Timer::Peer(key.index, PeerTimer::Nack), at);
                }
                self.store(now, &arrived, packet);
            }
            Err(Unusable::Empty) => {}
            Err(Unusable::Refused) => self.counters.packets_refused += 1,
        }
    }

    /// Takes up a stream that was not seen before, if it can be told what it is; says at which place.
    fn introduce(&mut self, now: Instant, key: PeerKey, view: &RtpView) -> Option<usize> {
        let peer = self.peers.get_mut(key)?;
        let Some(introduced) = peer.incoming.introduce(view, &peer.published) else {
            // Of a section that is closed, or of none: it must not keep the place of a stream that is used.
            peer.link.connection.retire_stream(view.ssrc.0);
            return None;
        };
        let place = peer.incoming.place(introduced.ssrc);
        peer.link.connection.resume_stream(introduced.ssrc.0);
        if let Some(Ssrc(replaced)) = introduced.replaced {
            peer.link.connection.retire_stream(replaced);
            self.ssrcs.remove(replaced, key);
        }
        self.ssrcs.insert(introduced.ssrc.0, key);
        self.begin_reports(now, key);
        place
    }

    #[inline]
    fn store(&mut self, now: Instant, arrived: &Arrived, packet: &[u8]) {
        let &Arrived { track, layer, codec, facts, .. } = arrived;
        let (payload, descriptor) = (arrived.payload.of(packet), arrived.descriptor.of(packet));
        match self.keep(now, (track, layer), codec, facts, (payload, descriptor)) {
            Ok(()) => self.counters.packets_recovered += u64::from(facts.recovered),
            Err(_) => self.counters.packets_refused += 1,
        }
    }

    /// Takes a packet of a track's layer in, with all that follows from it, whichever way it came.
    #[inline]
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        (key, layer): (TrackKey, u8),
        codec: Codec,
        facts: Facts,
        (payload, descriptor): (&[u8], &[u8]),
    ) -> Result<(), NotStored> {
        let Some(track) = self.tracks.get_mut(key) else { return Ok(()) };
        let facts = track.understand(layer, facts, descriptor);
        let layers_changed = track.note_layer(now, layer, codec, &facts, (payload, descriptor));
        let noted = track.note_codec(now, codec);
        let heard = track.hear(now, &facts);
        let pushed = track.push(layer, facts, payload, descriptor);
        self.relay.note_arrival(track, key);
        if layers_changed {
            self.review_subscribers(now, key);
        }
        self.follow_voice(now, key, heard);
        if noted != Noted::AsBefore {
            self.codec_changed(now, key, noted);
        }
        self.note_arrival(key);
        pushed
    }

    /// A track's packets carry another codec than before, or their first. Whoever cannot decode it need
    /// not keep a slot for it, and whoever could not may have one now.
    pub(crate) fn codec_changed(&mut self, now: Instant, key: TrackKey, noted: Noted) {
        let Some(track) = self.tracks.get(key) else { return };
        let room = track.room;
        self.relay.note_news(track);
        let members = self.rooms.get(room).map(|room| room.peers.as_slice()).unwrap_or_default();
        let peers = members.iter().filter_map(|peer| self.peers.get(*peer));
        let excluded = peers.filter(|peer| !peer.can_decode(track)).count();
        self.counters.viewers_of_other_codec += excluded as u64;
        if noted == Noted::Another || excluded > 0 {
            self.reassign_room(now, room);
        }
    }
}

impl Peer {
    /// Takes note of a packet for transport-wide feedback, if it is to be told; says when that is due, and whether its
    /// path turns out to overflow.
    #[inline]
    fn note_transport_arrival(
        &mut self,
        now: Instant,
        (sequence, len): (u16, usize),
        is_told: bool,
    ) -> (Option<Instant>, bool) {
        let arrivals = self.arrivals.get_or_insert_default();
        let sequence = match is_told {
            true => arrivals.handle_packet(now, sequence),
            false => Some(arrivals.number(sequence)),
        };
        let overflow = &mut self.overflow;
        let overflows = sequence.is_some_and(|number| overflow.handle_packet(now, number, len));
        (arrivals.deadline(), overflows)
    }

    /// Finds out what a packet of the stream at `place` is media of.
    #[inline]
    fn receive(
        &mut self,
        now: Instant,
        place: usize,
        view: &RtpView,
        packet: &[u8],
    ) -> Result<Arrived, Unusable> {
        let Peer { incoming, published, reply_time, .. } = self;
        let stream = incoming.at(place).ok_or(Unusable::Refused)?;
        let (index, layer) = (stream.published, stream.layer);
        let is_repair = matches!(stream.role, Role::Repair);
        let section = published.get(index).ok_or(Unusable::Refused)?;
        let original = match (section.format(view.payload_type), is_repair) {
            (Some(Format::Media(codec)), false) => Original::of_media(view, codec),
            (Some(Format::Repair { media }), true) => {
                let codec = section.codec(media).ok_or(Unusable::Refused)?.codec;
                Original::of_repair(view, packet, media, codec).ok_or(Unusable::Empty)?
            }
            _ => return Err(Unusable::Refused),
        };
        let media = match is_repair {
            false => stream.media_mut(),
            true => incoming.media(index, layer).map(|(_, media)| media),
        };
        let media = media.ok_or(Unusable::Empty)?;
        let numbers = (original.sequence, view.timestamp);
        let arrival = if is_repair { Arrival::Repair } else { Arrival::Original };
        let Position { sequence, timestamp } =
            media.place(now, numbers, arrival).ok_or(Unusable::Empty)?;
        if is_repair && let Some(reply) = media.receiver.take_reply() {
            reply_time.note(reply);
        }
        let nack_at = media.receiver.deadline();
        let payload = original.payload.of(packet);
        if original.codec == Codec::Red && !section.wraps_opus(payload) {
            return Err(Unusable::Refused);
        }
        // On a stream of sound it would be nobody's.
        let is_video = !matches!(original.codec, Codec::Opus | Codec::Red);
        let descriptor = view.extensions.dependency_descriptor.filter(|_| is_video);
        let descriptor = descriptor.unwrap_or_default();
        let frame = frame::facts(original.codec, payload, view.marker, descriptor.of(packet))
            .ok_or(Unusable::Refused)?;
        let facts = Facts {
            sequence,
            timestamp,
            arrival: now,
            marker: view.marker,
            payload_type: original.payload_type,
            recovered: is_repair,
            starts_frame: frame.starts_frame,
            starts_key_frame: frame.starts_key_frame,
            numbers: frame.numbers,
            layer: frame.layer,
            dependencies: frame.dependencies,
            audio_level: view.extensions.audio_level,
            video_orientation: view.extensions.video_orientation,
            color_space: view.extensions.color_space,
        };
        Ok(Arrived {
            track: section.track,
            layer,
            codec: codec::decoded(original.codec),
            facts,
            payload: original.payload,
            descriptor,
            nack_at,
        })
    }
}

/// A media packet as it was first sent.
struct Original {
    sequence: u16,
    payload_type: u8,
    codec: Codec,
    payload: Span,
}

impl Original {
    fn of_media(view: &RtpView, codec: Codec) -> Original {
        let RtpView { sequence, payload_type, payload, .. } = *view;
        Original { sequence, payload_type, codec, payload }
    }

    /// What a packet sent again repeats; `None` when it only probes.
    fn of_repair(
        view: &RtpView,
        packet: &[u8],
        payload_type: u8,
        codec: Codec,
    ) -> Option<Original> {
        let Repaired { sequence, payload } = unwrap_retransmission(packet, view)?;
        Some(Original { sequence, payload_type, codec, payload })
    }
}
