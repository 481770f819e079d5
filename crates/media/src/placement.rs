//! On which media thread a new room is to live: a pure decision.

/// What a thread carries now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Rooms that live on it.
    pub rooms: usize,
    /// Peers in them.
    pub peers: usize,
    /// How much of the last second it was busy, in thousandths.
    pub busy_permille: u32,
}

/// Above this a thread no longer has room for the bursts that video is made of, however few its
/// peers are: it gets a new room only when all others are as busy.
const CROWDED_PERMILLE: u32 = 700;

/// The index of the thread that a new room goes to: of those not crowded the one with the fewest
/// peers, then with the fewest rooms, then the first. A thread that has ended has no load; `None`
/// when all have.
///
/// Peers are counted before time spent, because a room that has just begun costs nothing yet.
pub fn choose(loads: impl IntoIterator<Item = Option<Load>>) -> Option<usize> {
    let burden = |load: &Load| (load.busy_permille > CROWDED_PERMILLE, load.peers, load.rooms);
    let living = loads.into_iter().enumerate().filter_map(|(index, load)| Some((index, load?)));
    living.min_by_key(|(_, load)| burden(load)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(rooms: usize, peers: usize, busy_permille: u32) -> Option<Load> {
        Some(Load { rooms, peers, busy_permille })
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
    fn without_threads_there_is_no_place() {
        assert_eq!(choose([None, load(7, 90, 999)]), Some(1));
        assert_eq!(choose([None, None]), None);
        assert_eq!(choose([]), None);
    }
}
