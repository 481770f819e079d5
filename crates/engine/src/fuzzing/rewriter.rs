//! The rewriter against a world that knows everything: which packets there were, which arrived and which
//! of them were wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::payload::Layer;

use crate::id::{LayerId, TrackId};
use crate::rewrite::{Decision, MAX_GAP, Outgoing, Rewriter};
use crate::ring::{Dependencies, Facts, FrameNumbers, PictureId};

const LAYERS: usize = 3;
const TICKS_PER_MS: u64 = 90;

/// A rewriter remembers at least this many frames: each ends at most two of its runs.
const REMEMBERED_FRAMES: u64 = 28;

/// No packet is recovered later than this.
const RECOVERY: Duration = Duration::from_secs(3);

/// Longest script, in operations.
const MAX_OPERATIONS: usize = 4000;

/// Plays `script`, two bytes an operation, and checks every decision. `now` is when the world begins.
pub fn rewriter(now: Instant, script: &[u8]) {
    let mut world = World::new(now, script);
    for operation in script.chunks_exact(2).take(MAX_OPERATIONS) {
        world.play(operation[0], operation[1]);
    }
    world.check_what_is_missing();
}

#[derive(Clone, Copy)]
struct Packet {
    layer: usize,
    facts: Facts,
    wanted: bool,
    /// Number of its frame among those of its layer.
    frame: u64,
}

/// One source: what it has sent, and what of it has arrived.
struct Source {
    sequence: u64,
    frame: u64,
    clock_offset: u64,
    packets: BTreeMap<u64, Packet>,
    arrived: BTreeSet<u64>,
}

/// A stretch of the outgoing stream that came from one source without interruption.
struct Segment {
    layer: usize,
    head: u64,
    forwarded: BTreeMap<u64, Outgoing>,
    /// Unwanted packets that arrived while they were the newest.
    dropped: BTreeSet<u64>,
}

struct World {
    begin: Instant,
    now: Instant,
    rewriter: Rewriter,
    sources: Vec<Source>,
    /// Where new frames come from.
    target: usize,
    lost: Vec<(usize, u64)>,
    /// What is being played, and was before, oldest first.
    segments: Vec<Segment>,
    playing: bool,
    used: BTreeSet<u64>,
    newest_timestamp: u64,
}

impl World {
    fn new(now: Instant, script: &[u8]) -> World {
        let seed = script.iter().take(8).fold(0, |seed, &byte| seed << 8 | u64::from(byte));
        let sources = (0..LAYERS as u64).map(|layer| Source {
            sequence: (1 << 16) + (seed >> layer & 0xFFFF),
            frame: 0x7FF0 + layer,
            clock_offset: (1 << 32) + seed.rotate_left(layer as u32 * 9) % (1 << 32),
            packets: BTreeMap::new(),
            arrived: BTreeSet::new(),
        });
        World {
            begin: now,
            now,
            rewriter: Rewriter::new(MediaKind::Video, 90_000, seed),
            sources: sources.collect(),
            target: 0,
            lost: Vec::new(),
            segments: Vec::new(),
            playing: false,
            used: BTreeSet::new(),
            newest_timestamp: 0,
        }
    }

    fn play(&mut self, operation: u8, argument: u8) {
        match operation % 16 {
            0..=8 => self.send_frame(operation, argument),
            9 | 10 => self.recover(usize::from(argument)),
            11 => self.target = usize::from(argument) % LAYERS,
            12 => {
                self.rewriter.pause();
                self.playing = false;
            }
            13 => self.now += Duration::from_millis(u64::from(argument) * 4),
            14 => self.repeat(u64::from(argument)),
            _ if argument < 16 => self.restart(),
            _ => {}
        }
    }

    /// The target sends a frame of 1 to 4 packets, of which some are lost.
    fn send_frame(&mut self, operation: u8, argument: u8) {
        self.now += Duration::from_millis(34);
        let count = u64::from(argument >> 4 & 3) + 1;
        let key = operation.is_multiple_of(16);
        let wanted = key || argument >> 6 != 0;
        let layer = self.target;
        let elapsed = self.now.saturating_duration_since(self.begin).as_millis() as u64;
        let source = &mut self.sources[layer];
        source.frame += 1;
        let first = source.sequence;
        source.sequence += count;
        for n in 0..count {
            let facts = Facts {
                sequence: first + n,
                timestamp: source.clock_offset + elapsed * TICKS_PER_MS,
                arrival: self.now,
                marker: n + 1 == count,
                payload_type: 96,
                recovered: false,
                starts_frame: n == 0,
                starts_key_frame: key && n == 0,
                numbers: FrameNumbers {
                    picture_id: Some(PictureId {
                        value: (source.frame & 0x7FFF) as u16,
                        wide: true,
                    }),
                    tl0_picture_index: Some(source.frame as u8),
                    frame_number: Some(source.frame as u16),
                },
                layer: Layer::default(),
                dependencies: Dependencies {
                    ends_frame: n + 1 == count,
                    ..Dependencies::default()
                },
                audio_level: None,
                video_orientation: None,
                color_space: None,
            };
            let packet = Packet { layer, facts, wanted, frame: source.frame };
            source.packets.insert(first + n, packet);
        }
        for n in 0..count {
            if argument >> n & 1 == 0 || operation & 0x10 != 0 {
                self.deliver(layer, first + n);
            } else {
                self.lost.push((layer, first + n));
            }
        }
    }

