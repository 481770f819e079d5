//! The rate that the delay allows: a queue that fills somewhere on the path delays packets before
//! it loses them (draft-ietf-rmcat-gcc-02 section 5, with a trend line for the filter).

mod capacity;
mod inter_arrival;
mod overuse;
mod rate_control;
mod standing;
mod throughput;
mod trend;

use std::time::Duration;

use crate::congestion::moment::Moment;

pub use overuse::Usage;
pub(super) use throughput::Throughput;

use super::{Bitrate, Limits};
use inter_arrival::{InterArrival, Timing};
use overuse::Detector;
use rate_control::RateControl;
use standing::StandingQueue;
use throughput::Queue;
use trend::Trend;

/// After so long without arrivals, groups say nothing of each other any more.
const INTERRUPTED: Duration = Duration::from_secs(2);

/// Who has come so far beyond what a path was lately full of has shown that it takes more now.
const BEYOND_THE_EDGE: f64 = 1.05;

/// The delay-based estimate.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimate {
    inter_arrival: InterArrival,
    trend: Trend,
    detector: Detector,
    standing: StandingQueue,
    control: RateControl,
    last_told: Option<Moment>,
    /// A queue drained since the last update.
    drained: bool,
}

/// What an update found, besides the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// A queue had filled, and has drained.
    pub(super) recovered: bool,
    /// More comes through than the path was thought to take.
    pub(super) outgrew_capacity: bool,
    /// The rate came down for a queue: what comes through is about to change, or has.
    pub(super) reduced: bool,
}

impl DelayEstimate {
    pub(super) fn new(limits: Limits, start: Bitrate) -> DelayEstimate {
        DelayEstimate {
            inter_arrival: InterArrival::default(),
            trend: Trend::default(),
            detector: Detector::new(),
            standing: StandingQueue::new(),
            control: RateControl::new(limits, start),
            last_told: None,
            drained: false,
        }
    }

    pub(super) fn rate(&self) -> Bitrate {
        self.control.rate()
    }

    /// Whether a queue is there that no packet escapes.
    pub(super) fn has_queue(&self) -> bool {
        self.standing.is_there()
    }

    /// How long the luckiest packet of late waits.
    pub(super) fn queue(&self) -> Duration {
        self.standing.length()
    }

    /// How much later than the luckiest packet the average one arrives.
    pub(super) fn shake(&self) -> Duration {
        self.standing.shake()
    }

    pub(super) fn usage(&self) -> Usage {
        self.detector.usage()
    }

