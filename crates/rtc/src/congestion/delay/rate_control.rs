//! The rate that the delay allows: up while the path is not full, down to what came through when it
//! is (draft-ietf-rmcat-gcc-02 section 5.5).

use std::time::Duration;

use super::capacity::Capacity;
use super::overuse::Usage;
use crate::congestion::moment::Moment;
use crate::congestion::{Bitrate, Limits};

/// Of the throughput, what is sent after overuse: the queue has to drain.
const BACK_OFF: f64 = 0.85;

/// Growth per second while no capacity is known.
const GROWTH: f64 = 1.08;

/// The least step of such growth, so that the lowest rates grow too.
const LEAST_GROWTH: Bitrate = Bitrate::from_bps(1_000);

/// How far the rate gets ahead of what comes through: an untested rate says nothing.
const AHEAD: f64 = 1.5;
const AHEAD_AT_LEAST: Bitrate = Bitrate::from_kbps(10);

/// Near the capacity, a packet more is sent each time the path had time to show its effect: two
/// round trips, and twice what the detector needs.
const DETECTION: Duration = Duration::from_millis(100);
const PACKET_BYTES: f64 = 1_200.0;
const PICTURES_PER_SECOND: f64 = 30.0;
const LEAST_ADDED_BPS_PER_SECOND: f64 = 4_000.0;

/// Bounds of the pause between two reductions, which is a round trip.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// For so long after a probe, what it measured is what comes through at least, since the flow that
/// follows it takes this time to show in what is acknowledged. Overuse is answered once by it.
const PROBE_IS_FRESH: Duration = Duration::from_millis(700);

/// A probe's queue has drained, and the trend that it made is over.
const PROBE_DRAINS: Duration = Duration::from_millis(400);

/// What a round trip is taken for before one is known.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(200);

/// Additive and multiplicative increase, multiplicative decrease.
#[derive(Clone, Debug)]
pub(super) struct RateControl {
    limits: Limits,
    rate: Bitrate,
    throughput: Bitrate,
    capacity: Capacity,
    seen_full: bool,
    /// After a reduction the rate stays until the queue has drained.
    holds: bool,
    changed: Option<Moment>,
    reduced: Option<Moment>,
    probed: Option<Probed>,
    /// When a probe was last refused whose queue is its own.
    refused: Option<Moment>,
    round_trip: Duration,
}

/// What a probe measured.
#[derive(Clone, Copy, Debug)]
struct Probed {
    at: Moment,
    rate: Bitrate,
    /// There was overuse since, which was answered by it.
    is_used: bool,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// More comes through than the capacity was thought to be.
    pub(super) outgrew_capacity: bool,
}

impl RateControl {
    pub(super) fn new(limits: Limits, start: Bitrate) -> RateControl {
        RateControl {
            limits,
            rate: limits.clamp(start),
            throughput: start,
            capacity: Capacity::new(),
            seen_full: false,
            holds: true,
            changed: None,
            reduced: None,
            probed: None,
            refused: None,
            round_trip: FIRST_ROUND_TRIP,
        }
    }

    pub(super) fn rate(&self) -> Bitrate {
        self.rate
    }

