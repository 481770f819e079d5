//! Whose datagrams come along which path. Only a path that something authentic came along is in the
//! table, so strangers can neither fill it nor use it.

use std::collections::BTreeMap;

use parlor_rtc::Path;

use crate::peer::PeerKey;

/// Most paths kept for one peer: two address families, a few interfaces each, and what a moving
/// client leaves behind. The oldest goes when another proves itself.
pub(crate) const MAX_PATHS_PER_PEER: usize = 16;

/// Path to peer.
#[derive(Debug, Default)]
pub(crate) struct PathTable {
    owners: BTreeMap<Path, PeerKey>,
}

/// The paths of one peer, oldest first; kept with the peer so that all of them can be found.
#[derive(Debug, Default)]
pub(crate) struct PeerPaths {
    paths: Vec<Path>,
}

impl PathTable {
    /// Whose datagrams come along `path`.
    pub(crate) fn owner(&self, path: Path) -> Option<PeerKey> {
        self.owners.get(&path).copied()
    }

    /// How many paths are known.
    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    /// `path` has proved to be `peer`'s. Whoever had it before has lost it: a NAT gave it away.
    pub(crate) fn insert(&mut self, path: Path, peer: PeerKey, of_peer: &mut PeerPaths) {
        if self.owners.insert(path, peer) == Some(peer) {
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
            self.owners.remove(&path);
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
