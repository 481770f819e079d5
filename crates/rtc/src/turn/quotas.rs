//! How many allocations each peer and each address has.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::Limits;

/// Whose allocation one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub(super) peer: Box<[u8]>,
    pub(super) ip: IpAddr,
}

/// Where allocations are counted, once for each that is made or ends and for no datagram: by a server for itself, or for all media
/// threads at one place.
pub trait Counting: fmt::Debug + Send {
    /// Counts one more of this holder, if it may have one more. What was counted is given back by who took it.
    fn take(&mut self, holder: &Holder) -> bool;

    /// Counts one less.
    fn give_back(&mut self, holder: &Holder);
}

/// Counts of what there is now: as large as all tables of allocations at most.
#[derive(Debug)]
pub struct Quotas {
    limits: Limits,
    /// Most in all servers together that are counted here.
    most: u32,
    total: u32,
    peers: BTreeMap<Box<[u8]>, u32>,
    addresses: BTreeMap<u128, u32>,
}

impl Quotas {
    /// Of so many servers, each of which has no more than `limits.in_all`.
    pub fn new(limits: Limits, servers: u32) -> Quotas {
        Quotas {
            limits,
            most: limits.in_all.saturating_mul(servers),
            total: 0,
            peers: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// Whether one more may be had by this holder.
    fn allow(&self, holder: &Holder) -> bool {
        let of_peer = self.peers.get(&holder.peer).copied().unwrap_or(0);
        let of_address = self.addresses.get(&host(holder.ip)).copied().unwrap_or(0);
        // No address takes what the others need: the first to take all it can gets half, the second a quarter, and so on.
        let left = self.most.saturating_sub(self.total);
        of_peer < self.limits.per_peer && of_address < self.limits.per_address.min(left.max(1))
    }

    fn add(&mut self, holder: &Holder) {
        self.total += 1;
        *self.peers.entry(holder.peer.clone()).or_default() += 1;
        *self.addresses.entry(host(holder.ip)).or_default() += 1;
    }

    /// Panics if what was counted is not what these holders have.
    pub(super) fn assert_consistent<'a>(&self, holders: impl Iterator<Item = &'a Holder>) {
        let mut counted = Quotas::new(self.limits, 1);
        holders.for_each(|holder| counted.add(holder));
        assert_eq!((&counted.peers, &counted.addresses), (&self.peers, &self.addresses));
        assert_eq!(counted.total, self.total);
        assert!(self.peers.values().all(|count| *count <= self.limits.per_peer));
        assert!(self.addresses.values().all(|count| *count <= self.limits.per_address));
    }
}

impl Counting for Quotas {
    fn take(&mut self, holder: &Holder) -> bool {
        let allowed = self.allow(holder);
        if allowed {
            self.add(holder);
        }
        allowed
    }

    fn give_back(&mut self, holder: &Holder) {
        self.total = self.total.saturating_sub(1);
        subtract(&mut self.peers, &holder.peer);
        subtract(&mut self.addresses, &host(holder.ip));
    }
}

/// Where one server counts.
#[derive(Debug)]
pub(super) enum Counter {
    /// For itself alone.
    Own(Quotas),
    /// With others.
    Shared(Box<dyn Counting>),
}

impl Counting for Counter {
    fn take(&mut self, holder: &Holder) -> bool {
        match self {
            Counter::Own(quotas) => quotas.take(holder),
            Counter::Shared(counting) => counting.take(holder),
        }
    }

    fn give_back(&mut self, holder: &Holder) {
        match self {
            Counter::Own(quotas) => quotas.give_back(holder),
            Counter::Shared(counting) => counting.give_back(holder),
        }
    }
}

fn subtract<K: Ord + Clone>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// A number for the host, or the /64 of IPv6 which one host may have as a whole.
fn host(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}
