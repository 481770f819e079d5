//! Datagrams in: whose they are, and what they carry.

use std::time::Instant;

use parlor_rtc::connection::Received;
use parlor_rtc::demux::{Protocol, classify};
use parlor_rtc::{Path, stun};

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::peer::PeerKey;
use crate::ufrag::{self, Owner};

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
    /// It is for nobody; silence is the answer.
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
        self.counters.datagrams_in += 1;
        let key = match self.route(path, datagram) {
            Ok(key) => key,
            Err(Routed::Elsewhere { thread }) => {
                self.counters.datagrams_elsewhere += 1;
                return Routed::Elsewhere { thread };
            }
            Err(other) => {
                self.counters.datagrams_unknown += 1;
                return other;
            }
        };
        let Some(peer) = self.peers.get_mut(key) else { return Routed::Unknown };
        match peer.link.connection.handle_datagram(now, path, datagram, out) {
            Received::Rtp { len } => {
                self.note_heard(key, path);
                self.handle_rtp(now, key, datagram.get(..len).unwrap_or_default());
            }
            Received::Rtcp { len } => {
                self.note_heard(key, path);
                self.handle_rtcp(now, key, datagram.get(..len).unwrap_or_default(), out);
            }
            Received::Handled => self.set_connection_timer(key),
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
    fn route(&self, path: Path, datagram: &[u8]) -> Result<PeerKey, Routed> {
        let protocol = classify(datagram).ok_or(Routed::Unknown)?;
        if protocol == Protocol::Stun
            && let Some(ufrag) = stun::peek_username(datagram)
        {
            let Owner { thread, peer } = ufrag::read_ufrag(ufrag).ok_or(Routed::Unknown)?;
            if thread != self.config.thread {
                return Err(Routed::Elsewhere { thread });
            }
            return self.peers.get(peer).map(|_| peer).ok_or(Routed::Unknown);
        }
        let by_ssrc = || match protocol {
            Protocol::Srtp | Protocol::Srtcp => self.ssrcs.owner(datagram),
            Protocol::Stun | Protocol::Dtls | Protocol::TurnChannel => None,
        };
        self.paths.owner(path).or_else(by_ssrc).ok_or(Routed::Unknown)
    }

    /// Authentic media came along `path`. When nobody's came along it before, the client's address has
    /// changed; what comes next along it, such as the answer to the connection's own check, is the
    /// client's too.
    #[inline]
    fn note_heard(&mut self, key: PeerKey, path: Path) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if self.paths.owner(path).is_none() {
            self.paths.insert(path, key, &mut peer.paths);
        }
    }
}
