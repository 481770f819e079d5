//! How much the link has carried lately without a break.

use std::time::{Duration, Instant};

use super::fill::with_headroom;

/// The budget's past is kept in steps of this length.
const STEP: Duration = Duration::from_millis(500);

/// The steps of the longest time looked back on, and the one that is under way.
const STEPS: usize = 11;

/// What has held for so many steps is there to stay, as far as noise goes: an estimate that is made anew a
/// few times a second has shown its lowest values by then.
const SUSTAINED: usize = 10;

/// What has held for so many steps can be judged when much more than noise has changed: an estimate climbs from its
/// start in a second, and back when a path carries much again.
const RECENT: usize = 2;

/// What was left when a path was found full is left the next time to this part of it, in percent.
const KEPT_PERCENT: u64 = 93;

/// So many steps after the first budget are the start.
const STARTING: u8 = 10;

/// What a subscriber may be sent, in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Now.
    pub now_bps: u64,
    /// What has been shown to come through, which may be more: who goes up needs headroom below this. What it is more
    /// than the headroom does not count, since nobody gets more than there is now.
    pub shown_bps: u64,
    /// What will be left the next time that the path is found full, where that is known: who goes up into more would
    /// have to come down again.
    pub assured_bps: Option<u64>,
}

impl From<u64> for Budget {
    fn from(now_bps: u64) -> Budget {
        Budget { now_bps, shown_bps: now_bps, assured_bps: None }
    }
}

/// A subscriber's budgets of the last seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Budgets {
    /// The lowest budget of each step, around in a circle.
    lowest: [u64; STEPS],
    at: usize,
    /// When the step under way began; `None` before the first budget.
    begun: Option<Instant>,
    latest: u64,
    /// What will be left the next time that the path is full.
    assured: Option<u64>,
    /// How many steps there have been, counted up to [`STARTING`].
    past: u8,
}

impl Budgets {
    pub(super) fn note(&mut self, now: Instant, budget: Budget) {
        let bps = budget.shown_bps.min(with_headroom(budget.now_bps)).max(budget.now_bps);
        self.assured = budget.assured_bps;
        match &mut self.begun {
            None => {
                self.lowest = [bps; STEPS];
                self.begun = Some(now);
            }
            Some(begun) => {
                // In between, the last budget was in force.
                for _ in 0..STEPS {
                    if now < *begun + STEP {
                        break;
                    }
                    *begun += STEP;
                    self.past = (self.past + 1).min(STARTING);
                    self.at = (self.at + 1) % STEPS;
                    self.lowest[self.at] = self.latest;
                }
                if now >= *begun + STEP {
                    *begun = now;
                }
            }
        }
        self.latest = bps;
        self.lowest[self.at] = self.lowest[self.at].min(bps);
    }

    /// Whether the estimate may still be climbing from its start.
    pub(super) fn are_starting(&self) -> bool {
        self.past < STARTING
    }

    /// What can be counted on now.
    pub(super) fn latest(&self) -> u64 {
        self.latest.min(self.most())
    }

    /// What can be counted on by what there was for a second, or since there is a budget.
    pub(super) fn recent(&self) -> u64 {
        self.lowest_of(RECENT).min(self.most())
    }

    /// The same by what there was for five seconds.
    pub(super) fn sustained(&self) -> u64 {
        self.lowest_of(SUSTAINED).min(self.most())
    }

    /// No more can be counted on, whatever there is between two times that the path is full. What is left then is
    /// known but for a little: whoever goes up into it needs no headroom, which is taken off later.
    fn most(&self) -> u64 {
        match self.assured {
            Some(bps) if !self.are_starting() => with_headroom(bps * KEPT_PERCENT / 100),
            _ => u64::MAX,
        }
    }

    fn lowest_of(&self, steps: usize) -> u64 {
        let back = |steps: usize| self.lowest[(self.at + STEPS - steps) % STEPS];
        (0..=steps).map(back).min().unwrap_or_default()
    }
}
