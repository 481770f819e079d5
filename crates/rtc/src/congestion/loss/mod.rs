//! The rate that loss allows: the most likely model of the path, given what was sent and lost.
//!
//! Loss that does not depend on the rate, as on a radio link, is the path's own and slows nothing
//! down; loss that begins above some rate is congestion. The constants are libwebrtc's defaults.

mod channel;
mod observations;
mod recovery;

use std::time::Duration;

use super::feedback::PacketResult;
use super::{Bitrate, Limits};
use crate::congestion::moment::Moment;
use channel::Channel;
use observations::Observations;
use recovery::{GrowthLimit, Hold, PaddedSince};

/// Observations before the estimate is used.
const ENOUGH: u64 = 3;

/// The inherent loss of a path that nothing is known of.
const FIRST_INHERENT_LOSS: f64 = 0.01;

/// Bandwidths that are tried with each observation, beside what comes through and what delay allows.
const FACTORS: [f64; 3] = [1.02, 1.0, 0.95];
const CANDIDATES: usize = FACTORS.len() + 2;

/// While loss limits the rate, it grows at most by this in so much time.
const GROWTH: f64 = 1.3;
const GROWTH_WINDOW: Duration = Duration::from_millis(300);

/// While it grows, how far it may be ahead of what comes through: far, or less far when less than
/// [`NEAR_HOLD`] times the rate comes through at which loss was last met.
const AHEAD: f64 = 1.5;
const AHEAD_NEAR_HOLD: f64 = 1.2;
const NEAR_HOLD: f64 = 1.3;

/// The average loss caps the rate at once when it is above this: 100 kbit/s over what is beyond it.
const TOLERATED: f64 = 0.05;
const CAP_BALANCE: Bitrate = Bitrate::from_kbps(100);

/// How long padding goes on to find out whether the path takes more, without the rate growing.
const PADDING: Duration = Duration::from_secs(2);

/// After so many observations without any, loss may be over: a probe shows it.
const OVER: usize = 6;

/// A rate that a flow does not hold down to this part of it was no rate of the path.
const REFUTED_BELOW: f64 = 0.7;

/// What is lost in so many observations in which the application sent little is not lost for the rate's sake.
const OF_LITTLE: usize = 3;

/// What was ended by a probe and comes back sooner is of a path that lets bursts pass and then drops what is beyond its
/// rate, without a queue: only time shows what that takes.
const COMES_BACK: Duration = Duration::from_secs(20);

/// What limits the rate, as far as loss is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossState {
    /// Loss does not.
    #[default]
    Unlimited,
    /// Loss does, and the rate falls or stays.
    Limited,
    /// Loss did; the rate grows again, with padding where the application sends too little.
    Recovering,
}

/// The loss-based estimate.
#[derive(Clone, Debug)]
pub(super) struct LossEstimate {
    limits: Limits,
    seen: Observations,
    average_loss: f64,
    model: Channel,
    rate: Bitrate,
    state: LossState,
    acknowledged: Option<Bitrate>,
    hold: Hold,
    padded: Option<PaddedSince>,
    growth: Option<GrowthLimit>,
    /// When a probe last ended what loss had limited.
    ended: Option<Moment>,
    /// The latest observations in which the application sent little, since loss has limited or a probe was believed.
    of_little: usize,
    /// When a probe last raised the rate although loss limited it, and to what.
    raised: Option<(Moment, Bitrate)>,
    /// When what flowed at such a rate was lost.
    refuted: Option<Moment>,
}

/// What an update decides by.
#[derive(Clone, Copy, Debug)]
struct Situation {
    /// When the last packet of the last observation was sent.
    sent_until: Moment,
    /// What delay allows.
    delay_rate: Bitrate,
    in_alr: bool,
}

impl LossEstimate {
    pub(super) fn new(limits: Limits, start: Bitrate) -> LossEstimate {
        LossEstimate {
            limits,
            seen: Observations::default(),
            average_loss: 0.0,
            model: Channel { inherent_loss: FIRST_INHERENT_LOSS, bandwidth: start },
            rate: start,
            state: LossState::Unlimited,
            acknowledged: None,
            hold: Hold::NONE,
            padded: None,
            growth: None,
            ended: None,
            of_little: 0,
            raised: None,
            refuted: None,
        }
    }

    /// The rate that loss allows; `None` while it does not limit.
    pub(super) fn limit(&self) -> Option<Bitrate> {
        let limits = self.state != LossState::Unlimited && self.seen.count() >= ENOUGH;
        limits.then_some(self.rate)
    }