    /// The target's sequence numbers jump.
    fn restart(&mut self) {
        self.sources[self.target].sequence += MAX_GAP + 70_000;
    }

    fn recover(&mut self, which: usize) {
        if let Some(at) = self.lost.len().checked_sub(1 + which % 16) {
            let (layer, sequence) = self.lost[at];
            let sent = self.sources[layer].packets[&sequence].facts.arrival;
            if self.now.saturating_duration_since(sent) < RECOVERY {
                self.lost.remove(at);
                self.deliver(layer, sequence);
            }
        }
    }

    /// A packet that went out arrives again.
    fn repeat(&mut self, behind: u64) {
        let Some(segment) = self.segments.last() else { return };
        let Some(sequence) = segment.forwarded.keys().rev().nth(behind as usize) else { return };
        let packet = self.sources[segment.layer].packets[sequence];
        if self.is_playing(segment.layer) {
            let decision = self.rewriter.decide(id(segment.layer), &packet.facts, packet.wanted);
            assert!(matches!(decision, Decision::Drop(_)), "{sequence} went out twice");
        }
    }

    fn deliver(&mut self, layer: usize, sequence: u64) {
        let mut packet = self.sources[layer].packets[&sequence];
        packet.facts.arrival = self.now;
        let decision = self.rewriter.decide(id(layer), &packet.facts, packet.wanted);
        let newest_before = self.sources[layer].arrived.last().copied();
        let playing = self.is_playing(layer);
        let newest = newest_before.is_none_or(|newest| sequence > newest);
        if playing && self.segments.last().is_some_and(|s| sequence > s.head + 1 + MAX_GAP) {
            // The source has begun anew, or all of that was lost: what is missing before has no place.
            self.lost.retain(|&(of, lost)| of != layer || lost > sequence);
        }
        match decision {
            Decision::Forward(outgoing) => {
                assert!(packet.wanted, "a packet went out that nobody wanted");
                assert!(self.used.insert(outgoing.sequence), "an outgoing number was used twice");
                self.check_traced_back(&packet, &outgoing);
                if playing {
                    self.check_forwarded(&packet, &outgoing);
                } else {
                    self.check_begun(&packet, &outgoing);
                }
                self.newest_timestamp = self.newest_timestamp.max(outgoing.timestamp);
            }
            Decision::Drop(reason) => {
                let must = packet.wanted
                    && match (playing, newest) {
                        (true, true) => true,
                        (true, false) => self.has_its_place(&packet),
                        (false, _) => packet.facts.starts_key_frame && newest,
                    };
                assert!(!must, "{sequence} did not go out: {reason:?}");
            }
        }
        self.sources[layer].arrived.insert(sequence);
        if self.is_playing(layer)
            && let Some(segment) = self.segments.last_mut()
        {
            if sequence > segment.head && !packet.wanted {
                segment.dropped.insert(sequence);
            }
            segment.head = segment.head.max(sequence);
        }
    }

    fn is_playing(&self, layer: usize) -> bool {
        self.playing && self.segments.last().is_some_and(|segment| segment.layer == layer)
    }

    /// Whether a late packet is from this segment and recent enough to be remembered.
    fn has_its_place(&self, packet: &Packet) -> bool {
        let Some(segment) = self.segments.last() else { return false };
        let Some(first) = segment.forwarded.keys().next() else { return false };
        let source = &self.sources[packet.layer];
        packet.facts.sequence > *first && packet.frame + REMEMBERED_FRAMES > source.frame
    }

    fn check_begun(&mut self, packet: &Packet, outgoing: &Outgoing) {
        assert!(packet.facts.starts_key_frame, "began where nothing can be decoded");
        if self.newest_timestamp != 0 {
            assert!(outgoing.timestamp >= self.newest_timestamp + 3000, "time went back");
        }
        if let Some(newest) = self.used.iter().rev().nth(1) {
            assert!(outgoing.sequence > *newest, "a switch went back");
        }
        self.playing = true;
        self.segments.push(Segment {
            layer: packet.layer,
            head: packet.facts.sequence,
            forwarded: BTreeMap::from([(packet.facts.sequence, *outgoing)]),
            dropped: BTreeSet::new(),
        });
    }

