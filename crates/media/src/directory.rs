//! Which room lives on which media thread, for those who send commands.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use parlor_engine::RoomId;

/// Rooms and the threads they live on. Locked for one look-up at a time, never on the way of a
/// packet.
#[derive(Debug)]
pub(crate) struct Directory(Mutex<Entries>);

#[derive(Debug)]
struct Entries {
    rooms: BTreeMap<RoomId, usize>,
    /// How many of them live on each thread.
    on_thread: Vec<usize>,
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
        choose: impl FnOnce(&[usize]) -> Option<usize>,
    ) -> Option<usize> {
        let mut entries = self.lock();
        if entries.rooms.contains_key(&room) {
            return None;
        }
        let thread = choose(&entries.on_thread)?;
        *entries.on_thread.get_mut(thread)? += 1;
        entries.rooms.insert(room, thread);
        Some(thread)
    }

    /// The thread on which `room` lives.
    pub(crate) fn find(&self, room: RoomId) -> Option<usize> {
        self.lock().rooms.get(&room).copied()
    }

    /// These rooms are no more.
    pub(crate) fn forget(&self, gone: &[RoomId]) {
        let mut entries = self.lock();
        for room in gone {
            if let Some(thread) = entries.rooms.remove(room)
                && let Some(count) = entries.on_thread.get_mut(thread)
            {
                *count = count.saturating_sub(1);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_counted_where_they_live() {
        let directory = Directory::new(2);
        let fewest =
            |counts: &[usize]| (0..counts.len()).min_by_key(|thread| counts.get(*thread).copied());
        assert_eq!(directory.place(RoomId(1), fewest), Some(0));
        assert_eq!(directory.place(RoomId(2), fewest), Some(1));
        assert_eq!(directory.place(RoomId(1), fewest), None);
        directory.forget(&[RoomId(2), RoomId(2), RoomId(9)]);
        assert_eq!(directory.find(RoomId(2)), None);
        assert_eq!(directory.place(RoomId(3), fewest), Some(1));
        assert_eq!(directory.find(RoomId(3)), Some(1));
    }
}
