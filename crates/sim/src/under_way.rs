//! Datagrams between one end of a link and the other, in the order in which they arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use parlor_rtc::Path;

/// Where a datagram goes.
pub(crate) enum Delivery {
    /// To the engine, along a path.
    ToServer(Path, Vec<u8>),
    /// To the client in a seat.
    ToClient(usize, Vec<u8>),
}

/// Everything that was sent and has not arrived.
#[derive(Default)]
pub(crate) struct UnderWay {
    heap: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
}

struct Scheduled {
    at: Instant,
    /// Those that arrive together do so in the order of sending.
    order: u64,
    delivery: Delivery,
}

impl UnderWay {
    pub(crate) fn schedule(&mut self, at: Instant, delivery: Delivery) {
        let order = self.scheduled;
        self.scheduled += 1;
        self.heap.push(Reverse(Scheduled { at, order, delivery }));
    }

    /// When the next one arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(next)| next.at)
    }

    /// Takes out the next one that has arrived by `now`.
    pub(crate) fn pop_arrived(&mut self, now: Instant) -> Option<Delivery> {
        let arrived = self.next_arrival().is_some_and(|at| at <= now);
        let Reverse(next) = arrived.then(|| self.heap.pop()).flatten()?;
        Some(next.delivery)
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
