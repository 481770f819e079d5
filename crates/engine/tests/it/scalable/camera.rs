//! A camera whose stream is scalable, and the ring that its packets come into.

use std::time::Instant;

use parlor_engine::ring::{Dependencies, Facts, RingLimits, TrackRing};
use parlor_rtc::fuzzing::scalable::{Encoder, Frame, Mode};
use parlor_rtc::payload;
use parlor_rtc::sdp::Codec;

use crate::rewrite::FRAME;
use crate::ring::{facts, start};

/// What tells the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// The payload descriptor of VP9.
    Vp9,
    /// The dependency descriptor of AV1.
    Av1,
}

impl Carrier {
    pub(super) const ALL: [Carrier; 2] = [Carrier::Vp9, Carrier::Av1];
}

/// One packet, which is a whole frame.
pub(super) struct Packet {
    pub(super) frame: Frame,
    sequence: u64,
    timestamp: u64,
    payload: Vec<u8>,
    descriptor: Vec<u8>,
}

pub(super) struct Camera {
    pub(super) encoder: Encoder,
    pub(super) ring: TrackRing,
    carrier: Carrier,
    now: Instant,
    sequence: u64,
    timestamp: u64,
}

impl Camera {
    pub(super) fn new(mode: Mode, carrier: Carrier) -> Camera {
        Camera {
            encoder: Encoder::new(mode, 1000, 0),
            ring: TrackRing::new(RingLimits::VIDEO),
            carrier,
            now: start(),
            sequence: 50_000,
            timestamp: 0,
        }
    }

    /// From here on another encoder is at work, whose template ids follow those of the one before.
    pub(super) fn replace_encoder(&mut self, mode: Mode) {
        self.encoder = Encoder::new(mode, 2000, self.encoder.templates() as u8);
    }

    /// What is known of the packets of the next picture when they have come.
    pub(super) fn picture(&mut self, is_key: bool) -> Vec<Facts> {
        self.packets(is_key).iter().map(|packet| self.receive(packet)).collect()
    }

    /// Sends the next picture.
    pub(super) fn packets(&mut self, is_key: bool) -> Vec<Packet> {
        self.now += FRAME;
        self.timestamp += 2970;
        let frames = self.encoder.picture(is_key);
        frames.into_iter().map(|frame| self.packet(frame)).collect()
    }

    fn packet(&mut self, frame: Frame) -> Packet {
        self.sequence += 1;
        let whole = (true, true);
        let begins_sequence = frame.is_key && frame.spatial == 0;
        let (payload, descriptor) = match self.carrier {
            Carrier::Vp9 => (self.encoder.vp9_payload(&frame, whole), Vec::new()),
            Carrier::Av1 => {
                let aggregation = 0x10 | u8::from(begins_sequence) << 3;
                (vec![aggregation, 0x30], self.encoder.descriptor(&frame, whole, false))
            }
        };
        let &mut Camera { sequence, timestamp, .. } = self;
        Packet { frame, sequence, timestamp, payload, descriptor }
    }

    /// A packet arrives.
    pub(super) fn receive(&mut self, packet: &Packet) -> Facts {
        let Packet { payload, descriptor, frame, .. } = packet;
        let marker = frame.ends_picture;
        let codec = match self.carrier {
            Carrier::Vp9 => Codec::Vp9 { profile: 0 },
            Carrier::Av1 => Codec::Av1 { profile: 0 },
        };
        let read = payload::Facts::read(codec, payload, marker, descriptor).unwrap();
        let read = Facts {
            timestamp: packet.timestamp,
            marker,
            starts_frame: read.starts_frame,
            starts_key_frame: read.starts_key_frame,
            numbers: read.numbers,
            layer: read.layer,
            dependencies: Dependencies {
                ends_frame: read.ends_frame,
                by_picture_id: read.refers_by_picture_id,
                ..Dependencies::default()
            },
            ..facts(packet.sequence, self.now)
        };
        let facts = self.ring.understand(read, descriptor);
        self.ring.push(facts, payload, descriptor).unwrap();
        facts
    }
}
