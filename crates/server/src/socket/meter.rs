//! How much of an unfinished frame has come over a connection, and the memory that is set aside for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::MAX_FRAME_LEN;
use super::memory::{Budget, OWN_INCOMING, Reserved};

/// Counts what comes while the connection is a WebSocket. Shared by the connection, which reports
/// bytes, and by its socket, which reports frames.
#[derive(Debug)]
pub struct Meter {
    budget: Budget,
    is_socket: AtomicBool,
    unfinished: AtomicUsize,
    reserved: Mutex<Option<Reserved>>,
    is_crowded: AtomicBool,
}

/// Too many large frames are on their way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many large frames at once")]
pub struct Crowded;

impl Meter {
    /// A meter of a connection that is no socket yet.
    pub fn new(budget: Budget) -> Meter {
        Meter {
            budget,
            is_socket: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
            reserved: Mutex::new(None),
            is_crowded: AtomicBool::new(false),
        }
    }

    /// The connection is a WebSocket from now on.
    pub(super) fn begin(&self) {
        self.is_socket.store(true, Ordering::Relaxed);
    }

    /// `len` more bytes have come.
    ///
    /// # Errors
    /// When they belong to a large frame, and there is no memory for another of those.
    pub fn received(&self, len: usize) -> Result<(), Crowded> {
        if !self.is_socket.load(Ordering::Relaxed) {
            return Ok(());
        }
        let unfinished = self.unfinished.fetch_add(len, Ordering::Relaxed) + len;
        if unfinished <= OWN_INCOMING {
            return Ok(());
        }
        let mut reserved = self.reserved.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if reserved.is_none() {
            *reserved = self.budget.reserve(MAX_FRAME_LEN);
        }
        match *reserved {
            Some(_) => Ok(()),
            None => {
                self.is_crowded.store(true, Ordering::Relaxed);
                Err(Crowded)
            }
        }
    }

    /// A frame is there whole, and handled.
    pub(super) fn finished(&self) {
        if self.unfinished.swap(0, Ordering::Relaxed) > OWN_INCOMING {
            *self.reserved.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
        }
    }

    /// Whether the connection was broken off for want of memory.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(budget: &Budget) -> Meter {
        let meter = Meter::new(budget.clone());
        meter.begin();
        meter
    }

    #[test]
    fn small_frames_ask_for_nothing_and_large_ones_share() {
        let budget = Budget::new(MAX_FRAME_LEN);
        let (small, first, second) = (socket(&budget), socket(&budget), socket(&budget));
        assert_eq!(first.received(OWN_INCOMING + 1), Ok(()));
        assert_eq!(first.received(MAX_FRAME_LEN), Ok(()), "one reservation is for a whole frame");
        assert_eq!(second.received(OWN_INCOMING + 1), Err(Crowded));
        assert!(second.is_crowded());
        for _ in 0..100 {
            assert_eq!(small.received(OWN_INCOMING), Ok(()), "others go on");
            small.finished();
        }
        first.finished();
        assert_eq!(socket(&budget).received(OWN_INCOMING + 1), Ok(()));
    }

    #[test]
    fn a_connection_that_ends_gives_back_what_it_holds() {
        let budget = Budget::new(MAX_FRAME_LEN);
        let meter = socket(&budget);
        assert_eq!(meter.received(MAX_FRAME_LEN), Ok(()));
        drop(meter);
        assert_eq!(socket(&budget).received(MAX_FRAME_LEN), Ok(()));
    }

    #[test]
    fn what_comes_before_the_socket_is_not_counted() {
        let meter = Meter::new(Budget::new(0));
        assert_eq!(meter.received(1 << 20), Ok(()));
        meter.begin();
        assert_eq!(meter.received(OWN_INCOMING), Ok(()));
        assert_eq!(meter.received(1), Err(Crowded));
    }
}
