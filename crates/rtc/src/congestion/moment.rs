//! Points in time as congestion control keeps them: one number each, since several are compared for each packet.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in nanoseconds since the connection's congestion control began. It ends after 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// So long after the beginning.
    pub(super) fn after(passed: Duration) -> Moment {
        Moment(nanos(passed))
    }

    /// So many microseconds after the beginning.
    #[inline]
    pub(super) fn of_micros(micros: u64) -> Moment {
        Moment(micros.saturating_mul(1_000))
    }

    /// The time from `earlier` to this; none where that is later.
    #[inline]
    pub(super) fn saturating_duration_since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Microseconds from the beginning.
    #[inline]
    pub(super) fn micros(self) -> u64 {
        self.0 / 1_000
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    #[inline]
    fn add(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(nanos(span)))
    }
}

/// What is before the beginning is the beginning.
impl Sub<Duration> for Moment {
    type Output = Moment;

    #[inline]
    fn sub(self, span: Duration) -> Moment {
        Moment(self.0.saturating_sub(nanos(span)))
    }
}

#[cfg(test)]
impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Moment) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

#[cfg(test)]
impl std::ops::AddAssign<Duration> for Moment {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

/// Without the 128 bits that `Duration::as_nanos` takes.
#[inline]
fn nanos(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_add_up_and_end_at_both_ends() {
        let span = Duration::new(3, 7);
        let moment = Moment::after(span);
        assert_eq!(moment.saturating_duration_since(Moment::default()), span);
        assert_eq!((moment + span) - span, moment);
        assert_eq!(moment.saturating_duration_since(moment + span), Duration::ZERO);
        assert_eq!(moment - Duration::from_secs(9), Moment::default());
        assert_eq!(moment + Duration::MAX, Moment(u64::MAX));
        assert_eq!(moment.micros(), 3_000_000);
    }
}
