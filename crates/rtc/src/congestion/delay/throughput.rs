//! What is sent and comes through, and what that says of a path that is full.

use crate::congestion::Bitrate;

/// What comes through in a fifth of a second is off by a few packets. Where a queue stands and it is less than this
/// part of what usually does, it is another path all the same.
const LESS: f64 = 0.9;

/// Where less than this part of a rate comes through, the rate is too high by far.
const FAR_BELOW: f64 = 0.75;

/// Of the rate, what comes through at least of a flow that may fill it, and of one that does: samples are off by a few
/// packets.
const NEARLY_ALL: f64 = 0.85;
const ALL: f64 = 0.92;

/// A queue on the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// It grows, by the trend of the delay.
    Grows,
    /// No packet escapes it.
    Stands,
    /// It grows fast, since the path takes far less than it did.
    IsOfCut,
}

/// What is sent and comes through.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::congestion) struct Throughput {
    /// Over some time; `None` while that is not known.
    pub(in crate::congestion) usual: Option<Bitrate>,
    /// The most that lately came through for a moment; zero while nothing did.
    pub(in crate::congestion) of_bursts: Bitrate,
    /// In the last fifth of a second, if something came all the time.
    pub(in crate::congestion) latest: Option<Bitrate>,
    /// In the last tenth of a second, or the last fifth if that is less, unless more comes now than before.
    pub(in crate::congestion) shrunk: Option<Bitrate>,
    /// Mostly clearly less is sent than might be.
    pub(in crate::congestion) is_seldom_full: bool,
}

impl Throughput {
    /// Whether so little comes through now that a queue of this rate would grow and not drain.
    pub(super) fn is_far_below(self, rate: Bitrate) -> bool {
        self.latest.is_some_and(|latest| latest < rate.scaled(FAR_BELOW))
    }

    /// Whether what comes through has shrunk to far less than this rate.
    pub(super) fn has_shrunk_far_below(self, rate: Bitrate) -> bool {
        self.shrunk.is_some_and(|shrunk| shrunk < rate.scaled(FAR_BELOW))
    }

    /// Whether clearly less is sent than this rate: then a queue of a moment is of a burst, and drains.
    pub(super) fn leaves_room(self, rate: Bitrate) -> bool {
        let is_less = |usual: Bitrate| usual < rate.scaled(NEARLY_ALL);
        self.is_seldom_full || self.usual.is_some_and(is_less)
    }

    /// Whether as much is sent as this rate: then any queue may be of the flow.
    pub(super) fn fills(self, rate: Bitrate) -> bool {
        self.usual.is_none_or(|usual| usual >= rate.scaled(ALL))
    }

    /// What came through when there was a queue: what the path takes. Of who sends less than the rate, a burst that
    /// filled a queue says it; and of who has just begun, nothing else does. But a queue that no packet escapes lets
    /// through all that the path takes, and so does one that grows fast; when that is less, it is another path than
    /// it was. When it is more than usual, what is usual has not been enough to fill the path.
    pub(super) fn when_full(self, queue: Queue, rate: Bitrate) -> Option<Bitrate> {
        let is_less =
            |usual: Bitrate| self.latest.is_some_and(|latest| latest < usual.scaled(LESS));
        // A queue that stands has to come down whatever bursts have shown.
        let most = if queue == Queue::Stands { rate } else { Bitrate::MAX };
        match (self.usual, queue) {
            (Some(_), Queue::IsOfCut) => self.shrunk,
            (Some(usual), Queue::Stands) if is_less(usual) => self.latest,
            (Some(usual), _) if self.leaves_room(rate) => {
                Some(usual.max(self.of_bursts.min(most))).max(self.latest)
            }
            (Some(usual), _) => Some(usual).max(self.latest),
            (None, _) => Some(self.of_bursts).filter(|bursts| *bursts > Bitrate::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(kbps: u64) -> Bitrate {
        Bitrate::from_kbps(kbps)
    }

    fn sent(usual: u64, of_bursts: u64, latest: u64) -> Throughput {
        Throughput {
            usual: Some(kbps(usual)),
            of_bursts: kbps(of_bursts),
            latest: Some(kbps(latest)),
            shrunk: Some(kbps(latest - 100)),
            is_seldom_full: false,
        }
    }

    #[test]
    fn a_burst_of_who_sends_less_than_it_may_says_what_the_path_takes() {
        let sent = sent(1_100, 1_950, 1_300);
        assert_eq!(sent.when_full(Queue::Grows, kbps(1_700)), Some(kbps(1_950)));
        assert_eq!(sent.when_full(Queue::Stands, kbps(1_700)), Some(kbps(1_700)));
        assert_eq!(sent.when_full(Queue::Grows, kbps(1_200)), Some(kbps(1_300)));
    }

    #[test]
    fn a_queue_that_stands_lets_through_all_that_the_path_takes_when_that_has_become_less() {
        let sent = sent(1_100, 1_950, 900);
        assert_eq!(sent.when_full(Queue::Stands, kbps(1_700)), Some(kbps(900)));
        assert_eq!(sent.when_full(Queue::Grows, kbps(1_700)), Some(kbps(1_950)));
        assert_eq!(sent.when_full(Queue::Grows, kbps(1_200)), Some(kbps(1_100)));
    }

    #[test]
    fn a_queue_that_grows_fast_does_so_too() {
        let sent = sent(1_100, 1_950, 700);
        assert!(sent.has_shrunk_far_below(kbps(1_100)));
        assert_eq!(sent.when_full(Queue::IsOfCut, kbps(1_700)), Some(kbps(600)));
    }
}
