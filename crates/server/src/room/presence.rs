//! What others are yet to be told of peers and tracks, gathered so that it is said seldom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parlor_wire::{LeaveReason, Left, Peer, PeerId, Presence};

/// Presence is sent at most once in this time.
pub const INTERVAL: Duration = Duration::from_millis(50);
/// The same in a crowd, where each message goes to many.
pub const CROWD_INTERVAL: Duration = Duration::from_millis(500);
/// More members than this are a crowd.
pub const CROWD: usize = 50;

/// Changes that have not been told.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    joined: BTreeSet<PeerId>,
    changed: BTreeSet<PeerId>,
    left: BTreeMap<PeerId, LeaveReason>,
    last_sent: Option<Instant>,
}

impl Batch {
    /// A peer has come.
    pub fn joined(&mut self, peer: PeerId) {
        // Back before anybody was told of its going: for the others it has only changed.
        if self.left.remove(&peer).is_some() {
            self.changed.insert(peer);
        } else {
            self.joined.insert(peer);
        }
    }

    /// Something about a peer is different.
    pub fn changed(&mut self, peer: PeerId) {
        if !self.joined.contains(&peer) {
            self.changed.insert(peer);
        }
    }

    /// A peer has gone. It is told even if its coming was not, because those who joined meanwhile
    /// know of it from their replies.
    pub fn left(&mut self, peer: PeerId, reason: LeaveReason) {
        self.joined.remove(&peer);
        self.changed.remove(&peer);
        self.left.insert(peer, reason);
    }

    fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.changed.is_empty() && self.left.is_empty()
    }

    /// When it is to be told, in a room of `members`. `now` is when there is no reason to wait.
    pub fn due(&self, now: Instant, members: usize) -> Option<Instant> {
        let interval = if members > CROWD { CROWD_INTERVAL } else { INTERVAL };
        match self.last_sent {
            _ if self.is_empty() => None,
            Some(last) => Some(now.max(last + interval)),
            None => Some(now),
        }
    }

    /// Takes what there is to tell; `describe` says how a peer is now.
    pub fn take(&mut self, now: Instant, describe: impl Fn(PeerId) -> Option<Peer>) -> Presence {
        self.last_sent = Some(now);
        let left = std::mem::take(&mut self.left);
        Presence {
            joined: std::mem::take(&mut self.joined).into_iter().filter_map(&describe).collect(),
            changed: std::mem::take(&mut self.changed).into_iter().filter_map(&describe).collect(),
            left: left.into_iter().map(|(id, reason)| Left { id, reason }).collect(),
        }
    }
}
