//! Scalable streams through the rewriter, against a world that knows what every frame refers to: nothing
//! goes out that leans on what was left out, and what receivers are told is true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::fuzzing::scalable::{Encoder, Frame, L1T3, L3T3, L3T3_KEY, Mode};
use parlor_rtc::sdp::Codec;

use super::scalable_receiver::Receiver;
use crate::frame;
use crate::id::{LayerId, TrackId};
use crate::rewrite::{Decision, Highest, Outgoing, Rewriter};
use crate::ring::{Facts, RingLimits, Stored, TrackRing};

const MODES: [Mode; 3] = [L1T3, L3T3, L3T3_KEY];

/// Longest script, in operations.
const MAX_OPERATIONS: usize = 2000;

/// What is lost is recovered within so many pictures, or never.
const RECOVERY_PICTURES: u64 = 4;

/// How layers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// By VP9's payload descriptor.
    InVp9,
    /// By it and a dependency descriptor.
    InBoth,
    /// By the dependency descriptor of AV1.
    InDescriptor,
}

/// Plays `script`, two bytes an operation, and checks every decision. `now` is when the world begins.
pub fn scalable(now: Instant, script: &[u8]) {
    let [first, operations @ ..] = script else { return };
    let mut world = World::new(now, *first);
    for operation in operations.as_chunks::<2>().0.iter().take(MAX_OPERATIONS) {
        world.play(operation[0], operation[1]);
    }
}

/// One packet that was sent to us.
#[derive(Clone)]
struct Packet {
    sequence: u64,
    frame: Frame,
    starts: bool,
    ends: bool,
    timestamp: u64,
    /// Which of its source's encoders it is from.
    encoder: usize,
}

struct Source {
    /// One after the other.
    encoders: Vec<Encoder>,
    /// The newest encoder has made nothing.
    is_new: bool,
    /// A structure of the newest encoder has arrived.
    is_told: bool,
    next_sequence: u64,
    timestamp: u64,
    ring: TrackRing,
    lost: Vec<Packet>,
}

/// A packet that arrived.
#[derive(Clone, Copy)]
struct Delivered {
    outgoing: Option<Outgoing>,
    /// Its layers are known.
    is_known: bool,
    /// Its dependency descriptor is understood.
    is_told: bool,
}

/// What has become of the packets of one frame.
#[derive(Clone, Default)]
struct Fate {
    forwarded: usize,
    dropped: usize,
    /// Its layers were not known when some of it went out: its structure was lost.
    unknown: bool,
    referred_to: bool,
}

/// What has gone out since the outgoing stream last began with a source.
struct Segment {
    source: usize,
    first: u64,
    /// What is added to source frame numbers and, in VP9, to picture ids.
    offsets: (u16, u16),
    fates: BTreeMap<u64, Fate>,
    /// Source packets that did not come in order.
    missed: BTreeSet<u64>,
    sent: BTreeSet<u64>,
}

struct World {
    now: Instant,
    told: Told,
    rewriter: Rewriter,
    sources: [Source; 2],
    target: usize,
    wanted: Highest,
    segment: Option<Segment>,
    receiver: Receiver,
}

impl World {
    fn new(now: Instant, choice: u8) -> World {
        let told = [Told::InVp9, Told::InBoth, Told::InDescriptor][usize::from(choice) % 3];
        let source = |n: u64| Source {
            encoders: vec![Encoder::new(MODES[usize::from(choice / 3) % 3], 65_500 + n, 60)],
            is_new: true,
            is_told: false,
            next_sequence: (1 << 16) + 1000 * n,
            timestamp: (1 << 32) + n,
            ring: TrackRing::new(RingLimits::VIDEO),
            lost: Vec::new(),
        };
        World {
            now,
            told,
            rewriter: Rewriter::new(MediaKind::Video, 90_000, choice.into()),
            sources: [source(0), source(1)],
            target: 0,
            wanted: Highest::ALL,
            segment: None,
            receiver: Receiver::default(),
        }
    }

    fn play(&mut self, operation: u8, argument: u8) {
        let choice = usize::from(argument);
        match operation % 16 {
            n @ 0..=9 => self.send_picture(n == 0, operation & 0x10 != 0, argument),
            10 => self.recover(choice),
            11 => {
                let layer = |n: usize| [0, 1, 2, u8::MAX][n % 4];
                self.wanted = Highest { spatial: layer(choice), temporal: layer(choice / 4) };
                self.rewriter.want(self.wanted);
            }
            12 => self.target = choice % 2,
            13 if argument < 64 => {
                self.rewriter.pause();
                self.segment = None;
            }
            14 if argument < 64 => self.replace_encoder(choice),
            _ => self.now += Duration::from_millis(argument.into()),
        }
    }

    /// Template ids may be used again by the structure after the next: when two in a row are lost, nobody
    /// can know.
    fn replace_encoder(&mut self, choice: usize) {
        let source = &mut self.sources[self.target];
        let Some(before) = source.encoders.last().filter(|_| source.is_told) else { return };
        let number = before.clone().picture(true)[0].number + 100;
        let template = (usize::from(before.first_template) + before.templates()) % 64;
        let encoder = Encoder::new(MODES[choice % 3], number, template as u8);
        source.encoders.push(encoder);
        source.is_new = true;
        source.is_told = false;
    }

