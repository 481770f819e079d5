//! Whose datagrams come along which path. Only a path that something authentic came along is in the
//! table, so strangers can neither fill it nor use it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parlor_rtc::Path;
use parlor_rtc::path::UdpPath;

use crate::peer::PeerKey;

/// Most paths kept for one peer: two address families, a few interfaces each, and what a moving
/// client leaves behind. The oldest goes when another proves itself.
pub(crate) const MAX_PATHS_PER_PEER: usize = 16;

/// Path to peer.
#[derive(Debug, Default)]
pub(crate) struct PathTable {
    owners: BTreeMap<PathKey, PeerKey>,
}

/// A path behind a number that tells almost all paths apart, so that searching compares numbers.
///
/// Whoever finds paths with equal numbers makes a search slower by a comparison, no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PathKey {
    mixed: u64,
    path: Path,
}

impl PathKey {
    fn new(path: Path) -> PathKey {
        /// 2^64 divided by the golden ratio: spreads neighbouring numbers.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = match path {
            Path::Udp(UdpPath { remote, .. }) => {
                let address = match remote.ip() {
                    IpAddr::V4(v4) => u64::from(v4.to_bits()),
                    IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 ^ v6.to_bits() as u64,
                };
                address << 16 ^ address >> 48 ^ u64::from(remote.port())
            }
            Path::Stream(path) => path.id.0,
            Path::Relayed(path) => path.allocation.number,
        };
        PathKey { mixed: mixed.wrapping_mul(SPREAD), path }
    }
}

/// The paths of one peer, oldest first; kept with the peer so that all of them can be found.
#[derive(Debug, Default)]
pub(crate) struct PeerPaths {
    paths: Vec<Path>,
}

impl PeerPaths {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

impl PathTable {
    /// Whose datagrams come along `path`.
    #[inline]
    pub(crate) fn owner(&self, path: Path) -> Option<PeerKey> {
        self.owners.get(&PathKey::new(path)).copied()
    }

    /// How many paths are known.
    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    /// `path` has proved to be `peer`'s. Whoever had it before has lost it: a NAT gave it away.
    pub(crate) fn insert(&mut self, path: Path, peer: PeerKey, of_peer: &mut PeerPaths) {
        if self.owners.insert(PathKey::new(path), peer) == Some(peer) {
            return;
        }
        of_peer.paths.retain(|known| *known != path);
        if of_peer.paths.len() == MAX_PATHS_PER_PEER {
            let oldest = of_peer.paths.remove(0);
            self.remove(oldest, peer);
        }
        of_peer.paths.push(path);
    }

    /// Forgets all paths of a peer that is gone.
    pub(crate) fn remove_peer(&mut self, peer: PeerKey, of_peer: &PeerPaths) {
        for path in &of_peer.paths {
            self.remove(*path, peer);
        }
    }

    /// `path` is no longer `peer`'s.
    pub(crate) fn drop_path(&mut self, path: Path, peer: PeerKey, of_peer: &mut PeerPaths) {
        of_peer.paths.retain(|known| *known != path);
        self.remove(path, peer);
    }

    /// Forgets `path` if it is still `peer`'s.
    fn remove(&mut self, path: Path, peer: PeerKey) {
        if self.owner(path) == Some(peer) {
            self.owners.remove(&PathKey::new(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;
    use crate::slab::Key;

    fn path(port: u16) -> Path {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Path::udp(SocketAddr::new(address, port), address)
    }

    #[test]
    fn a_peer_that_moves_on_and_on_keeps_its_newest_paths() {
        let (mut table, mut paths) = (PathTable::default(), PeerPaths::default());
        let peer = Key::new(1, 0);
        for port in 0..100 {
            table.insert(path(port), peer, &mut paths);
            table.insert(path(port), peer, &mut paths);
        }
        assert_eq!(table.len(), MAX_PATHS_PER_PEER);
        assert_eq!(table.owner(path(99)), Some(peer));
        assert_eq!(table.owner(path(0)), None);
        table.remove_peer(peer, &paths);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_path_that_another_peer_has_proved_is_not_taken_with_the_first_ones_leaving() {
        let mut table = PathTable::default();
        let (mut first_paths, mut second_paths) = (PeerPaths::default(), PeerPaths::default());
        let (first, second) = (Key::new(1, 0), Key::new(2, 0));
        table.insert(path(1), first, &mut first_paths);
        table.insert(path(1), second, &mut second_paths);
        table.remove_peer(first, &first_paths);
        assert_eq!(table.owner(path(1)), Some(second));
        table.insert(path(1), first, &mut first_paths);
        table.remove_peer(second, &second_paths);
        assert_eq!(table.owner(path(1)), Some(first));
    }
}
