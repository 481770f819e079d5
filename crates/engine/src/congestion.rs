//! What each peer's path carries: kept by its link, told by RTCP, and found out by probes.

use std::time::Instant;

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::{ClusterId, Stats};

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::id::PeerId;
use crate::link::{Departure, Outlet};
use crate::peer::PeerKey;
use crate::slot::Feed;
use crate::timer::{PeerTimer, Timer};

impl Engine {
    /// What is known of the path to a peer; `None` when there is no such peer.
    pub fn bandwidth(&self, peer: PeerId) -> Option<Stats> {
        let peer = self.peers.get(*self.peer_keys.get(&peer)?)?;
        Some(peer.link.congestion.stats())
    }

    /// Time has passed for a path: sends what probes of it are due.
    pub(crate) fn review_congestion(&mut self, now: Instant, key: PeerKey, out: &mut SendArena) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.link.congestion.handle_timeout(now);
        while let Some(peer) = self.peers.get_mut(key)
            && let Some(probe) = peer.link.congestion.poll_probe(now)
            && self.pad(now, key, probe.id, out).is_some()
        {}
        self.set_congestion_timer(key);
    }

    /// Sends one packet for a probe, if there is any to send.
    fn pad(
        &mut self,
        now: Instant,
        key: PeerKey,
        probe: ClusterId,
        out: &mut SendArena,
    ) -> Option<()> {
        let peer = self.peers.get_mut(key)?;
        let path = peer.link.media_path()?;
        let time = self.clock.abs_send_time(now);
        let departure = Departure { path, now, time, probe: Some(probe) };
        let (link, counters) = (&mut peer.link, &mut self.counters);
        let mut outlet = Outlet { link, departure, arena: out, counters };
        let slots = peer.slots.iter_mut().filter(|slot| slot.kind == MediaKind::Video);
        for slot in slots {
            if let Feed::Flowing(track) = slot.feed()
                && let Some(source) = self.tracks.get(track.key)
                && slot.outgoing.pad(source, &mut outlet).is_some()
            {
                return Some(());
            }
        }
        None
    }

    #[inline]
    pub(crate) fn set_congestion_timer(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let deadline = peer.link.congestion.deadline();
        self.timers.set(Timer::Peer(key.index, PeerTimer::Congestion), deadline);
    }
}
