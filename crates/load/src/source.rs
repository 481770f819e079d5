//! One stream that a person sends: its frames, when their packets leave, and what is sent again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_rtc::rtcp::SenderInfo;
use parlor_rtc::rtp::{ExtensionKind, NtpClock, Ssrc};
use parlor_rtc::srtp::{Outbound, SRTP_OVERHEAD};

use crate::codec::{Codec, OPUS};
use crate::frames::{self, Payload, Recording, SOUND_INTERVAL};
use crate::offer;
use crate::pictures::{self, Picture};
use crate::stamp::Stamp;

/// Bytes of a packet of pictures, header included, before it is sealed.
pub const PACKET_LEN: usize = 1200;
/// A key frame that was asked for is so many times as large as others: what encoders make of a scene that moves. The one with
/// which a recording begins anew is none larger, since encoders make none unasked.
const KEY_FRAME_FACTOR: usize = 4;
/// Packets that can be asked for again: a second of 2.4 Mbit/s.
const HISTORY: usize = 256;
/// How loud the tone is, in decibels below the loudest possible: that of a voice (RFC 6464).
const LOUDNESS: u8 = 30;
/// Pixels of the recordings.
const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];
/// Where silence is said to begin.
const SILENCE: u8 = 127;

/// What a stream is like.
#[derive(Clone, Debug)]
pub struct Form {
    /// Which of its person's streams: 0 is sound, then pictures from the smallest.
    pub stream: u8,
    /// Its media section.
    pub mid: String,
    /// The name of its encoding, if it has one.
    pub rid: Option<&'static str>,
    /// Bits a second, headers of packets included.
    pub bitrate_bps: u64,
    /// Pictures a second; unused for sound.
    pub frames_per_second: u32,
    /// The packets of a picture leave at so many times the bitrate; none: all at once.
    pub pace: Option<f64>,
    /// Which of the recordings; unused for sound.
    pub size: usize,
    /// What pictures are encoded as; unused for sound.
    pub codec: Codec,
}

impl Form {
    fn is_audio(&self) -> bool {
        self.stream == 0
    }

    fn frame_interval(&self) -> Duration {
        match self.is_audio() {
            true => SOUND_INTERVAL,
            false => Duration::from_secs(1) / self.frames_per_second.max(1),
        }
    }

    fn clock_rate(&self) -> u32 {
        if self.is_audio() { 48_000 } else { 90_000 }
    }
}

/// A packet that waits for its time.
struct Waiting {
    at: Instant,
    payload: Payload,
    timestamp: u32,
    marker: bool,
}

/// A packet that was sent.
struct Sent {
    sequence: u64,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// One stream that a person sends.
pub struct Source {
    form: Form,
    seat: u32,
    /// Its two streams: media, and media sent again.
    pub ssrc: Ssrc,
    rtx_ssrc: Ssrc,
    recording: Recording,
    /// Where in the recording it is.
    position: usize,
    picture_id: u16,
    key_frame_wanted: bool,
    is_on: bool,
    /// Pictures are not made yet.
    is_held: bool,
    is_loud: bool,
    next_frame: Instant,
    timestamp: u32,
    /// Bits that are due and not in a packet yet.
    owed_bits: u64,
    waiting: VecDeque<Waiting>,
    sequence: u64,
    rtx_sequence: u64,
    number: u32,
    history: VecDeque<Sent>,
    packets: u32,
    octets: u32,
}

/// What a packet needs of its connection.
pub struct Departure<'a> {
    /// Now, in a load that began at `start`.
    pub now: Instant,
    /// See `now`.
    pub start: Instant,
    /// The next number on the transport.
    pub transport_sequence: &'a mut u16,
    /// What seals it.
    pub outbound: &'a mut Outbound,
}

impl Source {
    /// A stream of the seat `seat` that begins at `now`.
    pub fn new(now: Instant, seat: u32, form: Form) -> Source {
        // Unique in a room, as browsers' random ones are: the seat, the stream, and which of both.
        let ssrc = 0x1000_0000 | (seat << 4) | u32::from(form.stream) << 1;
        let recording = match form.is_audio() {
            true => Recording::tone(),
            false => Recording::pictures(form.codec, form.size),
        };
        // Devices do not make their frames in step.
        let phase = form.frame_interval().mul_f64(f64::from(seat.wrapping_mul(37) % 100) / 100.0);
        Source {
            seat,
            ssrc: Ssrc(ssrc),
            rtx_ssrc: Ssrc(ssrc + 1),
            recording,
            position: 0,
            picture_id: 0,
            key_frame_wanted: true,
            is_on: true,
            is_held: false,
            is_loud: true,
            next_frame: now + phase,
            timestamp: seat.wrapping_mul(90_000),
            owed_bits: 0,
            waiting: VecDeque::new(),
            sequence: 1,
            rtx_sequence: 1,
            number: 0,
            history: VecDeque::with_capacity(HISTORY),
            packets: 0,
            octets: 0,
            form,
        }
    }

