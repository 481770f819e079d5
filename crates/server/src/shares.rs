//! How many of something limited each client address holds, so that nobody takes all there is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};

/// Who holds how much. Clones share it.
///
/// An address may not hold more than what is left for everybody else. The first to take all it can
/// gets half, the second a quarter, and so on: there is always something for one who comes with
/// ordinary wishes, and no limit to set.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the things, held until it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    holder: IpAddr,
}

impl Shares {
    /// Takes one for a client at `address`, when `free` would be left after that; none if it holds as
    /// many already. This machine's own addresses may take everything: they are a proxy's.
    pub fn take(&self, address: IpAddr, free: usize) -> Option<Share> {
        let holder = holder(address);
        let mut held = self.lock();
        let count = held.entry(holder).or_default();
        if *count > free && !holder.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Share { shares: self.clone(), holder })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // The map is whole after every step.
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        if let Some(count) = held.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

/// Whom an address belongs to: networks give each customer a whole /64 of IPv6.
fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Takes as many of `total` as `address` can have, when `held` are taken.
    fn take_all(shares: &Shares, address: &str, total: usize, held: &mut Vec<Share>) -> usize {
        let before = held.len();
        while held.len() < total
            && let Some(share) = shares.take(ip(address), total - held.len() - 1)
        {
            held.push(share);
        }
        held.len() - before
    }

    #[test]
    fn one_who_takes_all_they_can_leaves_half_to_the_others() {
        let shares = Shares::default();
        let mut held = Vec::new();
        assert_eq!(take_all(&shares, "192.0.2.1", 1000, &mut held), 500);
        assert_eq!(take_all(&shares, "192.0.2.2", 1000, &mut held), 250);
        assert_eq!(take_all(&shares, "::ffff:192.0.2.1", 1000, &mut held), 0, "the same address");
        held.clear();
        assert_eq!(take_all(&shares, "192.0.2.2", 1000, &mut held), 500);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let shares = Shares::default();
        let mut held = Vec::new();
        take_all(&shares, "2001:db8::1", 100, &mut held);
        assert_eq!(take_all(&shares, "2001:db8::ffff:2", 100, &mut held), 0);
        assert_eq!(take_all(&shares, "2001:db8:0:1::2", 100, &mut held), 25);
    }

    #[test]
    fn a_proxy_on_this_machine_may_take_everything() {
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(take_all(&Shares::default(), own, 100, &mut Vec::new()), 100, "{own}");
        }
    }

    #[test]
    fn nothing_is_kept_of_those_who_are_gone() {
        let shares = Shares::default();
        let share = shares.take(ip("192.0.2.1"), 10);
        assert!(shares.take(ip("192.0.2.2"), 10).is_some());
        drop(share);
        assert!(shares.lock().is_empty());
    }
}
