//! Fan-out: what has arrived goes to everyone who receives it, grouped by destination.

use std::collections::VecDeque;
use std::time::Instant;

use parlor_rtc::MediaKind;

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::link::{Departure, Outlet};
use crate::outgoing::Pass;
use crate::peer::PeerKey;
use crate::slot::{Feed, Slot};
use crate::timer::{PeerTimer, Timer};
use crate::track::TrackKey;

/// Whether everything that has arrived is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Forwarded {
    /// It is; the arena wants to be sent.
    Done,
    /// Not yet: the arena is full. Send what is there, clear it, and call again.
    ArenaFull,
}

/// What is left to forward.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Tracks that something has arrived of.
    tracks: Vec<TrackKey>,
    /// Peers with slots that have something to read, who has waited longest first.
    peers: VecDeque<PeerKey>,
}

/// What of that is written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it.
    All,
    /// Sound.
    Sound,
}

impl Part {
    fn includes(self, slot: &Slot) -> bool {
        self == Part::All || slot.kind == MediaKind::Audio
    }
}

impl Engine {
    /// Writes what has arrived since the last call to everyone who receives it, and what publishers
    /// are to be asked for. To be called after each batch of datagrams, commands and timers.
    ///
    /// What does not fit waits where it is: other things may be done before the next call.
    pub fn forward(&mut self, now: Instant, out: &mut SendArena) -> Forwarded {
        self.spread();
        let forwarded = self.forward_pending(now, out);
        // Also when there is more to do: a smaller picture begins with a key frame.
        self.ask_upstream(now, out);
        forwarded
    }

    /// The same for sound alone, so that it need not wait behind pictures that did not fit the last time.
    pub fn forward_sound(&mut self, now: Instant, out: &mut SendArena) -> Forwarded {
        self.spread();
        for place in 0..self.pending.peers.len() {
            if let Some(&peer) = self.pending.peers.get(place)
                && self.forward_to(now, peer, Part::Sound, out) == Forwarded::ArenaFull
            {
                return Forwarded::ArenaFull;
            }
        }
        Forwarded::Done
    }

    fn forward_pending(&mut self, now: Instant, out: &mut SendArena) -> Forwarded {
        let mut ahead = 0;
        while let Some(&peer) = self.pending.peers.front() {
            if ahead == 0 {
                ahead = self.read_ahead(self.pending.peers.iter());
            }
            ahead -= 1;
            if self.forward_to(now, peer, Part::All, out) == Forwarded::ArenaFull {
                return Forwarded::ArenaFull;
            }
            self.pending.peers.pop_front();
            if let Some(peer) = self.peers.get_mut(peer) {
                peer.is_pending = false;
            }
        }
        Forwarded::Done
    }

    /// Something has arrived of a track.
    #[inline]
    pub(crate) fn note_arrival(&mut self, key: TrackKey) {
        if let Some(track) = self.tracks.get_mut(key)
            && !track.is_fresh
        {
            track.is_fresh = true;
            self.pending.tracks.push(key);
        }
    }

    /// Turns tracks with news into peers with slots to serve, so that each peer's packets are written
    /// one behind the other.
    fn spread(&mut self) {
        while let Some(key) = self.pending.tracks.pop() {
            let Some(track) = self.tracks.get_mut(key) else { continue };
            track.is_fresh = false;
            for subscriber in &track.subscribers {
                let Some(peer) = self.peers.get_mut(subscriber.peer) else { continue };
                peer.ready_slots.insert(subscriber.slot);
                if !std::mem::replace(&mut peer.is_pending, true) {
                    self.pending.peers.push_back(subscriber.peer);
                }
            }
        }
    }

    /// What waited for the path to a peer may leave now.
    pub(crate) fn note_ready(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && !std::mem::replace(&mut peer.is_pending, true)
        {
            self.pending.peers.push_back(key);
        }
    }

    fn forward_to(
        &mut self,
        now: Instant,
        key: PeerKey,
        part: Part,
        out: &mut SendArena,
    ) -> Forwarded {
        let Some(peer) = self.peers.get_mut(key) else { return Forwarded::Done };
        let Some(path) = peer.link.media_path() else {
            peer.ready_slots = Default::default();
            return Forwarded::Done;
        };
        let departure = Departure { path, now, time: self.clock.abs_send_time(now), probe: None };
        let (mut waits_until, mut queued) = (None, 0);
        for index in peer.ready_slots.around(peer.turn) {
            if peer.slots.get(index).is_some_and(|slot| !part.includes(slot)) {
                continue;
            }
            let mut pass = Pass::Done;
            if let Some(slot) = peer.slots.get_mut(index)
                && let Feed::Flowing(track) = slot.feed()
                && let Some(source) = self.tracks.get(track.key)
            {
                let (link, counters) = (&mut peer.link, &mut self.counters);
                let mut outlet = Outlet { link, departure, arena: out, counters };
                let before = slot.outgoing.beginnings();
                pass = slot.outgoing.forward(source, &mut outlet);
                if slot.outgoing.beginnings() != before {
                    // The receiver knows the clock of what went out before.
                    peer.reports_twice = true;
                    let report = Timer::Peer(key.index, PeerTimer::Report);
                    self.timers.set_no_later_than(report, now);
                }
                if let Some(layer) = pass.needs_key_frame() {
                    self.requests.push(track.key, layer);
                }
                if let Pass::Waits { .. } = pass {
                    queued += slot.outgoing.queued(source);
                }
            }
            match pass {
                Pass::ArenaFull => return Forwarded::ArenaFull,
                // Its slot stays ready, the sound of others goes on, and the next picture has its turn first.
                Pass::Waits { until, .. } if waits_until.is_none() => {
                    waits_until = Some(until);
                    peer.turn = peer.leader.unwrap_or(index + 1);
                }
                Pass::Waits { .. } => {}
                Pass::Done | Pass::NeedsKeyFrame(_) | Pass::Probed => {
                    peer.ready_slots.remove(index);
                    if peer.leader == Some(index)
                        && peer.slots.get(index).is_some_and(Slot::has_begun)
                    {
                        peer.leader = None;
                    }
                }
            }
        }
        if part == Part::All {
            peer.link.congestion.set_queued(queued);
        }
        if let Some(until) = waits_until {
            self.timers.set(Timer::Peer(key.index, PeerTimer::Pacing), Some(until));
        }
        self.set_congestion_timer(key);
        Forwarded::Done
    }
}
