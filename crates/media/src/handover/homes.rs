//! Which thread each path belongs to that keeps arriving at the wrong one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parlor_engine::PATH_HOLDS;
use parlor_rtc::Path;

/// Paths remembered in each of two generations: more than the peers of any one machine.
const HOMES: usize = 8192;
/// How long a path is remembered at least after its owner last confirmed it. Browsers repeat
/// their checks every few seconds, and each is confirmed anew.
const HOME_AGE: Duration = Duration::from_secs(60);

/// Which thread a path belongs to, for as long as that is confirmed now and then.
///
/// Two generations: what is confirmed goes into the young one, which becomes the old one after
/// [`HOME_AGE`] or when it is full; what was not confirmed in time goes with the old one. So the
/// table is bounded and never searched.
pub(super) struct Homes {
    young: HashMap<Path, Home>,
    old: HashMap<Path, Home>,
    since: Instant,
}

#[derive(Clone, Copy)]
struct Home {
    thread: usize,
    confirmed_at: Instant,
}

impl Homes {
    pub(super) fn new(now: Instant) -> Homes {
        Homes { young: HashMap::new(), old: HashMap::new(), since: now }
    }

    pub(super) fn find(&self, path: Path) -> Option<usize> {
        self.home(path).map(|home| home.thread)
    }

    /// The thread to which a path certainly belongs: it has just confirmed it.
    pub(super) fn holder(&self, now: Instant, path: Path) -> Option<usize> {
        self.home(path).filter(|home| now < home.confirmed_at + PATH_HOLDS).map(|home| home.thread)
    }

    fn home(&self, path: Path) -> Option<Home> {
        self.young.get(&path).or_else(|| self.old.get(&path)).copied()
    }

    /// A thread says that a path is its own. While another one has just said so, that stands: a forged
    /// address must not divert what comes from it.
    pub(super) fn learn(&mut self, now: Instant, path: Path, thread: usize) {
        if self.holder(now, path).is_some_and(|holder| holder != thread) {
            return;
        }
        let aged = now.saturating_duration_since(self.since) >= HOME_AGE;
        if aged || self.young.len() >= HOMES {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.since = now;
        }
        self.young.insert(path, Home { thread, confirmed_at: now });
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;

    fn path(port: u16) -> Path {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Path::udp(SocketAddr::new(ip, port), ip)
    }

    #[test]
    fn a_home_that_is_confirmed_is_taken_by_nobody_else() {
        let start = Instant::now();
        let mut homes = Homes::new(start);
        homes.learn(start, path(1), 1);
        homes.learn(start + PATH_HOLDS / 2, path(1), 2);
        assert_eq!(homes.find(path(1)), Some(1));
        homes.learn(start + PATH_HOLDS, path(1), 2);
        assert_eq!(homes.find(path(1)), Some(2));
    }

    #[test]
    fn homes_are_forgotten_when_nobody_confirms_them_and_never_pile_up() {
        let start = Instant::now();
        let mut homes = Homes::new(start);
        homes.learn(start, path(1), 1);
        homes.learn(start + HOME_AGE, path(2), 1);
        assert_eq!(homes.find(path(1)), Some(1));
        homes.learn(start + 2 * HOME_AGE, path(3), 1);
        assert_eq!(homes.find(path(1)), None);
        assert_eq!(homes.find(path(2)), Some(1));
        for port in 0..u16::MAX {
            homes.learn(start + 2 * HOME_AGE + PATH_HOLDS, path(port), 2);
        }
        assert!(homes.young.len() + homes.old.len() <= 2 * HOMES);
        assert_eq!(homes.find(path(u16::MAX - 1)), Some(2));
    }
}
