//! Something limited that clients share, so that no address takes all there is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};

/// So much of something. Clones share it.
///
/// An address may not hold more than what is left for everybody else. The first to take all it can
/// gets half, the second a quarter, and so on: there is always something for one who comes with
/// ordinary wishes, and no limit to set. Loopback addresses may take everything: they are a proxy's.
#[derive(Clone, Debug)]
pub struct Pool {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    left: usize,
    held: HashMap<IpAddr, usize>,
}

/// A part of the pool, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    pool: Pool,
    holder: IpAddr,
    amount: usize,
}

/// Why nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is not so much left.
    #[error("this server is full")]
    Empty,
    /// The address holds more than is left for the others.
    #[error("this address holds too much")]
    Unfair,
}

impl Pool {
    /// A pool of `total`.
    pub fn new(total: usize) -> Pool {
        Pool { state: Arc::new(Mutex::new(State { left: total, held: HashMap::new() })) }
    }

    /// Takes `amount` for a client at `address`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn take(&self, address: IpAddr, amount: usize) -> Result<Share, Refused> {
        let mut share = Share { pool: self.clone(), holder: holder(address), amount: 0 };
        share.grow(amount)?;
        Ok(share)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Share {
    /// Takes `more` to what is held.
    ///
    /// # Errors
    /// See [`Refused`]; what was held stays.
    pub fn grow(&mut self, more: usize) -> Result<(), Refused> {
        if more == 0 {
            return Ok(());
        }
        let mut state = self.pool.lock();
        let left = state.left.checked_sub(more).ok_or(Refused::Empty)?;
        let held = state.held.get(&self.holder).copied().unwrap_or_default();
        if held > left && !self.holder.is_loopback() {
            return Err(Refused::Unfair);
        }
        state.left = left;
        state.held.insert(self.holder, held + more);
        self.amount += more;
        Ok(())
    }

    /// Takes `amount` for the same client, apart from what is held here.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn beside(&self, amount: usize) -> Result<Share, Refused> {
        self.pool.take(self.holder, amount)
    }

    /// How much is held.
    pub fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.left += self.amount;
        if let Some(held) = state.held.get_mut(&self.holder) {
            *held -= self.amount;
            if *held == 0 {
                state.held.remove(&self.holder);
            }
        }
    }
}

/// Whom an address belongs to: networks give each customer a whole /64 of IPv6.
pub(crate) fn holder(address: IpAddr) -> IpAddr {
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

    /// Takes as many single things as `address` can have; says how many those were.
    fn take_all(pool: &Pool, address: &str, held: &mut Vec<Share>) -> usize {
        let before = held.len();
        while let Ok(share) = pool.take(ip(address), 1) {
            held.push(share);
        }
        held.len() - before
    }

    #[test]
    fn one_who_takes_all_they_can_leaves_half_to_the_others() {
        let (pool, mut held) = (Pool::new(1000), Vec::new());
        assert_eq!(take_all(&pool, "192.0.2.1", &mut held), 500);
        assert_eq!(take_all(&pool, "192.0.2.2", &mut held), 250);
        assert_eq!(take_all(&pool, "::ffff:192.0.2.1", &mut held), 0, "the same address");
        assert_eq!(pool.take(ip("192.0.2.1"), 1).unwrap_err(), Refused::Unfair);
        held.clear();
        assert_eq!(take_all(&pool, "192.0.2.2", &mut held), 500);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let (pool, mut held) = (Pool::new(100), Vec::new());
        take_all(&pool, "2001:db8::1", &mut held);
        assert_eq!(take_all(&pool, "2001:db8::ffff:2", &mut held), 0);
        assert_eq!(take_all(&pool, "2001:db8:0:1::2", &mut held), 25);
    }

    #[test]
    fn a_proxy_on_this_machine_may_take_everything_and_no_more() {
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let (pool, mut held) = (Pool::new(100), Vec::new());
            assert_eq!(take_all(&pool, own, &mut held), 100, "{own}");
            assert_eq!(pool.take(ip(own), 1).unwrap_err(), Refused::Empty);
        }
    }

    #[test]
    fn a_share_grows_by_what_there_is_and_gives_all_of_it_back() {
        let pool = Pool::new(100);
        let mut share = pool.take(ip("192.0.2.1"), 10).unwrap();
        assert_eq!(share.grow(30), Ok(()));
        assert_eq!(share.grow(61), Err(Refused::Empty));
        assert_eq!(share.amount(), 40);
        let other = pool.take(ip("192.0.2.2"), 40).unwrap();
        assert_eq!(share.grow(1), Err(Refused::Unfair));
        assert_eq!(share.grow(0), Ok(()));
        drop((share, other));
        assert!(pool.lock().held.is_empty(), "nothing is kept of those who are gone");
        assert_eq!(pool.lock().left, 100);
    }
}
