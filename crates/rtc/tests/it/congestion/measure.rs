//! What a simulation showed, in numbers.

use std::ops::Range;

use parlor_rtc::congestion::Stats;

use super::world::{Trace, World};

/// A simulation that is over.
pub(super) struct Outcome {
    world: World,
}

impl Outcome {
    pub(super) fn new(world: World) -> Outcome {
        Outcome { world }
    }

    fn within(&self, seconds: Range<f64>) -> impl Iterator<Item = &Trace> {
        self.world
            .traces
            .iter()
            .filter(move |trace| seconds.contains(&(trace.sent_us as f64 / 1e6)))
    }

    pub(super) fn arrived_kbps(&self, seconds: Range<f64>, counts: impl Fn(&Trace) -> bool) -> f64 {
        let length = seconds.end - seconds.start;
        let arrived = self.within(seconds).filter(|trace| trace.arrived && counts(trace));
        arrived.map(|trace| trace.bytes as f64).sum::<f64>() * 8e-3 / length
    }

    /// Of the bottleneck's capacity, what came through in these seconds, in per cent.
    pub(super) fn used(&self, seconds: Range<f64>) -> f64 {
        let mid_us = (seconds.start + seconds.end) / 2.0 * 1e6;
        let capacity = self.world.conditions().kbps_at(mid_us as u64) as f64;
        self.arrived_kbps(seconds, |_| true) / capacity * 100.0
    }

    /// The longest that 95 of 100 packets waited in the queue, in milliseconds.
    pub(super) fn queue_p95(&self, seconds: Range<f64>) -> f64 {
        let passed = self.within(seconds).filter(|trace| !trace.dropped);
        let mut waits: Vec<u64> = passed.map(|trace| trace.queued_us).collect();
        waits.sort_unstable();
        waits.get(waits.len() * 95 / 100).map_or(0.0, |&us| us as f64 / 1e3)
    }

    /// Packets that the full queue dropped, in per cent.
    pub(super) fn dropped(&self, seconds: Range<f64>) -> f64 {
        let (mut all, mut dropped) = (0, 0);
        for trace in self.within(seconds) {
            all += 1;
            dropped += u32::from(trace.dropped);
        }
        f64::from(dropped) * 100.0 / f64::from(all)
    }

    /// Seconds from `from` until the first flow's target is so high.
    pub(super) fn reaches(&self, from: f64, kbps: u64) -> Option<f64> {
        let later = self.world.targets.iter().filter(|sample| sample.at_us as f64 >= from * 1e6);
        let at = later.clone().find(|sample| sample.flow == 0 && sample.kbps >= kbps)?;
        Some(at.at_us as f64 / 1e6 - from)
    }

    /// The first flow's target after so many seconds, in kbit/s.
    pub(super) fn target(&self, second: f64) -> u64 {
        let until = self
            .world
            .targets
            .iter()
            .rfind(|sample| sample.flow == 0 && sample.at_us as f64 <= second * 1e6);
        until.map_or(0, |sample| sample.kbps)
    }

    /// How fairly flows share (Jain's index): 1 when each gets the same.
    pub(super) fn fairness(&self, flows: usize, seconds: Range<f64>) -> f64 {
        let rates =
            (0..flows).map(|flow| self.arrived_kbps(seconds.clone(), |trace| trace.flow == flow));
        let (sum, squares) =
            rates.fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
        sum * sum / (flows as f64 * squares)
    }

    pub(super) fn stats(&self) -> Stats {
        self.world.stats(0)
    }
}