    /// The target sends the next picture, of which packets are lost as the bits of `losses` say.
    fn send_picture(&mut self, is_key: bool, is_lossy: bool, losses: u8) {
        self.now += Duration::from_millis(33);
        let source = &mut self.sources[self.target];
        source.timestamp += 2970;
        let is_key = is_key || std::mem::take(&mut source.is_new);
        let packets_each = 1 + u64::from(losses >> 6 & 1);
        let mut packets = Vec::new();
        let encoder = source.encoders.len() - 1;
        for frame in source.encoders[encoder].picture(is_key) {
            for n in 0..packets_each {
                packets.push(Packet {
                    sequence: source.next_sequence,
                    frame: frame.clone(),
                    starts: n == 0,
                    ends: n + 1 == packets_each,
                    timestamp: source.timestamp,
                    encoder,
                });
                source.next_sequence += 1;
            }
        }
        let is_lost = |n: usize| is_lossy && losses >> (n % 6) & 1 == 1;
        let mut sent = Vec::new();
        for (n, packet) in packets.iter().enumerate() {
            if is_lost(n) {
                self.sources[self.target].lost.push(packet.clone());
                if let Some(segment) = self.playing(self.target) {
                    segment.missed.insert(packet.sequence);
                }
            } else {
                sent.push(self.deliver(self.target, packet));
            }
        }
        if sent.len() == packets.len() {
            self.check_whole_picture(&packets, &sent);
        }
        let newest = packets.last().map_or(0, |packet| packet.frame.picture);
        let lost = &mut self.sources[self.target].lost;
        lost.retain(|packet| packet.frame.picture + RECOVERY_PICTURES > newest);
    }

    fn recover(&mut self, which: usize) {
        let lost = &mut self.sources[self.target].lost;
        if !lost.is_empty() {
            let packet = lost.remove(which % lost.len());
            self.deliver(self.target, &packet);
        }
    }

    fn playing(&mut self, source: usize) -> Option<&mut Segment> {
        self.segment.as_mut().filter(|segment| segment.source == source)
    }

    fn deliver(&mut self, source: usize, packet: &Packet) -> Delivered {
        let (facts, descriptor) = self.receive(source, packet);
        let is_told = facts.dependencies.told.is_some();
        let is_known = is_told || self.told != Told::InDescriptor;
        let layer = LayerId { track: TrackId(source as u64), index: 0 };
        let before = self.rewriter.layer();
        let decision = self.rewriter.decide(layer, &facts, true);
        let Decision::Forward(outgoing) = decision else {
            self.note_dropped(source, packet);
            return Delivered { outgoing: None, is_known, is_told };
        };
        if before != Some(layer) {
            assert!(packet.frame.is_key && packet.starts && packet.frame.spatial == 0);
            self.begin_segment(source, packet, &outgoing);
        }
        self.check_forwarded(source, packet, &outgoing, is_known);
        if self.told != Told::InVp9 {
            let structure = self.sources[source].ring.find(facts.sequence);
            let structure = structure.and_then(|stored| stored.structure);
            let stored = Stored {
                facts: &facts,
                payload: &[],
                dependency_descriptor: &descriptor,
                structure,
            };
            self.receiver.receive(&outgoing, &stored, &packet.frame);
        }
        Delivered { outgoing: Some(outgoing), is_known, is_told }
    }

    fn receive(&mut self, source: usize, packet: &Packet) -> (Facts, Vec<u8>) {
        let Packet { frame, starts, ends, .. } = packet;
        let at = &mut self.sources[source];
        let encoder = &at.encoders[packet.encoder];
        let place = (*starts, *ends);
        let is_marked = frame.ends_picture && *ends;
        let (codec, payload) = match self.told {
            Told::InDescriptor => (Codec::Av1 { profile: 0 }, av1_payload(packet)),
            _ => (Codec::Vp9 { profile: 0 }, encoder.vp9_payload(frame, place)),
        };
        let descriptor = match self.told {
            Told::InVp9 => Vec::new(),
            _ => encoder.descriptor(frame, place, frame.number.is_multiple_of(7)),
        };
        let read = frame::facts(codec, &payload, is_marked, &descriptor);
        let Some(read) = read else { panic!("{payload:?} cannot be read") };
        let facts = Facts {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            arrival: self.now,
            marker: is_marked,
            payload_type: 96,
            recovered: false,
            starts_frame: read.starts_frame,
            starts_key_frame: read.starts_key_frame,
            numbers: read.numbers,
            layer: read.layer,
            dependencies: read.dependencies,
            audio_level: None,
            video_orientation: None,
            color_space: None,
        };
        let facts = at.ring.understand(facts, &descriptor);
        let is_newest = packet.encoder + 1 == at.encoders.len();
        let explains = self.told == Told::InVp9 || facts.dependencies.template_ids.is_some();
        at.is_told |= is_newest && explains;
        assert!(at.ring.push(facts, &payload, &descriptor).is_ok());
        (facts, descriptor)
    }

