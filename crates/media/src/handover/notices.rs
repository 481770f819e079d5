//! What engines of threads that share rooms tell each other: nothing of it is lost, and none waits for another.
//!
//! An engine names what has changed and says how it stands when it is asked. It is asked for no more than there is room for,
//! so what another thread has not taken yet waits where it takes no more than the latest state of everything.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use parlor_engine::Notice;

use crate::poll::Waker;

/// Notices that may wait for one thread: what a few hundred tracks that come at once take, after which the rest follows within
/// a millisecond or so.
const CAPACITY: usize = 256;

/// One thread's end of all that is told.
pub struct Notices {
    me: usize,
    /// By thread; its own is never used.
    lanes: Vec<Lane>,
    inbox: Receiver<(usize, Notice)>,
}

/// The way to one other thread.
struct Lane {
    outbox: SyncSender<(usize, Notice)>,
    waker: Waker,
    /// What there was no room for.
    kept: Option<Notice>,
}

impl Notices {
    /// The ends for a group of threads, each woken by its own waker, in their order.
    pub fn group(wakers: &[Waker]) -> Vec<Notices> {
        let (outboxes, inboxes): (Vec<_>, Vec<_>) =
            wakers.iter().map(|_| sync_channel(CAPACITY)).unzip();
        let lane = |(outbox, waker): (&SyncSender<_>, &Waker)| Lane {
            outbox: outbox.clone(),
            waker: waker.clone(),
            kept: None,
        };
        let lanes = || outboxes.iter().zip(wakers).map(lane).collect();
        let ends = inboxes.into_iter().enumerate();
        ends.map(|(me, inbox)| Notices { me, lanes: lanes(), inbox }).collect()
    }

    /// Tells all other threads what `next` has for them, until it has nothing more or there is no more room. Returns
    /// whether everything is told.
    pub fn tell(&mut self, mut next: impl FnMut(usize) -> Option<Notice>) -> bool {
        let me = self.me;
        let others = self.lanes.iter_mut().enumerate().filter(|(to, _)| *to != me);
        others.fold(true, |all, (to, lane)| lane.tell(me, || next(to)) && all)
    }

    /// The next thing that another thread tells, and which does.
    pub fn take(&self) -> Option<(usize, Notice)> {
        self.inbox.try_recv().ok()
    }

    /// The engine whose notices wait is no more.
    pub fn forget(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.kept = None);
    }
}

impl Lane {
    fn tell(&mut self, me: usize, mut next: impl FnMut() -> Option<Notice>) -> bool {
        let mut has_told = false;
        while let Some(notice) = self.kept.take().or_else(&mut next) {
            match self.outbox.try_send((me, notice)) {
                Ok(()) => has_told = true,
                Err(TrySendError::Full((_, notice))) => {
                    self.kept = Some(notice);
                    break;
                }
                // A thread that has ended needs to know nothing.
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
        if has_told {
            self.waker.wake();
        }
        self.kept.is_none()
    }
}
