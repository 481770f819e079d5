//! When to probe, and how fast.

use std::time::Duration;

use crate::congestion::Bitrate;
use crate::congestion::moment::Moment;

/// The first two probes of a connection, in start rates.
const FIRST: f64 = 3.0;
const SECOND: f64 = 6.0;

/// Every other probe, in target rates.
const STEP: f64 = 2.0;

/// A probe that shows more than this part of its rate is followed by another.
const PAYS_ABOVE: f64 = 0.7;

/// How much more than what is wanted can be worth knowing: a probe comes through somewhat slower
/// than it is sent, and who chooses layers wants some room above the layer.
const HEADROOM: f64 = 1.5;

/// While loss is what limits the rate and lets it grow again, steps are shorter.
const STEP_AFTER_LOSS: f64 = 1.5;

/// How long a result is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two probes of a path that might take more than it is asked to.
const INTERVAL: Duration = Duration::from_secs(5);

/// The same for a path that was seen full: often for who has little of what is wanted, seldom for
/// who has most. So a path that has recovered is found out in seconds, and on a path that is shared
/// those who came late get their part.
const FULL_INTERVAL: Duration = Duration::from_secs(2);
const CONTENT: f64 = 8.0;

/// Such a probe is slower, and pays only if nearly all of it comes through.
const CAREFUL_STEP: f64 = 1.5;
const CAREFULLY_PAYS_ABOVE: f64 = 0.9;

/// How long a probe is: the shortest that shows a rate, which is not the gap between two packets.
const SHORT: Duration = Duration::from_millis(15);

/// On a path that was seen full, as long as the time between two pictures: a shorter one fits
/// between the pictures of others, and shows a capacity that is theirs.
const LONG: Duration = Duration::from_millis(40);

/// After a time at which no probe was allowed, it is looked again so soon.
const AGAIN: Duration = Duration::from_millis(500);

/// A target that falls below this part at once has dropped; if the path recovers soon, this part of
/// what was there before is probed, no more often than each [`INTERVAL`].
const DROP: f64 = 0.66;
const AFTER_DROP: f64 = 0.85;
const SOON: Duration = Duration::from_secs(5);

/// A gain below this is not worth a probe.
const WORTH: f64 = 1.05;

/// What the path allows as far as probing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::congestion) enum Permission {
    /// A queue is filling or draining, packets are lost or unanswered: no probe.
    None,
    /// Loss limited the rate, which grows again: small steps.
    Careful,
    /// Nothing is wrong.
    Full,
}

/// What a decision is made by.
#[derive(Clone, Copy, Debug)]
pub(in crate::congestion) struct Outlook {
    pub(in crate::congestion) now: Moment,
    /// The target rate.
    pub(in crate::congestion) target: Bitrate,
    pub(in crate::congestion) permission: Permission,
    /// The path was seen full before.
    pub(in crate::congestion) seen_full: bool,
    /// What is sent is limited by the application, or was a moment ago.
    pub(in crate::congestion) application_limited: bool,
}

impl Outlook {
    /// The flow itself explores the path, others may be on it, and probes only help.
    pub(in crate::congestion) fn is_careful(&self) -> bool {
        self.seen_full && !self.application_limited
    }

    fn step(&self) -> f64 {
        if self.is_careful() { CAREFUL_STEP } else { STEP }
    }
}

/// The rates to probe, the slower first, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::congestion) struct Plan {
    pub(in crate::congestion) rates: [Option<Bitrate>; 2],
    pub(in crate::congestion) length: Duration,
}

impl Plan {
    const NOTHING: Plan = Plan { rates: [None; 2], length: SHORT };
}

/// A probe's result is waited for.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    since: Moment,
    /// A target above this shows that the probe paid.
    pays_above: Bitrate,
}

/// A target that dropped.
#[derive(Clone, Copy, Debug)]
struct Dropped {
    at: Moment,
    from: Bitrate,
}

