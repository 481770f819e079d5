//! What somebody is sent of a track and since when: what keeps noise from changing it.

use std::time::{Duration, Instant};

use crate::id::TrackId;
use crate::measure::{Quality, Rung};

use super::budget::Budgets;
use super::{Area, Class, Subscription};

/// So long after a change of what is sent of a track, no more of it is sent than was: people bear a picture
/// that is a little too coarse better than one that changes all the time.
const PATIENCE: Duration = Duration::from_secs(10);

/// When going up has failed, the next try waits for twice as long, up to this.
const MOST_PATIENCE: Duration = Duration::from_secs(80);

/// Going up has failed when it has to be taken back sooner.
const FAILED_WITHIN: Duration = Duration::from_secs(30);

/// A budget that has become half as large again is another link, not noise: estimates of a steady one go up
/// and down by a tenth. Then nobody needs to be patient, as when somebody has just joined and the estimate
/// climbs from its start.
const GROWN: (u64, u64) = (3, 2);

/// What is remembered of a track that is sent, or that there is no bandwidth for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) track: TrackId,
    pub(super) sent: Option<Sent>,
    switched_at: Instant,
    /// The latest switch was to something better.
    went_up: bool,
    patience: Duration,
    /// The budget when it last switched.
    budget_bps: u64,
    place: Place,
    /// It was among the subscriptions of the latest decision.
    pub(super) is_current: bool,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) quality: Quality,
    pub(super) cost_bps: u32,
}

/// What the viewer has chosen for a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    area: Area,
    pin: u8,
}

/// When and in what state of things a decision is made for a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) now: Instant,
    pub(super) budget_bps: u64,
    /// The viewer may be the reason for what changes.
    pub(super) view_has_changed: bool,
    pub(super) place: Place,
}

/// What a decision makes of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) sent: Option<Sent>,
    pub(super) direction: Direction,
}

/// Where the new decision lies from what it would take to keep the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    /// The same, or what is left of it when a layer has stopped or is too large now.
    Level,
    /// Less, because the budget does not carry it.
    Down,
}

impl Place {
    pub(super) fn of(subscription: &Subscription<'_>, area: Area) -> Place {
        let pin = match subscription.class {
            Class::Pinned { priority } => priority,
            _ => 0,
        };
        Place { area, pin }
    }
}

impl Memory {
    /// Of a track that nothing was sent of before. To begin is no try that can fail.
    pub(super) fn new(track: TrackId, sent: Option<Sent>, circumstances: &Circumstances) -> Memory {
        let &Circumstances { now, budget_bps, place, .. } = circumstances;
        Memory {
            track,
            sent,
            switched_at: now,
            went_up: false,
            patience: PATIENCE,
            budget_bps,
            place,
            is_current: true,
        }
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.place == place
    }

    /// How many rungs of `ladder` can be kept without going up.
    pub(super) fn level(&self, ladder: &[Rung]) -> usize {
        let Some(Sent { quality, cost_bps }) = self.sent else { return 0 };
        let same_picture = |rung: &Rung| {
            let of = rung.quality;
            (of.layer, of.spatial) == (quality.layer, quality.spatial)
                && of.temporal <= quality.temporal
        };
        let kept = ladder.iter().rposition(same_picture);
        // A layer that has stopped, or is too large now, is left for what costs no more.
        let cheaper = || ladder.iter().rposition(|rung| rung.bitrate_bps <= cost_bps);
        kept.or_else(cheaper).map_or(0, |index| index + 1)
    }

    /// Whether the picture that is sent has stopped.
    pub(super) fn has_lost_its_layer(&self, rungs: &[Rung]) -> bool {
        let of = |quality: Quality| (quality.layer, quality.spatial);
        self.sent.is_some_and(|sent| rungs.iter().all(|rung| of(rung.quality) != of(sent.quality)))
    }

    /// The budget that going up has to stay within; `None` when it is too early to go up.
    pub(super) fn may_go_up_within(
        &self,
        now: Instant,
        budgets: &Budgets,
        view_has_changed: bool,
    ) -> Option<u64> {
        let rested = now.saturating_duration_since(self.switched_at);
        let has_failed = self.patience > PATIENCE && !self.has_lasted(now);
        let has_grown = rested >= Budgets::RECENT_TIME
            && budgets.recent() * GROWN.1 >= self.budget_bps.saturating_mul(GROWN.0);
        if !has_failed && (view_has_changed || has_grown) {
            return Some(budgets.recent());
        }
        let patience = if has_failed { self.patience } else { PATIENCE };
        (rested >= patience).then(|| budgets.sustained())
    }

    /// It went up so long ago that this has not failed.
    fn has_lasted(&self, now: Instant) -> bool {
        self.went_up && now.saturating_duration_since(self.switched_at) >= FAILED_WITHIN
    }

    /// Takes note of a decision.
    pub(super) fn note(&mut self, outcome: Outcome, circumstances: &Circumstances) {
        let &Circumstances { now, budget_bps, view_has_changed, place } = circumstances;
        self.place = place;
        self.is_current = true;
        let quality = |sent: Option<Sent>| sent.map(|sent| sent.quality);
        let has_switched = quality(self.sent) != quality(outcome.sent);
        self.sent = outcome.sent;
        if !has_switched {
            return;
        }
        if self.has_lasted(now) {
            self.patience = PATIENCE;
        } else if self.went_up && outcome.direction == Direction::Down && !view_has_changed {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        self.went_up = outcome.direction == Direction::Up;
        self.switched_at = now;
        self.budget_bps = budget_bps;
    }
}
