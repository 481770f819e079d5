//! What somebody is sent of a track and since when: what keeps noise from changing it.

use std::time::{Duration, Instant};

use crate::id::TrackId;
use crate::measure::{Quality, Rung};

use super::budget::Budgets;
use super::{Area, Asked, Class, News, Subscription};

/// So long after a change of what is sent of a track, no more of it is sent than was: people bear a picture
/// that is a little too coarse better than one that changes all the time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who sees nothing of anybody waits for this part of that, as a divisor.
const BLIND_SOONER: u32 = 4;

/// When going up has failed, the next try waits for twice as long, up to this.
const MOST_PATIENCE: Duration = Duration::from_secs(80);

/// Going up has failed when it has to be taken back sooner.
const FAILED_WITHIN: Duration = Duration::from_secs(30);

/// A budget that has become half as large again is another link, not noise: estimates of a steady one go up
/// and down by a tenth. Then nobody needs to be patient, as when somebody has just joined and the estimate
/// climbs from its start.
const GROWN: (u64, u64) = (3, 2);

/// The same while an estimate climbs, as the first one does: it often ends a little short of what somebody wants to see.
const GROWN_ON: (u64, u64) = (5, 4);

/// On a link that carries so many times what it did when somebody went up and failed, that says nothing.
const FORGETS: u64 = 2;

/// Links that become others more often than that are one that cannot be counted on.
const FALLS_APART: Duration = Duration::from_secs(60);

/// What going up does to a path shows in this time: a queue, or loss.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// What is remembered of a track that is sent, or that there is no bandwidth for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) track: TrackId,
    pub(super) sent: Option<Sent>,
    /// Something was sent of it since it is here.
    was_seen: bool,
    /// What was sent has stopped, and nothing is sent since.
    has_lost_picture: bool,
    switched_at: Instant,
    /// The latest switch was to something better.
    went_up: bool,
    patience: Duration,
    /// The budget of the last try that failed.
    failed_bps: u64,
    /// The picture that it has come down past because it rested: an encoding and a spatial layer. That is gone up to as soon as it
    /// is there.
    fell_past: Option<(u8, u8)>,
    /// When the link last became another one under it.
    link_fell_at: Option<Instant>,
    /// The budget that could be counted on when it last switched; at the start, the lowest since then.
    budget_bps: u64,
    place: Place,
    /// What there was of it since it is at this place.
    pictures: Pictures,
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

/// A set of encodings, of spatial layers in them, and of temporal layers of those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pictures(u64);

/// When and in what state of things a decision is made for a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    pub(super) now: Instant,
    pub(super) budget_bps: u64,
    /// The viewer may be the reason for what changes.
    pub(super) view_has_changed: bool,
    /// The first estimate is still being found.
    pub(super) is_start: bool,
    pub(super) place: Place,
    /// What there is of it.
    pub(super) pictures: Pictures,
    pub(super) subscription: &'a Subscription<'a>,
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

/// Whether something better may be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Climb {
    /// The budget that it has to fit into now; `None` when it is too early.
    pub(super) within_bps: Option<u64>,
    /// What does not, but fits into so much, may be sent soon. It is kept for that: others who went up into
    /// it would have to give it back within [`PATIENCE`].
    pub(super) soon_within_bps: Option<u64>,
    /// If it may be no better than this picture: an encoding and a spatial layer.
    pub(super) up_to: Option<(u8, u8)>,
}

impl Sent {
    /// How many rungs of `ladder` can be kept without going up.
    pub(super) fn level(self, ladder: &[Rung]) -> usize {
        let Sent { quality, cost_bps } = self;
        let same_picture = |rung: &Rung| {
            let of = rung.quality;
            of.picture() == quality.picture() && of.temporal <= quality.temporal
        };
        let kept = ladder.iter().rposition(same_picture);
        // A layer that has stopped, or is too large now, is left for what costs no more.
        let cheaper = || ladder.iter().rposition(|rung| rung.bitrate_bps <= cost_bps);
        kept.or_else(cheaper).map_or(0, |index| index + 1)
    }
}

impl Climb {
    /// It has to fit into so much; nothing is kept for it.
    pub(super) fn within(bps: u64) -> Climb {
        Climb { within_bps: Some(bps), soon_within_bps: None, up_to: None }
    }
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

/// Spatial and temporal layers that streams have; what is beyond counts as another's.
const SPATIAL: u32 = 4;
const TEMPORAL: u32 = 4;

/// The bit of a quality in [`Pictures`].
fn bit(of: Quality) -> u64 {
    let picture = u32::from(of.layer) * SPATIAL + u32::from(of.spatial);
    1_u64.checked_shl(picture * TEMPORAL + u32::from(of.temporal)).unwrap_or_default()
}

impl Pictures {
    pub(super) fn of(rungs: &[Rung]) -> Pictures {
        Pictures(rungs.iter().fold(0, |all, rung| all | bit(rung.quality)))
    }