/// Decides when to probe.
#[derive(Clone, Debug)]
pub(in crate::congestion) struct ProbeController {
    max: Bitrate,
    wanted: Bitrate,
    target: Bitrate,
    /// The first probes were sent.
    begun: bool,
    awaited: Option<Awaited>,
    /// When a probe last paid, if none that failed was tried again since.
    paid: Option<Moment>,
    last_probe: Option<Moment>,
    /// When to look whether a probe makes sense, if nothing happens before.
    next_look: Option<Moment>,
    dropped: Option<Dropped>,
    last_recovery: Option<Moment>,
}

impl ProbeController {
    pub(in crate::congestion) fn new(max: Bitrate, start: Bitrate) -> ProbeController {
        ProbeController {
            max,
            wanted: Bitrate::ZERO,
            target: start,
            begun: false,
            awaited: None,
            paid: None,
            last_probe: None,
            next_look: None,
            dropped: None,
            last_recovery: None,
        }
    }

    pub(in crate::congestion) fn set_max(&mut self, max: Bitrate) {
        self.max = max;
    }

    pub(in crate::congestion) fn wanted(&self) -> Bitrate {
        self.wanted
    }

    /// Whether the result of a probe is awaited that a faster one would follow.
    pub(in crate::congestion) fn is_waiting(&self) -> bool {
        self.awaited.is_some()
    }

    /// What could be used has changed. More than before is looked for at once.
    pub(in crate::congestion) fn set_wanted(&mut self, outlook: Outlook, wanted: Bitrate) -> Plan {
        let rose = wanted > self.wanted;
        self.wanted = wanted;
        if !rose || outlook.target >= wanted {
            return Plan::NOTHING;
        }
        // Wishes may change often; probes do not. One that is under way may lead there by itself.
        let quiet_until = self.last_probe.map(|at| at + PATIENCE);
        if let Some(until) = quiet_until.filter(|&until| outlook.now < until) {
            self.next_look = Some(until);
            return Plan::NOTHING;
        }
        if !std::mem::replace(&mut self.begun, true) {
            return self.plan(outlook, [Some(FIRST), Some(SECOND)]);
        }
        self.plan(outlook, [Some(outlook.step()), None])
    }

    /// The target rate may have changed. A probe that paid is followed by a faster one.
    pub(in crate::congestion) fn note_target(&mut self, outlook: Outlook) -> Plan {
        if outlook.target < self.target.scaled(DROP) {
            self.dropped = Some(Dropped { at: outlook.now, from: self.target });
        }
        self.target = outlook.target;
        // Who has come to send little waits no longer than that.
        let due = self.last_probe.map(|at| at + self.interval(outlook));
        let sooner = due.filter(|due| *due > outlook.now);
        self.next_look = self.next_look.map(|look| sooner.map_or(look, |due| look.min(due)));
        if self.awaited.is_some_and(|awaited| outlook.target > awaited.pays_above) {
            self.paid = Some(outlook.now);
            return self.plan(outlook, [Some(outlook.step()), None]);
        }
        Plan::NOTHING
    }

    /// More comes through than the path was thought to take: it is time to look for how much.
    pub(in crate::congestion) fn note_outgrown(&mut self, outlook: Outlook) -> Plan {
        if self.awaited.is_some() {
            return Plan::NOTHING;
        }
        self.plan(outlook, [Some(outlook.step()), None])
    }

    /// A queue has drained. If the target had dropped, that may have been something short.
    pub(in crate::congestion) fn note_recovered(&mut self, outlook: Outlook) -> Plan {
        let now = outlook.now;
        let Some(dropped) = self.dropped else { return Plan::NOTHING };
        let recently = |at: Moment, span| now.saturating_duration_since(at) < span;
        // Step by step: should the path be as thin as it seems, more would cost it the sound of half a second.
        let rate = dropped.from.scaled(AFTER_DROP).min(outlook.target.scaled(STEP));
        let is_pointless = !outlook.application_limited
            || !recently(dropped.at, SOON)
            || self.last_recovery.is_some_and(|at| recently(at, INTERVAL))
            || self.awaited.is_some()
            || rate < outlook.target.scaled(WORTH);
        if is_pointless {
            return Plan::NOTHING;
        }
        self.last_recovery = Some(now);
        self.plan_at(outlook, rate)
    }

