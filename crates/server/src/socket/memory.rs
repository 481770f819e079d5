//! What all sockets together may hold of large frames, in either direction: one budget, so that many
//! sockets cannot take what each of them alone may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::MAX_FRAME_LEN;

/// What sockets may hold beyond [`OWN_INCOMING`] and [`OWN_OUTGOING`] each, in bytes: 512 of the
/// largest frames at once, which is more than a burst of joins.
pub const SHARED: usize = 512 * MAX_FRAME_LEN;

/// What a socket may hold of an unfinished frame without asking, in bytes: every request but an offer.
pub(super) const OWN_INCOMING: usize = 16 * 1024;

/// What may wait for a socket's reader without asking, in bytes: minutes of ordinary talk.
pub(super) const OWN_OUTGOING: usize = 64 * 1024;

/// What is left for large frames. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    left: Arc<AtomicUsize>,
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    left: Arc<AtomicUsize>,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Budget {
        Budget { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// Takes `bytes` of it; none if there is not so much left.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reserved> {
        let less = |left: usize| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(Reserved { left: self.left.clone(), bytes })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_there_again_when_it_is_dropped() {
        let budget = Budget::new(100);
        let most = budget.reserve(70).unwrap();
        assert!(budget.reserve(31).is_none());
        let rest = budget.reserve(30).unwrap();
        drop(most);
        assert!(budget.reserve(71).is_none());
        assert!(budget.reserve(70).is_some());
        drop(rest);
        assert!(budget.reserve(100).is_some());
    }
}
