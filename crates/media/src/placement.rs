//! On which media thread a new room is to live: a pure decision.

use crate::strain::Level;

/// What a thread carries now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Rooms that live on it.
    pub rooms: usize,
    /// Peers in them.
    pub peers: usize,
    /// How many of them came after the time that `busy_permille` tells of.
    pub new_peers: usize,
    /// How much of the last second it was busy, in thousandths.
    pub busy_permille: u32,
    /// Whether it keeps up.
    pub level: Level,
}

/// Above this a thread no longer has room for the bursts that video is made of, however few its
/// peers are: it gets a new room only when all others are as busy.
const CROWDED_PERMILLE: u32 = 700;

/// Threads that differ by less than this are as busy as each other: a busy second is followed by one that is less so.
const SAME_PERMILLE: u32 = 50;

/// What a peer is taken to cost until that is measured: a small meeting's person, 2 Mbit/s both ways.
const PEER_PERMILLE: u32 = 2;

impl Load {
    /// About how busy it will be with those who have just come.
    fn expected_permille(&self) -> u32 {
        let new_peers = u32::try_from(self.new_peers).unwrap_or(u32::MAX);
        self.busy_permille.saturating_add(new_peers.saturating_mul(PEER_PERMILLE))
    }
}

/// The index of the thread that a new room goes to, of those that keep up: those not crowded come first; then it is the
/// least busy, the one with the fewest peers, with the fewest rooms, the first. A thread that has ended has no load; `None`
/// when none keeps up.
///
/// A room that has just begun costs nothing yet: among equals, peers and rooms are counted.
pub fn choose(loads: impl IntoIterator<Item = Option<Load>>) -> Option<usize> {
    let burden = |load: &Load| {
        let busy = load.expected_permille();
        (busy > CROWDED_PERMILLE, busy / SAME_PERMILLE, load.peers, load.rooms)
    };
    let living = loads.into_iter().enumerate().filter_map(|(index, load)| Some((index, load?)));
    let at_ease = living.filter(|(_, load)| load.level == Level::Easy);
    at_ease.min_by_key(|(_, load)| burden(load)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(rooms: usize, peers: usize, busy_permille: u32) -> Option<Load> {
        Some(Load { rooms, peers, busy_permille, new_peers: 0, level: Level::Easy })
    }

    #[test]
    fn a_room_goes_where_the_fewest_peers_are() {
        assert_eq!(choose([load(1, 9, 0), load(5, 3, 0), load(1, 4, 0)]), Some(1));
    }

    #[test]
    fn rooms_that_are_still_empty_spread_too() {
        assert_eq!(choose([load(2, 0, 0), load(1, 0, 0), load(1, 0, 0)]), Some(1));
    }

    #[test]
    fn a_crowded_thread_gets_a_room_only_when_all_are() {
        assert_eq!(choose([load(1, 1, 950), load(3, 80, 400)]), Some(1));
        assert_eq!(choose([load(1, 1, 950), load(3, 80, 990)]), Some(0));
    }

    #[test]
    fn a_few_who_cost_much_count_for_more_than_many_who_cost_little() {
        assert_eq!(choose([load(1, 3, 450), load(2, 40, 120)]), Some(1));
        assert_eq!(choose([load(1, 3, 130), load(2, 40, 120)]), Some(0), "that is no difference");
    }

    #[test]
    fn those_who_have_just_come_count_before_they_are_measured() {
        let all_came_now = load(1, 60, 0).map(|load| Load { new_peers: 60, ..load });
        assert_eq!(choose([all_came_now, load(1, 2, 80)]), Some(1));
    }

    #[test]
    fn a_thread_that_is_late_gets_no_room_and_when_all_are_there_is_no_place() {
        let late = |level| load(1, 1, 10).map(|load| Load { level, ..load });
        assert_eq!(choose([late(Level::Near), load(9, 99, 999)]), Some(1));
        assert_eq!(choose([late(Level::Near), late(Level::Over(1))]), None);
    }

    #[test]
    fn without_threads_there_is_no_place() {
        assert_eq!(choose([None, load(7, 90, 999)]), Some(1));
        assert_eq!(choose([None, None]), None);
        assert_eq!(choose([]), None);
    }
}
