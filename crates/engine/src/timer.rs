//! Named timers in one queue: what is due next, and what to set again, without allocating.

use std::time::Instant;

/// What a peer may wait for. Every wake-up of a media thread for an engine has one of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum PeerTimer {
    /// ICE and DTLS: handshake retransmissions and time-outs.
    Connection = 0,
    /// Nothing authenticated has arrived for a while.
    Silence = 1,
    /// Transport-wide feedback is owed.
    Feedback = 2,
    /// A missing packet is to be asked for (again).
    Nack = 3,
    /// Reports (SR, RR, SDES) are owed.
    Report = 4,
    /// How much of each video track flows to it is to be decided anew.
    Layer = 5,
    /// Feedback stays away, or a probe of the path is due.
    Congestion = 6,
    /// Its path takes the next picture.
    Pacing = 7,
    /// Which encodings it is to send is to be decided anew.
    Wanted = 8,
    /// Which tracks it receives, and over which slots, is to be decided anew.
    Assignment = 9,
}

const PEER_TIMERS: [PeerTimer; 10] = [
    PeerTimer::Connection,
    PeerTimer::Silence,
    PeerTimer::Feedback,
    PeerTimer::Nack,
    PeerTimer::Report,
    PeerTimer::Layer,
    PeerTimer::Congestion,
    PeerTimer::Pacing,
    PeerTimer::Wanted,
    PeerTimer::Assignment,
];

/// Whose timer, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// One of the timers of the peer at this place.
    Peer(u32, PeerTimer),
    /// Somebody in the room at this place may have stopped speaking.
    Speaking(u32),
    /// Somebody speaks in the room at this place, and may have the floor by now.
    Floor(u32),
    /// What the room at this place is to have of other threads' tracks is to be decided anew.
    Relay(u32),
}

/// Timers per place: those of the peer there, and the three of the room there (peers and rooms are
/// numbered independently).
const STRIDE: u32 = PEER_TIMERS.len() as u32 + 3;

impl Timer {
    fn number(self) -> u32 {
        match self {
            Timer::Peer(index, timer) => index * STRIDE + timer as u32,
            Timer::Speaking(index) => index * STRIDE + PEER_TIMERS.len() as u32,
            Timer::Floor(index) => index * STRIDE + PEER_TIMERS.len() as u32 + 1,
            Timer::Relay(index) => index * STRIDE + PEER_TIMERS.len() as u32 + 2,
        }
    }

    fn from_number(number: u32) -> Timer {
        let (index, which) = (number / STRIDE, number % STRIDE);
        match PEER_TIMERS.get(which as usize) {
            Some(&timer) => Timer::Peer(index, timer),
            None if which as usize == PEER_TIMERS.len() => Timer::Speaking(index),
            None if which as usize == PEER_TIMERS.len() + 1 => Timer::Floor(index),
            None => Timer::Relay(index),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    number: u32,
}

/// A timer that is not set.
const UNSET: u32 = u32::MAX;

/// Whether a timer comes and goes with packets.
fn is_of_packets(timer: Timer) -> bool {
    use PeerTimer::{Congestion, Feedback, Nack, Pacing};
    matches!(timer, Timer::Peer(_, Feedback | Nack | Congestion | Pacing))
}

/// A binary heap that knows where each timer is in it, so that a timer can be moved or cancelled
/// in place: no stale entries, and no allocation once it has its size.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    heap: Vec<Entry>,
    /// By timer number: its position in `heap`, or [`UNSET`].
    positions: Vec<u32>,
}

impl TimerQueue {
    /// Sets `timer` to go off at `at`, instead of whenever it would have, or cancels it.
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Instant>) {
        let number = timer.number();
        let position = self.positions.get(number as usize).copied().unwrap_or(UNSET);
        match (at, position) {
            (None, UNSET) => {}
            (None, position) => self.remove(position as usize),
            (Some(at), UNSET) => self.push(Entry { at, number }),
            (Some(at), position) => {
                let position = position as usize;
                if self.heap[position].at != at {
                    self.heap[position].at = at;
                    self.settle(position);
                }
            }
        }
    }

