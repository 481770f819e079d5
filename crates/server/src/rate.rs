//! How much of something one client may do: a token bucket as a value, and one for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::pool::holder;

/// Most addresses that are remembered: at 100 bytes each that is half a megabyte.
const MAX_ADDRESSES: usize = 4096;

/// Lets `burst` things happen at once, and one more every `interval`.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    burst: u32,
    interval: Duration,
    /// When the bucket will have been full for as long as it has been spent.
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(now: Instant, burst: u32, interval: Duration) -> TokenBucket {
        TokenBucket { burst, interval, full_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// When there is none: how long until there is.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let owed = self.full_at.saturating_duration_since(now) + self.interval;
        let capacity = self.interval * self.burst;
        if owed > capacity {
            return Err(owed - capacity);
        }
        self.full_at = now + owed;
        Ok(())
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// A token bucket for each address of clients, IPv6 by its /64. Clones share it.
///
/// Loopback addresses are not limited: they are a proxy's. While more addresses than can be remembered have spent
/// something, all others have one bucket together.
#[derive(Clone, Debug)]
pub struct AddressRates {
    full: TokenBucket,
    spent: Arc<Mutex<Spent>>,
}

#[derive(Debug)]
struct Spent {
    by_holder: HashMap<IpAddr, TokenBucket>,
    others: TokenBucket,
}

impl AddressRates {
    /// Lets `burst` things happen at once for each address, and one more every `interval`.
    pub fn new(now: Instant, burst: u32, interval: Duration) -> AddressRates {
        let full = TokenBucket::new(now, burst, interval);
        let spent = Spent { by_holder: HashMap::new(), others: full };
        AddressRates { full, spent: Arc::new(Mutex::new(spent)) }
    }

    /// Takes one token of those of `address`.
    ///
    /// # Errors
    /// When there is none: how long until there is.
    pub fn take(&self, now: Instant, address: IpAddr) -> Result<(), Duration> {
        let holder = holder(address);
        if holder.is_loopback() {
            return Ok(());
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let Spent { by_holder, others } = &mut *spent;
        if by_holder.len() >= MAX_ADDRESSES && !by_holder.contains_key(&holder) {
            by_holder.retain(|_, bucket| !bucket.is_full(now));
            if by_holder.len() >= MAX_ADDRESSES {
                return others.take(now);
            }
        }
        by_holder.entry(holder).or_insert(self.full).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let tenth = Duration::from_millis(100);
        let mut bucket = TokenBucket::new(start, 3, tenth);
        assert!((0..3).all(|_| bucket.take(start).is_ok()));
        assert_eq!(bucket.take(start), Err(tenth));
        assert_eq!(bucket.take(start + tenth / 2), Err(tenth / 2));
        assert_eq!(bucket.take(start + tenth), Ok(()));
        assert_eq!(bucket.take(start + tenth), Err(tenth));
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| bucket.take(later).is_ok()).count(), 3);
    }

    #[test]
    fn each_address_has_a_bucket_of_its_own_and_a_proxy_on_this_machine_none() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let rates = AddressRates::new(now, 3, second);
        let take = |address: &str| rates.take(now, address.parse().unwrap());
        assert!((0..3).all(|_| take("192.0.2.1").is_ok()));
        assert_eq!(take("192.0.2.1"), Err(second));
        assert_eq!(take("::ffff:192.0.2.1"), Err(second));
        assert_eq!(take("192.0.2.2"), Ok(()));
        assert!((0..3).all(|n| take(&format!("2001:db8::{n}")).is_ok()));
        assert_eq!(take("2001:db8::9"), Err(second), "a network is one");
        assert!((0..9).all(|_| take("127.0.0.1").is_ok() && take("::1").is_ok()));
    }

    #[test]
    fn however_many_addresses_come_no_more_than_so_many_are_remembered() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let rates = AddressRates::new(now, 3, second);
        let address = |number: usize| {
            IpAddr::from((0x0a00_0000 + u32::try_from(number).unwrap()).to_be_bytes())
        };
        assert!((0..MAX_ADDRESSES).all(|number| rates.take(now, address(number)).is_ok()));
        let kept = || rates.spent.lock().unwrap().by_holder.len();
        let late = |now, number| rates.take(now, address(MAX_ADDRESSES + number));
        assert!((0..3).all(|number| late(now, number).is_ok()));
        assert_eq!(late(now, 3), Err(second), "the others share what one address has");
        assert_eq!((rates.take(now, address(0)), kept()), (Ok(()), MAX_ADDRESSES));
        assert_eq!(late(now + second, 4), Ok(()));
        assert_eq!(kept(), 2, "who has spent nothing lately is forgotten");
    }
}
