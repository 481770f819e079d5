//! Which room lives on which media threads, and who of it on which, for those who send commands.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use parlor_engine::{PeerId, RoomId};

use crate::board::BoardRoot;
use crate::spreading::{Part, Seat};

/// Rooms and the threads they live on. Locked for one look-up at a time, never on the way of a
/// packet.
#[derive(Debug)]
pub(crate) struct Directory(Mutex<Entries>);

#[derive(Debug)]
struct Entries {
    rooms: BTreeMap<RoomId, Place>,
    /// How many of them have their home on each thread.
    on_thread: Vec<usize>,
}

/// Where a room lives.
#[derive(Debug)]
struct Place {
    home: usize,
    board: BoardRoot,
    /// The threads that have people of it or are about to, its home first unless that has failed.
    parts: Vec<Part>,
    seats: BTreeMap<PeerId, usize>,
    /// The part of which nobody has heard yet that it is ready. It stays until somebody does: who asked for it may have
    /// stopped waiting, and nobody knows then whether its thread has it.
    growing: Option<usize>,
    /// One of its threads has failed, and it with that.
    is_ending: bool,
}

/// What has to be done for somebody to join.
#[derive(Debug)]
pub(crate) enum Seating {
    /// Nothing more. `is_new` is false for who had that seat before.
    On { thread: usize, is_new: bool },
    /// The thread has to have an annex first, though it may have been asked before; `others` have parts of the room.
    /// [`Directory::grown`] is to be told.
    Annex { thread: usize, others: Vec<usize>, board: BoardRoot },
}

impl Directory {
    pub(crate) fn new(threads: usize) -> Directory {
        Directory(Mutex::new(Entries { rooms: BTreeMap::new(), on_thread: vec![0; threads] }))
    }

    /// Gives `room` the place that `choose` finds, knowing how many rooms each thread has; `None`
    /// when it has one already or there is none.
    pub(crate) fn place(
        &self,
        room: RoomId,
        board: BoardRoot,
        choose: impl FnOnce(&[usize]) -> Option<usize>,
    ) -> Option<usize> {
        let mut entries = self.lock();
        if entries.rooms.contains_key(&room) {
            return None;
        }
        let home = choose(&entries.on_thread)?;
        *entries.on_thread.get_mut(home)? += 1;
        let place = Place {
            home,
            board,
            parts: vec![Part { thread: home, peers: 0 }],
            seats: BTreeMap::new(),
            growing: None,
            is_ending: false,
        };
        entries.rooms.insert(room, place);
        Some(home)
    }

    /// Whether there is such a room, though it may be ending.
    pub(crate) fn contains(&self, room: RoomId) -> bool {
        self.lock().rooms.contains_key(&room)
    }

    /// The threads on which `room` lives, its home first; empty when there is no such room.
    pub(crate) fn threads_of(&self, room: RoomId) -> Vec<usize> {
        let entries = self.lock();
        let parts = entries.rooms.get(&room).map(|place| place.parts.as_slice());
        parts.unwrap_or_default().iter().map(|part| part.thread).collect()
    }

    /// The thread on which `peer` is, or where a room that knows nothing of it lives.
    pub(crate) fn find(&self, room: RoomId, peer: PeerId) -> Option<usize> {
        let entries = self.lock();
        let place = entries.rooms.get(&room).filter(|place| !place.is_ending)?;
        Some(place.seats.get(&peer).copied().unwrap_or(place.home))
    }

    /// Gives `peer` the seat that `choose` finds, knowing the room's parts and whether it may grow; `None` when
    /// there is no such room. In a part that is not ready nobody has a seat before it is.
    pub(crate) fn seat(
        &self,
        room: RoomId,
        peer: PeerId,
        choose: impl FnOnce(&[Part], bool) -> Option<Seat>,
    ) -> Option<Seating> {
        let mut entries = self.lock();
        let place = entries.rooms.get_mut(&room).filter(|place| !place.is_ending)?;
        if let Some(&thread) = place.seats.get(&peer) {
            return Some(Seating::On { thread, is_new: false });
        }
        match choose(&place.parts, place.growing.is_none())? {
            Seat::On(thread) if place.growing != Some(thread) => {
                let is_new = place.sit(peer, thread);
                Some(Seating::On { thread, is_new })
            }
            Seat::On(thread) | Seat::Annex(thread) => {
                // Noted before the thread is asked, so that whoever ends the room reaches it there, too.
                place.plan_part(thread);
                let others = place.parts.iter().map(|part| part.thread);
                let others = others.filter(|other| *other != thread).collect();
                Some(Seating::Annex { thread, others, board: place.board.clone() })
            }
        }
    }

