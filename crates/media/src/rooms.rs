//! The rooms of one media thread: who is in them, and the boards on which their changes go.

use std::collections::{BTreeMap, BTreeSet};

use parlor_engine::{Change, PeerId, RoomId};

use crate::board::{BoardWriter, GoneReason};

/// The rooms of one thread. The engine has its own; these are there when it has failed.
#[derive(Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomId, Room>,
    room_of: BTreeMap<PeerId, RoomId>,
    /// Rooms with changes that have not got onto their boards yet.
    unpublished: BTreeSet<RoomId>,
}

struct Room {
    board: BoardWriter,
    peers: BTreeSet<PeerId>,
}

impl Rooms {
    /// False when the room is there already.
    pub(crate) fn add(&mut self, id: RoomId, board: BoardWriter) -> bool {
        if self.rooms.contains_key(&id) {
            return false;
        }
        self.rooms.insert(id, Room { board, peers: BTreeSet::new() });
        true
    }

    pub(crate) fn contains(&self, id: RoomId) -> bool {
        self.rooms.contains_key(&id)
    }

    /// Ends a room; false when there is none.
    pub(crate) fn remove(&mut self, id: RoomId) -> bool {
        let Some(room) = self.rooms.remove(&id) else { return false };
        for peer in &room.peers {
            self.room_of.remove(peer);
        }
        self.unpublished.remove(&id);
        room.board.end(GoneReason::Removed);
        true
    }

    pub(crate) fn enter(&mut self, id: RoomId, peer: PeerId) {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.peers.insert(peer);
            self.room_of.insert(peer, id);
        }
    }

    pub(crate) fn leave(&mut self, peer: PeerId) {
        let Some(id) = self.room_of.remove(&peer) else { return };
        if let Some(room) = self.rooms.get_mut(&id) {
            room.peers.remove(&peer);
            room.board.forget(peer);
        }
    }

    /// Notes a change for the room it is about. One about nobody here any more is forgotten.
    pub(crate) fn note(&mut self, change: Change) {
        let id = match &change {
            Change::Peer { peer, .. }
            | Change::Quality { peer, .. }
            | Change::Wanted { peer, .. } => self.room_of.get(peer).copied(),
            Change::Speaking { room, .. } => Some(*room),
        };
        if let Some(id) = id
            && let Some(room) = self.rooms.get_mut(&id)
        {
            room.board.note(change);
            self.unpublished.insert(id);
        }
    }

    /// Writes what was noted onto the boards; what cannot be written now stays noted.
    pub(crate) fn publish(&mut self) {
        let rooms = &mut self.rooms;
        self.unpublished.retain(|id| rooms.get_mut(id).is_some_and(|room| !room.board.publish()));
    }

    /// Whether there are changes that have not got onto their boards.
    pub(crate) fn is_unpublished(&self) -> bool {
        !self.unpublished.is_empty()
    }

    /// Ends all rooms.
    pub(crate) fn end_all(&mut self, reason: GoneReason) {
        self.room_of.clear();
        self.unpublished.clear();
        for mut room in std::mem::take(&mut self.rooms).into_values() {
            // What the room knows last is better than what it knew before.
            room.board.publish();
            room.board.end(reason);
        }
    }

    /// The names of all rooms.
    pub(crate) fn names(&self) -> Vec<RoomId> {
        self.rooms.keys().copied().collect()
    }

    pub(crate) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.room_of.len()
    }
}
