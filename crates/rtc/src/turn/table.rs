//! All allocations of one server: found by client for what comes in, and by number for what goes out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::allocation::{Allocation, Grant};
use super::client::{Client, ClientKey};
use crate::path::AllocationId;

/// A place in the table; used again, with another generation, when its allocation is gone.
#[derive(Debug, Default)]
struct Place {
    generation: u32,
    allocation: Option<Box<Allocation>>,
}

/// The allocations of one server. Those whose time is over are as good as gone before they are removed.
#[derive(Debug)]
pub(super) struct Table {
    thread: u8,
    places: Vec<Place>,
    free: Vec<u32>,
    by_client: BTreeMap<ClientKey, u32>,
    by_time: BTreeSet<(Instant, u32)>,
}

impl Table {
    pub(super) fn new(thread: u8) -> Table {
        Table {
            thread,
            places: Vec::new(),
            free: Vec::new(),
            by_client: BTreeMap::new(),
            by_time: BTreeSet::new(),
        }
    }

    /// How many there are, those included that are to be removed.
    pub(super) fn len(&self) -> usize {
        self.by_client.len()
    }

    /// The allocation of a client.
    #[inline]
    pub(super) fn of_client(&self, now: Instant, client: Client) -> Option<&Allocation> {
        let index = *self.by_client.get(&ClientKey::new(client))?;
        self.at(now, index)
    }

    /// As [`Table::of_client`], to change it.
    pub(super) fn of_client_mut(
        &mut self,
        now: Instant,
        client: Client,
    ) -> Option<&mut Allocation> {
        let index = *self.by_client.get(&ClientKey::new(client))?;
        let allocation = self.places.get_mut(index as usize)?.allocation.as_deref_mut()?;
        (allocation.grant.until > now).then_some(allocation)
    }

    /// The allocation of this id, if it is not another's by now.
    #[inline]
    pub(super) fn by_id(&self, now: Instant, id: AllocationId) -> Option<&Allocation> {
        // The place is in the lower half of the number.
        self.at(now, id.number as u32).filter(|allocation| allocation.id == id)
    }

    fn at(&self, now: Instant, index: u32) -> Option<&Allocation> {
        let allocation = self.places.get(index as usize)?.allocation.as_deref()?;
        (allocation.grant.until > now).then_some(allocation)
    }

    /// Adds an allocation for a client that has none.
    pub(super) fn insert(&mut self, grant: Grant) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            (self.places.len() - 1) as u32
        });
        let Some(place) = self.places.get_mut(index as usize) else { return };
        place.generation = place.generation.wrapping_add(1);
        let number = u64::from(place.generation) << 32 | u64::from(index);
        let id = AllocationId { thread: self.thread, number };
        self.by_client.insert(ClientKey::new(grant.client), index);
        self.by_time.insert((grant.until, index));
        place.allocation = Some(Box::new(Allocation::new(id, grant)));
    }

    /// Changes when the allocation of a client ends.
    pub(super) fn prolong(&mut self, client: Client, until: Instant) {
        let Some(&index) = self.by_client.get(&ClientKey::new(client)) else { return };
        let place = self.places.get_mut(index as usize);
        if let Some(allocation) = place.and_then(|place| place.allocation.as_deref_mut()) {
            self.by_time.remove(&(allocation.grant.until, index));
            self.by_time.insert((until, index));
            allocation.grant.until = until;
        }
    }

    /// Ends the allocation of a client.
    pub(super) fn remove(&mut self, client: Client) -> Option<Box<Allocation>> {
        let index = self.by_client.remove(&ClientKey::new(client))?;
        let allocation = self.places.get_mut(index as usize)?.allocation.take()?;
        self.by_time.remove(&(allocation.grant.until, index));
        self.free.push(index);
        Some(allocation)
    }

    /// Removes one allocation whose time is over.
    pub(super) fn remove_expired(&mut self, now: Instant) -> Option<Box<Allocation>> {
        let &(until, index) = self.by_time.first()?;
        if until > now {
            return None;
        }
        let client = self.places.get(index as usize)?.allocation.as_deref()?.grant.client;
        self.remove(client)
    }

    /// When the next one ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.by_time.first().map(|(until, _)| *until)
    }

    /// All allocations, those included that are to be removed.
    pub(super) fn all(&self) -> impl Iterator<Item = &Allocation> {
        self.places.iter().filter_map(|place| place.allocation.as_deref())
    }

    /// Panics if the ways to find an allocation do not lead to the same.
    pub(super) fn assert_consistent(&self) {
        let count = self.all().count();
        assert_eq!((self.by_client.len(), self.by_time.len()), (count, count));
        assert_eq!(self.places.len(), count + self.free.len());
        for allocation in self.all() {
            let index = allocation.id.number as u32;
            let grant = &allocation.grant;
            assert_eq!(self.by_client.get(&ClientKey::new(grant.client)), Some(&index));
            assert!(self.by_time.contains(&(grant.until, index)));
        }
    }
}