    fn begin_segment(&mut self, source: usize, packet: &Packet, outgoing: &Outgoing) {
        self.segment = Some(Segment {
            source,
            first: packet.frame.number,
            offsets: offsets(&packet.frame, outgoing),
            fates: BTreeMap::new(),
            // What came before its key frame was recovered has its place, and can be asked for.
            missed: (packet.sequence + 1..self.sources[source].next_sequence).collect(),
            sent: BTreeSet::new(),
        });
    }

    fn note_dropped(&mut self, source: usize, packet: &Packet) {
        let Some(segment) = self.playing(source) else { return };
        if packet.frame.number >= segment.first {
            let fate = segment.fates.entry(packet.frame.number).or_default();
            fate.dropped += 1;
            let is_missed = fate.referred_to && !fate.unknown;
            assert!(!is_missed, "{:?} is left out, and was referred to", packet.frame);
        }
    }

    fn check_forwarded(
        &mut self,
        source: usize,
        packet: &Packet,
        outgoing: &Outgoing,
        is_known: bool,
    ) {
        let Some(segment) = self.playing(source) else { panic!("it has not begun") };
        let frame = &packet.frame;
        if frame.number < segment.first {
            let is_before = segment.sent.first().is_some_and(|first| outgoing.sequence < *first);
            assert!(is_before, "a frame from before the beginning has no place there");
            return;
        }
        assert_eq!(offsets(frame, outgoing), segment.offsets, "distances of numbers were bent");
        segment.sent.insert(outgoing.sequence);
        let (first, last) = (segment.sent.first(), segment.sent.last());
        let places = first.zip(last).map_or(0, |(first, last)| (last - first + 1) as usize);
        let unused = places - segment.sent.len();
        assert!(unused <= segment.missed.len(), "{unused} gaps, {:?} missed", segment.missed);
        let fate = segment.fates.entry(frame.number).or_default();
        fate.forwarded += 1;
        fate.unknown |= !is_known;
        let is_whole = fate.dropped == 0;
        assert!(is_whole || fate.unknown, "{frame:?} went out in part");
        if is_known {
            for reference in &frame.references {
                assert!(*reference >= segment.first, "{frame:?} leans on what nobody has");
                let referred = segment.fates.entry(*reference).or_default();
                referred.referred_to = true;
                assert!(referred.dropped == 0, "{frame:?} leans on {reference}, which is left out");
            }
        }
    }

    /// A picture of which nothing was lost: what was wanted went out of it, as far as it could.
    fn check_whole_picture(&self, packets: &[Packet], sent: &[Delivered]) {
        let is_playing = self.segment.as_ref().is_some_and(|s| s.source == self.target);
        if !is_playing || sent.iter().any(|packet| !packet.is_known) {
            return;
        }
        let last = sent.iter().rposition(|packet| packet.outgoing.is_some());
        for (n, (packet, delivered)) in packets.iter().zip(sent).enumerate() {
            let Frame { spatial, temporal, is_key, .. } = packet.frame;
            let fits = spatial <= self.wanted.spatial && temporal <= self.wanted.temporal;
            match delivered.outgoing {
                Some(outgoing) => {
                    assert!(fits, "S{spatial}T{temporal} went out, wanted was {:?}", self.wanted);
                    assert_eq!(outgoing.marker, Some(n) == last, "{:?}", packet.frame);
                }
                None => assert!(!(is_key && fits), "{:?} is wanted", packet.frame),
            }
        }
        let newest = last.and_then(|last| sent.get(last)?.outgoing);
        let is_lowest = packets.iter().all(|packet| packet.frame.temporal == 0);
        if let Some(newest) = newest
            && is_lowest
            && sent.iter().all(|packet| packet.is_told)
        {
            let encoders = &self.sources[self.target].encoders;
            let all = encoders.last().map_or(0, |encoder| encoder.mode.temporal_layers - 1);
            let reached = newest.highest.temporal.min(all);
            assert_eq!(reached, self.wanted.temporal.min(all), "frames could be more");
        }
    }
}

fn offsets(frame: &Frame, outgoing: &Outgoing) -> (u16, u16) {
    let number = outgoing.numbers.frame_number.unwrap_or_default();
    let picture = outgoing.numbers.picture_id.map_or(0, |id| id.value);
    let of_number = outgoing.numbers.frame_number.map_or(0, |_| frame.number as u16);
    let of_picture = outgoing.numbers.picture_id.map_or(0, |_| frame.picture as u16);
    (number.wrapping_sub(of_number), picture.wrapping_sub(of_picture) & 0x7FFF)
}

fn av1_payload(packet: &Packet) -> Vec<u8> {
    let begins_sequence = packet.starts && packet.frame.is_key && packet.frame.spatial == 0;
    // W is 1: the rest of the packet is one OBU, a frame or more of it.
    let continues = !packet.starts;
    vec![u8::from(continues) << 7 | 0x10 | u8::from(begins_sequence) << 3, 0x30]
}
