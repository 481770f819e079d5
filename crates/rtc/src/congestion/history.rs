//! What was sent when: the last seconds of a connection, by transport-wide sequence number.

use std::time::Duration;

use super::moment::Moment;
use super::probe::ClusterId;
use crate::rtp::SequenceExtender;

/// Packets that a new history has room for: a second of audio and a small picture, in 1 KiB.
const SMALLEST: usize = 128;

/// Packets that it ever has room for, in 32 KiB: [`WORTH_ROOM`] of 20 Mbit/s.
const LARGEST: usize = 4_096;

/// Younger packets are worth growing for: feedback that takes longer comes from a path that is dead
/// or so congested that it is slowed down for its silence alone.
const WORTH_ROOM: Duration = Duration::from_secs(2);

/// Older packets are forgotten even where there is room. No feedback on them comes any more, and
/// times that are 32 bits of microseconds stay unambiguous.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// One packet, in eight bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When it was sent: the low bits of its microseconds.
    sent_us: u32,
    bytes: u16,
    cluster: Option<ClusterId>,
    fate: Fate,
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Its number was passed over.
    Unsent,
    InFlight,
    /// Said to be missing; it can still arrive.
    Lost,
    Arrived,
}

impl Entry {
    const UNSENT: Entry = Entry { sent_us: 0, bytes: 0, cluster: None, fate: Fate::Unsent };
}

/// A packet of which something new is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) sequence: u64,
    pub(super) sent: Moment,
    pub(super) bytes: u16,
    pub(super) cluster: Option<ClusterId>,
    /// It arrived although it had been called lost.
    pub(super) was_lost: bool,
}

/// A ring of the packets that feedback may still come for.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// When the last packet was sent, in microseconds.
    latest_us: u64,
    sequences: SequenceExtender,
    /// Those that are kept: from here on, up to but without `next`.
    oldest: u64,
    next: u64,
    /// By sequence number, modulo its length, which is a power of two.
    entries: Box<[Entry]>,
}

impl History {
    pub(super) fn new() -> History {
        History {
            latest_us: 0,
            sequences: SequenceExtender::new(),
            oldest: 0,
            next: 0,
            entries: vec![Entry::UNSENT; SMALLEST].into_boxed_slice(),
        }
    }

    /// Reads what the next packet that is sent will write.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        let of = |sequence: u64| self.entries.get(sequence as usize & (self.entries.len() - 1));
        let sent_us = |entry: &Entry| u64::from(entry.sent_us);
        of(self.next).map_or(0, sent_us) ^ of(self.oldest).map_or(0, sent_us)
    }

    /// Takes note of a packet that is sent, in the order of their numbers.
    #[inline]
    pub(super) fn note_sent(
        &mut self,
        now: Moment,
        sequence: u16,
        bytes: usize,
        cluster: Option<ClusterId>,
    ) {
        let sequence = self.sequences.extend(sequence);
        if sequence < self.next {
            return;
        }
        self.latest_us = self.latest_us.max(now.micros());
        self.skip_to(sequence);
        self.make_room();
        self.next = sequence + 1;
        let entry = Entry {
            sent_us: self.latest_us as u32,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            cluster,
            fate: Fate::InFlight,
        };
        if let Some(place) = self.entry(sequence) {
            *place = entry;
        }
    }

    /// Takes note of a packet's fate; `None` when that says nothing new of a packet that is known.
    #[inline]
    pub(super) fn note_fate(&mut self, sequence: u16, arrived: bool) -> Option<Acknowledged> {
        let newest = self.next.checked_sub(1)?;
        // Feedback speaks of the past only: what seems ahead is nearly a whole circle behind.
        let behind = u64::from((newest as u16).wrapping_sub(sequence));
        let sequence = newest.checked_sub(behind).filter(|&n| n >= self.oldest)?;
        let latest_us = self.latest_us;
        let entry = self.entry(sequence)?;
        let was_lost = entry.fate == Fate::Lost;
        match entry.fate {
            Fate::InFlight => {}
            Fate::Lost if arrived => {}
            Fate::Unsent | Fate::Lost | Fate::Arrived => return None,
        }
        entry.fate = if arrived { Fate::Arrived } else { Fate::Lost };
        let age_us = (latest_us as u32).wrapping_sub(entry.sent_us);
        let sent_us = latest_us.saturating_sub(u64::from(age_us));
        let sent = Moment::of_micros(sent_us);
        Some(Acknowledged { sequence, sent, bytes: entry.bytes, cluster: entry.cluster, was_lost })
    }

    fn entry(&mut self, sequence: u64) -> Option<&mut Entry> {
        let mask = self.entries.len() - 1;
        self.entries.get_mut(sequence as usize & mask)
    }

    /// Marks the numbers that were passed over; where they are many, all that was is forgotten.
    fn skip_to(&mut self, sequence: u64) {
        if sequence - self.next >= self.entries.len() as u64 {
            self.oldest = sequence;
            self.next = sequence;
        }
        while self.next < sequence {
            self.make_room();
            let (next, sent_us) = (self.next, self.latest_us as u32);
            if let Some(place) = self.entry(next) {
                *place = Entry { sent_us, ..Entry::UNSENT };
            }
            self.next += 1;
        }
    }

    /// Forgets the old; grows for the young.
    #[inline]
    fn make_room(&mut self) {
        while self.oldest < self.next && self.age_of_oldest() > FORGOTTEN {
            self.oldest += 1;
        }
        let len = self.entries.len();
        if self.next - self.oldest < len as u64 {
            return;
        }
        if len < LARGEST && self.age_of_oldest() < WORTH_ROOM {
            self.grow();
        } else {
            self.oldest += 1;
        }
    }

    fn age_of_oldest(&mut self) -> Duration {
        let latest_us = self.latest_us as u32;
        let oldest = self.oldest;
        let sent_us = self.entry(oldest).map_or(latest_us, |entry| entry.sent_us);
        Duration::from_micros(u64::from(latest_us.wrapping_sub(sent_us)))
    }

    /// Happens a handful of times in the life of a connection.
    #[cold]
    fn grow(&mut self) {
        let mut larger = vec![Entry::UNSENT; self.entries.len() * 2].into_boxed_slice();
        let mask = larger.len() - 1;
        for sequence in self.oldest..self.next {
            let kept = self.entry(sequence).copied();
            if let (Some(kept), Some(place)) = (kept, larger.get_mut(sequence as usize & mask)) {
                *place = kept;
            }
        }
        self.entries = larger;
    }
}

#[cfg(test)]
mod tests;
