//! From transport-wide feedback to what became of each packet
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use std::time::Duration;

use arrayvec::ArrayVec;

use super::history::{Acknowledged, History};
use super::moment::Moment;
use crate::rtcp::{Statuses, TICK, TICKS_PER_REFERENCE, TransportFeedback};

/// Packets that are looked at together, in the order they arrived: what 10 Mbit/s send between two
/// feedbacks 100 ms apart. They take some KiB on the stack, of which only what is used is touched.
const BATCH: usize = 128;

/// Bits of the reference time on the wire.
const REFERENCE_BITS: u32 = 24;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has not arrived so far.
    Lost,
    /// It arrived, microseconds after a moment that only the receiver knows.
    Arrived { at_us: i64 },
}

/// A packet and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketResult {
    pub(super) packet: Acknowledged,
    pub(super) outcome: Outcome,
}

impl PacketResult {
    /// Orders by arrival, the lost before all.
    fn order(&self) -> (Option<i64>, u64) {
        let arrival = match self.outcome {
            Outcome::Lost => None,
            Outcome::Arrived { at_us } => Some(at_us),
        };
        (arrival, self.packet.sequence)
    }
}

/// Some of the packets of one feedback: the lost, then the arrived in order of arrival.
#[derive(Default)]
pub(super) struct Batch(ArrayVec<PacketResult, BATCH>);

impl Batch {
    pub(super) fn results(&self) -> impl Iterator<Item = &PacketResult> {
        self.0.iter()
    }

    /// The time to the receiver and back, without what its feedback waited there.
    pub(super) fn round_trip(&self, now: Moment) -> Option<Duration> {
        let arrivals = || {
            self.results().filter_map(|result| match result.outcome {
                Outcome::Lost => None,
                Outcome::Arrived { at_us } => Some((result.packet.sent, at_us)),
            })
        };
        let last_us = arrivals().map(|(_, at_us)| at_us).max()?;
        let round_trips = arrivals().map(|(sent, at_us)| {
            let waited = Duration::from_micros((last_us - at_us).unsigned_abs());
            now.saturating_duration_since(sent).saturating_sub(waited)
        });
        round_trips.min()
    }
}

/// Gives feedbacks one clock that does not wrap.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedbackReader {
    /// The reference time of the last feedback, unwrapped.
    reference: Option<i64>,
}

impl FeedbackReader {
    /// Reads one feedback, which may be late: its times are placed next to those of the last.
    pub(super) fn read<'a>(&mut self, feedback: &TransportFeedback<'a>) -> Unread<'a> {
        let wire = i64::from(feedback.header.reference_time);
        let reference = match self.reference {
            None => wire,
            Some(last) => {
                const UNUSED: u32 = i64::BITS - REFERENCE_BITS;
                last.saturating_add(wire.wrapping_sub(last) << UNUSED >> UNUSED)
            }
        };
        self.reference = Some(reference);
        let offset = reference.saturating_sub(wire).saturating_mul(TICKS_PER_REFERENCE);
        Unread { statuses: feedback.statuses(), offset }
    }
}

/// What is still to be read of a feedback.
pub(super) struct Unread<'a> {
    statuses: Statuses<'a>,
    /// Ticks that unwrapping adds.
    offset: i64,
}

impl Unread<'_> {
    /// Fills `batch` with the next packets of which something new is said; false when there are none.
    pub(super) fn fill(&mut self, batch: &mut Batch, history: &mut History) -> bool {
        let Batch(results) = batch;
        results.clear();
        let offset = self.offset;
        let news = self.statuses.by_ref().filter_map(|(sequence, ticks)| {
            let packet = history.note_fate(sequence, ticks.is_some())?;
            let outcome = match ticks {
                None => Outcome::Lost,
                Some(ticks) => Outcome::Arrived { at_us: micros(ticks.saturating_add(offset)) },
            };
            Some(PacketResult { packet, outcome })
        });
        results.extend(news.take(BATCH));
        if !results.is_sorted_by_key(PacketResult::order) {
            results.sort_unstable_by_key(PacketResult::order);
        }
        !results.is_empty()
    }
}

fn micros(ticks: i64) -> i64 {
    ticks.saturating_mul(TICK.as_micros() as i64)
}

#[cfg(test)]
mod tests;
