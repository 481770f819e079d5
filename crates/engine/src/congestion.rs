//! What each peer's path carries: kept by its link, told by RTCP, and found out by probes.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::{ClusterId, Stats};

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::id::PeerId;
use crate::link::{Departure, Outlet};
use crate::outgoing::Pass;
use crate::peer::{Peer, PeerKey};
use crate::timer::{PeerTimer, Timer};

/// Packets of padding that leave together at most, whatever is due: more than 2 ms at any rate that is probed.
const PADDING_AT_ONCE: u32 = 32;

/// Padding that is due and cannot be sent is looked at again so late.
const PADDING_AGAIN: Duration = Duration::from_millis(5);

impl Engine {
    /// What is known of the path to a peer; `None` when there is no such peer.
    pub fn bandwidth(&self, peer: PeerId) -> Option<Stats> {
        let peer = self.peers.get(*self.peer_keys.get(&peer)?)?;
        Some(peer.link.congestion.stats())
    }

    /// Time has passed for a path: sends what padding is due on it.
    pub(crate) fn review_congestion(&mut self, now: Instant, key: PeerKey, out: &mut SendArena) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.link.congestion.handle_timeout(now);
        let mut left = PADDING_AT_ONCE;
        while left > 0
            && let Some(peer) = self.peers.get_mut(key)
            && let Some(padding) = due(now, peer)
            && (self.probe_with_media(now, key, padding, out)
                || self.pad(now, key, padding, out).is_some())
        {
            left -= 1;
        }
        self.set_congestion_timer(key);
        // What nothing could be sent for is not waited for without a break.
        let timer = Timer::Peer(key.index, PeerTimer::Congestion);
        if self.timers.at(timer).is_some_and(|at| at <= now) {
            self.timers.set(timer, Some(now + PADDING_AGAIN));
        }
    }

    /// Sends one packet of video that waits, if padding is due for a probe: that finds out as much.
    fn probe_with_media(
        &mut self,
        now: Instant,
        key: PeerKey,
        padding: Padding,
        out: &mut SendArena,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let Some(path) = peer.link.media_path().filter(|_| padding.probe.is_some()) else {
            return false;
        };
        let time = self.clock.abs_send_time(now);
        let departure = Departure { path, now, time, probe: padding.probe };
        let Peer { slots, ready_slots, turn, leader, link, .. } = peer;
        for index in ready_slots.around(*turn) {
            let video = slots.get_mut(index).filter(|slot| slot.kind == MediaKind::Video);
            let Some(slot) = video else { continue };
            let Some(track) = slot.track() else { continue };
            let Some(source) = self.tracks.get(track) else { continue };
            let counters = &mut self.counters;
            let mut outlet = Outlet { link, departure, arena: out, counters };
            let pass = slot.outgoing.forward(source, &mut outlet);
            if let Some(layer) = pass.needs_key_frame() {
                self.requests.push(track, layer);
            }
            if pass == Pass::Probed {
                *turn = leader.unwrap_or(index + 1);
                return true;
            }
        }
        false
    }

    /// Sends one packet of padding, over the first slot that can.
    fn pad(
        &mut self,
        now: Instant,
        key: PeerKey,
        padding: Padding,
        out: &mut SendArena,
    ) -> Option<()> {
        let peer = self.peers.get_mut(key)?;
        let path = peer.link.media_path()?;
        let time = self.clock.abs_send_time(now);
        let departure = Departure { path, now, time, probe: padding.probe };
        let (link, counters) = (&mut peer.link, &mut self.counters);
        let mut outlet = Outlet { link, departure, arena: out, counters };
        let mut slots = peer.slots.iter_mut().filter(|slot| slot.kind == MediaKind::Video);
        slots.find_map(|slot| {
            let track = slot.track().and_then(|track| self.tracks.get(track));
            slot.outgoing.pad(track, padding.len, &mut outlet)
        })
    }

    #[inline]
    pub(crate) fn set_congestion_timer(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let congestion = &peer.link.congestion;
        let deadline = congestion.deadline().into_iter().chain(congestion.padding_due()).min();
        self.timers.set(Timer::Peer(key.index, PeerTimer::Congestion), deadline);
    }
}

/// A packet of padding that is due.
#[derive(Clone, Copy, Debug)]
struct Padding {
    /// Bytes.
    len: u16,
    /// The probe that it is for, if any.
    probe: Option<ClusterId>,
}

/// What padding is due on the path to a peer: for a probe, or to find out whether a path that has lost much
/// takes more again. The latter is for when nothing waits.
fn due(now: Instant, peer: &mut Peer) -> Option<Padding> {
    if let Some(cluster) = peer.link.congestion.poll_probe(now) {
        return Some(Padding { len: cluster.padding_bytes(), probe: Some(cluster.id) });
    }
    let at = peer.link.congestion.padding_due()?;
    let nothing_waits = peer.ready_slots.first().is_none();
    (nothing_waits && at <= now).then_some(Padding { len: u16::MAX, probe: None })
}
