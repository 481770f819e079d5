//! The way from one thread to one other: a few parcels, filled, sent, emptied and filled again.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use super::parcel::Parcel;
use crate::poll::Waker;

/// Parcels that one thread may have on the way to one other: enough for every batch that it
/// can receive while the other is in one long tick of some milliseconds.
pub(super) const PARCELS: usize = 4;

/// The last parcel is held back for no longer than this: should the other thread have ended, none of the others comes back.
const MOST_HELD: Duration = Duration::from_millis(100);

/// The way to one other thread.
pub(super) struct Lane {
    from: usize,
    to: usize,
    outbox: SyncSender<Parcel>,
    waker: Waker,
    filling: Option<Parcel>,
    idle: Vec<Parcel>,
    /// Parcels made so far, up to [`PARCELS`].
    made: usize,
    /// Since when the last parcel is held back.
    held_since: Option<Instant>,
}

/// What became of what was given.
pub(super) enum Dispatched {
    /// There was nothing.
    Nothing,
    /// It waits for the other thread to give back a parcel.
    Held,
    /// So many datagrams are on their way.
    Sent(u64),
    /// So many datagrams are lost: the other thread has ended.
    Lost(u64),
}

impl Lane {
    pub(super) fn new(from: usize, to: usize, outbox: SyncSender<Parcel>, waker: Waker) -> Lane {
        let idle = Vec::with_capacity(PARCELS);
        Lane { from, to, outbox, waker, filling: None, idle, made: 0, held_since: None }
    }

    /// Whether what is given next, `len` bytes of it, goes into the parcel that is being filled.
    pub(super) fn takes(&self, len: usize) -> bool {
        self.filling.as_ref().is_some_and(|parcel| parcel.has_room(len))
    }

    /// The parcel that is being filled, or an empty one if there is any.
    pub(super) fn filling(&mut self) -> Option<&mut Parcel> {
        if self.filling.is_none() {
            self.filling = self.idle.pop();
        }
        if self.filling.is_none() && self.made < PARCELS {
            self.made += 1;
            self.filling = Some(Parcel::new(self.from, self.to));
        }
        self.filling.as_mut()
    }

    /// The parcel that is being filled, or an empty one if there is more than one.
    pub(super) fn filling_but_the_last(&mut self) -> Option<&mut Parcel> {
        let empty = self.idle.len() + PARCELS - self.made;
        let may = if self.filling.is_some() { empty > 0 } else { empty > 1 };
        if may { self.filling() } else { None }
    }

    /// An emptied parcel has come back.
    pub(super) fn take_back(&mut self, parcel: Parcel) {
        self.idle.push(parcel);
    }

    /// Whether the parcel that is being filled is the only one that is not on its way.
    pub(super) fn is_at_its_last(&self) -> bool {
        self.filling.is_some() && self.idle.is_empty() && self.made == PARCELS
    }

    /// Sends off the parcel that is being filled, but not the last one, in which there is room for what comes as long as the other
    /// thread has not looked at those before it. Confirmations do not wait: answers that leave after them bring what is to find
    /// them there.
    pub(super) fn dispatch_but_the_last(&mut self) -> Dispatched {
        let may_wait = |parcel: &Parcel| !parcel.is_empty() && parcel.confirmed().is_empty();
        if self.is_at_its_last() && self.filling.as_ref().is_some_and(may_wait) {
            let since = *self.held_since.get_or_insert_with(Instant::now);
            if since.elapsed() < MOST_HELD {
                return Dispatched::Held;
            }
        }
        self.dispatch()
    }

    /// Sends off the parcel that is being filled.
    pub(super) fn dispatch(&mut self) -> Dispatched {
        let Some(parcel) = self.filling.take_if(|parcel| !parcel.is_empty()) else {
            return Dispatched::Nothing;
        };
        self.held_since = None;
        let datagrams = parcel.datagram_count();
        match self.outbox.try_send(parcel) {
            Ok(()) => {
                self.waker.wake();
                Dispatched::Sent(datagrams)
            }
            // Only a thread that has ended leaves no room: its queue holds every parcel made.
            Err(TrySendError::Full(mut parcel) | TrySendError::Disconnected(mut parcel)) => {
                parcel.clear();
                self.idle.push(parcel);
                Dispatched::Lost(datagrams)
            }
        }
    }

    /// How many parcels have been made.
    #[cfg(test)]
    pub(super) fn made(&self) -> usize {
        self.made
    }
}