    /// Feedback has come again after a silence, before which the target was this. It may have been the
    /// feedback alone that was lost.
    pub(in crate::congestion) fn note_answered(
        &mut self,
        outlook: Outlook,
        before: Bitrate,
    ) -> Plan {
        self.plan_at(outlook, before.scaled(AFTER_DROP))
    }

    /// Time has passed.
    pub(in crate::congestion) fn handle_timeout(&mut self, outlook: Outlook) -> Plan {
        if self.patience_ends().is_some_and(|at| at <= outlook.now) {
            self.awaited = None;
            let is_fresh = |at| outlook.now.saturating_duration_since(at) < SOON;
            if self.paid.take().is_some_and(is_fresh) {
                // The path took all until then: this one may just have been shaken.
                self.next_look = Some(outlook.now);
            }
        }
        if self.look().is_none_or(|at| at > outlook.now) {
            return Plan::NOTHING;
        }
        self.plan(outlook, [Some(outlook.step()), None])
    }

    /// When time matters next.
    pub(in crate::congestion) fn deadline(&self) -> Option<Moment> {
        self.patience_ends().into_iter().chain(self.look()).min()
    }

    fn patience_ends(&self) -> Option<Moment> {
        self.awaited.map(|awaited| awaited.since + PATIENCE)
    }

    /// When to look for more although nothing happened; `None` while nothing more is wanted.
    fn look(&self) -> Option<Moment> {
        let wants_more = self.target < self.wanted && self.awaited.is_none();
        // What has just lost most of its rate is left to drain.
        let drained_at = self.dropped.map(|dropped| dropped.at + FULL_INTERVAL);
        self.next_look.max(drained_at.filter(|_| self.next_look.is_some())).filter(|_| wants_more)
    }

    fn plan_at(&mut self, outlook: Outlook, rate: Bitrate) -> Plan {
        self.plan(outlook, [Some(rate.as_f64() / outlook.target.as_f64()), None])
    }

    fn interval(&self, outlook: Outlook) -> Duration {
        if !outlook.seen_full {
            return INTERVAL;
        }
        let has = outlook.target.as_f64() / self.wanted.max(Bitrate::from_bps(1)).as_f64();
        let full = FULL_INTERVAL.mul_f64(1.0 + CONTENT * has.min(1.0));
        if outlook.is_careful() { full } else { full.min(INTERVAL) }
    }

    /// Probes at so many times the target rate, as far as that could be used and is allowed.
    fn plan(&mut self, outlook: Outlook, steps: [Option<f64>; 2]) -> Plan {
        self.awaited = None;
        self.next_look = Some(outlook.now + AGAIN);
        let useful = self.wanted.scaled(HEADROOM).min(self.max);
        let ceiling = match outlook.permission {
            Permission::None => return Plan::NOTHING,
            Permission::Careful => useful.min(outlook.target.scaled(STEP_AFTER_LOSS)),
            Permission::Full => useful,
        };
        self.last_probe = Some(outlook.now);
        self.next_look = Some(outlook.now + self.interval(outlook));
        let length = if outlook.is_careful() { LONG } else { SHORT };
        let is_small_step = outlook.is_careful() || outlook.permission == Permission::Careful;
        let pays = if is_small_step { CAREFULLY_PAYS_ABOVE } else { PAYS_ABOVE };
        let mut plan = Plan { length, ..Plan::NOTHING };
        let mut last = outlook.target.scaled(WORTH);
        for (place, step) in plan.rates.iter_mut().zip(steps) {
            let Some(step) = step else { continue };
            let rate = outlook.target.scaled(step);
            if rate.min(ceiling) <= last {
                continue;
            }
            last = rate.min(ceiling);
            *place = Some(last);
            // Where all that can be used is probed, nothing faster follows.
            let pays_above = last.scaled(pays);
            self.awaited = (last < useful).then_some(Awaited { since: outlook.now, pays_above });
        }
        plan
    }
}

#[cfg(test)]
mod tests;
