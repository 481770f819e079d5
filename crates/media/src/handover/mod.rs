//! Datagrams that the kernel gave to one media thread and that belong to another.
//!
//! All threads share one port, and the kernel picks the socket by the remote address, knowing
//! nothing of rooms. A connectivity check names its owner in the username, so the thread it lands
//! on hands it over. Once the owner's engine has validated the path it says so, and from then on
//! everything from that path, its *home*, is handed over without a look inside. A stranger can
//! therefore neither fill the table nor divert anybody's packets.
//!
//! Media from an address that nobody knows may be a client whose NAT has just given it another
//! one. Only the owner can tell, by opening it; so a few such *strays* a second are shown to all
//! threads. Whatever is beyond that has to wait for the client's next check.
//!
//! Datagrams travel in parcels, one for each pair of threads and batch, over bounded queues;
//! emptied parcels go back to be filled again. What finds no parcel is dropped and counted. Packets of rooms that several
//! threads share take the same way, but wait where they are when there is no parcel for them.

mod homes;
mod lane;
mod notices;
mod packets;
mod parcel;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parlor_engine::Relayed;
use parlor_rtc::Path;

use crate::poll::Waker;
use homes::Homes;
use lane::{Dispatched, Lane, PARCELS};
use parcel::{PARCEL_BYTES, Parcel};

pub use notices::{MOST_NOTICES, Notices};
pub use parcel::{Cause, HandedOver, Taken};

/// Stray media datagrams that are shown to all threads in each [`STRAY_INTERVAL`]: a client that
/// has moved sends some ten in that time and needs one, and a flood must not reach every thread.
const STRAYS: u32 = 64;
/// See [`STRAYS`].
const STRAY_INTERVAL: Duration = Duration::from_millis(200);

/// What was handed over, counted since the thread began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandoverFacts {
    /// Datagrams given to another thread; a stray that is shown is given to each of the others.
    pub given: u64,
    /// Datagrams taken from another thread.
    pub taken: u64,
    /// Parcels given.
    pub parcels: u64,
    /// Datagrams dropped because the other thread was too far behind, or has ended.
    pub dropped: u64,
    /// Strays shown to all other threads.
    pub shown: u64,
}

/// One thread's end of all handing over.
pub struct Handover {
    me: usize,
    /// By thread; its own is never used.
    lanes: Vec<Lane>,
    inbox: Receiver<Parcel>,
    /// Where other threads' parcels go when they are emptied, by thread.
    returns: Vec<SyncSender<Parcel>>,
    /// Own parcels that come back.
    returned: Receiver<Parcel>,
    homes: Homes,
    /// Strays shown since the instant.
    strays: (Instant, u32),
    facts: HandoverFacts,
}

impl Handover {
    /// The ends for a group of threads, each woken by its own waker, in their order.
    pub fn group(now: Instant, wakers: &[Waker]) -> Vec<Handover> {
        // Room for every parcel that all others can have made for one thread, so that a send to a
        // living thread never fails.
        let queue = |_: &Waker| sync_channel(PARCELS * wakers.len());
        let (outboxes, inboxes): (Vec<_>, Vec<_>) = wakers.iter().map(queue).unzip();
        let (returns, returned): (Vec<_>, Vec<_>) = wakers.iter().map(queue).unzip();
        let lanes = |from| {
            let ways = outboxes.iter().cloned().zip(wakers.iter().cloned()).enumerate();
            ways.map(|(to, (outbox, waker))| Lane::new(from, to, outbox, waker)).collect()
        };
        let ends = inboxes.into_iter().zip(returned).enumerate();
        ends.map(|(me, (inbox, returned))| Handover {
            me,
            lanes: lanes(me),
            inbox,
            returns: returns.clone(),
            returned,
            homes: Homes::new(now),
            strays: (now, 0),
            facts: HandoverFacts::default(),
        })
        .collect()
    }

    /// Gives `datagram` to thread `to`. False when there is no room: then it is lost.
    pub fn give(&mut self, to: usize, path: Path, datagram: &[u8], cause: Cause) -> bool {
        match self.lane(to, datagram.len()).and_then(Lane::filling) {
            Some(parcel) => parcel.add(path, datagram, cause),
            None => {
                self.facts.dropped += 1;
                return false;
            }
        }
        true
    }

    /// Gives thread `to` a packet of a room that it shares. False when it has to wait: the last parcel is for datagrams, which cannot.
    pub fn relay(&mut self, to: usize, packet: &Relayed<'_>) -> bool {
        let len = packet.payload.len() + packet.descriptor.len();
        if self.lane(to, len).is_some_and(|lane| lane.is_at_its_last()) {
            self.collect_returned();
        }
        match self.lane(to, len).and_then(Lane::filling_but_the_last) {
            Some(parcel) => parcel.relay(packet),
            None => return false,
        }
        true
    }

