//! What one sending section of a simulated browser sends: made-up frames, or recorded ones.

use std::time::{Duration, Instant};

use str0m::change::SdpApi;
use str0m::format::Codec;
use str0m::media::{Direction, Frequency, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};

use crate::frame::{Frame, FrameKind};
use crate::recording::Recording;

/// Opus makes a packet each 20 ms unless told otherwise.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes of such a packet at 32 kbit/s.
const AUDIO_FRAME_LEN: usize = 80;
/// A key frame is this many times the size of another frame.
const KEY_FRAME_FACTOR: usize = 4;

/// The picture of the highest encoding; each below it has half the width and height.
const LARGEST: (u16, u16) = (1280, 720);

/// One media section that the client sends on.
#[derive(Debug)]
pub struct Sender {
    /// The section.
    pub mid: Mid,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// What it sends them as: Opus, VP8, or AV1 in one encoding.
    pub codec: Codec,
    /// Whether it changes its codec when that is asked of it.
    pub falls_back: bool,
    /// Whether frames are being made now.
    pub on: bool,
    /// Sound: whether it is loud.
    pub voice: bool,
    /// Pictures: bits per second.
    pub bitrate_bps: u64,
    /// Sound: how much of it one packet holds, 20 to 120 ms.
    pub packet_time: Duration,
    /// Pictures a second, 1 to 60.
    pub frames_per_second: u32,
    /// The RTP time of the first frame, in ticks of its clock.
    pub first_ticks: u64,
    /// How long after it is connected the first frame is made, in parts of the time from one to the next.
    pub phase: f64,
    /// How many frames were made.
    pub frames_sent: u32,
    /// Simulcast: its encodings, the lowest first, each three times the bitrate of the one before; the
    /// highest has `bitrate_bps`. Empty without simulcast.
    pub rids: Vec<Rid>,
    /// Simulcast: how many encodings are being made now, the lowest first.
    pub active_layers: usize,
    /// Simulcast: encodings that are not made though somebody wants them.
    pub stopped: Vec<Rid>,
    /// Pictures without simulcast: whether nobody wants them.
    pub rests: bool,
    /// Layers inside encodings: how many spatial ones are made at most.
    pub spatial: Option<u8>,
    /// Simulcast: those of them that somebody wants; `None` makes them all.
    pub wanted: Option<Vec<Rid>>,
    /// Played instead of made-up frames.
    pub recording: Option<Recording>,
    /// The next frame of the recording; a key frame is asked for by starting again.
    position: usize,
    pub(crate) wants_key_frame: bool,
    pub(crate) next_at: Instant,
    pub(crate) started_at: Instant,
}

impl Sender {
    pub(crate) fn new(mid: Mid, kind: MediaKind, now: Instant) -> Self {
        Sender {
            mid,
            kind,
            codec: if kind == MediaKind::Audio { Codec::Opus } else { Codec::Vp8 },
            falls_back: true,
            on: true,
            voice: true,
            bitrate_bps: 500_000,
            packet_time: AUDIO_INTERVAL,
            frames_per_second: 30,
            first_ticks: 0,
            phase: 0.0,
            frames_sent: 0,
            rids: Vec::new(),
            active_layers: 0,
            stopped: Vec::new(),
            rests: false,
            spatial: None,
            wanted: None,
            recording: None,
            position: 0,
            wants_key_frame: true,
            next_at: now,
            started_at: now,
        }
    }

    /// A frame in each encoding that is being made.
    pub(crate) fn layers(&self, bytes: Vec<u8>) -> Vec<(Option<Rid>, Vec<u8>)> {
        if self.rids.is_empty() {
            return vec![(None, bytes)];
        }
        let frame = Frame::decode(&bytes);
        let encode = |below: u32| {
            let len = bytes.len() / 3_usize.pow(below);
            let (width, height) = (LARGEST.0 >> below, LARGEST.1 >> below);
            frame.map_or_else(|| bytes.clone(), |frame| frame.encode_sized(len, width, height))
        };
        let rids = self.rids.iter().zip((0..self.rids.len() as u32).rev()).take(self.active_layers);
        rids.filter(|(rid, _)| self.may_make(rid))
            .map(|(rid, below)| (Some(*rid), encode(below)))
            .collect()
    }

