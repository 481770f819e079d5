//! Which stretch of which source became which stretch of the outgoing stream.

use std::collections::VecDeque;
use std::ops::Range;

use super::Outgoing;
use super::highest::Highest;
use super::numbers::Translation;
use crate::id::LayerId;
use crate::ring::Facts;

/// Most stretches that are remembered. A stretch ends with each frame that is dropped by choice and with
/// each switch: at 60 frames a second with every other one dropped, this is two seconds, as long as
/// anyone asks for a retransmission.
pub const MAX_RUNS: usize = 64;

/// A stretch of consecutive source packets that became consecutive outgoing packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) layer: LayerId,
    from: u64,
    /// Behind its last packet; [`OPEN`] for the stretch that is growing.
    end: u64,
    outgoing_from: u64,
    pub(super) translation: Translation,
    /// The layers that went out of it.
    pub(super) highest: Highest,
}

const OPEN: u64 = u64::MAX;

impl Run {
    pub(super) fn new(
        layer: LayerId,
        from: u64,
        outgoing_from: u64,
        translation: Translation,
        highest: Highest,
    ) -> Run {
        Run { layer, from, end: OPEN, outgoing_from, translation, highest }
    }

    pub(super) fn is_open(&self) -> bool {
        self.end == OPEN
    }

    /// The outgoing number of a source packet that is not before the run.
    pub(super) fn outgoing_of(&self, sequence: u64) -> u64 {
        self.outgoing_from + (sequence - self.from)
    }

    pub(super) fn source_of(&self, outgoing: u64) -> Option<u64> {
        let sequence = self.from + outgoing.checked_sub(self.outgoing_from)?;
        (sequence < self.end).then_some(sequence)
    }

    pub(super) fn rewrite(&self, sequence: u64, facts: &Facts) -> Outgoing {
        Outgoing {
            sequence,
            timestamp: facts.timestamp.wrapping_add(self.translation.timestamp),
            numbers: self.translation.apply(&facts.numbers),
            marker: self.highest.ends_picture(facts),
            template_shift: self.translation.template,
            highest: self.highest,
        }
    }
}

/// The newest [`MAX_RUNS`] runs, oldest first. Outgoing numbers never fall from one to the next. Only
/// the last may be open.
#[derive(Debug, Default)]
pub(super) struct History {
    runs: VecDeque<Run>,
}

impl History {
    pub(super) fn newest(&self) -> Option<Run> {
        self.runs.back().copied()
    }

    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.runs.back().map_or(0, |run| run.outgoing_from ^ run.end)
    }

    /// Begins a run.
    pub(super) fn open(&mut self, run: Run) {
        if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
    }

    /// Ends the open run in front of source packet `end`.
    pub(super) fn close(&mut self, end: u64) {
        if let Some(run) = self.runs.back_mut()
            && run.is_open()
        {
            run.end = end.max(run.from);
        }
    }

    /// Leaves `skipped`, which lies at or behind the start of the open run, without outgoing numbers.
    pub(super) fn skip(&mut self, skipped: Range<u64>) {
        self.split(skipped.start);
        if let Some(run) = self.runs.back_mut() {
            run.from = skipped.end;
        }
    }

    /// Lets a run of its own begin with source packet `from`, so that its translation can change.
    pub(super) fn split(&mut self, from: u64) {
        let Some(run) = self.runs.back_mut().filter(|run| run.from < from) else { return };
        let rest = Run { from, outgoing_from: run.outgoing_of(from), ..*run };
        run.end = from;
        self.open(rest);
    }

    /// Changes the translation of the open run.
    pub(super) fn adjust(&mut self, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.back_mut() {
            change(run);
        }
    }

    /// The outgoing number that source packet `next`, not yet seen, would get.
    pub(super) fn outgoing_of_next(&self, next: u64) -> u64 {
        self.runs.back().map_or(0, |run| run.outgoing_of(next))
    }

    /// The run in which a source packet has its place.
    pub(super) fn of_source(&self, layer: LayerId, sequence: u64) -> Option<Run> {
        let holds = |run: &&Run| run.layer == layer && (run.from..run.end).contains(&sequence);
        self.runs.iter().rev().find(holds).copied()
    }

    /// The run in which an outgoing packet has its place.
    pub(super) fn of_outgoing(&self, outgoing: u64) -> Option<Run> {
        let at = self.runs.partition_point(|run| run.outgoing_from <= outgoing);
        self.runs.get(at.checked_sub(1)?).copied()
    }

    /// Behind the newest source packet of `layer` that has had a place.
    pub(super) fn newest_end(&self, layer: LayerId) -> Option<u64> {
        self.runs.iter().rev().find(|run| run.layer == layer).map(|run| run.end)
    }
}
