//! What would be sent if all that is known of tracks arrived: what publishers are to be asked for.

use super::fill::{self, Candidate, Rank};
use super::ladder::{self, Purpose};
use super::memory::{Climb, Sent};
use super::{Allocator, Class, Given, Subscription};

impl Allocator {
    /// Shares the budget out once more, after what was decided, with what rests and for viewers who go up at once.
    pub(super) fn look_ahead(&mut self, subscriptions: &[Subscription<'_>], budget_bps: u64) {
        let climb = Climb::within(self.budgets.recent());
        let scratch = &mut self.scratch;
        scratch.candidates.clear();
        scratch.steps.clear();
        for (index, (subscription, decision)) in
            subscriptions.iter().zip(&self.decisions).enumerate()
        {
            let Ok(area) = subscription.place() else { continue };
            let sent = sent(subscription, decision.given);
            let purpose = Purpose {
                area,
                is_screen: subscription.class == Class::Screen,
                held: sent.map(|sent| sent.quality),
            };
            scratch.available.clear();
            scratch.available.extend(
                subscription
                    .known
                    .iter()
                    .filter(|it| subscription.arrives(it) || subscription.rests(it)),
            );
            ladder::climb(&mut scratch.ladder, &scratch.available, &purpose);
            let held_level = sent.map_or(0, |sent| sent.level(&scratch.ladder));
            let rank = Rank {
                class: subscription.class.rank(),
                may_change: true,
                pixels_shown: u32::from(area.width) * u32::from(area.height),
                track: subscription.track,
            };
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

/// What is sent, and what it costs.
fn sent(subscription: &Subscription<'_>, given: Given) -> Option<Sent> {
    let Given::Send(quality) = given else { return None };
    let rung = subscription.rungs.iter().find(|rung| rung.quality == quality)?;
    Some(Sent { quality, cost_bps: rung.bitrate_bps })
}