    /// Whether there is any temporal layer of a picture.
    fn have(self, of: Quality) -> bool {
        let temporals = (0..TEMPORAL as u8).map(|temporal| Quality { temporal, ..of });
        temporals.fold(0, |all, quality| all | bit(quality)) & self.0 != 0
    }

    fn with(self, other: Pictures) -> Pictures {
        Pictures(self.0 | other.0)
    }

    /// Those that a publisher is asked for.
    fn asked(self, asked: Asked) -> Pictures {
        let quality = |at: u32| {
            let (picture, temporal) = (at / TEMPORAL, (at % TEMPORAL) as u8);
            let (layer, spatial) = ((picture / SPATIAL) as u8, (picture % SPATIAL) as u8);
            Quality { layer, spatial, temporal }
        };
        let all = (0..u64::BITS).filter(|at| asked.includes(quality(*at)));
        Pictures(self.0 & all.fold(0, |all, at| all | 1 << at))
    }
}

/// Whether the larger budget is so many times the smaller one, or more.
fn is_times(smaller_bps: u64, times: (u64, u64), larger_bps: u64) -> bool {
    larger_bps >= smaller_bps.saturating_mul(times.0) / times.1
}

impl Memory {
    /// Of a track that nothing was sent of before. To begin is no try that can fail.
    pub(super) fn new(track: TrackId, sent: Option<Sent>, circumstances: &Circumstances) -> Memory {
        let &Circumstances { now, budget_bps, place, pictures, .. } = circumstances;
        Memory {
            track,
            sent,
            was_seen: sent.is_some(),
            has_lost_picture: false,
            switched_at: now,
            went_up: false,
            patience: PATIENCE,
            failed_bps: u64::MAX,
            fell_past: None,
            link_fell_at: None,
            budget_bps,
            place,
            pictures,
            is_current: true,
        }
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.place == place
    }

    /// Whether a decision about `subscription` finds all that it found the last time, but for costs.
    pub(super) fn goes_on(&self, subscription: &Subscription<'_>, area: Area) -> bool {
        self.is_at(Place::of(subscription, area)) && !self.has_lost_its_layer(subscription.rungs)
    }

    /// How many rungs of `ladder` can be kept without going up.
    pub(super) fn level(&self, ladder: &[Rung]) -> usize {
        self.sent.map_or(0, |sent| sent.level(ladder))
    }

    /// Whether the picture that is sent has stopped.
    fn has_lost_its_layer(&self, rungs: &[Rung]) -> bool {
        let is_it = |rung: &Rung, sent: Sent| rung.quality.picture() == sent.quality.picture();
        self.sent.is_some_and(|sent| !rungs.iter().any(|rung| is_it(rung, sent)))
    }

    /// What is sent of it has just changed.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.switched_at) < PATIENCE
    }

    /// Whether there is a picture of it that there was not before: publishers begin with the smallest, and
    /// start a larger one when somebody makes place for it. One that stops by itself and returns is no news.
    fn has_not_known(&self, rungs: &[Rung]) -> bool {
        self.pictures.with(Pictures::of(rungs)) != self.pictures
    }

    /// Whether what is sent may go up, as far as its past goes. With news it need not wait. `ladder` is what it would go up,
    /// made of what arrives, `rungs`.
    pub(super) fn climb(
        &self,
        now: Instant,
        budgets: &Budgets,
        (rungs, ladder): (&[Rung], &[Rung]),
        news: News,
    ) -> Climb {
        if self.has_lost_picture && news.nothing_is_sent && news.time_has_passed {
            // Nobody went up too far, and there is nothing to lose: what a probe has just found is enough.
            return Climb::within(budgets.latest());
        }
        let rested = now.saturating_duration_since(self.switched_at);
        let has_outgrown = self.has_outgrown_failure(budgets.recent());
        let patience = if self.has_lasted(now) || has_outgrown { PATIENCE } else { self.patience };
        // What was never seen cannot flicker, and who sees nothing at all is not kept waiting.
        let patience = match self.was_seen {
            true if news.nothing_is_sent => patience / BLIND_SOONER,
            true => patience,
            false => Duration::ZERO,
        };
        let is_steady = self.was_seen && !news.nothing_is_sent;
        let wait = patience.saturating_sub(rested);
        let has_failed = patience > PATIENCE && !wait.is_zero();
        let has_news = news.view_has_changed || self.has_not_known(rungs);
        let climbs_on = self.went_up
            && self.is_fresh(now)
            && is_times(budgets.sustained(), GROWN, budgets.recent());
        let climbs = budgets.are_starting() || climbs_on;
        let grown = if climbs { GROWN_ON } else { GROWN };
        let has_grown =
            rested >= SHOWN_WITHIN && is_times(self.budget_bps, grown, budgets.recent());
        if !has_failed && (has_news || has_grown && news.time_has_passed) {
            return Climb::within(budgets.recent());
        }
        let is_there =
            |picture: &(u8, u8)| ladder.iter().any(|it| it.quality.picture() == *picture);
        if let Some(picture) = self.fell_past.filter(is_there) {
            return Climb { up_to: Some(picture), ..Climb::within(budgets.recent()) };
        }
        // The link has just shown that what was lost is not there, or it will be taken up again soon.
        let is_soon = !wait.is_zero() && (wait <= PATIENCE || rested < PATIENCE);
        let keeps = is_soon || (wait.is_zero() && news.is_none);
        Climb {
            up_to: None,
            within_bps: (wait.is_zero() && news.time_has_passed)
                .then(|| if is_steady { budgets.sustained() } else { budgets.recent() }),
            soon_within_bps: keeps.then(|| budgets.latest()),
        }
    }

