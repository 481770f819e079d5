//! When the packets of a connection arrived, told to their sender every 50 to 100 ms so that its
//! estimate of the path follows (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::{Duration, Instant};

use super::Verdict;
use super::seen::{Seen, WINDOW};
use crate::rtcp::{
    CompoundWriter, MAX_STATUSES, NoRoom, TICK, TICKS_PER_REFERENCE, TransportFeedbackHeader,
};
use crate::rtp::{SequenceExtender, Ssrc};

/// From the first arrival that is not told to the feedback, while [`BUSY`] or more are waiting: often
/// enough for an estimate to follow a path, and at 50 bytes a report a hundredth of what audio takes.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

/// The same on a quiet connection, where nothing changes fast and each feedback wakes two machines.
pub const LONGEST_INTERVAL: Duration = Duration::from_millis(100);

/// Arrivals in 50 ms that make a connection busy: 4 Mbit/s of video, or audio and 2 Mbit/s.
const BUSY: u32 = 20;

/// Arrivals that do not wait at all: half of what one feedback can tell.
const FULL: u32 = MAX_STATUSES as u32 / 2;

/// How far behind the highest number a late packet is still told: as much as one feedback can tell.
const LATE: u64 = MAX_STATUSES as u64;

/// Packets whose arrival has not been reported, and those missing between them.
///
/// Times are [`TICK`]s since the first packet, in 32 bits: they wrap exactly when the reference
/// time of feedbacks does, 24 bits of 256 ticks. Takes 4.3 KiB.
#[derive(Clone, Debug)]
pub struct TransportArrivals {
    sequences: SequenceExtender,
    start: Option<Instant>,
    seen: Seen,
    /// By sequence number, for those that are seen.
    ticks: Box<[u32]>,
    /// The first number that no feedback has spoken about.
    next: Option<u64>,
    waiting: Option<Waiting>,
    reference_time: u32,
    feedback_count: u8,
    hides_losses: bool,
}

/// Arrivals that no feedback has told.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    arrivals: u32,
}

impl Default for TransportArrivals {
    fn default() -> Self {
        TransportArrivals {
            sequences: SequenceExtender::new(),
            start: None,
            seen: Seen::default(),
            ticks: vec![0; WINDOW as usize].into_boxed_slice(),
            next: None,
            waiting: None,
            reference_time: 0,
            feedback_count: 0,
            hides_losses: false,
        }
    }
}

impl TransportArrivals {
    /// Takes note of a packet with this transport-wide sequence number. Of a duplicate, the first
    /// arrival counts, and only of that the number is returned, made whole. A packet that was told as lost is
    /// told again, with those behind it.
    #[inline]
    pub fn handle_packet(&mut self, now: Instant, sequence: u16) -> Option<u64> {
        let start = *self.start.get_or_insert(now);
        let sequence = self.sequences.extend(sequence);
        let highest = self.sequences.highest().unwrap_or(sequence);
        if highest - sequence >= LATE || self.seen.note(sequence) != Verdict::New {
            return None;
        }
        let ticks = now.saturating_duration_since(start).as_micros() / TICK.as_micros();
        if let Some(place) = self.ticks.get_mut((sequence % WINDOW) as usize) {
            *place = ticks as u32;
        }
        let oldest = (highest + 1).saturating_sub(WINDOW);
        self.next = Some(self.next.map_or(sequence, |next| next.min(sequence)).max(oldest));
        self.waiting.get_or_insert(Waiting { since: now, arrivals: 0 }).arrivals += 1;
        Some(sequence)
    }

    /// The number of a packet, made whole, of which no feedback is to speak.
    pub fn number(&self, sequence: u16) -> u64 {
        self.sequences.peek(sequence)
    }

    /// When feedback is due; a packet that arrives can bring it forward.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting?;
        let interval = match waiting.arrivals {
            FULL.. => Duration::ZERO,
            BUSY.. => SHORTEST_INTERVAL,
            _ => LONGEST_INTERVAL,
        };
        Some(waiting.since + interval)
    }

    /// Whether what is told from now on leaves out the packets that have not come. Browsers send again what they
    /// are told is lost, without being asked.
    pub fn hide_losses(&mut self, hides: bool) {
        self.hides_losses = hides;
    }

    /// Appends feedback on everything that arrived since the last one, if it is due at `now`. When
    /// more arrived than one feedback can say, the deadline stays due.
    ///
    /// # Errors
    /// When `out` has no room; nothing is lost then.
    pub fn write(
        &mut self,
        now: Instant,
        sender: Ssrc,
        media: Ssrc,
        out: &mut CompoundWriter<'_>,
    ) -> Result<(), NoRoom> {
        if self.deadline().is_none_or(|at| now < at) {
            return Ok(());
        }
        let (Some(next), Some(highest)) = (self.next, self.sequences.highest()) else {
            return Ok(());
        };
        let arrived = |sequence: &u64| self.arrival(*sequence).is_some();
        let base = match self.hides_losses {
            true => (next..=highest).find(arrived).unwrap_or(next),
            false => next,
        };
        let mut deltas = [None; MAX_STATUSES];
        let (count, reference_time) = self.deltas(base, highest, &mut deltas);
        let header = TransportFeedbackHeader {
            sender,
            media,
            base_sequence: base as u16,
            reference_time,
            feedback_count: self.feedback_count,
        };
        out.transport_feedback(&header, deltas.get(..count).unwrap_or_default())?;
        self.reference_time = reference_time;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        let next = base + count as u64;
        self.next = Some(next);
        if next > highest {
            self.waiting = None;
        } else if let Some(waiting) = &mut self.waiting {
            waiting.arrivals = FULL;
        }
        Ok(())
    }

    /// Fills in times between arrivals from `base` on; says how many packets they cover and what the
    /// first is relative to, in units of 64 ms. That is the last feedback's when nothing arrived.
    fn deltas(&self, base: u64, highest: u64, deltas: &mut [Option<i16>]) -> (usize, u32) {
        const PER_REFERENCE: u32 = TICKS_PER_REFERENCE as u32;
        let (mut count, mut reference_time, mut last) = (0, self.reference_time, None);
        for (sequence, delta) in (base..=highest).zip(deltas.iter_mut()) {
            if let Some(ticks) = self.arrival(sequence) {
                let before = *last.get_or_insert_with(|| {
                    reference_time = ticks / PER_REFERENCE;
                    reference_time * PER_REFERENCE
                });
                // A time too far from the one before begins the next feedback, with its own reference.
                let Ok(since) = i16::try_from(ticks.wrapping_sub(before) as i32) else { break };
                *delta = Some(since);
                last = Some(ticks);
            } else if self.hides_losses {
                break;
            }
            count += 1;
        }
        (count, reference_time)
    }

    fn arrival(&self, sequence: u64) -> Option<u32> {
        let ticks = self.ticks.get((sequence % WINDOW) as usize)?;
        self.seen.contains(sequence).then_some(*ticks)
    }
}
