//! Allocations that have ended, and the paths that are no more with them.

use std::collections::VecDeque;

use super::allocation::Relayed;
use super::destinations::Destinations;
use crate::path::{AllocationId, RelayedPath};

/// An allocation that has ended, or that has given up one of its two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    id: AllocationId,
    /// The addresses that it had until then.
    relayed: Relayed,
}

impl Ended {
    pub(super) fn new(id: AllocationId, relayed: Relayed) -> Ended {
        Ended { id, relayed }
    }

    /// All paths that its client can have taken, of which the engine may still have some.
    pub fn into_paths(self, destinations: &Destinations) -> impl Iterator<Item = RelayedPath> {
        let Ended { id, relayed } = self;
        let path_to = move |destination| relayed.path_to(id, destination, destinations);
        destinations.ids().filter_map(path_to)
    }
}

/// Those that nobody has been told of yet, the oldest first.
#[derive(Debug)]
pub(super) struct Endings {
    waiting: VecDeque<Ended>,
    most: usize,
}

impl Endings {
    /// At most so many: an oldest one of more is forgotten, and its paths are found out by their silence.
    pub(super) fn new(most: usize) -> Endings {
        Endings { waiting: VecDeque::new(), most }
    }

    pub(super) fn add(&mut self, ended: Ended) {
        if self.waiting.len() >= self.most {
            self.waiting.pop_front();
        }
        self.waiting.push_back(ended);
    }

    pub(super) fn take(&mut self) -> Option<Ended> {
        self.waiting.pop_front()
    }
}
