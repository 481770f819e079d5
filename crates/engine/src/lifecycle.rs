//! How peers' connections come and go, and what has to follow.

use std::time::{Duration, Instant};

use parlor_rtc::connection::{CloseReason, Event};

use crate::arena::SendArena;
use crate::change::ConnectionState;
use crate::engine::Engine;
use crate::peer::PeerKey;
use crate::timer::{PeerTimer, Timer};

/// A peer from which nothing authenticated has come for so long is silent: browsers check their paths
/// every 2.5 s, and send media or reports far more often.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// Timers that are handled in one call. To choose anew what somebody gets takes some ten microseconds, and a change of a
/// track that a thousand see has it done for all of them: a voice is not to wait for that.
const TIMERS_AT_ONCE: usize = 64;

impl Engine {
    /// Does what is due, of much a part: what has been due for the longest. Then more is due at once by
    /// [`deadline`](Engine::deadline), and what has come meanwhile can be taken in, and forwarded, before it.
    /// Datagrams go to `out`. Returns how many timers it handled.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut SendArena) -> usize {
        for handled in 0..TIMERS_AT_ONCE {
            let Some(timer) = self.timers.pop_due(now) else { return handled };
            self.handle_timer(now, timer, out);
        }
        TIMERS_AT_ONCE
    }

    fn handle_timer(&mut self, now: Instant, timer: Timer, out: &mut SendArena) {
        match timer {
            Timer::Peer(index, timer) => {
                if let Some(key) = self.peers.key_at(index) {
                    self.handle_peer_timer(now, key, timer, out);
                }
            }
            Timer::Speaking(index) => {
                if let Some(key) = self.rooms.key_at(index) {
                    self.review_speaking(now, key);
                }
            }
            Timer::Floor(index) => {
                if let Some(key) = self.rooms.key_at(index) {
                    self.review_floor(now, key);
                }
            }
            Timer::Relay(index) => {
                if let Some(key) = self.rooms.key_at(index) {
                    self.review_relayed(now, key);
                }
            }
        }
    }

    /// When [`handle_timeout`](Engine::handle_timeout) is next due; `None` while there is nothing to wait
    /// for. What commands have caused to be asked of publishers is due at once, by
    /// [`forward`](Engine::forward).
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether something is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|at| at <= now)
    }

    fn handle_peer_timer(
        &mut self,
        now: Instant,
        key: PeerKey,
        timer: PeerTimer,
        out: &mut SendArena,
    ) {
        match timer {
            PeerTimer::Connection => {
                if let Some(peer) = self.peers.get_mut(key) {
                    peer.link.connection.handle_timeout(now, out);
                }
                self.set_connection_timer(key);
                self.follow_connection(now, key);
            }
            PeerTimer::Silence => self.review_silence(now, key),
            PeerTimer::Feedback => self.send_transport_feedback(now, key, out),
            PeerTimer::Nack => self.send_nacks(now, key, out),
            PeerTimer::Report => self.send_reports(now, key, out),
            PeerTimer::Layer => self.review_choice(now, key),
            PeerTimer::Congestion => self.review_congestion(now, key, out),
            PeerTimer::Pacing => self.note_ready(key),
            PeerTimer::Wanted => self.review_wanted(now, key),
            PeerTimer::Assignment => self.reassign_peer(now, key),
        }
    }

    pub(crate) fn set_connection_timer(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let deadline = peer.link.connection.deadline();
        self.timers.set(Timer::Peer(key.index, PeerTimer::Connection), deadline);
    }

    /// Takes in what a connection has to tell.
    #[inline]
    pub(crate) fn follow_connection(&mut self, now: Instant, key: PeerKey) {
        while let Some(peer) = self.peers.get_mut(key) {
            let Some(event) = peer.link.connection.poll_event() else {
                if matches!(peer.state, ConnectionState::Silent { .. }) {
                    self.review_silence(now, key);
                }
                return;
            };
            match event {
                Event::PathValidated(path) => {
                    let is_first = peer.paths.is_empty();
                    self.claim_path(now, key, path);
                    if is_first {
                        self.reassign_peer(now, key);
                    }
                }
                Event::PathDropped(path) => {
                    self.paths.drop_path(path, key, &mut peer.paths);
                    peer.link.set_slow(path, false);
                }
                Event::PathSelected(_) => {}
                Event::Connected => self.connected(now, key),
                Event::Closed(reason) => self.closed(now, key, reason),
            }
        }
    }

    fn connected(&mut self, now: Instant, key: PeerKey) {
        self.change_state(key, ConnectionState::Connected);
        if let Some(peer) = self.peers.get_mut(key) {
            peer.link.begin(now);
        }
        let silence = Timer::Peer(key.index, PeerTimer::Silence);
        self.timers.set(silence, Some(now + SILENT_AFTER));
        self.reassign_peer(now, key);
        self.begin_sending(now, key);
        self.review_soon(now, key);
    }

    fn closed(&mut self, now: Instant, key: PeerKey, reason: CloseReason) {
        self.change_state(key, ConnectionState::Closed(reason));
        self.timers.cancel_peer(key.index);
        self.reassign_peer(now, key);
    }

    /// Judges whether a peer that was connected is silent now, or no longer is.
    fn review_silence(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let since = peer.link.connection.last_heard();
        let is_silent = now >= since + SILENT_AFTER;
        let state = match (peer.state, is_silent) {
            (ConnectionState::Connected, true) => ConnectionState::Silent { since },
            (ConnectionState::Silent { .. }, false) => ConnectionState::Connected,
            (same, _) => same,
        };
        self.change_state(key, state);
        if state == ConnectionState::Connected {
            let silence = Timer::Peer(key.index, PeerTimer::Silence);
            self.timers.set(silence, Some(since + SILENT_AFTER));
        }
    }

    fn change_state(&mut self, key: PeerKey, state: ConnectionState) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.state != state {
            peer.state = state;
            self.dirty.mark_peer(key);
        }
    }

    /// Takes a peer out of every table and says goodbye to its client. Its room is not told.
    pub(crate) fn take_out_peer(&mut self, now: Instant, key: PeerKey, out: &mut SendArena) {
        self.empty_slots(now, key);
        self.silence_peer(key);
        self.leave_floor(key);
        let Some(mut peer) = self.peers.remove(key) else { return };
        peer.link.connection.close(now, out);
        self.survey.probes.add(peer.link.congestion.take_probe_counts(now));
        self.peer_keys.remove(&peer.id);
        for published in &peer.published {
            self.remove_track(now, published.track);
        }
        for ssrc in peer.incoming.ssrcs() {
            self.ssrcs.remove(ssrc.0, key);
        }
        self.paths.remove_peer(key, &peer.paths);
        self.timers.cancel_peer(key.index);
        self.dirty.forget_peer(key);
        if let Some(room) = self.rooms.get_mut(peer.room) {
            room.leave(key);
        }
    }
}
