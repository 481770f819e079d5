//! How often a session may be changed: an answer and an ICE restart have the room's media thread read a whole description,
//! as a join does, and whoever has a session's URL can ask for them in a loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::problem::Problem;
use super::too_often;
use crate::rate::TokenBucket;

/// Answers and ICE restarts of one session at once, and then one every so often. A client answers once, and restarts ICE when
/// its network changes.
const NEGOTIATIONS: (u32, Duration) = (10, Duration::from_secs(1));

/// PATCHes of any kind of one session at once, and then one every so often. A client that tells each of its candidates by
/// itself sends some dozens within a second.
const PATCHES: (u32, Duration) = (100, Duration::from_millis(100));

/// What one session may still ask for. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Patches {
    left: Arc<Mutex<Left>>,
}

#[derive(Debug)]
struct Left {
    patches: TokenBucket,
    negotiations: TokenBucket,
}

impl Patches {
    pub(super) fn new(now: Instant) -> Patches {
        let full = |(burst, interval)| TokenBucket::new(now, burst, interval);
        let left = Left { patches: full(PATCHES), negotiations: full(NEGOTIATIONS) };
        Patches { left: Arc::new(Mutex::new(left)) }
    }

    /// Takes one PATCH, whatever it carries; before its body is read.
    ///
    /// # Errors
    /// When there have been too many: `429`.
    pub(super) fn take(&self, now: Instant) -> Result<(), Problem> {
        self.take_of(now, |left| &mut left.patches)
    }

    /// Takes one answer or restart.
    ///
    /// # Errors
    /// When there have been too many: `429`.
    pub(super) fn take_negotiation(&self, now: Instant) -> Result<(), Problem> {
        self.take_of(now, |left| &mut left.negotiations)
    }

    fn take_of(
        &self,
        now: Instant,
        bucket: impl FnOnce(&mut Left) -> &mut TokenBucket,
    ) -> Result<(), Problem> {
        // A bucket is whole after every step.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let slow_down = |wait| too_often(wait, "too many requests for this session; slow down");
        bucket(&mut left).take(now).map_err(slow_down)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn a_session_negotiates_ten_times_at_once_then_once_a_second_and_tells_candidates_meanwhile() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let patches = Patches::new(start);
        assert!((0..10).all(|_| patches.take_negotiation(start).is_ok()));
        let refused = patches.take_negotiation(start).unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!((refused.reason, refused.retry_after), ("too_many_requests", Some(1)));
        assert!((0..90).all(|_| patches.take(start).is_ok()));
        let later = start + second;
        assert!(patches.take_negotiation(later).is_ok());
        assert!(patches.clone().take_negotiation(later).is_err(), "there is one for all clones");
        assert_eq!((0..1000).filter(|_| patches.take(later).is_ok()).count(), 20);
        assert!(Patches::new(start).take_negotiation(start).is_ok(), "another session's");
    }
}
