//! Shares a budget out, one rung after the other.

use crate::id::TrackId;
use crate::measure::{Quality, Rung};

use super::memory::{Climb, Direction, Outcome, Sent};

/// What goes up has to fit with so much to spare, in percent of its cost: what a camera costs goes up and
/// down by a tenth while nothing changes, and so does an estimate.
const HEADROOM_PERCENT: u64 = 115;

/// When the budget does not carry what is sent, it is shared out anew down to this part of it, in percent: a
/// steady link's estimate will not go below that, so that one change is enough.
const CUT_PERCENT: u64 = 90;

/// As long as what is sent costs no more than this part of the budget, in percent, it is a link or a cost that wavers: how
/// many of its smallest pictures somebody has who has just changed stays then, and others go for it.
const SAME_LINK_PERCENT: u64 = 120;

/// One track that somebody is to see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Which of the subscriptions it is.
    pub(super) subscription: usize,
    /// So many rungs can be kept without going up.
    pub(super) held_level: usize,
    pub(super) climb: Climb,
    /// So many rungs it has been given.
    level: usize,
    sent: Option<Sent>,
    /// So many rungs above those are kept for it, at so much more than what is sent costs.
    kept_rungs: usize,
    kept_bps: u64,
}

/// One rung of one candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    order: Order,
    candidate: usize,
    /// From 1.
    level: usize,
    quality: Quality,
    bitrate_bps: u32,
    peak_bps: u32,
}

/// The order in which rungs are given. Compared from the first field to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    class: u16,
    /// Nobody equal takes anything from who has just changed, but to fit into clearly less.
    may_change: bool,
    /// Everybody is seen before anybody is seen better.
    is_higher: bool,
    /// Small pictures for everybody before a larger one for anybody, and frame rates likewise. A picture of
    /// unknown size counts as being as large as its place.
    pixels: u32,
    picture: u8,
    /// How many rungs of its picture are below it. Who has a picture in one frame rate alone is not behind those who
    /// have it in several.
    more_frames: u8,
    /// When all has to fit into less, what has just changed is the last of its equals to go.
    is_settled: bool,
    /// Who has it keeps it: among equals, nothing moves.
    is_up: bool,
    /// The cheap before the dear: so more people are served.
    extra_bps: u32,
    track: TrackId,
}

/// What of [`Order`] is the same for all rungs of a candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rank {
    pub(super) class: u16,
    /// What it holds may be taken for others of its class.
    pub(super) may_change: bool,
    pub(super) pixels_shown: u32,
    pub(super) track: TrackId,
}

impl Candidate {
    pub(super) fn new(subscription: usize, held_level: usize, climb: Climb) -> Candidate {
        let (level, sent, kept_rungs, kept_bps) = (0, None, 0, 0);
        Candidate { subscription, held_level, climb, level, sent, kept_rungs, kept_bps }
    }

    /// What sharing out has given it.
    pub(super) fn outcome(&self) -> Outcome {
        let direction = match self.level.cmp(&self.held_level) {
            std::cmp::Ordering::Less => Direction::Down,
            std::cmp::Ordering::Equal => Direction::Level,
            std::cmp::Ordering::Greater => Direction::Up,
        };
        Outcome { sent: self.sent, direction }
    }

    fn cost_bps(&self) -> u64 {
        self.sent.map_or(0, |sent| u64::from(sent.cost_bps))
    }
}

/// Appends the rungs of candidate number `candidate` to `steps`.
pub(super) fn list(
    steps: &mut Vec<Step>,
    (candidate, held_level): (usize, usize),
    ladder: &[Rung],
    rank: Rank,
) {
    let (mut pixels, mut picture, mut more_frames, mut below_bps) = (0, 0, 0_u8, 0);
    for (index, rung) in ladder.iter().enumerate() {
        let level = index + 1;
        let is_next_picture =
            index.checked_sub(1).is_some_and(|below| !ladder[below].is_same_picture_as(rung));
        picture += u8::from(is_next_picture);
        more_frames = if is_next_picture || index == 0 { 0 } else { more_frames.saturating_add(1) };
        // A lower rung never comes behind a higher one, whatever sizes a publisher claims.
        pixels = rung.pixels().unwrap_or(rank.pixels_shown).max(pixels);
        let is_up = level > held_level;
        let needed_bps = if is_up { rung.peak_bps } else { rung.bitrate_bps };
        let order = Order {
            class: rank.class,
            may_change: rank.may_change || is_up,
            is_higher: level > 1,
            pixels,
            picture,
            more_frames,
            is_settled: rank.may_change || is_up,
            is_up,
            extra_bps: needed_bps.saturating_sub(below_bps),
            track: rank.track,
        };
        let Rung { quality, bitrate_bps, peak_bps, .. } = *rung;
        steps.push(Step { order, candidate, level, quality, bitrate_bps, peak_bps });
        below_bps = bitrate_bps;
    }
}