    /// Whether the path was ever seen full.
    pub(super) fn seen_full(&self) -> bool {
        self.control.seen_full()
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.control.set_limits(limits);
    }

    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.control.set_round_trip(round_trip);
    }

    /// What came through when the path was full, if that was lately.
    pub(super) fn capacity(&self, now: Moment) -> Option<Bitrate> {
        self.control.capacity(now)
    }

    /// Whether a flow at this rate shows by itself whether the path takes more than what it was lately full of: that is
    /// just reached, and what comes through lets the rate grow beyond it.
    pub(super) fn is_at_edge(&self, now: Moment, rate: Bitrate) -> bool {
        self.capacity(now).is_some_and(|capacity| {
            let beyond = capacity.scaled(BEYOND_THE_EDGE);
            (capacity..beyond).contains(&rate) && self.control.grows_to() >= beyond
        })
    }

    /// What is left of the rate when the path is found full again.
    pub(super) fn assured(&self, now: Moment) -> Option<Bitrate> {
        self.control.assured(now)
    }

    /// What a probe measured is no reason to send more. But where it is more than the rate, or the flow does not fill
    /// that, the queue that it made is its own.
    pub(super) fn note_refused(&mut self, now: Moment, measured: Bitrate, throughput: Throughput) {
        let rate = self.control.rate();
        if measured > rate || !throughput.fills(rate) {
            self.control.note_refused(now);
        }
    }

    /// Lets the rate be no more than what something else has found to be all that the path takes.
    pub(super) fn bound(&mut self, most: Bitrate) {
        self.control.bound(most);
    }

    pub(super) fn set_rate(&mut self, now: Moment, rate: Bitrate) {
        self.control.set_rate(now, rate);
    }

    /// Takes note of an arrival that feedback tells of at `now`, in order of arrival.
    pub(super) fn note_arrival(&mut self, now: Moment, sent: Moment, arrived_us: i64) {
        let interrupted = |at| now.saturating_duration_since(at) > INTERRUPTED;
        if self.last_told.replace(now).is_some_and(interrupted) {
            self.inter_arrival = InterArrival::default();
            self.trend = Trend::default();
            self.detector = Detector::new();
        }
        self.standing.note_arrival(sent, arrived_us);
        let packet = Timing { sent, arrived_us, told: now };
        let Some(deltas) = self.inter_arrival.note(packet) else { return };
        let before = self.detector.usage();
        let slope = self.trend.note(deltas, arrived_us);
        self.detector.note(slope, self.trend.noted(), deltas.sent_ms, arrived_us);
        self.drained |= before == Usage::Under && self.detector.usage() == Usage::Normal;
    }

    /// Once for each feedback, after its arrivals: what comes through, and what a probe measured.
    pub(super) fn update(
        &mut self,
        now: Moment,
        throughput: Throughput,
        probed: Option<Bitrate>,
    ) -> Found {
        let recovered = std::mem::take(&mut self.drained);
        let usage = self.detector.usage();
        if let Some(queue) = self.queue_seen(now, throughput) {
            let rate = self.control.rate();
            let reduced = self.is_real(now, throughput, queue)
                && self.reduce(now, throughput.when_full(queue, rate));
            if reduced {
                self.standing.note_reduced(now, queue == Queue::Stands);
            }
            return Found { reduced, ..Found::default() };
        }
        if let Some(probed) = probed {
            self.control.set_probed(now, probed);
            return Found::default();
        }
        let change = self.control.update(now, usage, throughput.usual);
        Found { recovered, outgrew_capacity: change.outgrew_capacity, reduced: false }
    }

    /// The queue that there is on the path, if any has to be answered.
    fn queue_seen(&mut self, now: Moment, throughput: Throughput) -> Option<Queue> {
        let cannot_drain = throughput.is_far_below(self.control.rate());
        if self.standing.has_to_drain(now, cannot_drain) {
            return Some(Queue::Stands);
        }
        if self.detector.usage() != Usage::Over {
            return None;
        }
        // What has just come down may have come down too little.
        let reduced = self.standing.has_just_reduced(now).then(|| self.control.rate());
        let most = throughput.usual.max(reduced);
        let is_cut = most.is_some_and(|rate| throughput.has_shrunk_far_below(rate));
        Some(if is_cut && self.standing.grows_fast() { Queue::IsOfCut } else { Queue::Grows })
    }

    /// Whether a queue will not drain by itself, as that of a burst does, and that of a probe.
    fn is_real(&self, now: Moment, throughput: Throughput, queue: Queue) -> bool {
        let is_own =
            throughput.leaves_room(self.control.rate()) || self.control.may_be_of_probe(now);
        queue != Queue::Grows || !is_own && self.standing.may_be_there()
    }

    /// Answers overuse; before anything is known of what comes through, by half. False when it is
    /// too soon after the last answer.
    fn reduce(&mut self, now: Moment, acknowledged: Option<Bitrate>) -> bool {
        if !self.control.may_reduce(now, acknowledged) {
            return false;
        }
        if acknowledged.is_some() {
            self.control.update(now, Usage::Over, acknowledged);
        } else {
            self.control.set_rate(now, self.control.rate().scaled(0.5));
        }
        true
    }
}

#[cfg(test)]
mod tests;