    /// Shows media from an unknown address to all other threads, and returns whether it did.
    pub fn show(&mut self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        // RTP and RTCP begin with a byte from 128 to 191 (RFC 7983).
        let is_media = matches!(datagram.first(), Some(128..=191));
        if self.lanes.len() < 2 || !is_media {
            return false;
        }
        let (since, shown) = &mut self.strays;
        if now.saturating_duration_since(*since) >= STRAY_INTERVAL {
            (*since, *shown) = (now, 0);
        }
        if *shown == STRAYS {
            return false;
        }
        *shown += 1;
        self.facts.shown += 1;
        let me = self.me;
        for to in (0..self.lanes.len()).filter(|to| *to != me) {
            self.give(to, path, datagram, Cause::Stray);
        }
        true
    }

    /// Tells thread `to` that everything from `path` is this thread's. One that finds no room is
    /// said again with the next check.
    pub fn confirm(&mut self, to: usize, path: Path) {
        if let Some(parcel) = self.lane(to, 0).and_then(Lane::filling) {
            parcel.confirm(path);
        }
    }

    /// The thread that has confirmed `path` to be its own.
    pub fn home(&self, path: Path) -> Option<usize> {
        self.homes.find(path)
    }

    /// The other thread that has just confirmed that `path` is its own.
    pub fn holder(&self, now: Instant, path: Path) -> Option<usize> {
        self.homes.holder(now, path)
    }

    /// Sends off what was given since the last time, but what is in the last parcel of a lane that is not full. Returns whether
    /// everything is on its way; if not, it is to be called again soon.
    pub fn dispatch(&mut self) -> bool {
        if self.lanes.iter().any(Lane::is_at_its_last) {
            self.collect_returned();
        }
        let mut all = true;
        for to in 0..self.lanes.len() {
            let dispatched = self.lanes.get_mut(to).map(Lane::dispatch_but_the_last);
            all &= self.count(dispatched.unwrap_or(Dispatched::Nothing));
        }
        all
    }

    /// The next parcel from another thread, after learning what it confirms.
    pub fn take(&mut self, now: Instant) -> Option<Taken> {
        let parcel = self.inbox.try_recv().ok()?;
        for path in parcel.confirmed() {
            self.homes.learn(now, *path, parcel.from());
        }
        self.facts.taken += parcel.datagram_count();
        let returns = self.returns.get(parcel.from())?.clone();
        Some(Taken::new(parcel, returns))
    }

    /// What was done so far.
    pub fn facts(&self) -> &HandoverFacts {
        &self.facts
    }

    /// The lane to `to`, ready to take `len` more bytes if there is a parcel for them.
    fn lane(&mut self, to: usize, len: usize) -> Option<&mut Lane> {
        if to == self.me || len > PARCEL_BYTES {
            return None;
        }
        if !self.lanes.get(to)?.takes(len) {
            self.dispatch_to(to);
            self.collect_returned();
        }
        self.lanes.get_mut(to)
    }

    /// Puts parcels that came back where they can be filled again.
    fn collect_returned(&mut self) {
        while let Ok(parcel) = self.returned.try_recv() {
            if let Some(lane) = self.lanes.get_mut(parcel.to()) {
                lane.take_back(parcel);
            }
        }
    }

    fn dispatch_to(&mut self, to: usize) {
        let dispatched = self.lanes.get_mut(to).map_or(Dispatched::Nothing, Lane::dispatch);
        self.count(dispatched);
    }