    /// A packet of the segment that is being played, in order or late; or, late, of an earlier one.
    fn check_forwarded(&mut self, packet: &Packet, outgoing: &Outgoing) {
        let sequence = packet.facts.sequence;
        let is_of = |segment: &&mut Segment| {
            segment.layer == packet.layer && segment.forwarded.keys().next() < Some(&sequence)
        };
        let Some(segment) = self.segments.iter_mut().rev().find(is_of) else {
            panic!("{sequence} went out before anything else");
        };
        let source = &self.sources[packet.layer];
        let in_order = sequence > segment.head;
        if let Some((&before, sent)) = segment.forwarded.range(..sequence).next_back() {
            let dropped = in_order.then_some(&segment.dropped);
            check_neighbours(source, (before, sent), (sequence, outgoing), dropped);
        }
        if let Some((&after, sent)) = segment.forwarded.range(sequence..).next() {
            assert!(!in_order);
            check_neighbours(source, (sequence, outgoing), (after, sent), None);
        }
        segment.forwarded.insert(sequence, *outgoing);
    }

    fn check_traced_back(&self, packet: &Packet, outgoing: &Outgoing) {
        let original = self.rewriter.original(outgoing.sequence as u16);
        let Some(original) = original else { panic!("what was just sent is forgotten") };
        assert_eq!(original.layer, id(packet.layer));
        assert_eq!(original.sequence, packet.facts.sequence);
        assert_eq!(original.outgoing(&packet.facts), *outgoing);
    }

    /// Every wanted packet of the segment that has not arrived has a gap that a NACK can name.
    fn check_what_is_missing(&self) {
        let Some(segment) = self.segments.last() else { return };
        let Some(newest) = self.used.last().copied() else { return };
        let traced: BTreeSet<u64> = (newest.saturating_sub(1000)..=newest)
            .filter_map(|outgoing| self.rewriter.original(outgoing as u16))
            .filter(|original| original.layer == id(segment.layer))
            .map(|original| original.sequence)
            .collect();
        let newest_forwarded = segment.forwarded.keys().next_back().copied().unwrap_or_default();
        for &(layer, sequence) in &self.lost {
            let packet = self.sources[layer].packets[&sequence];
            let has_gap = layer == segment.layer
                && packet.wanted
                && sequence < newest_forwarded
                && self.has_its_place(&packet);
            assert!(!has_gap || traced.contains(&sequence), "{sequence} has no gap");
        }
    }
}

/// Between two packets that went out there is one number for each wanted one that did not arrive, and none
/// for those that were `dropped` by choice, which are known when the packets came in order. Of one that is
/// missing and was not wanted, nobody could know.
fn check_neighbours(
    source: &Source,
    (before, sent_before): (u64, &Outgoing),
    (after, sent_after): (u64, &Outgoing),
    dropped: Option<&BTreeSet<u64>>,
) {
    let (first, last) = (source.packets[&before], source.packets[&after]);
    let between = || source.packets.range(before + 1..after).map(|(_, packet)| packet);
    let may_have_number =
        |packet: &&Packet| dropped.is_none_or(|dropped| !dropped.contains(&packet.facts.sequence));
    let must_have_number =
        |packet: &&Packet| packet.wanted && !source.arrived.contains(&packet.facts.sequence);
    assert!(sent_after.sequence > sent_before.sequence, "order was lost");
    let gap = sent_after.sequence - sent_before.sequence - 1;
    if after - before > MAX_GAP {
        assert!(gap >= 1, "a restart looks like a loss");
    } else {
        let least = between().filter(must_have_number).count() as u64;
        assert!(gap >= least, "{gap} numbers for {least} wanted packets");
        let most = between().filter(may_have_number).count() as u64;
        assert!(dropped.is_none() || gap <= most, "{gap} numbers for {most} missing packets");
    }
    let source_step = last.facts.timestamp - first.facts.timestamp;
    assert_eq!(sent_after.timestamp - sent_before.timestamp, source_step, "time was bent");

    let other_frames = |packets: &mut dyn Iterator<Item = &Packet>| {
        let frames: BTreeSet<u64> = packets.map(|packet| packet.frame).collect();
        frames.iter().filter(|&&frame| frame != first.frame && frame != last.frame).count() as u64
    };
    let id_of = |outgoing: &Outgoing| outgoing.numbers.picture_id.map_or(0, |id| id.value);
    let step = u64::from(id_of(sent_after).wrapping_sub(id_of(sent_before)) & 0x7FFF);
    if first.frame == last.frame {
        assert_eq!(step, 0, "one frame has two picture ids");
    } else {
        let least = other_frames(&mut between().filter(|packet| packet.wanted)) + 1;
        assert!(step >= least, "a wanted frame has no picture id");
        let most = other_frames(&mut between().filter(may_have_number)) + 1;
        assert!(dropped.is_none() || step <= most, "a dropped frame left a gap in picture ids");
    }
    let number_of = |outgoing: &Outgoing| outgoing.numbers.frame_number.unwrap_or_default();
    let number_step = number_of(sent_after).wrapping_sub(number_of(sent_before));
    // Frames refer to others by the distance of frame numbers, so it stays also where some are dropped.
    assert_eq!(u64::from(number_step), last.frame - first.frame, "frame numbers were bent");
}

fn id(layer: usize) -> LayerId {
    LayerId { track: TrackId(layer as u64), index: 0 }
}
