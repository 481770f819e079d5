//! What always holds of a server, whatever clients send; for tests and fuzzing.

use std::collections::BTreeSet;

use super::quotas::Counter;
use super::server::Server;
use super::{MAX_CHANNELS, MAX_PERMISSIONS};

impl Server {
    /// Panics if tables contradict each other or are larger than they may be.
    pub(crate) fn assert_consistent(&self) {
        let mut ports = BTreeSet::new();
        let mut allocations = 0;
        for allocation in self.table.all() {
            allocations += 1;
            let relayed = allocation.grant.relayed;
            assert!(ports.insert(relayed.port), "two allocations have one port");
            assert!(self.ports.is_taken(relayed.port));
            for address in relayed.addresses() {
                assert!(self.destinations.first_with(address.ip()).is_some());
            }
            let (permissions, channels) = allocation.sizes();
            assert!(permissions <= MAX_PERMISSIONS && channels <= MAX_CHANNELS);
        }
        assert!(allocations <= self.limits.in_all as usize);
        assert_eq!(allocations, self.ports.taken());
        self.table.assert_consistent();
        if let Counter::Own(quotas) = &self.counter {
            quotas.assert_consistent(self.table.all().map(|one| &one.grant.holder));
        }
    }
}
