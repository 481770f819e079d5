//! The rate that the delay allows: a queue that fills somewhere on the path delays packets before
//! it loses them (draft-ietf-rmcat-gcc-02 section 5, with a trend line for the filter).

mod capacity;
mod inter_arrival;
mod overuse;
mod rate_control;
mod standing;
mod trend;

use std::time::{Duration, Instant};

pub use overuse::Usage;

use super::{Bitrate, Limits};
use inter_arrival::{InterArrival, Timing};
use overuse::Detector;
use rate_control::RateControl;
use standing::StandingQueue;
use trend::Trend;

/// After so long without arrivals, groups say nothing of each other any more.
const INTERRUPTED: Duration = Duration::from_secs(2);

/// What comes through in a fifth of a second is off by a few packets. Where a queue stands and it is less than this
/// part of what usually does, it is another path all the same.
const LESS: f64 = 0.9;

/// Where a queue stands and less than this part of the rate comes through, the rate is too high: it was brought down by
/// what had come through before.
const FAR_BELOW: f64 = 0.75;

/// Of the rate, what comes through of a flow that fills it.
const NEARLY_ALL: f64 = 0.85;

/// The delay-based estimate.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimate {
    inter_arrival: InterArrival,
    trend: Trend,
    detector: Detector,
    standing: StandingQueue,
    control: RateControl,
    last_told: Option<Instant>,
    /// A queue drained since the last update.
    drained: bool,
}

/// What is sent and comes through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Throughput {
    /// Over some time; `None` while that is not known.
    pub(super) usual: Option<Bitrate>,
    /// The most that lately came through for a moment; zero while nothing did.
    pub(super) of_bursts: Bitrate,
    /// In the last fifth of a second, if something came all the time.
    pub(super) latest: Option<Bitrate>,
    /// Mostly clearly less is sent than might be.
    pub(super) is_seldom_full: bool,
}

impl Throughput {
    /// Whether so little comes through now that a queue of this rate would grow and not drain.
    fn is_far_below(self, rate: Bitrate) -> bool {
        self.latest.is_some_and(|latest| latest < rate.scaled(FAR_BELOW))
    }

    /// What came through when there was overuse. Of who mostly has little to send, a burst that filled a queue
    /// says what the path takes; and of who has just begun, nothing else does. But a queue that no packet escapes
    /// lets through all that the path takes; when that is less, it is another path than it was. When it is more
    /// than usual, what is usual has not been enough to fill the path.
    fn when_full(self, stands: bool, rate: Bitrate) -> Option<Bitrate> {
        let is_less =
            |usual: Bitrate| self.latest.is_some_and(|latest| latest < usual.scaled(LESS));
        match self.usual {
            Some(usual) if stands && is_less(usual) => self.latest,
            Some(usual) if !stands && self.is_seldom_full => Some(usual.max(self.of_bursts)),
            Some(usual) if !stands && usual < rate.scaled(NEARLY_ALL) => {
                Some(usual.max(self.of_bursts))
            }
            Some(usual) => Some(usual).max(self.latest),
            None => Some(self.of_bursts).filter(|bursts| *bursts > Bitrate::ZERO),
        }
    }
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
    pub(super) fn capacity(&self, now: Instant) -> Option<Bitrate> {
        self.control.capacity(now)
    }

    /// What is left of the rate when the path is found full again.
    pub(super) fn assured(&self, now: Instant) -> Option<Bitrate> {
        self.control.assured(now)
    }

    /// A probe was slowed down to more than the rate, and is no reason to send more.
    pub(super) fn note_refused(&mut self, now: Instant) {
        self.control.note_refused(now);
    }

    pub(super) fn set_rate(&mut self, now: Instant, rate: Bitrate) {
        self.control.set_rate(now, rate);
    }

    /// Takes note of an arrival that feedback tells of at `now`, in order of arrival.
    pub(super) fn note_arrival(&mut self, now: Instant, sent: Instant, arrived_us: i64) {
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
        now: Instant,
        throughput: Throughput,
        probed: Option<Bitrate>,
    ) -> Found {
        let recovered = std::mem::take(&mut self.drained);
        let usage = self.detector.usage();
        let cannot_drain = throughput.is_far_below(self.control.rate());
        let stands = self.standing.has_to_drain(now, cannot_drain);
        if usage == Usage::Over || stands {
            // A burst of who mostly has little to send fills a queue for a moment, and drains; so does a probe.
            let is_own = throughput.is_seldom_full || self.control.may_be_of_probe(now);
            let may_stay = !is_own && self.standing.may_be_there();
            let is_real = stands || may_stay;
            let reduced =
                is_real && self.reduce(now, throughput.when_full(stands, self.control.rate()));
            if reduced {
                self.standing.note_reduced(now, stands);
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

    /// Answers overuse; before anything is known of what comes through, by half. False when it is
    /// too soon after the last answer.
    fn reduce(&mut self, now: Instant, acknowledged: Option<Bitrate>) -> bool {
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