    /// The largest picture that rests of those between what is sent and what was `before`; or the one that was so at an earlier
    /// switch, as long as less than that is sent.
    fn now_past(&self, before: Option<Sent>, subscription: &Subscription<'_>) -> Option<(u8, u8)> {
        let sent_bps = self.sent.map_or(0, |sent| sent.cost_bps);
        let is_sent = |picture| self.sent.is_some_and(|sent| sent.quality.picture() == picture);
        let is_between = |rung: &&Rung| {
            rung.bitrate_bps > sent_bps
                && before.is_some_and(|before| {
                    let was_sent = rung.quality.picture() == before.quality.picture();
                    rung.bitrate_bps < before.cost_bps || was_sent
                })
        };
        let is_missed = |rung: &&Rung| {
            let picture = rung.quality.picture();
            rung.bitrate_bps > sent_bps && Some(picture) == self.fell_past && !is_sent(picture)
        };
        let mut known = subscription.known.iter();
        let mut resting = known.clone().filter(|rung| subscription.rests(rung));
        let past = resting.rfind(is_between).or_else(|| known.rfind(is_missed))?;
        Some(past.quality.picture())
    }

    /// It went up so long ago that this has not failed.
    fn has_lasted(&self, now: Instant) -> bool {
        self.went_up && now.saturating_duration_since(self.switched_at) >= FAILED_WITHIN
    }

    /// The link carries so much more than when a try failed that this says nothing of it.
    fn has_outgrown_failure(&self, budget_bps: u64) -> bool {
        budget_bps >= self.failed_bps.saturating_mul(FORGETS)
    }

    /// Takes note of how far the budget is below what it was when it went up. True when that is another link: once
    /// that is nobody's fault, but soon again, and its estimates promise what they do not keep.
    fn note_fall(&mut self, now: Instant, budget_bps: u64) -> bool {
        let is_far_less = is_times(budget_bps, GROWN, self.budget_bps);
        let is_again = self.link_fell_at.is_some_and(|at| now < at + FALLS_APART);
        if is_far_less {
            self.link_fell_at = Some(now);
        }
        is_far_less && !is_again
    }

    /// Takes note of a decision.
    pub(super) fn note(&mut self, outcome: Outcome, circumstances: &Circumstances) {
        let &Circumstances { now, budget_bps, view_has_changed, is_start, .. } = circumstances;
        let &Circumstances { place, pictures, subscription, .. } = circumstances;
        let (had, fell_past) = match self.is_at(place) {
            true => (self.pictures, self.fell_past),
            false => (Pictures::default(), None),
        };
        self.pictures = had.asked(subscription.asked).with(pictures);
        self.fell_past = fell_past;
        self.place = place;
        self.is_current = true;
        let quality = |sent: Option<Sent>| sent.map(|sent| sent.quality);
        let has_stopped = self.sent.is_some_and(|sent| !pictures.have(sent.quality));
        self.has_lost_picture = outcome.sent.is_none() && (self.has_lost_picture || has_stopped);
        let has_switched = quality(self.sent) != quality(outcome.sent);
        let before = self.sent;
        self.sent = outcome.sent;
        self.was_seen |= self.sent.is_some();
        if is_start {
            // A guess that was too high is nothing to measure growth by.
            self.budget_bps = self.budget_bps.min(budget_bps);
        }
        if !has_switched {
            return;
        }
        if self.has_lasted(now) || self.has_outgrown_failure(budget_bps) {
            self.patience = PATIENCE;
        } else if self.went_up
            && outcome.direction == Direction::Down
            && !view_has_changed
            && !is_start
            && !self.note_fall(now, budget_bps)
        {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
            self.failed_bps = self.budget_bps;
        }
        self.fell_past = self.now_past(before, subscription);
        self.went_up = outcome.direction == Direction::Up;
        self.switched_at = now;
        self.budget_bps = budget_bps;
    }
}
