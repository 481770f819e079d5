//! What holds the rate back after loss.

use std::time::Duration;

use crate::congestion::Bitrate;
use crate::congestion::moment::Moment;

/// After loss brought the rate down, it does not grow for so long; twice as long each time, until
/// delay is what limits it again.
const FIRST_HOLD: Duration = Duration::from_millis(300);
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// A time at which the rate does not grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) until: Option<Moment>,
    length: Duration,
    pub(super) rate: Bitrate,
}

impl Hold {
    pub(super) const NONE: Hold = Hold { until: None, length: FIRST_HOLD, rate: Bitrate::MAX };

    /// Holds at `rate` from now on, and the next time for twice as long.
    pub(super) fn again(self, now: Moment, rate: Bitrate) -> Hold {
        let length = (self.length * 2).min(LONGEST_HOLD);
        Hold { until: Some(now + self.length), length, rate }
    }
}

/// The rate at which padding helped last, and when that began.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaddedSince {
    pub(super) at: Moment,
    pub(super) rate: Bitrate,
}

/// The rate that growth may reach in the window that began then.
#[derive(Clone, Copy, Debug)]
pub(super) struct GrowthLimit {
    pub(super) since: Moment,
    pub(super) rate: Bitrate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hold_is_twice_as_long_as_the_one_before_it_up_to_a_minute() {
        let now = Moment::after(Duration::from_secs(1_000));
        let mut hold = Hold::NONE;
        let lengths: Vec<_> = (0..10)
            .filter_map(|_| {
                hold = hold.again(now, Bitrate::from_kbps(500));
                hold.until.map(|until| until - now)
            })
            .collect();
        assert_eq!(lengths[..3], [FIRST_HOLD, FIRST_HOLD * 2, FIRST_HOLD * 4]);
        assert_eq!(lengths[9], LONGEST_HOLD);
    }
}
