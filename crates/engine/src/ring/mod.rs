//! The track ring: the last second of one received layer, kept once for all subscribers and all retransmissions.

mod facts;
mod store;
mod structures;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use facts::{Dependencies, Facts, Told};
use parlor_rtc::payload::Structure;
pub use parlor_rtc::payload::{FrameNumbers, PictureId};
use store::ByteRing;
use structures::Structures;

/// How long a packet is kept, as far as [`RingLimits`] allow: long enough for several round trips
/// of retransmission, and no longer than a jitter buffer waits.
pub const KEEP: Duration = Duration::from_secs(1);

/// A ring into which nothing came for this long gives all its memory back.
const RELEASE_AFTER: Duration = Duration::from_secs(10);

/// How many calls of [`TrackRing::trim`] in a row must find a ring half empty before it shrinks, so that
/// a bitrate that swings does not make it copy back and forth.
const TRIMS_BEFORE_SHRINKING: u8 = 4;

/// Longest payload and dependency descriptor together, in bytes: what fits into an Ethernet MTU.
pub const MAX_STORED_LEN: usize = 1500;

/// How large a ring may be: one of the constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Bytes of payload at first.
    first_bytes: usize,
    /// Sizes are multiples of this many bytes.
    step: usize,
    /// Most bytes of payload, whatever the bitrate.
    max_bytes: usize,
    /// Packets at first.
    first_packets: usize,
    /// Most packets, whatever their rate.
    max_packets: usize,
}

impl RingLimits {
    /// For one layer of video: holds the whole second up to 16 Mbit/s; 210-256 KiB at 1.5 Mbit/s.
    pub const VIDEO: RingLimits = RingLimits {
        first_bytes: 64 * 1024,
        step: 16 * 1024,
        max_bytes: 2 * 1024 * 1024,
        first_packets: 128,
        max_packets: 2048,
    };

    /// For one audio track: holds the whole second up to 768 kbit/s in packets of 5 ms; under 16 KiB at
    /// the rates of speech.
    pub const AUDIO: RingLimits = RingLimits {
        first_bytes: 4 * 1024,
        step: 2 * 1024,
        max_bytes: 96 * 1024,
        first_packets: 32,
        max_packets: 256,
    };
}

/// A place in the arrival order of one ring. A reader keeps one and moves it with [`Cursor::next`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(u64);

impl Cursor {
    /// The place behind this one.
    #[must_use]
    pub const fn next(self) -> Cursor {
        Cursor(self.0 + 1)
    }
}

/// One packet as it lies in the ring.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// What was learnt when it was parsed.
    pub facts: &'a Facts,
    /// The RTP payload, without padding.
    pub payload: &'a [u8],
    /// The dependency descriptor of its header, empty if there was none.
    pub dependency_descriptor: &'a [u8],
    /// What that leans on, if it is known.
    pub structure: Option<&'a Structure>,
}

/// What a reader finds at its cursor.
#[derive(Clone, Copy, Debug)]
pub enum Read<'a> {
    /// A packet; go on at the next cursor.
    Packet(Stored<'a>),
    /// Nothing yet: everything that arrived has been read.
    CaughtUp,
    /// The packet is gone. Reading can go on at `oldest`, or, since frames are now missing, at
    /// [`TrackRing::latest_key_frame`] or [`TrackRing::end`].
    Overtaken {
        /// The oldest packet still there, or the end.
        oldest: Cursor,
    },
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// It is already there: a retransmission of what had arrived after all.
    #[error("the packet is already in the ring")]
    Duplicate,
    /// It is longer than [`MAX_STORED_LEN`].
    #[error("the packet is longer than {MAX_STORED_LEN} bytes")]
    TooLong,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    facts: Facts,
    start: u32,
    payload_len: u16,
    descriptor_len: u16,
}

impl Record {
    /// Bytes that it takes in the store: at least one, so that every record has a place of its own.
    fn len(&self) -> usize {
        (usize::from(self.payload_len) + usize::from(self.descriptor_len)).max(1)
    }

    fn start(&self) -> usize {
        self.start as usize
    }
}

