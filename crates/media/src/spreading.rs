//! On which of its threads somebody joins a room, and when it gets one more: a pure decision.

use crate::placement::{self, Load};
use crate::strain::Level;

/// People of one room that one thread has before the room may spread to another, unless it is said: far more than see each
/// other on a page. Two threads cost a copy of each packet, and gain nothing while one has room.
pub const PEERS_PER_THREAD_OF_ROOM: usize = 400;

/// A thread that has people of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which, by its index.
    pub thread: usize,
    /// How many of that room it has.
    pub peers: usize,
}

/// Where somebody joins a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// On a thread that has people of it.
    On(usize),
    /// On another one, which is to have an annex of it.
    Annex(usize),
}

/// Where somebody joins a room that lives in `parts`, its home first: on the first that keeps up and has fewer than `most` of its
/// people; else on a thread that carries less than all of them, if there is one and the room `may_grow`; else on the part with the
/// fewest. `None` when there are no parts.
pub fn seat(parts: &[Part], loads: &[Option<Load>], most: usize, may_grow: bool) -> Option<Seat> {
    let is_part = |thread: usize| parts.iter().any(|part| part.thread == thread);
    let of = |thread: usize| loads.get(thread).copied().flatten();
    let keeps_up = |part: &Part| of(part.thread).is_none_or(|load| load.level == Level::Easy);
    if let Some(part) = parts.iter().find(|part| part.peers < most && keeps_up(part)) {
        return Some(Seat::On(part.thread));
    }
    let others = (0..loads.len()).map(|thread| of(thread).filter(|_| !is_part(thread)));
    if may_grow
        && !parts.is_empty()
        && let Some(other) = placement::choose(others)
    {
        // Among equals the one that has the room.
        let candidates = parts.iter().map(|part| of(part.thread)).chain([of(other)]);
        if placement::choose(candidates) == Some(parts.len()) {
            return Some(Seat::Annex(other));
        }
    }
    let fewest = parts.iter().min_by_key(|part| (!keeps_up(part), part.peers));
    fewest.map(|part| Seat::On(part.thread))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(peers: usize, busy_permille: u32) -> Option<Load> {
        Some(Load { rooms: 1, peers, busy_permille, new_peers: 0, level: Level::Easy })
    }

    const fn part(thread: usize, peers: usize) -> Part {
        Part { thread, peers }
    }

    #[test]
    fn an_ordinary_room_stays_on_one_thread() {
        let loads = [load(900, 600), load(0, 0)];
        assert_eq!(seat(&[part(0, 9)], &loads, 10, true), Some(Seat::On(0)));
        assert_eq!(seat(&[part(0, 12)], &[load(12, 0)], 10, true), Some(Seat::On(0)));
    }

    #[test]
    fn a_large_room_spreads_to_a_thread_that_carries_less() {
        let loads = [load(10, 100), load(30, 0), load(5, 0), None];
        assert_eq!(seat(&[part(0, 10)], &loads, 10, true), Some(Seat::Annex(2)));
        assert_eq!(seat(&[part(0, 10), part(2, 3)], &loads, 10, true), Some(Seat::On(2)));
        let loads = [load(10, 100), load(5, 300)];
        assert_eq!(seat(&[part(0, 10)], &loads, 10, true), Some(Seat::On(0)));
    }

    #[test]
    fn who_joins_a_room_whose_thread_does_not_keep_up_goes_to_one_that_does() {
        let near = Some(Load { level: Level::Near, ..load(3, 100).unwrap() });
        assert_eq!(seat(&[part(0, 3)], &[near, load(0, 0)], 10, true), Some(Seat::Annex(1)));
        assert_eq!(seat(&[part(0, 3)], &[near, near], 10, true), Some(Seat::On(0)));
        let parts = [part(0, 3), part(1, 12)];
        assert_eq!(seat(&parts, &[near, load(12, 0)], 10, true), Some(Seat::On(1)));
    }

    #[test]
    fn once_no_thread_carries_less_its_parts_fill_evenly() {
        let loads = [load(12, 100), load(11, 100)];
        let parts = [part(0, 12), part(1, 11)];
        assert_eq!(seat(&parts, &loads, 10, true), Some(Seat::On(1)));
        assert_eq!(seat(&[], &loads, 10, true), None);
    }

    #[test]
    fn a_room_gets_one_annex_at_a_time() {
        let loads = [load(10, 100), load(0, 0)];
        assert_eq!(seat(&[part(0, 10)], &loads, 10, false), Some(Seat::On(0)));
    }
}