    /// Returns whether nothing waits.
    fn count(&mut self, dispatched: Dispatched) -> bool {
        match dispatched {
            Dispatched::Nothing => {}
            Dispatched::Held => return false,
            Dispatched::Sent(datagrams) => {
                self.facts.parcels += 1;
                self.facts.given += datagrams;
            }
            Dispatched::Lost(datagrams) => self.facts.dropped += datagrams,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::Cause::{Home, Named, Stray};
    use super::*;
    use crate::poll::Poller;

    fn group(count: usize) -> Vec<Handover> {
        let wakers: Vec<_> = (0..count).map(|_| Poller::new().unwrap().waker()).collect();
        Handover::group(Instant::now(), &wakers)
    }

    fn path(port: u16) -> Path {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Path::udp(SocketAddr::new(ip, port), ip)
    }

    /// Everything that waits for `end`, as (from, port, bytes, cause).
    fn drain(end: &mut Handover) -> Vec<(usize, u16, Vec<u8>, Cause)> {
        let mut drained = Vec::new();
        while let Some(mut parcel) = end.take(Instant::now()) {
            let from = parcel.from();
            drained.extend(
                parcel
                    .datagrams()
                    .map(|d| (from, d.path.remote_address().port(), d.datagram.to_vec(), d.cause)),
            );
        }
        drained
    }

    #[test]
    fn datagrams_reach_the_thread_they_belong_to_in_their_order() {
        let mut ends = group(3);
        ends[0].give(2, path(1), b"one", Named);
        ends[0].give(1, path(2), b"two", Home);
        ends[0].give(2, path(3), b"", Home);
        ends[0].give(2, path(4), b"four", Home);
        ends[0].dispatch();
        let expected =
            [(0, 1, b"one".to_vec(), Named), (0, 3, vec![], Home), (0, 4, b"four".to_vec(), Home)];
        assert_eq!(drain(&mut ends[2]), expected);
        assert_eq!(drain(&mut ends[1]), [(0, 2, b"two".to_vec(), Home)]);
        assert_eq!(ends[0].facts().given, 4);
        assert_eq!(ends[0].facts().parcels, 2);
        assert_eq!(ends[2].facts().taken, 3);
    }

    #[test]
    fn a_thread_that_is_busy_for_a_while_misses_nothing_that_comes_one_at_a_time() {
        let mut ends = group(2);
        for port in 0..100 {
            ends[0].give(1, path(port), b"one", Home);
            ends[0].dispatch();
        }
        assert_eq!(drain(&mut ends[1]).len(), PARCELS - 1);
        assert!(ends[0].dispatch(), "what was held back is on its way, now that others are back");
        assert_eq!(drain(&mut ends[1]).len(), 100 - (PARCELS - 1));
        assert_eq!((ends[0].facts().given, ends[0].facts().dropped), (100, 0));
    }

    #[test]
    fn a_path_has_a_home_once_its_owner_confirms_it_and_not_before() {
        let mut ends = group(2);
        ends[0].give(1, path(7), b"check", Named);
        ends[0].dispatch();
        assert_eq!(drain(&mut ends[1]).len(), 1);
        assert_eq!(ends[0].home(path(7)), None);
        ends[1].confirm(0, path(7));
        ends[1].dispatch();
        assert!(drain(&mut ends[0]).is_empty());
        assert_eq!(ends[0].home(path(7)), Some(1));
        assert_eq!(ends[0].home(path(8)), None);
        assert_eq!(ends[1].home(path(7)), None);
    }

    #[test]
    fn a_thread_that_does_not_take_costs_bounded_memory_and_its_datagrams_only() {
        let mut ends = group(3);
        for _ in 0..10_000 {
            ends[0].give(1, path(1), &[0; 1200], Home);
        }
        ends[0].give(2, path(1), b"fine", Home);
        ends[0].dispatch();
        let facts = *ends[0].facts();
        assert_eq!(facts.given + facts.dropped, 10_001);
        assert!(facts.given <= (PARCELS * PARCEL_BYTES / 1200 + 1) as u64);
        assert_eq!(drain(&mut ends[2]).len(), 1);
        assert_eq!(drain(&mut ends[1]).len() as u64, facts.given - 1);
        // Emptied parcels come back and are filled again.
        ends[0].give(1, path(1), b"again", Home);
        ends[0].dispatch();
        assert_eq!(drain(&mut ends[1]).len(), 1);
        assert_eq!(ends[0].lanes[1].made(), PARCELS);
    }

    #[test]
    fn a_parcel_in_the_hands_of_a_thread_that_panics_comes_back_to_be_filled_again() {
        let mut ends = group(2);
        for round in 0..10 * PARCELS as u16 {
            ends[0].give(1, path(round), b"fatal", Home);
            ends[0].dispatch();
            let taker = &mut ends[1];
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let taken = taker.take(Instant::now());
                assert!(taken.is_none(), "it has a parcel in its hands");
            }));
            assert!(panicked.is_err(), "round {round}");
        }
        assert_eq!(ends[0].facts().dropped, 0);
        ends[0].give(1, path(1), b"harmless", Home);
        ends[0].dispatch();
        assert_eq!(drain(&mut ends[1]), [(0, 1, b"harmless".to_vec(), Home)]);
    }

    #[test]
    fn stray_media_is_shown_to_all_others_but_a_flood_is_not() {
        let mut ends = group(3);
        let start = Instant::now();
        assert!(!ends[1].show(start, path(1), b"neither media nor known"));
        for _ in 0..10 * STRAYS {
            ends[1].show(start, path(1), &[128, 0, 1]);
        }
        ends[1].dispatch();
        for other in [0, 2] {
            let shown = drain(&mut ends[other]);
            assert_eq!(shown.len(), STRAYS as usize);
            assert_eq!(shown[0], (1, 1, vec![128, 0, 1], Stray));
        }
        assert_eq!(ends[1].facts().shown, u64::from(STRAYS));
        assert!(ends[1].show(start + STRAY_INTERVAL, path(1), &[191]));
        assert!(!group(1)[0].show(start, path(1), &[128]));
    }

    #[test]
    fn nonsense_targets_are_dropped_and_counted() {
        let mut ends = group(2);
        ends[0].give(0, path(1), b"mine", Named);
        ends[0].give(9, path(1), b"nobody's", Named);
        ends[0].give(1, path(1), &vec![0; PARCEL_BYTES + 1], Home);
        ends[0].confirm(77, path(1));
        ends[0].dispatch();
        assert_eq!(ends[0].facts().dropped, 3);
        assert_eq!(ends[0].facts().given, 0);
    }
}