    /// What it is like.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Whether somebody has a use for it.
    pub fn switch(&mut self, is_on: bool) {
        self.key_frame_wanted |= is_on && !self.is_on;
        self.is_on = is_on;
    }

    /// Whether pictures are made.
    pub fn film(&mut self, films: bool) {
        self.key_frame_wanted |= films;
        self.is_held = !films && !self.form.is_audio();
    }

    /// Whether its sound is that of somebody who speaks.
    pub fn speak(&mut self, is_loud: bool) {
        self.is_loud = is_loud;
    }

    /// The next picture is one that can be decoded by itself.
    pub fn make_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    /// When [`Source::send`] has something to do next.
    pub fn deadline(&self) -> Instant {
        self.waiting.front().map_or(self.next_frame, |waiting| waiting.at.min(self.next_frame))
    }

    /// Makes the frame that is due, if one is; returns how many were due before it and are not made.
    pub fn make_frame(&mut self, now: Instant) -> u32 {
        if now < self.next_frame {
            return 0;
        }
        let interval = self.form.frame_interval();
        let late = now.saturating_duration_since(self.next_frame);
        let skipped = (late.as_nanos() / interval.as_nanos().max(1)) as u32;
        self.next_frame += interval * (skipped + 1);
        let ticks = u64::from(self.form.clock_rate()) * interval.as_micros() as u64 / 1_000_000;
        self.timestamp = self.timestamp.wrapping_add(ticks as u32 * (skipped + 1));
        if !self.is_on || self.is_held {
            return 0;
        }
        let payloads = match self.form.is_audio() {
            true => vec![self.make_sound()],
            false => self.make_picture(),
        };
        let last = payloads.len() - 1;
        let gap = self.form.pace.map_or(Duration::ZERO, |pace| {
            Duration::from_secs_f64((PACKET_LEN * 8) as f64 / (pace * self.form.bitrate_bps as f64))
        });
        let timestamp = self.timestamp;
        for (index, payload) in payloads.into_iter().enumerate() {
            let marker = index == last && !self.form.is_audio();
            self.waiting.push_back(Waiting {
                at: now + gap * index as u32,
                payload,
                timestamp,
                marker,
            });
        }
        skipped
    }

    fn make_sound(&mut self) -> Payload {
        self.position += 1;
        let bits = self.form.bitrate_bps * SOUND_INTERVAL.as_millis() as u64 / 1000;
        let len = (bits / 8) as usize;
        frames::sound(self.recording.frame(self.position), len.saturating_sub(self.header_len()))
    }

    fn make_picture(&mut self) -> Vec<Payload> {
        let is_wanted = std::mem::take(&mut self.key_frame_wanted);
        self.position =
            if is_wanted { 0 } else { (self.position + 1) % self.recording.length().max(1) };
        self.picture_id = (self.picture_id + 1) & 0x7FFF;
        self.owed_bits += self.form.bitrate_bps / u64::from(self.form.frames_per_second.max(1));
        let packet_bits = (PACKET_LEN * 8) as u64;
        let packets = (self.owed_bits / packet_bits).max(1) as usize;
        self.owed_bits = self.owed_bits.saturating_sub(packets as u64 * packet_bits);
        let packets = if is_wanted { packets * KEY_FRAME_FACTOR } else { packets };
        // Small pictures are one small packet.
        let len = (PACKET_LEN - self.header_len()).min(self.picture_len());
        let (width, height) = SIZES.get(self.form.size).copied().unwrap_or(SIZES[0]);
        let picture = Picture {
            frame: self.recording.frame(self.position),
            is_key: self.position == 0,
            id: self.picture_id,
            width,
            height,
        };
        pictures::cut(self.form.codec, picture, len, packets)
    }

    /// Bytes of a payload at most: less than a whole one where a picture has fewer.
    fn picture_len(&self) -> usize {
        let per_picture = self.form.bitrate_bps / 8 / u64::from(self.form.frames_per_second.max(1));
        (per_picture as usize).max(200)
    }

