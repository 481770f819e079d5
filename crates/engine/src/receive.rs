//! RTP in: from an opened packet to its place in its track's ring.

use std::time::Instant;

use parlor_rtc::rtp::{RtpView, Span, Ssrc};
use parlor_rtc::sdp::Codec;

use crate::engine::Engine;
use crate::frame;
use crate::incoming::Role;
use crate::media_stream::Position;
use crate::peer::{Peer, PeerKey};
use crate::published::Format;
use crate::ring::Facts;
use crate::track::TrackKey;

/// Bytes of the original sequence number in front of what is sent again (RFC 4588 section 4).
const OSN_LEN: usize = 2;

/// A packet that is media of a track, whichever stream it came by.
struct Arrived {
    track: TrackKey,
    layer: u8,
    codec: Codec,
    facts: Facts,
    payload: Span,
}

/// A packet that is not media of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unusable {
    /// It is malformed or not negotiated.
    Refused,
    /// It is of a stream that was not seen before.
    UnknownStream(RtpView),
    /// It has nothing to forward: it only probes the bandwidth.
    Empty,
}

impl Engine {
    /// Takes one RTP packet of a peer.
    #[inline]
    pub(crate) fn handle_rtp(&mut self, now: Instant, key: PeerKey, packet: &[u8]) {
        self.counters.packets_in += 1;
        self.counters.bytes_in += packet.len() as u64;
        let Some(peer) = self.peers.get_mut(key) else { return };
        let received = match peer.receive(now, packet) {
            Err(Unusable::UnknownStream(view)) if self.introduce(key, &view) => {
                self.peers.get_mut(key).map(|peer| peer.receive(now, packet))
            }
            received => Some(received),
        };
        match received {
            Some(Ok(arrived)) => self.store(now, &arrived, packet),
            None | Some(Err(Unusable::Empty)) => {}
            Some(Err(_)) => self.counters.packets_refused += 1,
        }
    }

    /// Takes up a stream that was not seen before, if it can be told what it is.
    fn introduce(&mut self, key: PeerKey, view: &RtpView) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let Some(introduced) = peer.incoming.introduce(view, &peer.published) else { return false };
        if let Some(Ssrc(replaced)) = introduced.replaced {
            self.ssrcs.remove(replaced, key);
        }
        self.ssrcs.insert(introduced.ssrc.0, key);
        true
    }

    #[inline]
    fn store(&mut self, now: Instant, arrived: &Arrived, packet: &[u8]) {
        let Some(track) = self.tracks.get_mut(arrived.track) else { return };
        let payload = arrived.payload.of(packet);
        if track.push(arrived.layer, arrived.facts, payload, &[]).is_err() {
            self.counters.packets_refused += 1;
            return;
        }
        self.counters.packets_recovered += u64::from(arrived.facts.recovered);
        if track.codec != Some(arrived.codec) {
            track.codec = Some(arrived.codec);
            let room = track.room;
            self.reassign_room(now, room);
        }
        self.note_arrival(arrived.track);
    }
}

impl Peer {
    /// Reads one RTP packet and finds out what it is media of.
    #[inline]
    fn receive(&mut self, now: Instant, packet: &[u8]) -> Result<Arrived, Unusable> {
        let view = RtpView::parse(packet, &self.incoming.extensions)
            .map_err(|_malformed| Unusable::Refused)?;
        let Peer { incoming, published, .. } = self;
        let stream = incoming.get(view.ssrc).ok_or(Unusable::UnknownStream(view))?;
        let (index, layer) = (stream.published, stream.layer);
        let is_repair = matches!(stream.role, Role::Repair);
        let section = published.get(index).ok_or(Unusable::Refused)?;
        let original = match (section.format(view.payload_type), is_repair) {
            (Some(Format::Media(codec)), false) => Original::of_media(&view, codec),
            (Some(Format::Repair { media }), true) => {
                let codec = section.codec(media).ok_or(Unusable::Refused)?;
                Original::of_repair(&view, packet, media, codec).ok_or(Unusable::Empty)?
            }
            _ => return Err(Unusable::Refused),
        };
        let (_, media) = incoming.media(index, layer).ok_or(Unusable::Empty)?;
        let Position { sequence, timestamp } = media.place(now, original.sequence, view.timestamp);
        let frame = frame::facts(original.codec, original.payload.of(packet), view.marker)
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
            audio_level: view.extensions.audio_level.map(|level| level.to_byte()),
            video_orientation: view.extensions.video_orientation.map(|turn| turn.0),
        };
        Ok(Arrived {
            track: section.track,
            layer,
            codec: original.codec,
            facts,
            payload: original.payload,
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

    /// What a packet sent again repeats (RFC 4588 section 4); `None` when it only probes.
    fn of_repair(
        view: &RtpView,
        packet: &[u8],
        payload_type: u8,
        codec: Codec,
    ) -> Option<Original> {
        let (sequence, payload) = view.payload.of(packet).split_first_chunk::<OSN_LEN>()?;
        let payload = Span::new(usize::from(view.payload.start) + OSN_LEN, payload.len())?;
        Some(Original { sequence: u16::from_be_bytes(*sequence), payload_type, codec, payload })
    }
}
