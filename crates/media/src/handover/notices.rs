//! What engines of threads that share rooms tell each other: nothing of it is lost, and none waits for another.
//!
//! An engine names what has changed and says how it stands when it is asked. It is asked for no more than there is room for,
//! so what another thread has not taken yet waits where it takes no more than the latest state of everything.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use parlor_engine::Notice;

use crate::poll::Waker;

/// Notices that may wait for one thread: what a few hundred tracks that come at once take, after which the rest follows within
/// a millisecond or so.
pub const MOST_NOTICES: usize = 256;

/// One thread's end of all that is told.
pub struct Notices<N = Notice> {
    me: usize,
    /// By thread; its own is never used.
    lanes: Vec<Lane<N>>,
    inbox: Receiver<(usize, N)>,
}

/// The way to one other thread.
struct Lane<N> {
    outbox: SyncSender<(usize, N)>,
    waker: Waker,
    /// What there was no room for.
    kept: Option<N>,
}

impl<N> Notices<N> {
    /// The ends for a group of threads, each woken by its own waker, in their order.
    pub fn group(wakers: &[Waker]) -> Vec<Notices<N>> {
        let (outboxes, inboxes): (Vec<_>, Vec<_>) =
            wakers.iter().map(|_| sync_channel(MOST_NOTICES)).unzip();
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
    pub fn tell(&mut self, mut next: impl FnMut(usize) -> Option<N>) -> bool {
        let me = self.me;
        let others = self.lanes.iter_mut().enumerate().filter(|(to, _)| *to != me);
        others.fold(true, |all, (to, lane)| lane.tell(me, || next(to)) && all)
    }

    /// The next thing that another thread tells, and which does.
    pub fn take(&self) -> Option<(usize, N)> {
        self.inbox.try_recv().ok()
    }

    /// The engine whose notices wait is no more.
    pub fn forget(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.kept = None);
    }
}

impl<N> Lane<N> {
    fn tell(&mut self, me: usize, mut next: impl FnMut() -> Option<N>) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Poller;

    #[test]
    fn what_there_is_no_room_for_waits_and_comes_in_its_order() {
        let wakers = [Poller::new().unwrap(), Poller::new().unwrap()].map(|poller| poller.waker());
        let mut ends = Notices::<usize>::group(&wakers);
        let (mut told, mut taken) = (0..MOST_NOTICES + 10, Vec::new());
        let mut next = |to: usize| told.next().inspect(|_| assert_eq!(to, 1));
        assert!(!ends[0].tell(&mut next), "there is not room for all");
        assert!(!ends[0].tell(&mut next), "nor is there later, as long as nothing is taken");
        taken.extend(ends[1].take());
        assert!(!ends[0].tell(&mut next), "there is for one");
        while let Some(notice) = ends[1].take() {
            taken.push(notice);
        }
        assert!(ends[0].tell(&mut next));
        taken.extend(std::iter::from_fn(|| ends[1].take()));
        let all: Vec<_> = (0..MOST_NOTICES + 10).map(|number| (0, number)).collect();
        assert_eq!(taken, all);
    }

    #[test]
    fn nothing_waits_for_a_thread_that_has_ended_or_of_an_engine_that_is_no_more() {
        let wakers = [Poller::new().unwrap(), Poller::new().unwrap()].map(|poller| poller.waker());
        let mut ends = Notices::<usize>::group(&wakers);
        let mut told = 0..=MOST_NOTICES;
        assert!(!ends[0].tell(|_| told.next()));
        ends[0].forget();
        assert!(ends[0].tell(|_| None), "what waited is forgotten");
        ends.pop();
        let mut told = 0..2 * MOST_NOTICES;
        assert!(ends[0].tell(|_| told.next()), "who has ended takes all");
    }
}
