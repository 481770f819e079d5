//! How much of something one client may do: a token bucket as a value.

use std::time::{Duration, Instant};

/// Lets `burst` things happen at once, and one more every `interval`.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    burst: u32,
    interval: Duration,
    /// When the bucket will have been full for as long as it has been spent.
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(now: Instant, burst: u32, interval: Duration) -> TokenBucket {
        TokenBucket { burst, interval, full_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// When there is none: how long until there is.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let owed = self.full_at.saturating_duration_since(now) + self.interval;
        let capacity = self.interval * self.burst;
        if owed > capacity {
            return Err(owed - capacity);
        }
        self.full_at = now + owed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let tenth = Duration::from_millis(100);
        let mut bucket = TokenBucket::new(start, 3, tenth);
        assert!((0..3).all(|_| bucket.take(start).is_ok()));
        assert_eq!(bucket.take(start), Err(tenth));
        assert_eq!(bucket.take(start + tenth / 2), Err(tenth / 2));
        assert_eq!(bucket.take(start + tenth), Ok(()));
        assert_eq!(bucket.take(start + tenth), Err(tenth));
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| bucket.take(later).is_ok()).count(), 3);
    }
}
