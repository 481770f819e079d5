//! The engine itself: its tables, and what is asked of it from outside.

use std::collections::BTreeMap;
use std::time::Instant;

use parlor_rtc::Rid;
use parlor_rtc::rtp::{NtpClock, NtpTime};

use crate::arena::SendArena;
use crate::change::{Change, PeerState};
use crate::command::View;
use crate::config::Config;
use crate::counters::Counters;
use crate::dirty::{Dirty, Stale};
use crate::forward::Pending;
use crate::id::{PeerId, RoomId, TrackId};
use crate::paths::PathTable;
use crate::peer::{Peer, PeerKey};
use crate::random::Random;
use crate::relay::Relay;
use crate::room::{Room, RoomKey};
use crate::shedding::Shedding;
use crate::slab::Slab;
use crate::ssrcs::SsrcHints;
use crate::survey::Survey;
use crate::timer::{Timer, TimerQueue};
use crate::track::{Track, TrackKey};
use crate::upstream::KeyFrameRequests;
use crate::view::Shown;

/// The SFU as a value.
///
/// Commands, datagrams and time go in; datagrams go out through a [`SendArena`],
/// changes through [`poll_change`](Engine::poll_change), and [`deadline`](Engine::deadline) says when
/// [`handle_timeout`](Engine::handle_timeout) wants to be called. After each batch of any of these,
/// [`forward`](Engine::forward) writes what there is to send to subscribers.
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) clock: NtpClock,
    pub(crate) random: Random,
    pub(crate) rooms: Slab<Room>,
    pub(crate) room_keys: BTreeMap<RoomId, RoomKey>,
    pub(crate) peers: Slab<Peer>,
    pub(crate) peer_keys: BTreeMap<PeerId, PeerKey>,
    pub(crate) tracks: Slab<Track>,
    pub(crate) track_keys: BTreeMap<TrackId, TrackKey>,
    pub(crate) paths: PathTable,
    pub(crate) ssrcs: SsrcHints,
    pub(crate) timers: TimerQueue,
    pub(crate) pending: Pending,
    pub(crate) requests: KeyFrameRequests,
    pub(crate) relay: Relay,
    pub(crate) dirty: Dirty,
    pub(crate) counters: Counters,
    pub(crate) survey: Survey,
    pub(crate) shedding: Shedding,
}

impl Engine {
    /// An engine without rooms.
    pub fn new(now: Instant, config: Config) -> Engine {
        Engine {
            clock: NtpClock::new(now, NtpTime(config.ntp_at_start)),
            random: Random::from_seed(config.seed),
            config,
            rooms: Slab::new(),
            room_keys: BTreeMap::new(),
            peers: Slab::new(),
            peer_keys: BTreeMap::new(),
            tracks: Slab::new(),
            track_keys: BTreeMap::new(),
            paths: PathTable::default(),
            ssrcs: SsrcHints::default(),
            timers: TimerQueue::default(),
            pending: Pending::default(),
            requests: KeyFrameRequests::default(),
            relay: Relay::default(),
            dirty: Dirty::default(),
            counters: Counters::default(),
            survey: Survey::default(),
            shedding: Shedding::default(),
        }
    }

    /// Makes an empty room. One that is there already stays as it is.
    pub fn add_room(&mut self, room: RoomId) {
        self.make_room(Room::new(room, true));
    }

    pub(crate) fn make_room(&mut self, room: Room) {
        let id = room.id;
        if !self.room_keys.contains_key(&id)
            && let Some(key) = self.rooms.insert(room)
        {
            self.room_keys.insert(id, key);
        }
    }

    /// Ends a room and everyone's membership of it; goodbyes go to `out`.
    pub fn remove_room(&mut self, now: Instant, room: RoomId, out: &mut SendArena) {
        let Some(key) = self.room_keys.remove(&room) else { return };
        let members = self.rooms.get(key).map(|room| room.peers.clone()).unwrap_or_default();
        for peer in members {
            self.take_out_peer(now, peer, out);
        }
        self.remove_guests(now, key);
        self.rooms.remove(key);
        self.timers.set(Timer::Speaking(key.index), None);
        self.timers.set(Timer::Floor(key.index), None);
        self.timers.set(Timer::Relay(key.index), None);
        self.dirty.forget_room(key);
    }

    /// Ends a peer's membership of its room. Its tracks are gone with it; a goodbye goes to `out`.
    pub fn remove_peer(&mut self, now: Instant, peer: PeerId, out: &mut SendArena) {
        let Some(&key) = self.peer_keys.get(&peer) else { return };
        let Some(peer) = self.peers.get(key) else { return };
        let tracks = peer.published.iter().filter_map(|published| self.tracks.get(published.track));
        let (room, sources) = (peer.room, tracks.map(|track| track.source).collect::<Vec<_>>());
        self.take_out_peer(now, key, out);
        self.reassign_others(now, room, &sources);
    }

    /// A publisher has switched a track on or off.
    pub fn switch_track(&mut self, now: Instant, track: TrackId, on: bool) {
        let key = self.track_keys.get(&track).copied();
        let Some(key) = key.filter(|key| self.is_published_here(*key)) else { return };
        self.set_on(now, key, on);
    }

    pub(crate) fn set_on(&mut self, now: Instant, key: TrackKey, on: bool) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        if track.on != on {
            track.on = on;
            let (room, source) = (track.room, track.source);
            if !on && track.sound.silence() {
                self.dirty.mark_speaking(room);
            }
            self.relay.note_news(track);
            self.reassign_others(now, room, &[source]);
        }
    }

    /// A peer says which video tracks it shows. Replaces what it said before; until it says something,
    /// everything is shown.
    pub fn view(&mut self, now: Instant, peer: PeerId, tracks: Vec<View>) {
        let Some(&key) = self.peer_keys.get(&peer) else { return };
        if let Some(peer) = self.peers.get_mut(key) {
            peer.shown = Shown::new(tracks);
            self.reassign_peer(now, key);
            self.review_soon(now, key);
        }
    }

    /// A peer is to be sent no better encoding of a track than the one of this rid, if it arrives, or else a smaller
    /// one; `None` takes that back. The rest is chosen as for everyone.
    pub fn cap(&mut self, now: Instant, peer: PeerId, track: TrackId, up_to: Option<Rid>) {
        let Some(&key) = self.peer_keys.get(&peer) else { return };
        let known = &self.track_keys;
        if let Some(peer) = self.peers.get_mut(key)
            && known.contains_key(&track)
        {
            peer.caps.set(track, up_to, |track| known.contains_key(&track));
            self.review_soon(now, key);
        }
    }

    /// The latest state of something that has changed since it was last told.
    pub fn poll_change(&mut self) -> Option<Change> {
        while let Some(stale) = self.dirty.pop() {
            let change = match stale {
                Stale::Peer(key) => self.peer_change(key),
                Stale::Quality(key) => self.quality_change(key),
                Stale::Wanted(key) => self.wanted_change(key),
                Stale::Speaking(key) => self.speaking_change(key),
            };
            if change.is_some() {
                return change;
            }
        }
        None
    }

    /// What the engine has done since it was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn peer_change(&self, key: PeerKey) -> Option<Change> {
        let peer = self.peers.get(key)?;
        let state = PeerState {
            connection: peer.state,
            slots: peer.slot_states(),
            wanted_slots: peer.wanted_slots,
        };
        Some(Change::Peer { peer: peer.id, state })
    }
}