/// Packets of one received layer in order of arrival, as many as arrived in about the last second.
///
/// Takes no memory before the first packet. Grows by itself while it would lose packets younger than
/// [`KEEP`]; shrinks, and gives its memory back when the layer stops, in [`TrackRing::trim`],
/// which the owner calls about once a second. In between nothing allocates.
#[derive(Debug)]
pub struct TrackRing {
    limits: RingLimits,
    bytes: ByteRing,
    records: VecDeque<Record>,
    packets: usize,
    /// For `sequence % len`, the low bits of the place of the latest packet with that remainder.
    index: Box<[u32]>,
    /// The place of the oldest record.
    first: u64,
    key_frame: Option<Cursor>,
    structures: Structures,
    half_empty_trims: u8,
}

impl TrackRing {
    /// An empty ring, which takes no memory yet.
    pub fn new(limits: RingLimits) -> TrackRing {
        TrackRing {
            limits,
            bytes: ByteRing::default(),
            records: VecDeque::new(),
            packets: 0,
            index: Box::default(),
            first: 0,
            key_frame: None,
            structures: Structures::default(),
            half_empty_trims: 0,
        }
    }

    /// What `facts` become with what the dependency descriptor of their packet says. To be done with
    /// every packet, since a structure that one brings explains the others.
    pub fn understand(&mut self, facts: Facts, dependency_descriptor: &[u8]) -> Facts {
        match dependency_descriptor {
            [] => facts,
            descriptor => self.structures.understand(facts, descriptor),
        }
    }

    /// Takes a packet at the end of the arrival order and says which place it got.
    pub fn push(
        &mut self,
        facts: Facts,
        payload: &[u8],
        dependency_descriptor: &[u8],
    ) -> Result<Cursor, NotStored> {
        let len = payload.len() + dependency_descriptor.len();
        if len > MAX_STORED_LEN {
            return Err(NotStored::TooLong);
        }
        if self.find(facts.sequence).is_some() {
            return Err(NotStored::Duplicate);
        }
        let start = self.make_room(facts.arrival, len.max(1));
        self.bytes.write(start, dependency_descriptor, payload);
        let at = self.end();
        if facts.starts_key_frame {
            self.key_frame = Some(at);
        }
        self.note_place(facts.sequence, at);
        self.records.push_back(Record {
            facts,
            start: start as u32,
            payload_len: payload.len() as u16,
            descriptor_len: dependency_descriptor.len() as u16,
        });
        Ok(at)
    }

