//! Whether a stream is too slow for pictures, and which of the paths that it carries have been told.

use std::time::{Duration, Instant};

use parlor_rtc::Path;

use super::Backlog;

/// Paths of one stream that are told: over TURN, one for each of our addresses that its client tries.
const MAX_TOLD: usize = 16;

/// A path that goes on being used is told again after so long: whoever sends along it may not have known it the first time, or the
/// word was lost on its way to another thread.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A path that was told, and when it was for the last time.
#[derive(Debug)]
struct Told {
    path: Path,
    at: Instant,
}

/// Whether what is sent waits for too long, and who knows.
#[derive(Debug, Default)]
pub(super) struct Slowness {
    is_slow: bool,
    /// The path that was used last.
    latest: Option<Path>,
    told: Vec<Told>,
}

impl Slowness {
    pub(super) fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// Something is sent along `path`, or what is no datagram of anybody's. While the stream is slow, each path learns that as it
    /// begins to be used.
    pub(super) fn note_use(&mut self, now: Instant, path: Option<Path>, news: &mut Vec<Backlog>) {
        self.latest = path.or(self.latest);
        if self.is_slow {
            self.tell(now, path, news);
        }
    }

    /// The stream is slow now, or is not. Those who know that it was are told when it no longer is.
    pub(super) fn set(&mut self, now: Instant, is_slow: bool, news: &mut Vec<Backlog>) {
        let was_slow = std::mem::replace(&mut self.is_slow, is_slow);
        match (was_slow, is_slow) {
            (false, true) => self.tell(now, self.latest, news),
            (true, false) => {
                let told = self.told.drain(..);
                news.extend(told.map(|Told { path, .. }| Backlog { path, is_slow: false }));
            }
            _ => {}
        }
    }

    /// Nobody knows of its paths any more.
    pub(super) fn forget(&mut self) {
        *self = Slowness { latest: self.latest, ..Slowness::default() };
    }

    /// Tells a path that the stream is slow, if that is news for it.
    fn tell(&mut self, now: Instant, path: Option<Path>, news: &mut Vec<Backlog>) {
        let Some(path) = path else { return };
        let is_full = self.told.len() == MAX_TOLD;
        match self.told.iter_mut().find(|told| told.path == path) {
            Some(told) if now.saturating_duration_since(told.at) < TOLD_AGAIN_AFTER => return,
            Some(told) => told.at = now,
            None if is_full => return,
            None => self.told.push(Told { path, at: now }),
        }
        news.push(Backlog { path, is_slow: true });
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use parlor_rtc::path::{AllocationId, DestinationId, RelayedPath};

    use super::*;

    /// The path through one allocation to each of our addresses.
    fn path(destination: u8) -> Path {
        Path::Relayed(RelayedPath {
            allocation: AllocationId { thread: 0, number: 1 },
            relayed: (IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000).into(),
            destination: DestinationId(destination),
        })
    }

    struct World {
        now: Instant,
        slowness: Slowness,
    }

    impl World {
        fn new() -> World {
            World { now: Instant::now(), slowness: Slowness::default() }
        }

        fn pass(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }

        /// Who is told what, when something is sent along a path.
        fn send(&mut self, destination: u8) -> Vec<(u8, bool)> {
            let mut news = Vec::new();
            self.slowness.note_use(self.now, Some(path(destination)), &mut news);
            read(news)
        }

        fn set(&mut self, is_slow: bool) -> Vec<(u8, bool)> {
            let mut news = Vec::new();
            self.slowness.set(self.now, is_slow, &mut news);
            read(news)
        }
    }

    fn read(news: Vec<Backlog>) -> Vec<(u8, bool)> {
        let told = news.into_iter().map(|Backlog { path, is_slow }| match path {
            Path::Relayed(RelayedPath { destination, .. }) => (destination.0, is_slow),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn a_path_that_begins_to_be_used_while_its_stream_is_slow_learns_that_at_once() {
        let mut world = World::new();
        assert_eq!(world.send(1), []);
        assert_eq!(world.set(true), [(1, true)]);
        world.pass(10);
        assert_eq!(world.send(2), [(2, true)]);
        assert_eq!((world.send(1), world.send(2)), (vec![], vec![]), "both know");
        world.pass(300);
        assert_eq!(world.send(3), [(3, true)], "however late");
        assert_eq!(world.set(false), [(1, false), (2, false), (3, false)]);
        assert_eq!(world.send(1), []);
    }

    #[test]
    fn a_path_that_goes_on_is_told_again_lest_the_first_word_found_nobody() {
        let mut world = World::new();
        world.send(1);
        assert_eq!(world.set(true), [(1, true)]);
        let mut told = 0;
        for _ in 0..150 {
            world.pass(20);
            told += world.send(1).len();
        }
        assert_eq!(told, 3, "in three seconds");
        assert_eq!(world.set(false), [(1, false)], "once");
    }

    #[test]
    fn a_stream_tells_a_bounded_number_of_paths() {
        let mut world = World::new();
        world.set(true);
        let told: usize = (0..=255).map(|destination| world.send(destination).len()).sum();
        assert_eq!(told, MAX_TOLD);
        assert_eq!(world.set(false).len(), MAX_TOLD);
    }

    #[test]
    fn after_a_panic_all_are_told_anew() {
        let mut world = World::new();
        world.send(1);
        world.set(true);
        world.slowness.forget();
        assert_eq!(world.send(1), []);
        assert_eq!(world.set(true), [(1, true)]);
    }
}
