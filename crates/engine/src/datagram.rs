//! Datagrams in: whose they are, and what they carry.

use std::time::{Duration, Instant};

use parlor_rtc::connection::Received;
use parlor_rtc::demux::{Protocol, classify};
use parlor_rtc::{Path, stun};

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::peer::PeerKey;
use crate::ufrag::{self, Owner};

/// A path stays its peer's for so long after something authentic came along it: browsers check theirs every 2.5
/// to 5 s, and send media or reports far more often.
pub const PATH_HOLDS: Duration = Duration::from_secs(6);

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// It was for this engine and is done with.
    Here,
    /// It is a check for a peer on another media thread, which should have it, and everything that
    /// comes along its path from now on.
    Elsewhere {
        /// The number of that thread.
        thread: u8,
    },
    /// It is for nobody here; silence is the answer.
    Unknown,
}

impl Engine {
    /// Takes one datagram, which it may decrypt in place. Answers go to `out`; what it brings for
    /// subscribers is written by the next [`forward`](Engine::forward).
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut SendArena,
    ) -> Routed {
        let found = match self.route(path, datagram) {
            Ok(found) => found,
            Err(not_here) => return not_here,
        };
        let key = found.peer;
        let Some(peer) = self.peers.get_mut(key) else { return Routed::Unknown };
        self.counters.datagrams_in += 1;
        match peer.link.connection.handle_datagram(now, path, datagram, out) {
            Received::Rtp { len } => {
                self.note_heard(found, path);
                self.handle_rtp(now, key, datagram.get(..len).unwrap_or_default());
            }
            Received::Rtcp { len } => {
                self.note_heard(found, path);
                self.handle_rtcp(now, key, datagram.get(..len).unwrap_or_default(), out);
            }
            Received::Handled => {
                self.set_connection_timer(key);
                if found.by == Clue::Check {
                    self.claim_path(now, key, path);
                }
            }
            Received::Dropped(_) => self.counters.datagrams_dropped += 1,
        }
        self.follow_connection(now, key);
        Routed::Here
    }

    /// Whether what comes along `path` is for a peer of this engine: something authentic has come
    /// along it before. With several media threads, such a path may be sent on unread to this one.
    pub fn owns(&self, path: Path) -> bool {
        self.paths.owner(path).is_some()
    }

    /// Whose a datagram is. Checks are told by the username they name, so that a path can change
    /// hands; everything else by the path, which something authentic has come along before.
    #[inline]
    fn route(&self, path: Path, datagram: &[u8]) -> Result<Found, Routed> {
        let protocol = classify(datagram).ok_or(Routed::Unknown)?;
        if protocol == Protocol::Stun
            && let Some(ufrag) = stun::peek_username(datagram)
        {
            let Owner { thread, peer } = ufrag::read_ufrag(ufrag).ok_or(Routed::Unknown)?;
            if thread != self.config.thread {
                return Err(Routed::Elsewhere { thread });
            }
            let is_here = self.peers.get(peer).is_some();
            return is_here.then_some(Found { peer, by: Clue::Check }).ok_or(Routed::Unknown);
        }
        if let Some(peer) = self.paths.owner(path) {
            return Ok(Found { peer, by: Clue::Path });
        }
        match protocol {
            Protocol::Srtp | Protocol::Srtcp => {
                let peer = self.ssrcs.owner(datagram).ok_or(Routed::Unknown)?;
                Ok(Found { peer, by: Clue::Ssrc })
            }
            Protocol::Stun | Protocol::Dtls | Protocol::TurnChannel => Err(Routed::Unknown),
        }
    }

    /// A check of a peer's client has come along `path`, so that what comes along it now is that peer's, unless
    /// it is another's who is still heard there: anybody can send a check of their own from a forged address, but
    /// not silence who is at it. A NAT that gives an address away does so when its last owner has been silent
    /// for longer.
    pub(crate) fn claim_path(&mut self, now: Instant, key: PeerKey, path: Path) {
        let owner = self.paths.owner(path).filter(|owner| *owner != key);
        let owner = owner.and_then(|owner| self.peers.get(owner));
        let heard = owner.and_then(|owner| owner.link.connection.last_heard_on(path));
        if heard.is_some_and(|heard| now < heard + PATH_HOLDS) {
            return;
        }
        if let Some(peer) = self.peers.get_mut(key)
            && peer.link.connection.last_heard_on(path).is_some()
        {
            self.paths.insert(path, key, &mut peer.paths);
        }
    }

    /// `path` belongs to a peer of another thread, who is heard there: what comes along it is not for this engine.
    pub fn yield_path(&mut self, path: Path) {
        if let Some(key) = self.paths.owner(path)
            && let Some(peer) = self.peers.get_mut(key)
        {
            self.paths.drop_path(path, key, &mut peer.paths);
        }
    }

    /// `path` is no more: the stream that it was has been closed.
    pub fn lose_path(&mut self, now: Instant, path: Path) {
        let Some(key) = self.paths.owner(path) else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        self.paths.drop_path(path, key, &mut peer.paths);
        peer.link.connection.lose_path(path);
        self.follow_connection(now, key);
    }

    /// What is sent along `path` waits for so long there that pictures are of no use (`true`), or no longer does.
    /// Meanwhile they are left out, whole ones, and what comes after begins with a key frame.
    pub fn set_slow(&mut self, path: Path, is_slow: bool) {
        let Some(key) = self.paths.owner(path) else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.link.set_slow(path, is_slow);
        if !is_slow {
            self.note_ready(key);
        }
    }

    /// Authentic media of a peer came along `path`. When that was not known before, the client's address
    /// has changed; what comes next along it, such as the answer to the connection's own check, is
    /// the client's too.
    #[inline]
    fn note_heard(&mut self, found: Found, path: Path) {
        if found.by == Clue::Ssrc
            && let Some(peer) = self.peers.get_mut(found.peer)
        {
            self.paths.insert(path, found.peer, &mut peer.paths);
        }
    }
}

/// The number of the media thread to which a check belongs by the username that it names; `None` if it is no check for a
/// server like this one.
pub fn thread_of_check(datagram: &[u8]) -> Option<u8> {
    ufrag::read_ufrag(stun::peek_username(datagram)?).map(|owner| owner.thread)
}

/// Whose a datagram seems to be, which the peer's connection has yet to confirm.
#[derive(Clone, Copy, Debug)]
struct Found {
    peer: PeerKey,
    by: Clue,
}

/// What told whose a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clue {
    /// The username of a check.
    Check,
    /// Where it came from.
    Path,
    /// The stream that it is of.
    Ssrc,
}