    /// Writes the next packet that is due; returns its length, or none when none is.
    pub fn send(&mut self, departure: Departure<'_>, room: &mut [u8]) -> Option<usize> {
        let is_due = self.waiting.front().is_some_and(|waiting| waiting.at <= departure.now);
        let Waiting { mut payload, timestamp, marker, .. } =
            is_due.then(|| self.waiting.pop_front()).flatten()?;
        if let Some(at) = payload.stamp_at {
            let stamp = Stamp {
                seat: self.seat,
                stream: self.form.stream,
                number: self.number,
                sent: departure.now - departure.start,
            };
            if let Some(place) = payload.bytes.get_mut(at..at + Stamp::LEN) {
                place.copy_from_slice(&stamp.to_bytes());
            }
        }
        self.number = self.number.wrapping_add(1);
        let sequence = self.sequence;
        self.sequence += 1;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.bytes.len() as u32);
        let sent = Sent { sequence, timestamp, marker, payload: payload.bytes };
        let len = self.write(&sent, None, departure, room);
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(sent);
        len
    }

    /// Writes a packet again that was asked for.
    pub fn send_again(
        &mut self,
        sequence: u16,
        departure: Departure<'_>,
        room: &mut [u8],
    ) -> Option<usize> {
        let sent = self.history.iter().rposition(|sent| sent.sequence as u16 == sequence)?;
        let again = self.rtx_sequence;
        self.rtx_sequence += 1;
        self.write(self.history.get(sent)?, Some(again), departure, room)
    }

    /// Writes and seals a packet: itself, or as number `again` of the stream of retransmissions (RFC 4588).
    fn write(
        &self,
        sent: &Sent,
        again: Option<u64>,
        departure: Departure<'_>,
        room: &mut [u8],
    ) -> Option<usize> {
        let index = again.unwrap_or(sent.sequence);
        let payload_type = match (self.form.is_audio(), again) {
            (true, _) => OPUS,
            (false, None) => self.form.codec.payload_type(),
            (false, Some(_)) => self.form.codec.repair_type(),
        };
        let ssrc = if again.is_some() { self.rtx_ssrc } else { self.ssrc };
        let mut packet = Vec::with_capacity(PACKET_LEN + 2);
        packet.extend([0x90, u8::from(sent.marker) << 7 | payload_type]);
        packet.extend((index as u16).to_be_bytes());
        packet.extend(sent.timestamp.to_be_bytes());
        packet.extend(ssrc.0.to_be_bytes());
        self.write_extensions(again.is_some(), departure.transport_sequence, &mut packet);
        if again.is_some() {
            packet.extend((sent.sequence as u16).to_be_bytes());
        }
        packet.extend(&sent.payload);
        let len = packet.len();
        let place = room.get_mut(..len + SRTP_OVERHEAD)?;
        place.get_mut(..len)?.copy_from_slice(&packet);
        departure.outbound.seal_rtp(place, len, index)
    }

    /// The block of extensions: mid, number on the transport, then rid or loudness (RFC 8285 section 4.2).
    fn write_extensions(&self, is_again: bool, number: &mut u16, packet: &mut Vec<u8>) {
        let start = packet.len();
        packet.extend([0xBE, 0xDE, 0, 0]);
        let mut element = |kind: ExtensionKind, value: &[u8]| {
            let id = offer::EXTENSIONS.iter().find(|(_, of)| *of == kind).map_or(0, |(id, _)| *id);
            packet.push(id << 4 | (value.len() as u8 - 1));
            packet.extend(value);
        };
        element(ExtensionKind::Mid, self.form.mid.as_bytes());
        element(ExtensionKind::TransportSequence, &number.to_be_bytes());
        *number = number.wrapping_add(1);
        if let Some(rid) = self.form.rid {
            let kind = if is_again { ExtensionKind::RepairedRid } else { ExtensionKind::Rid };
            element(kind, rid.as_bytes());
        }
        if self.form.is_audio() {
            let level = if self.is_loud { 0x80 | LOUDNESS } else { SILENCE };
            element(ExtensionKind::AudioLevel, &[level]);
        }
        let end = packet.len().next_multiple_of(4);
        packet.resize(end, 0);
        let words = ((end - start) / 4 - 1) as u16;
        if let Some(place) = packet.get_mut(start + 2..start + 4) {
            place.copy_from_slice(&words.to_be_bytes());
        }
    }

    /// Bytes in front of a payload.
    fn header_len(&self) -> usize {
        let rid = self.form.rid.map_or(0, |rid| rid.len() + 1);
        let level = if self.form.is_audio() { 2 } else { 0 };
        16 + (self.form.mid.len() + 1 + 3 + rid + level).next_multiple_of(4)
    }

    /// What a sender report says of it; none before its first packet.
    pub fn sender_info(&self, now: Instant, clock: &NtpClock) -> Option<SenderInfo> {
        (self.packets > 0).then(|| SenderInfo {
            ntp: clock.ntp(now),
            rtp_timestamp: self.timestamp,
            packets: self.packets,
            octets: self.octets,
        })
    }
}
