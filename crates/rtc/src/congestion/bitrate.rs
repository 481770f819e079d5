//! Bits per second, and what they mean for bytes and time.

use std::fmt;
use std::time::Duration;

/// A rate in bits per second, never above [`Bitrate::MAX`]; its arithmetic saturates.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u64);

/// What a span of time is at most where it is computed from a rate: nothing here plans further.
const LONGEST: Duration = Duration::from_secs(3_600);

impl Bitrate {
    /// Nothing at all.
    pub const ZERO: Bitrate = Bitrate(0);

    /// A terabit per second: more than any path, and little enough that no product of it with a
    /// span of time overflows.
    pub const MAX: Bitrate = Bitrate(1_000_000_000_000);

    /// So many bits per second.
    pub const fn from_bps(bps: u64) -> Bitrate {
        if bps < Self::MAX.0 { Bitrate(bps) } else { Self::MAX }
    }

    /// So many thousand bits per second.
    pub const fn from_kbps(kbps: u64) -> Bitrate {
        Self::from_bps(kbps.saturating_mul(1_000))
    }

    /// The rate at which `bytes` take `span`; `None` where no time passes.
    pub fn of(bytes: u64, span: Duration) -> Option<Bitrate> {
        let seconds = span.as_secs_f64();
        (seconds > 0.0).then(|| Self::from_f64(bytes as f64 * 8.0 / seconds))
    }

    /// The nearest rate; zero for what is no number.
    pub(super) const fn from_f64(bps: f64) -> Bitrate {
        // The cast saturates.
        Self::from_bps(bps as u64)
    }

    /// Bits per second.
    pub const fn bps(self) -> u64 {
        self.0
    }

    pub(super) const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    pub(super) fn kbps(self) -> f64 {
        self.as_f64() / 1_000.0
    }

    /// This rate, `factor` times.
    pub fn scaled(self, factor: f64) -> Bitrate {
        Self::from_f64(self.as_f64() * factor)
    }

    /// The sum of two rates.
    pub const fn plus(self, other: Bitrate) -> Bitrate {
        Self::from_bps(self.0.saturating_add(other.0))
    }

    /// What is left of this rate without `other`.
    pub const fn minus(self, other: Bitrate) -> Bitrate {
        Bitrate(self.0.saturating_sub(other.0))
    }

    /// How many bytes it lets through in `span`.
    pub fn bytes_in(self, span: Duration) -> u64 {
        (self.as_f64() * span.as_secs_f64() / 8.0) as u64
    }

    /// How long `bytes` take; an hour where they take longer.
    pub fn time_for(self, bytes: u64) -> Duration {
        let seconds = bytes as f64 * 8.0 / self.as_f64();
        if seconds >= LONGEST.as_secs_f64() || seconds.is_nan() {
            return LONGEST;
        }
        // To the nearest nanosecond, as `from_secs_f64` does it in ten times as many instructions.
        Duration::from_nanos((seconds * 1e9 + 0.5) as u64)
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bit/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_time_and_rate_are_three_views_of_one_thing() {
        let rate = Bitrate::from_kbps(960);
        assert_eq!(rate.time_for(1_200), Duration::from_millis(10));
        assert_eq!(rate.bytes_in(Duration::from_millis(10)), 1_200);
        assert_eq!(Bitrate::of(1_200, Duration::from_millis(10)), Some(rate));
    }

    #[test]
    fn the_ends_of_the_scale_saturate() {
        assert_eq!(Bitrate::from_bps(u64::MAX), Bitrate::MAX);
        assert_eq!(Bitrate::MAX.plus(Bitrate::MAX), Bitrate::MAX);
        assert_eq!(Bitrate::ZERO.minus(Bitrate::MAX), Bitrate::ZERO);
        assert_eq!(Bitrate::MAX.scaled(f64::INFINITY), Bitrate::MAX);
        assert_eq!(Bitrate::MAX.scaled(f64::NAN), Bitrate::ZERO);
        assert_eq!(Bitrate::of(1, Duration::ZERO), None);
        assert_eq!(Bitrate::ZERO.time_for(0), LONGEST);
        assert_eq!(Bitrate::ZERO.time_for(u64::MAX), LONGEST);
    }
}
