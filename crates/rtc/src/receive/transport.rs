//! When the packets of a connection arrived, for transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::{Duration, Instant};

use crate::rtcp::{
    CompoundWriter, MAX_STATUSES, NoRoom, TICK, TICKS_PER_REFERENCE, TransportFeedbackHeader,
};
use crate::rtp::{SequenceExtender, Ssrc};

/// Arrivals that are remembered, a power of two: more than arrive between two reports at the highest
/// rate that one peer sends.
const WINDOW: u64 = 2048;

/// Feedback is sent this often while packets arrive: half a round trip on most links, and at 50 bytes
/// a report a hundredth of what audio takes.
const INTERVAL: Duration = Duration::from_millis(50);

/// Packets whose arrival has not been reported, and those missing between them.
#[derive(Clone, Debug)]
pub struct TransportArrivals {
    sequences: SequenceExtender,
    start: Option<Instant>,
    /// Ticks since `start`, by sequence number; 0 is not arrived.
    arrivals: Box<[u64]>,
    /// The first number that no feedback has spoken about.
    next: Option<u64>,
    feedback_count: u8,
    send_at: Option<Instant>,
}

impl Default for TransportArrivals {
    fn default() -> Self {
        TransportArrivals {
            sequences: SequenceExtender::new(),
            start: None,
            arrivals: vec![0; WINDOW as usize].into_boxed_slice(),
            next: None,
            feedback_count: 0,
            send_at: None,
        }
    }
}

impl TransportArrivals {
    /// Takes note of a packet with this transport-wide sequence number.
    #[inline]
    pub fn handle_packet(&mut self, now: Instant, sequence: u16) {
        let start = *self.start.get_or_insert(now);
        let before = self.sequences.highest();
        let sequence = self.sequences.extend(sequence);
        let highest = before.map_or(sequence, |highest| highest.max(sequence));
        if highest - sequence >= WINDOW {
            return;
        }
        self.forget_places_between(before, sequence);
        // One more than the ticks that passed, so that 0 can stand for "not arrived".
        let ticks =
            (now.saturating_duration_since(start).as_micros() / TICK.as_micros()) as u64 + 1;
        let arrival = self.place(sequence);
        if *arrival == 0 {
            *arrival = ticks;
        }
        // A packet that comes after it was reported lost is reported again, as arrived.
        self.next = Some(self.next.map_or(sequence, |next| next.min(sequence)));
        self.send_at.get_or_insert(now + INTERVAL);
    }

    /// When feedback is due.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.send_at
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
        if self.send_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        let (Some(first), Some(highest)) = (self.next, self.sequences.highest()) else {
            return Ok(());
        };
        let base = first.max((highest + 1).saturating_sub(WINDOW));
        let mut deltas = [None; MAX_STATUSES];
        let (count, reference) = self.deltas(base, highest, &mut deltas);
        let header = TransportFeedbackHeader {
            sender,
            media,
            base_sequence: base as u16,
            reference_time: (reference & 0xff_ffff) as u32,
            feedback_count: self.feedback_count,
        };
        out.transport_feedback(&header, deltas.get(..count).unwrap_or_default())?;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        let end = base + count as u64;
        self.next = Some(end);
        if end > highest {
            self.send_at = None;
        }
        Ok(())
    }

    /// Fills in times between arrivals from `base` on; says how many packets they cover and what the
    /// first is relative to, in units of 64 ms.
    fn deltas(&self, base: u64, highest: u64, deltas: &mut [Option<i16>]) -> (usize, u64) {
        let per_reference = TICKS_PER_REFERENCE as u64;
        let first =
            (base..=highest).map(|sequence| self.arrival(sequence)).find(|&ticks| ticks != 0);
        let reference = first.unwrap_or(0) / per_reference;
        let mut last = (reference * per_reference) as i64;
        let mut count = 0;
        for (sequence, delta) in (base..=highest).zip(deltas.iter_mut()) {
            let ticks = self.arrival(sequence) as i64;
            if ticks != 0 {
                // A time too far from the one before begins the next feedback, with its own reference.
                let Ok(since) = i16::try_from(ticks - last) else { break };
                *delta = Some(since);
                last = ticks;
            }
            count += 1;
        }
        (count, reference)
    }

    fn forget_places_between(&mut self, before: Option<u64>, sequence: u64) {
        let Some(highest) = before else { return };
        let first = (highest + 1).max((sequence + 1).saturating_sub(WINDOW));
        for skipped in first..=sequence {
            *self.place(skipped) = 0;
        }
    }

    fn place(&mut self, sequence: u64) -> &mut u64 {
        &mut self.arrivals[(sequence % WINDOW) as usize]
    }

    fn arrival(&self, sequence: u64) -> u64 {
        self.arrivals.get((sequence % WINDOW) as usize).copied().unwrap_or(0)
    }
}