    /// A room has an annex on `thread` now, in which `peer` has a seat; or it has none, for `was_made` is false. Returns
    /// whether that seat is new; `None` when the room is no more.
    pub(crate) fn grown(
        &self,
        room: RoomId,
        peer: PeerId,
        thread: usize,
        was_made: bool,
    ) -> Option<bool> {
        let mut entries = self.lock();
        let place = entries.rooms.get_mut(&room)?;
        place.settle(thread, was_made);
        Some(was_made && place.sit(peer, thread))
    }

    /// A peer leaves its room; returns the thread on which it was, as [`Directory::find`] would.
    pub(crate) fn leave(&self, room: RoomId, peer: PeerId) -> Option<usize> {
        let mut entries = self.lock();
        let place = entries.rooms.get_mut(&room).filter(|place| !place.is_ending)?;
        let Some(thread) = place.seats.remove(&peer) else { return Some(place.home) };
        if let Some(part) = place.parts.iter_mut().find(|part| part.thread == thread) {
            part.peers = part.peers.saturating_sub(1);
        }
        Some(thread)
    }

    /// A room is no more.
    pub(crate) fn forget(&self, room: RoomId) {
        self.lock().forget(room);
    }

    /// A thread has failed, and with it these rooms, whatever other threads had of them.
    pub(crate) fn fail(&self, thread: usize, gone: &[RoomId]) {
        let mut entries = self.lock();
        for room in gone {
            let Some(place) = entries.rooms.get_mut(room) else { continue };
            place.is_ending = true;
            place.growing.take_if(|growing| *growing == thread);
            place.parts.retain(|part| part.thread != thread);
            if place.parts.is_empty() {
                entries.forget(*room);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn forget(&mut self, room: RoomId) {
        if let Some(place) = self.rooms.remove(&room)
            && let Some(count) = self.on_thread.get_mut(place.home)
        {
            *count = count.saturating_sub(1);
        }
    }
}

impl Place {
    /// There is to be a part on `thread`, if there is none.
    fn plan_part(&mut self, thread: usize) {
        if !self.has_part(thread) {
            self.parts.push(Part { thread, peers: 0 });
            self.growing = Some(thread);
        }
    }

    /// The part on `thread` is ready, or there is none. One of which somebody else knows that it is ready stays.
    fn settle(&mut self, thread: usize, was_made: bool) {
        let was_growing = self.growing.take_if(|growing| *growing == thread).is_some();
        if was_growing && !was_made {
            self.parts.retain(|part| part.thread != thread);
        } else if was_made && !self.has_part(thread) {
            self.parts.push(Part { thread, peers: 0 });
        }
    }

    fn has_part(&self, thread: usize) -> bool {
        self.parts.iter().any(|part| part.thread == thread)
    }

    /// Returns whether `peer` had no seat.
    fn sit(&mut self, peer: PeerId, thread: usize) -> bool {
        let before = self.seats.insert(peer, thread);
        for part in &mut self.parts {
            part.peers = part.peers.saturating_sub(usize::from(before == Some(part.thread)));
            part.peers += usize::from(part.thread == thread);
        }
        before.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::board;

    fn place(directory: &Directory, room: u64) -> Option<usize> {
        let (writer, _) = board(RoomId(room));
        let fewest =
            |counts: &[usize]| (0..counts.len()).min_by_key(|thread| counts.get(*thread).copied());
        directory.place(RoomId(room), writer.root(), fewest)
    }

    #[test]
    fn rooms_are_counted_where_they_live() {
        let directory = Directory::new(2);
        assert_eq!(place(&directory, 1), Some(0));
        assert_eq!(place(&directory, 2), Some(1));
        assert_eq!(place(&directory, 1), None);
        for room in [2, 2, 9] {
            directory.forget(RoomId(room));
        }
        assert!(!directory.contains(RoomId(2)));
        assert_eq!(place(&directory, 3), Some(1));
        assert_eq!(directory.threads_of(RoomId(3)), [1]);
    }

    #[test]
    fn a_peer_is_found_where_it_sits_and_once_it_has_left_at_home() {
        let directory = Directory::new(2);
        let (room, ann, bo) = (RoomId(1), PeerId(1), PeerId(2));
        place(&directory, 1);
        let seated = directory.seat(room, ann, |parts, may_grow| {
            assert_eq!((parts, may_grow), (&[Part { thread: 0, peers: 0 }][..], true));
            Some(Seat::On(0))
        });
        assert!(matches!(seated, Some(Seating::On { thread: 0, is_new: true })));
        let seated = directory.seat(room, bo, |_, _| Some(Seat::Annex(1)));
        let Some(Seating::Annex { thread: 1, others, board: _ }) = seated else { panic!() };
        assert_eq!(others, [0]);
        // Meanwhile it does not get another one.
        directory.seat(room, PeerId(3), |_, may_grow| {
            assert!(!may_grow);
            None
        });
        assert_eq!(directory.grown(room, bo, 1, true), Some(true));
        assert_eq!(directory.find(room, bo), Some(1));
        assert_eq!(directory.threads_of(room), [0, 1]);
        let again = directory.seat(room, bo, |_, _| None);
        assert!(matches!(again, Some(Seating::On { thread: 1, is_new: false })));
        assert_eq!(directory.leave(room, bo), Some(1));
        assert_eq!(directory.find(room, bo), Some(0));
    }

    #[test]
    fn who_stops_waiting_for_an_annex_does_not_keep_the_room_from_growing() {
        let directory = Directory::new(3);
        let (room, ann, bo) = (RoomId(1), PeerId(1), PeerId(2));
        place(&directory, 1);
        // Nobody tells what has become of this one.
        directory.seat(room, ann, |_, _| Some(Seat::Annex(1)));
        assert_eq!(directory.threads_of(room), [0, 1]);
        let seated = directory.seat(room, bo, |parts, may_grow| {
            assert_eq!((parts.len(), may_grow), (2, false));
            Some(Seat::On(1))
        });
        let Some(Seating::Annex { thread: 1, others, board: _ }) = seated else { panic!() };
        assert_eq!(others, [0]);
        assert_eq!(directory.grown(room, bo, 1, true), Some(true));
        let seated = directory.seat(room, PeerId(3), |parts, may_grow| {
            assert_eq!(
                (parts, may_grow),
                (&[Part { thread: 0, peers: 0 }, Part { thread: 1, peers: 1 }][..], true)
            );
            Some(Seat::On(1))
        });
        assert!(matches!(seated, Some(Seating::On { thread: 1, is_new: true })));
    }

    #[test]
    fn an_annex_that_fails_is_none_unless_somebody_else_has_heard_that_it_is_ready() {
        let directory = Directory::new(2);
        let (room, ann, bo) = (RoomId(1), PeerId(1), PeerId(2));
        place(&directory, 1);
        for peer in [ann, bo] {
            let seated = directory.seat(room, peer, |parts, _| match parts {
                [_] => Some(Seat::Annex(1)),
                _ => Some(Seat::On(1)),
            });
            assert!(matches!(seated, Some(Seating::Annex { thread: 1, .. })));
        }
        assert_eq!(directory.grown(room, ann, 1, false), Some(false));
        assert_eq!(directory.threads_of(room), [0]);
        assert_eq!(directory.grown(room, bo, 1, true), Some(true));
        assert_eq!(directory.grown(room, ann, 1, false), Some(false));
        assert_eq!(directory.threads_of(room), [0, 1]);
        assert_eq!((directory.find(room, ann), directory.find(room, bo)), (Some(0), Some(1)));
        directory.forget(room);
        assert_eq!(directory.grown(room, ann, 1, true), None);
    }

    #[test]
    fn a_room_of_which_a_thread_has_failed_is_ending_until_the_others_have_let_it_go() {
        let directory = Directory::new(2);
        let (room, ann) = (RoomId(1), PeerId(1));
        place(&directory, 1);
        directory.seat(room, ann, |_, _| Some(Seat::Annex(1)));
        directory.grown(room, ann, 1, true);
        directory.fail(0, &[room]);
        assert_eq!(directory.find(room, ann), None);
        assert_eq!(directory.threads_of(room), [1]);
        directory.fail(1, &[room]);
        assert!(!directory.contains(room));
    }
}