    /// Whether an encoding is wanted and has not stopped.
    pub(crate) fn may_make(&self, rid: &Rid) -> bool {
        let is_wanted = self.wanted.as_ref().is_none_or(|wanted| wanted.contains(rid));
        is_wanted && !self.stopped.contains(rid)
    }

    /// Makes none of these encodings from now on, and all others that somebody wants: those that return begin with a
    /// key frame.
    pub fn stop_layers(&mut self, rids: &[&str]) {
        let before = std::mem::take(&mut self.stopped);
        self.stopped = rids.iter().map(|rid| Rid::from(*rid)).collect();
        self.wants_key_frame |= before.iter().any(|rid| !self.stopped.contains(rid));
    }

    /// Makes only these encodings from now on; those that begin do so with a key frame.
    pub(crate) fn want(&mut self, wanted: Vec<Rid>) {
        let before = self.wanted.take().unwrap_or_else(|| self.rids.clone());
        self.wants_key_frame |= wanted.iter().any(|rid| !before.contains(rid));
        self.wanted = Some(wanted);
    }

    /// Begins to make frames.
    pub(crate) fn start(&mut self, now: Instant) {
        self.started_at = now;
        self.next_at = now + self.interval().mul_f64(self.phase);
    }

    /// Makes its one encoding from now on, or none; it begins with a key frame.
    pub(crate) fn rest(&mut self, now: Instant, rests: bool) {
        if self.rests && !rests {
            self.next_at = now;
            self.wants_key_frame = true;
        }
        self.rests = rests;
    }

    /// Whether frames are being made now that anybody wants.
    pub(crate) fn is_busy(&self) -> bool {
        self.on && !self.rests
    }

    /// The time from one frame to the next.
    pub(crate) fn interval(&self) -> Duration {
        match self.kind {
            MediaKind::Audio => self.packet_time,
            MediaKind::Video => Duration::from_secs(1) / self.frames_per_second,
        }
    }

    /// The bytes of the next frame and the clock its RTP time counts in.
    pub(crate) fn next_frame(&mut self, publisher: u32) -> (Vec<u8>, Frequency) {
        let number = self.frames_sent;
        self.frames_sent += 1;
        self.next_at += self.interval();
        if self.recording.is_some() {
            return self.next_recorded_frame();
        }
        match self.kind {
            MediaKind::Audio => {
                let frame = Frame { kind: FrameKind::Audio, publisher, number };
                (frame.encode(AUDIO_FRAME_LEN), Frequency::FORTY_EIGHT_KHZ)
            }
            MediaKind::Video => {
                let usual = (self.bitrate_bps / 8 / u64::from(self.frames_per_second)) as usize;
                let key = std::mem::take(&mut self.wants_key_frame);
                let (kind, len) = match key {
                    true => (FrameKind::Key, usual * KEY_FRAME_FACTOR),
                    false => (FrameKind::Delta, usual),
                };
                let frame = Frame { kind, publisher, number };
                let bytes = match self.codec {
                    Codec::Av1 => frame.encode_av1(len),
                    _ => frame.encode(len),
                };
                (bytes, Frequency::NINETY_KHZ)
            }
        }
    }

    fn next_recorded_frame(&mut self) -> (Vec<u8>, Frequency) {
        if std::mem::take(&mut self.wants_key_frame) {
            self.position = 0;
        }
        let frame = self.recording.as_ref().map_or(&[][..], |it| it.frame(self.position)).to_vec();
        self.position += 1;
        match self.kind {
            MediaKind::Audio => (frame, Frequency::FORTY_EIGHT_KHZ),
            MediaKind::Video => (frame, Frequency::NINETY_KHZ),
        }
    }
}

/// Adds a section that sends pictures in these encodings.
pub(crate) fn simulcast_sender(changes: &mut SdpApi<'_>, now: Instant, rids: &[&str]) -> Sender {
    assert!(!rids.is_empty(), "simulcast has encodings");
    let mut simulcast = Simulcast::new();
    for rid in rids {
        simulcast.add_send_layer(SimulcastLayer::new(rid));
    }
    let (kind, direction) = (MediaKind::Video, Direction::SendOnly);
    let mut sender =
        Sender::new(changes.add_media(kind, direction, None, None, Some(simulcast)), kind, now);
    sender.rids = rids.iter().map(|rid| Rid::from(*rid)).collect();
    sender.active_layers = rids.len();
    sender
}