/// Gives the rungs out; returns what they cost together, which is never more than `budget_bps`.
pub(super) fn share_out(steps: &mut [Step], candidates: &mut [Candidate], budget_bps: u64) -> u64 {
    steps.sort_unstable_by_key(|step| step.order);
    let whole = Round { budget_bps, less_from: None };
    let passed = pass(steps, candidates, whole);
    if passed.cut.is_none() {
        return passed.used_bps;
    }
    // Larger pictures are never kept at the cost of somebody's smallest.
    let is_other_link =
        held_bps(steps, candidates) > budget_bps.saturating_mul(SAME_LINK_PERCENT) / 100;
    for Step { order, .. } in steps.iter_mut() {
        order.may_change |= is_other_link || order.picture > 0;
    }
    steps.sort_unstable_by_key(|step| step.order);
    pass(steps, candidates, Round { less_from: passed.cut, ..whole }).used_bps
}

/// What all that is held costs.
fn held_bps(steps: &[Step], candidates: &[Candidate]) -> u64 {
    let is_held =
        |step: &&Step| candidates.get(step.candidate).is_some_and(|it| it.held_level == step.level);
    steps.iter().filter(is_held).map(|step| u64::from(step.bitrate_bps)).sum()
}

/// What those who hold something have to fit into.
#[derive(Clone, Copy)]
struct Round {
    budget_bps: u64,
    /// From this class on it is a part of the budget, beside what is kept for others: one cut is to be
    /// enough. Nobody more important is cut for that.
    less_from: Option<u16>,
}

/// What one round of giving has come to.
#[derive(Default)]
struct Passed {
    used_bps: u64,
    /// What is kept for those who may go up soon.
    kept_bps: u64,
    /// What those who went up had to stay within.
    up_within_bps: Option<u64>,
    /// The first class in which somebody could not keep what they had though nobody went up.
    cut: Option<u16>,
}

impl Round {
    fn less_bps(self) -> u64 {
        self.budget_bps.saturating_mul(CUT_PERCENT) / 100
    }
}

/// One round of giving.
fn pass(steps: &[Step], candidates: &mut [Candidate], round: Round) -> Passed {
    for candidate in candidates.iter_mut() {
        let Candidate { subscription, held_level, climb, .. } = *candidate;
        *candidate = Candidate::new(subscription, held_level, climb);
    }
    let mut passed = Passed::default();
    for step in steps {
        let Some(candidate) = candidates.get_mut(step.candidate) else { continue };
        // Who was refused a rung cannot stand on a higher one.
        if candidate.level + candidate.kept_rungs + 1 != step.level {
            continue;
        }
        if step.level <= candidate.held_level {
            passed.hold(step, candidate, round);
        } else {
            passed.go_up(step, candidate);
        }
    }
    passed
}

impl Passed {
    fn hold(&mut self, step: &Step, candidate: &mut Candidate, round: Round) {
        let used_bps = self.used_bps - candidate.cost_bps() + u64::from(step.bitrate_bps);
        let is_less = round.less_from.is_some_and(|from| step.order.class >= from);
        let fits = match self.up_within_bps {
            // What there is behind somebody who goes up needs the headroom too, or noise would take it.
            Some(limit) => with_headroom(used_bps + self.kept_bps) <= limit,
            None if is_less => used_bps + self.kept_bps <= round.less_bps(),
            None => used_bps <= round.budget_bps,
        };
        if fits {
            self.give(step, candidate);
        } else if self.up_within_bps.is_none() {
            self.cut.get_or_insert(step.order.class);
        }
    }

    fn go_up(&mut self, step: &Step, candidate: &mut Candidate) {
        let others_bps = self.used_bps + self.kept_bps - candidate.cost_bps() - candidate.kept_bps;
        let needed_bps = with_headroom(others_bps + u64::from(step.peak_bps));
        let fits = |limit: Option<u64>| limit.filter(|limit| needed_bps <= *limit);
        if let Some(limit) = fits(candidate.climb.within_bps)
            && candidate.kept_rungs == 0
        {
            let within_bps = self.up_within_bps.get_or_insert(limit);
            *within_bps = limit.min(*within_bps);
            self.give(step, candidate);
        } else if fits(candidate.climb.soon_within_bps).is_some() {
            self.kept_bps -= candidate.kept_bps;
            candidate.kept_bps = u64::from(step.peak_bps).saturating_sub(candidate.cost_bps());
            candidate.kept_rungs += 1;
            self.kept_bps += candidate.kept_bps;
        }
    }

    fn give(&mut self, step: &Step, candidate: &mut Candidate) {
        self.used_bps = self.used_bps - candidate.cost_bps() + u64::from(step.bitrate_bps);
        candidate.level = step.level;
        candidate.sent = Some(Sent { quality: step.quality, cost_bps: step.bitrate_bps });
    }
}

/// The budget that it takes to go up to a cost.
pub(crate) fn with_headroom(cost_bps: u64) -> u64 {
    cost_bps.saturating_mul(HEADROOM_PERCENT).div_ceil(100)
}