    /// What a reader finds at `cursor`.
    #[inline]
    pub fn read(&self, cursor: Cursor) -> Read<'_> {
        let Some(behind_oldest) = cursor.0.checked_sub(self.first) else {
            return Read::Overtaken { oldest: Cursor(self.first) };
        };
        match self.records.get(behind_oldest as usize) {
            Some(record) => Read::Packet(self.stored(record)),
            None => Read::CaughtUp,
        }
    }

    /// The packet with extended sequence number `sequence`, if it is still there.
    pub fn find(&self, sequence: u64) -> Option<Stored<'_>> {
        let place = *self.index.get(self.index_of(sequence))?;
        // Places are at most `max_packets` apart, so their low 32 bits tell them apart.
        let behind_oldest = place.wrapping_sub(self.first as u32);
        let record = self.records.get(behind_oldest as usize)?;
        (record.facts.sequence == sequence).then(|| self.stored(record))
    }

    /// The place behind the newest packet, where a reader begins that wants only what comes.
    pub fn end(&self) -> Cursor {
        Cursor(self.first + self.records.len() as u64)
    }

    /// Where what arrived since `time` begins, as far as it is still there.
    pub fn since(&self, time: Instant) -> Cursor {
        let newer = self.records.iter().rev().take_while(|record| record.facts.arrival >= time);
        Cursor(self.end().0 - newer.count() as u64)
    }

    /// Where the latest key frame begins, if it is still there: a reader that begins here can
    /// decode at once.
    pub fn latest_key_frame(&self) -> Option<Cursor> {
        self.key_frame.filter(|cursor| cursor.0 >= self.first)
    }

    /// About how many bytes of payload there are from `cursor` on.
    pub fn bytes_from(&self, cursor: Cursor) -> u64 {
        let packets = self.end().0.saturating_sub(cursor.0.max(self.first));
        let newest = self.records.back().map_or(0, |record| u64::from(record.payload_len));
        let oldest = self.records.front().map_or(0, |record| u64::from(record.payload_len));
        packets * newest.max(oldest)
    }

    /// How many packets are there.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of memory that the ring takes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.records.capacity() * size_of::<Record>()
            + self.index.len() * size_of::<u32>()
    }

    /// Gives back memory that a lower bitrate does not need; call about once a second. May allocate
    /// and copy, so it belongs to a timer and not to the way of a packet.
    pub fn trim(&mut self, now: Instant) {
        let since = |record: &Record| now.saturating_duration_since(record.facts.arrival);
        let Some(newest) = self.records.back() else { return };
        if since(newest) >= RELEASE_AFTER {
            self.release();
            return;
        }
        let (mut packets, mut bytes) = (0, 0);
        for record in self.records.iter().rev().take_while(|record| since(record) < KEEP) {
            packets += 1;
            bytes += record.len();
        }
        let capacity = self.bytes.capacity();
        let few = self.packets > self.limits.first_packets && packets * 2 < self.packets;
        let little = capacity > self.limits.first_bytes && bytes * 2 < capacity;
        if !few && !little {
            self.half_empty_trims = 0;
            return;
        }
        self.half_empty_trims += 1;
        if self.half_empty_trims >= TRIMS_BEFORE_SHRINKING {
            self.half_empty_trims = 0;
            let packets = (packets + packets / 2).min(self.packets);
            self.resize(packets, (bytes + bytes / 2).min(capacity));
        }
    }

    fn release(&mut self) {
        // What comes after a pause may lean on what came before.
        let structures = std::mem::take(&mut self.structures);
        *self = TrackRing { first: self.end().0, structures, ..TrackRing::new(self.limits) };
    }

    fn stored<'a>(&'a self, record: &'a Record) -> Stored<'a> {
        let payload_at = record.start() + usize::from(record.descriptor_len);
        Stored {
            facts: &record.facts,
            payload: self.bytes.slice(payload_at, usize::from(record.payload_len)),
            dependency_descriptor: self
                .bytes
                .slice(record.start(), usize::from(record.descriptor_len)),
            structure: self.structures.of(record.facts.sequence),
        }
    }

    /// Makes room for one more record of `len` bytes and says where it begins in the store: by growing as
    /// long as packets would be lost too young, else by giving up the oldest.
    fn make_room(&mut self, now: Instant, len: usize) -> usize {
        loop {
            let tail = self.records.front().map(Record::start);
            let full = self.records.len() >= self.packets;
            if !full && let Some(start) = self.bytes.place(tail, len) {
                return start;
            }
            let lost_too_young = self
                .records
                .front()
                .is_none_or(|oldest| now.saturating_duration_since(oldest.facts.arrival) < KEEP);
            let (packets, bytes) = (self.packets, self.bytes.capacity());
            match full {
                true if lost_too_young && packets < self.limits.max_packets => {
                    self.resize(packets + packets.div_ceil(2), bytes);
                }
                false if lost_too_young && bytes < self.limits.max_bytes => {
                    self.resize(packets, bytes + bytes.div_ceil(4));
                }
                _ => {
                    self.records.pop_front();
                    self.first += 1;
                }
            }
        }
    }

    /// Moves to stores of about these sizes, within the limits, keeping the newest packets that fit.
    fn resize(&mut self, packets: usize, bytes: usize) {
        let limits = self.limits;
        self.packets = packets.clamp(limits.first_packets, limits.max_packets);
        let bytes = bytes.next_multiple_of(limits.step).clamp(limits.first_bytes, limits.max_bytes);
        let (mut kept, mut kept_bytes) = (0, 0);
        for record in self.records.iter().rev().take(self.packets) {
            kept_bytes += record.len();
            if kept_bytes > bytes {
                break;
            }
            kept += 1;
        }
        let gone = self.records.len() - kept;
        self.first += gone as u64;
        let records = std::mem::replace(&mut self.records, VecDeque::with_capacity(self.packets));
        let store = std::mem::replace(&mut self.bytes, ByteRing::new(bytes));
        self.index = vec![0; (self.packets * 2).next_power_of_two()].into_boxed_slice();
        for mut record in records.into_iter().skip(gone) {
            let taken = store.slice(record.start(), record.len());
            record.start = self.bytes.append(taken) as u32;
            self.note_place(record.facts.sequence, self.end());
            self.records.push_back(record);
        }
    }

    fn note_place(&mut self, sequence: u64, at: Cursor) {
        let slot = self.index_of(sequence);
        if let Some(place) = self.index.get_mut(slot) {
            *place = at.0 as u32;
        }
    }

    fn index_of(&self, sequence: u64) -> usize {
        // The length is a power of two, or zero before the first packet, when nothing is found anyway.
        sequence as usize & self.index.len().wrapping_sub(1)
    }
}