    pub(super) fn state(&self) -> LossState {
        if self.limit().is_some() { self.state } else { LossState::Unlimited }
    }

    /// The part of all bytes that was lost lately.
    pub(super) fn average_loss(&self) -> f64 {
        self.average_loss
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(super) fn set_acknowledged(&mut self, rate: Option<Bitrate>) {
        self.acknowledged = rate.or(self.acknowledged);
    }

    /// Goes to a rate that something else has found.
    pub(super) fn set_rate(&mut self, rate: Bitrate) {
        self.model.bandwidth = rate;
        self.rate = rate;
        self.state = LossState::Unlimited;
        self.of_little = 0;
    }

    /// A probe has shown that so much comes through, whatever the path loses by itself. Grown to from what was believed
    /// before, it would be reached late: while a little is lost, nothing grows. Loss that may be over limits no more then.
    pub(super) fn note_probed(&mut self, rate: Bitrate) {
        if self.is_limited() && self.may_be_over() && rate > self.rate {
            self.ended = self.seen.sent_until();
            self.seen = Observations::default();
            self.hold = Hold::NONE;
            self.padded = None;
            self.growth = None;
            self.set_rate(rate);
        } else if !self.is_limited() {
            self.model.bandwidth = self.model.bandwidth.max(rate);
        } else if rate > self.rate && self.may_rise_while_limited() {
            self.raised = self.seen.sent_until().map(|at| (at, rate));
            self.model.bandwidth = self.model.bandwidth.max(rate);
            self.rate = rate;
            self.hold.rate = self.hold.rate.max(rate);
            if let Some(growth) = &mut self.growth {
                growth.rate = growth.rate.max(rate);
            }
        }
    }

    /// Whether a probe may say more than loss does: not on a path on which that was wrong lately.
    fn may_rise_while_limited(&self) -> bool {
        (self.is_of_little() || self.state == LossState::Recovering)
            && self.is_long_ago(self.refuted)
    }

    fn is_long_ago(&self, at: Option<Moment>) -> bool {
        let now = self.seen.sent_until();
        at.is_none_or(|at| now.is_some_and(|now| now >= at + COMES_BACK))
    }

    /// Whether so little has been sent for some time that the rate cannot be why something of it was lost.
    pub(super) fn is_of_little(&self) -> bool {
        self.of_little >= OF_LITTLE
    }

    /// Whether nothing has been lost for some time, and no probe has shown so lately.
    pub(super) fn may_be_over(&self) -> bool {
        self.seen.rest_for(OVER) && self.is_long_ago(self.ended)
    }

    pub(super) fn note(&mut self, result: &PacketResult) {
        self.seen.note(result);
    }

    /// Once for each feedback, after its packets.
    pub(super) fn update(&mut self, delay_rate: Bitrate, in_alr: bool) {
        if !self.seen.close_span() {
            return;
        }
        let Some(sent_until) = self.seen.sent_until() else { return };
        self.of_little = if in_alr { self.of_little.saturating_add(1) } else { 0 };
        self.average_loss = self.seen.average_loss();
        let situation = Situation { sent_until, delay_rate, in_alr };
        let best = self.bounded_growth(self.best_candidate(&situation), &situation);
        let lowest = self.acknowledged.unwrap_or_default().max(self.limits.min);
        let bounded = best.bandwidth.min(self.cap()).min(delay_rate).max(lowest);
        self.model = if bounded < best.bandwidth {
            Channel { bandwidth: bounded, inherent_loss: 0.0 }
        } else {
            Channel { bandwidth: best.bandwidth.max(lowest), ..best }
        };
        self.decide(bounded, lowest, &situation);
    }

    /// The model that explains best what was seen.
    fn best_candidate(&self, situation: &Situation) -> Channel {
        let mut best = (f64::MIN, self.model);
        for bandwidth in self.candidates(situation).into_iter().flatten() {
            let candidate = Channel { bandwidth, ..self.model }.feasible().refined(&self.seen);
            let likelihood = candidate.likelihood(&self.seen, self.average_loss);
            if likelihood > best.0 {
                best = (likelihood, candidate);
            }
        }
        let best = best.1;
        // More is lost than the path loses by itself: that is no time to grow.
        let may_grow = self.average_loss <= best.inherent_loss;
        let bandwidth =
            if may_grow { best.bandwidth } else { best.bandwidth.min(self.model.bandwidth) };
        Channel { bandwidth, ..best }
    }

    fn candidates(&self, situation: &Situation) -> [Option<Bitrate>; CANDIDATES] {
        let now = self.model.bandwidth;
        let ceiling = match (self.is_limited(), self.growth) {
            (true, Some(growth)) => growth.rate,
            _ => self.limits.max,
        };
        let [up, same, down] = FACTORS.map(|factor| now.scaled(factor));
        // An application that sends little shows little of the path, unless padding fills up.
        let shows = !situation.in_alr || self.pads_at(situation.sent_until);
        let acknowledged = self.acknowledged.filter(|_| shows);
        let delay = Some(situation.delay_rate).filter(|&rate| rate > now);
        let all = [Some(up), Some(same), Some(down), acknowledged, delay];
        all.map(|bandwidth| bandwidth.map(|bandwidth| bandwidth.min(ceiling.max(now))))
    }

    /// A step up is small while loss limits.
    fn bounded_growth(&self, best: Channel, situation: &Situation) -> Channel {
        if !self.is_limited() {
            return best;
        }
        let now = self.model.bandwidth;
        let mut bandwidth = best.bandwidth;
        if let Some(growth) = self.growth
            && situation.sent_until < growth.since + GROWTH_WINDOW
        {
            bandwidth = bandwidth.min(growth.rate);
        }
        let grows = now < bandwidth || (now == bandwidth && self.state == LossState::Recovering);
        if grows && let Some(acknowledged) = self.acknowledged {
            let is_near_hold = acknowledged < self.hold.rate.scaled(NEAR_HOLD);
            let held = self.hold.until.is_some() && is_near_hold;
            let ahead = if held { AHEAD_NEAR_HOLD } else { AHEAD };
            bandwidth = now.max(bandwidth.min(acknowledged.scaled(ahead)));
            // A step that begins the recovery, and padding with it, though what comes through is little.
            if self.state == LossState::Limited && bandwidth == now {
                bandwidth = now.plus(Bitrate::from_bps(1));
            }
        }
        Channel { bandwidth, ..best }
    }

    /// What the average loss allows at once.
    fn cap(&self) -> Bitrate {
        let beyond = self.average_loss - TOLERATED;
        if beyond > 0.0 { CAP_BALANCE.scaled(1.0 / beyond) } else { self.limits.max }
    }

    fn decide(&mut self, bounded: Bitrate, lowest: Bitrate, situation: &Situation) {
        let now = situation.sent_until;
        if let Some((at, rate)) = self.raised
            && !situation.in_alr
            && bounded < rate.scaled(REFUTED_BELOW)
        {
            self.raised = None;
            self.refuted = (now < at + COMES_BACK).then_some(now).or(self.refuted);
        }
        let is_limiting = bounded < situation.delay_rate;
        let is_held = self.hold.until.is_some_and(|until| until > now);
        if self.state == LossState::Limited && is_held && is_limiting {
            self.hold.rate = self.hold.rate.max(lowest);
            self.rate = self.hold.rate.min(bounded);
            return;
        }
        let limits = is_limiting && bounded < self.limits.max;
        let grows = self.is_limited()
            && (self.rate < bounded
                || (self.rate == bounded && self.state == LossState::Recovering));
        if limits && grows && self.may_go_on_recovering(bounded, now) {
            if self.padded.is_none_or(|padded| bounded > padded.rate) {
                self.padded = Some(PaddedSince { at: now, rate: bounded });
            }
            self.state = LossState::Recovering;
        } else if limits {
            if self.state != LossState::Limited {
                self.hold = self.hold.again(now, bounded);
                self.of_little = 0;
            }
            self.padded = None;
            self.state = LossState::Limited;
        } else {
            self.hold = Hold::NONE;
            self.padded = None;
            self.state = LossState::Unlimited;
        }
        self.rate = bounded;
        self.open_growth_window(now);
    }

    fn open_growth_window(&mut self, now: Moment) {
        let is_over = self.growth.is_none_or(|growth| growth.since + GROWTH_WINDOW < now);
        if self.is_limited() && is_over {
            let rate = self.model.bandwidth.scaled(GROWTH).max(self.limits.min);
            self.growth = Some(GrowthLimit { since: now, rate });
        }
    }

    /// Padding that does not raise the rate any more has shown what it can.
    fn may_go_on_recovering(&self, bounded: Bitrate, now: Moment) -> bool {
        self.state != LossState::Recovering
            || self.pads_at(now)
            || self.padded.is_some_and(|padded| padded.rate < bounded)
    }

    fn pads_at(&self, now: Moment) -> bool {
        self.padded.is_some_and(|padded| padded.at + PADDING >= now)
    }

    fn is_limited(&self) -> bool {
        self.state != LossState::Unlimited
    }
}

#[cfg(test)]
mod tests;
