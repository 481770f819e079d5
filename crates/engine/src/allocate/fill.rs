//! Shares a budget out, one rung after the other.

use crate::id::TrackId;
use crate::measure::{Quality, Rung};

use super::memory::{Direction, Outcome, Sent};

/// What goes up has to fit with so much to spare, in percent of its cost: what a camera costs goes up and
/// down by a tenth while nothing changes, and so does an estimate.
const HEADROOM_PERCENT: u64 = 115;

/// When the budget does not carry what is sent, it is shared out anew down to this part of it, in percent: a
/// steady link's estimate will not go below that, so that one change is enough.
const CUT_PERCENT: u64 = 90;

/// One track that somebody is to see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Which of the subscriptions it is.
    pub(super) subscription: usize,
    /// So many rungs can be kept without going up.
    pub(super) held_level: usize,
    /// The budget that going up has to stay within; `None` when it may not.
    pub(super) up_within: Option<u64>,
    /// So many rungs it has been given.
    level: usize,
    sent: Option<Sent>,
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
    /// Everybody is seen before anybody is seen better.
    is_higher: bool,
    /// Small pictures for everybody before a larger one for anybody, and frame rates likewise. A picture of
    /// unknown size counts as being as large as its place.
    pixels: u32,
    picture: u8,
    temporal: u8,
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
    pub(super) pixels_shown: u32,
    pub(super) track: TrackId,
}

impl Candidate {
    pub(super) fn new(subscription: usize, held_level: usize, up_within: Option<u64>) -> Candidate {
        Candidate { subscription, held_level, up_within, level: 0, sent: None }
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
    let (mut pixels, mut picture, mut below_bps) = (0, 0, 0);
    for (index, rung) in ladder.iter().enumerate() {
        let level = index + 1;
        let is_next_picture =
            index.checked_sub(1).is_some_and(|below| !ladder[below].is_same_picture_as(rung));
        picture += u8::from(is_next_picture);
        // A lower rung never comes behind a higher one, whatever sizes a publisher claims.
        pixels = rung.pixels().unwrap_or(rank.pixels_shown).max(pixels);
        let is_up = level > held_level;
        let needed_bps = if is_up { rung.peak_bps } else { rung.bitrate_bps };
        let order = Order {
            class: rank.class,
            is_higher: level > 1,
            pixels,
            picture,
            temporal: rung.quality.temporal,
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
    let passed = pass(steps, candidates, |_| budget_bps);
    let Some(cut) = passed.cut else { return passed.used_bps };
    // Nobody more important is cut for that.
    let less_bps = budget_bps.saturating_mul(CUT_PERCENT) / 100;
    pass(steps, candidates, |class| if class < cut { budget_bps } else { less_bps }).used_bps
}

struct Passed {
    used_bps: u64,
    /// The first class in which somebody could not keep what they had.
    cut: Option<u16>,
}

/// One round of giving, in which what a class keeps fits into what `keep_within_bps` says for it.
fn pass(
    steps: &[Step],
    candidates: &mut [Candidate],
    keep_within_bps: impl Fn(u16) -> u64,
) -> Passed {
    candidates.iter_mut().for_each(|candidate| (candidate.level, candidate.sent) = (0, None));
    let mut passed = Passed { used_bps: 0, cut: None };
    for step in steps {
        let Some(candidate) = candidates.get_mut(step.candidate) else { continue };
        // Who was refused a rung cannot stand on a higher one.
        if candidate.level + 1 != step.level {
            continue;
        }
        let others_bps = passed.used_bps - candidate.cost_bps();
        let is_kept = step.level <= candidate.held_level;
        let fits = match candidate.up_within {
            _ if is_kept => {
                others_bps + u64::from(step.bitrate_bps) <= keep_within_bps(step.order.class)
            }
            Some(limit) => with_headroom(others_bps + u64::from(step.peak_bps)) <= limit,
            None => false,
        };
        if fits {
            candidate.level = step.level;
            candidate.sent = Some(Sent { quality: step.quality, cost_bps: step.bitrate_bps });
            passed.used_bps = others_bps + u64::from(step.bitrate_bps);
        } else if is_kept {
            passed.cut.get_or_insert(step.order.class);
        }
    }
    passed
}

/// The budget that it takes to go up to a cost.
pub(super) fn with_headroom(cost_bps: u64) -> u64 {
    cost_bps.saturating_mul(HEADROOM_PERCENT).div_ceil(100)
}
