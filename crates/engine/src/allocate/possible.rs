//! What would be sent if all that is known of tracks arrived: what publishers are to be asked for.

use super::fill::{self, Candidate};
use super::ladder;
use super::memory::{Climb, Sent};
use super::{Allocator, Given, Subscription};
use crate::measure::{Quality, Rung};

impl Allocator {
    /// Shares the budget out once more, after what was decided, with what is known and for viewers who go up at once; and if
    /// somebody was given what has stopped, without that.
    pub(super) fn look_ahead(&mut self, subscriptions: &[Subscription<'_>], budget_bps: u64) {
        self.share_out_known(subscriptions, budget_bps, |_, _| true);
        let mut has_stopped = false;
        for (subscription, decision) in subscriptions.iter().zip(&mut self.decisions) {
            let stopped = |quality: &Quality| is_stopped(subscription, *quality);
            decision.awaited = decision.possible.filter(stopped);
            has_stopped |= decision.awaited.is_some();
        }
        if has_stopped {
            let is_there = |it: &Subscription<'_>, rung: &Rung| it.arrives(rung) || it.rests(rung);
            self.share_out_known(subscriptions, budget_bps, is_there);
        }
    }

    fn share_out_known(
        &mut self,
        subscriptions: &[Subscription<'_>],
        budget_bps: u64,
        is_available: impl Fn(&Subscription<'_>, &Rung) -> bool,
    ) {
        let climb = Climb::within(self.budgets.recent());
        let scratch = &mut self.scratch;
        scratch.candidates.clear();
        scratch.steps.clear();
        for (index, (subscription, decision)) in
            subscriptions.iter().zip(&self.decisions).enumerate()
        {
            let Ok(area) = subscription.place() else { continue };
            let sent = sent(subscription, decision.given);
            let purpose = subscription.purpose(area, sent);
            scratch.available.clear();
            let known = subscription.known.iter();
            scratch.available.extend(known.filter(|rung| is_available(subscription, rung)));
            ladder::climb(&mut scratch.ladder, &scratch.available, &purpose);
            let held_level = sent.map_or(0, |sent| sent.level(&scratch.ladder));
            let rank = subscription.rank(area, true);
            let candidate = (scratch.candidates.len(), held_level);
            fill::list(&mut scratch.steps, candidate, &scratch.ladder, rank);
            scratch.candidates.push(Candidate::new(index, held_level, climb));
        }
        fill::share_out(&mut scratch.steps, &mut scratch.candidates, budget_bps);
        for candidate in &scratch.candidates {
            if let Some(decision) = self.decisions.get_mut(candidate.subscription) {
                decision.possible = candidate.outcome().sent.map(|sent| sent.quality);
            }
        }
    }
}

/// Whether something was asked for and does not come.
fn is_stopped(subscription: &Subscription<'_>, quality: Quality) -> bool {
    let mut known = subscription.known.iter();
    let known = known.find(|rung| rung.quality == quality);
    known.is_some_and(|rung| !subscription.arrives(rung) && !subscription.rests(rung))
}

/// What is sent, and what it costs.
fn sent(subscription: &Subscription<'_>, given: Given) -> Option<Sent> {
    let Given::Send(quality) = given else { return None };
    let rung = subscription.rungs.iter().find(|rung| rung.quality == quality)?;
    Some(Sent { quality, cost_bps: rung.bitrate_bps })
}