    /// Sets `timer` unless it goes off by `at` anyway.
    #[inline]
    pub(crate) fn set_no_later_than(&mut self, timer: Timer, at: Instant) {
        if self.at(timer).is_none_or(|set| set > at) {
            self.set(timer, Some(at));
        }
    }

    /// When `timer` goes off, if it is set.
    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        let position = *self.positions.get(timer.number() as usize)?;
        Some(self.heap.get(position as usize)?.at)
    }

    /// Cancels every timer of the peer at `index`.
    pub(crate) fn cancel_peer(&mut self, index: u32) {
        for timer in PEER_TIMERS {
            self.set(Timer::Peer(index, timer), None);
        }
    }

    /// When the first timer goes off.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|entry| entry.at)
    }

    /// Takes out the first timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let first = *self.heap.first()?;
        if first.at > now {
            return None;
        }
        self.remove(0);
        Some(Timer::from_number(first.number))
    }

    /// How many timers are set, but for those that come and go with packets.
    pub(crate) fn standing(&self) -> usize {
        let timers = self.heap.iter().map(|entry| Timer::from_number(entry.number));
        timers.filter(|timer| !is_of_packets(*timer)).count()
    }

    fn push(&mut self, entry: Entry) {
        let needed = entry.number as usize + 1;
        if self.positions.len() < needed {
            self.positions.resize(needed, UNSET);
        }
        self.heap.push(entry);
        self.settle(self.heap.len() - 1);
    }

    fn remove(&mut self, position: usize) {
        let removed = self.heap.swap_remove(position);
        self.positions[removed.number as usize] = UNSET;
        if position < self.heap.len() {
            self.settle(position);
        }
    }

    /// Moves the entry at `position` up or down to where it belongs.
    fn settle(&mut self, position: usize) {
        let position = self.sift_up(position);
        self.sift_down(position);
    }

    fn sift_up(&mut self, mut position: usize) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.heap[parent].at <= self.heap[position].at {
                break;
            }
            self.swap(parent, position);
            position = parent;
        }
        self.note_position(position);
        position
    }

    fn sift_down(&mut self, mut position: usize) {
        loop {
            let left = 2 * position + 1;
            let Some(mut least) = self.heap.get(left).map(|_| left) else { break };
            if self.heap.get(left + 1).is_some_and(|right| right.at < self.heap[left].at) {
                least = left + 1;
            }
            if self.heap[position].at <= self.heap[least].at {
                break;
            }
            self.swap(position, least);
            position = least;
        }
        self.note_position(position);
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note_position(a);
        self.note_position(b);
    }

    fn note_position(&mut self, position: usize) {
        self.positions[self.heap[position].number as usize] = position as u32;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn instant() -> Instant {
        // Tests need some instant to count from; nothing depends on which.
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    #[test]
    fn numbers_and_timers_are_the_same_thing() {
        for number in 0..100 {
            assert_eq!(Timer::from_number(number).number(), number);
        }
    }

    proptest! {
        #[test]
        fn timers_go_off_in_order_and_once(
            steps in proptest::collection::vec((0u32..60, proptest::option::of(0u64..1000)), 0..300)
        ) {
            let start = instant();
            let at = |ms| start + Duration::from_millis(ms);
            let mut queue = TimerQueue::default();
            let mut model = BTreeMap::new();
            for (number, ms) in steps {
                let timer = Timer::from_number(number);
                queue.set(timer, ms.map(at));
                match ms {
                    Some(ms) => { model.insert(number, ms); }
                    None => { model.remove(&number); }
                }
                prop_assert_eq!(queue.at(timer), ms.map(at));
                prop_assert_eq!(queue.heap.len(), model.len());
                prop_assert_eq!(queue.next(), model.values().min().map(|ms| at(*ms)));
            }
            let mut last = 0;
            while let Some(timer) = queue.pop_due(at(500)) {
                let ms = model.remove(&timer.number()).expect("it was set");
                prop_assert!(ms >= last && ms <= 500);
                last = ms;
            }
            prop_assert!(model.values().all(|ms| *ms > 500));
        }
    }
}