    /// Whether the path was ever seen full.
    pub(super) fn seen_full(&self) -> bool {
        self.seen_full
    }

    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.rate = limits.clamp(self.rate);
    }

    /// Goes to a rate that something else has found.
    pub(super) fn set_rate(&mut self, now: Moment, rate: Bitrate) {
        let before = std::mem::replace(&mut self.rate, self.limits.clamp(rate));
        self.changed = Some(now);
        self.reduced = if self.rate < before { Some(now) } else { self.reduced };
    }

    /// Lets the rate be no more than that.
    pub(super) fn bound(&mut self, most: Bitrate) {
        self.rate = self.limits.clamp(self.rate.min(most));
    }

    /// Goes to the rate that a probe has measured.
    pub(super) fn set_probed(&mut self, now: Moment, rate: Bitrate) {
        self.set_rate(now, rate);
        self.capacity.note_probed(rate);
        self.probed = Some(Probed { at: now, rate: self.rate, is_used: false });
    }

    /// A probe was refused: the queue that it made is its own, and no reason to go down.
    pub(super) fn note_refused(&mut self, now: Moment) {
        self.refused = Some(now);
    }

    /// What came through when the path was full, if that was lately.
    pub(super) fn capacity(&self, now: Moment) -> Option<Bitrate> {
        self.capacity.seen_lately(now)
    }

    /// What is left of the rate when the path is found full again.
    pub(super) fn assured(&self, now: Moment) -> Option<Bitrate> {
        self.capacity(now).map(|capacity| capacity.scaled(BACK_OFF))
    }

    /// Whether a queue that has just been seen is a probe's.
    pub(super) fn may_be_of_probe(&self, now: Moment) -> bool {
        self.refused.is_some_and(|at| now.saturating_duration_since(at) < PROBE_DRAINS)
    }

    /// What comes through, given what is acknowledged.
    fn throughput(&self, now: Moment, acknowledged: Bitrate) -> Bitrate {
        self.fresh_probe(now).map_or(acknowledged, |probed| acknowledged.max(probed.rate))
    }

    fn fresh_probe(&self, now: Moment) -> Option<Probed> {
        self.probed.filter(|probed| now.saturating_duration_since(probed.at) < PROBE_IS_FRESH)
    }

    /// Whether overuse is to be answered again: a round trip after the last reduction, or at once when
    /// less than half comes through.
    pub(super) fn may_reduce(&self, now: Moment, acknowledged: Option<Bitrate>) -> bool {
        if self.fresh_probe(now).is_some_and(|probed| probed.is_used) {
            return false;
        }
        let pause = self.round_trip.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let is_grave = |rate| self.throughput(now, rate) < self.rate.scaled(0.5);
        self.reduced.is_none_or(|at| now.saturating_duration_since(at) >= pause)
            || acknowledged.is_some_and(is_grave)
    }

    pub(super) fn update(
        &mut self,
        now: Moment,
        usage: Usage,
        throughput: Option<Bitrate>,
    ) -> Change {
        self.throughput = throughput.unwrap_or(self.throughput);
        match usage {
            Usage::Over => {
                self.throughput = self.throughput(now, self.throughput);
                self.decrease(now);
                Change::default()
            }
            Usage::Under => {
                self.holds = true;
                Change::default()
            }
            Usage::Normal => {
                if self.holds {
                    self.holds = false;
                    self.changed = Some(now);
                }
                self.increase(now)
            }
        }
    }

    /// How far the rate grows by itself on what comes through now.
    pub(super) fn grows_to(&self) -> Bitrate {
        self.throughput.scaled(AHEAD).plus(AHEAD_AT_LEAST)
    }

    fn increase(&mut self, now: Moment) -> Change {
        let outgrew_capacity = self.capacity.outgrown_by(now, self.throughput);
        let limit = self.grows_to();
        if self.rate < limit {
            let passed =
                self.changed.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            let step = match self.capacity.estimate() {
                Some(_) => self.added_per_second().scaled(passed.as_secs_f64()),
                None => self.growth(passed),
            };
            self.rate = self.limits.clamp(self.rate.plus(step).min(limit));
        }
        self.changed = Some(now);
        Change { outgrew_capacity }
    }

    fn growth(&self, passed: Duration) -> Bitrate {
        let factor = GROWTH.powf(passed.as_secs_f64().min(1.0));
        self.rate.scaled(factor - 1.0).max(LEAST_GROWTH)
    }

    /// The average packet of a picture, per response time of the path.
    fn added_per_second(&self) -> Bitrate {
        let picture = self.rate.as_f64() / 8.0 / PICTURES_PER_SECOND;
        let packets = (picture / PACKET_BYTES).ceil().max(1.0);
        let response = 2.0 * (self.round_trip + DETECTION).as_secs_f64();
        let added = picture / packets * 8.0 / response;
        Bitrate::from_f64(added.max(LEAST_ADDED_BPS_PER_SECOND))
    }

    fn decrease(&mut self, now: Moment) {
        let mut lower = self.throughput.scaled(BACK_OFF);
        // More than the rate came through: what was in the queue, or what had been sent before.
        if lower > self.rate
            && let Some(capacity) = self.capacity.estimate()
        {
            lower = capacity.scaled(BACK_OFF);
        }
        self.rate = self.limits.clamp(lower.min(self.rate));
        self.capacity.note_full(now, self.throughput);
        self.seen_full = true;
        self.holds = true;
        self.changed = Some(now);
        self.reduced = Some(now);
        if let Some(probed) = &mut self.probed {
            probed.is_used = true;
        }
    }
}

#[cfg(test)]
mod tests;
