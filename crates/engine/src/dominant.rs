//! Who has the floor in a room: the dominant speaker, by the relative tests of Volfin and Cohen (2012).
//!
//! Whoever has it keeps it, also in silence, until another one is clearly more active on all three time scales
//! at once. So a cough does not take it, nor does a word thrown in; and of two who speak at once it is the
//! one who had it before.

use crate::id::PeerId;
use crate::speech::{LONG_GROUPS, MEDIUM_FRAMES, Scores};

/// So much voice of the last second is the least to take the floor with, in tenths: a cough or a short
/// word is less.
const LEAST_TO_TAKE: u8 = 4;

/// How much likelier a challenger's speech must be than that of who has the floor, as the logarithm of the ratio of
/// their scores: C1, C2 and C3 of the paper. With the first two a challenger gets through only
/// where the other one pauses; the third, which is 0 there, wants two and a half times as much of the last second: two who talk over each
/// other for a minute swap it two or three times with it, and a dozen times with 0.4.
const MARGINS: Margins = Margins { immediate: 3.0, medium: 2.0, long: 0.9 };

struct Margins {
    immediate: f32,
    medium: f32,
    long: f32,
}

/// One of those who may have the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Who.
    pub peer: PeerId,
    /// How much they have spoken lately, over one of their microphones.
    pub scores: Scores,
}

/// Who has the floor in one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dominant {
    peer: Option<PeerId>,
}

impl Dominant {
    /// Nobody has spoken yet.
    pub const fn new() -> Dominant {
        Dominant { peer: None }
    }

    /// Who has the floor; `None` before anybody has spoken, and after whoever had it has left.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// Judges anew, about ten times a second while somebody speaks. Returns whether the floor has
    /// passed to another.
    pub fn judge(&mut self, contenders: impl Iterator<Item = Contender> + Clone) -> bool {
        let has_it = |contender: &Contender| Some(contender.peer) == self.peer;
        let present = contenders.clone().filter(has_it).map(|own| own.scores);
        let present = present.max_by_key(rank).unwrap_or_default();
        let takes = |other: &Contender| {
            !has_it(other) && other.scores.long >= LEAST_TO_TAKE && beats(other.scores, present)
        };
        let best = contenders.filter(takes).max_by_key(|other| {
            // Among equals the first to come, so that the outcome does not depend on their order.
            (rank(&other.scores), std::cmp::Reverse(other.peer))
        });
        if let Some(best) = best {
            self.peer = Some(best.peer);
        }
        best.is_some()
    }

    /// Somebody has left. Returns whether they had the floor.
    pub fn forget(&mut self, peer: PeerId) -> bool {
        let had_it = self.peer == Some(peer);
        if had_it {
            self.peer = None;
        }
        had_it
    }
}

fn rank(scores: &Scores) -> (u8, u8, u8) {
    (scores.medium, scores.long, scores.immediate)
}

/// Whether a challenger passes all three tests against whoever has the floor.
fn beats(challenger: Scores, present: Scores) -> bool {
    let ahead = |of: fn(Scores) -> f32| of(challenger) - of(present);
    ahead(immediate) > MARGINS.immediate
        && ahead(medium) > MARGINS.medium
        && ahead(long) > MARGINS.long
}

/// Frames of one length are voiced by chance half the time, and the more are the likelier it is speech: the
/// score of `v` of `n` is `ln C(n, v) + n ln 0.5 - ln λ + λv`, with a λ for each time scale, and at least
/// 1e-10. These are the scores' logarithms.
fn immediate(scores: Scores) -> f32 {
    const NONE: f32 = -23.026;
    const LN: [f32; 14] = [
        NONE, NONE, NONE, NONE, -0.073, 0.832, 1.214, 1.422, 1.534, 1.575, 1.546, 1.429, 1.151,
        0.320,
    ];
    LN.get(usize::from(scores.immediate)).copied().unwrap_or(NONE)
}

fn medium(scores: Scores) -> f32 {
    const LN: [f32; MEDIUM_FRAMES as usize + 1] = [-23.026, 2.943, 3.776, 4.214, 4.510, 4.731];
    LN[usize::from(scores.medium.min(MEDIUM_FRAMES))]
}

fn long(scores: Scores) -> f32 {
    const LN: [f32; LONG_GROUPS as usize + 1] =
        [-23.026, 3.651, 4.466, 4.905, 5.207, 5.437, 5.622, 5.778, 5.911, 6.027, 6.130];
    LN[usize::from(scores.long.min(LONG_GROUPS))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    /// The logarithm of the score that the paper gives `v` of `n`.
    fn ln_score(v: u8, n: u8, lambda: f64) -> f64 {
        let choose = (0..v).fold(1.0, |c, k| c * f64::from(n - k) / f64::from(k + 1));
        let ln_choose: f64 = f64::ln(choose);
        let score = ln_choose + f64::from(n) * 0.5_f64.ln() - lambda.ln() + lambda * f64::from(v);
        score.max(1e-10).ln()
    }

    #[test]
    fn the_tables_are_the_scores_of_the_formula() {
        let near = |table: f32, formula: f64| (f64::from(table) - formula).abs() < 0.001;
        for v in 0..=noise::STEPS {
            let scores = Scores { immediate: v, ..Scores::default() };
            assert!(near(immediate(scores), ln_score(v, noise::STEPS, 0.78)), "{v}");
        }
        for v in 0..=MEDIUM_FRAMES {
            let scores = Scores { medium: v, ..Scores::default() };
            assert!(near(medium(scores), ln_score(v, MEDIUM_FRAMES, 24.0)), "{v}");
        }
        for v in 0..=LONG_GROUPS {
            let scores = Scores { long: v, ..Scores::default() };
            assert!(near(long(scores), ln_score(v, LONG_GROUPS, 47.0)), "{v}");
        }
    }

    #[test]
    fn whoever_leaves_with_the_floor_leaves_it_to_nobody_until_somebody_speaks() {
        let mut floor = Dominant::new();
        let speaks = Scores { immediate: 9, medium: 5, long: 8 };
        assert!(floor.judge([Contender { peer: PeerId(1), scores: speaks }].into_iter()));
        assert!(!floor.forget(PeerId(2)));
        assert!(floor.forget(PeerId(1)));
        let silent = [Contender { peer: PeerId(2), scores: Scores::default() }];
        assert!(!floor.judge(silent.into_iter()));
        assert_eq!(floor.peer(), None);
        assert!(floor.judge([Contender { peer: PeerId(2), scores: speaks }].into_iter()));
        assert_eq!(floor.peer(), Some(PeerId(2)));
    }
}
