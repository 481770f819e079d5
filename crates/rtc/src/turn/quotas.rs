//! How many allocations each peer and each address has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Limits;

/// Whose allocation one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) peer: Box<[u8]>,
    pub(super) ip: IpAddr,
}

/// Counts of what there is now: as large as the table of allocations at most.
#[derive(Debug)]
pub(super) struct Quotas {
    limits: Limits,
    peers: BTreeMap<Box<[u8]>, u32>,
    addresses: BTreeMap<u128, u32>,
}

impl Quotas {
    pub(super) fn new(limits: Limits) -> Quotas {
        Quotas { limits, peers: BTreeMap::new(), addresses: BTreeMap::new() }
    }

    /// Whether one more may be had by this holder.
    pub(super) fn allow(&self, holder: &Holder) -> bool {
        let of_peer = self.peers.get(&holder.peer).copied().unwrap_or(0);
        let of_address = self.addresses.get(&host(holder.ip)).copied().unwrap_or(0);
        of_peer < self.limits.per_peer && of_address < self.limits.per_address
    }

    /// Counts one more.
    pub(super) fn add(&mut self, holder: &Holder) {
        *self.peers.entry(holder.peer.clone()).or_default() += 1;
        *self.addresses.entry(host(holder.ip)).or_default() += 1;
    }

    /// Counts one less.
    pub(super) fn remove(&mut self, holder: &Holder) {
        subtract(&mut self.peers, &holder.peer);
        subtract(&mut self.addresses, &host(holder.ip));
    }

    /// Panics if what was counted is not what these holders have.
    pub(super) fn assert_consistent<'a>(&self, holders: impl Iterator<Item = &'a Holder>) {
        let mut counted = Quotas::new(self.limits);
        holders.for_each(|holder| counted.add(holder));
        assert_eq!((&counted.peers, &counted.addresses), (&self.peers, &self.addresses));
        assert!(self.peers.values().all(|count| *count <= self.limits.per_peer));
        assert!(self.addresses.values().all(|count| *count <= self.limits.per_address));
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
