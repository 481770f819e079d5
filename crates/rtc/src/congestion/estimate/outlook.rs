//! What probes may be sent, as far as delay and loss tell of the path now.

use std::time::Duration;

use super::FeedbackEstimate;
use crate::congestion::delay::Usage;
use crate::congestion::loss::LossState;
use crate::congestion::moment::Moment;
use crate::congestion::probe::controller::{Outlook, Permission};

/// How long after it ended an application-limited time still explains a low rate.
const ALR_ENDED: Duration = Duration::from_secs(3);

/// Where even the luckiest packet waits so long, a flow may have filled its path, which it shows by itself.
const PERHAPS_FULL: Duration = Duration::from_millis(10);

impl FeedbackEstimate {
    pub(super) fn outlook(&self, now: Moment) -> Outlook {
        let just_ended = |at| now.saturating_duration_since(at) < ALR_ENDED;
        let application_limited =
            self.alr.since().is_some() || self.alr_ended.is_some_and(just_ended);
        let is_careful = self.delay.seen_full() && !application_limited;
        let is_at_edge = self.delay.is_at_edge(now, self.target);
        let permission = match (self.delay.usage(), self.loss.state()) {
            _ if self.silence.is_unbroken() || self.delay.has_queue() => Permission::None,
            _ if is_careful && (is_at_edge || self.delay.queue() >= PERHAPS_FULL) => {
                Permission::None
            }
            (Usage::Over | Usage::Under, _) => Permission::None,
            (_, LossState::Limited | LossState::Recovering) if self.loss.may_be_over() => {
                Permission::Full
            }
            (_, LossState::Limited) if self.loss.is_of_little() => Permission::Careful,
            (_, LossState::Limited) => Permission::None,
            // The padding shows what the path takes, and a probe beside it would be too much.
            (Usage::Normal, LossState::Recovering) if is_careful => Permission::None,
            (Usage::Normal, LossState::Recovering) => Permission::Careful,
            (Usage::Normal, LossState::Unlimited) => Permission::Full,
        };
        Outlook {
            now,
            target: self.target,
            permission,
            seen_full: self.delay.seen_full(),
            application_limited,
        }
    }
}
