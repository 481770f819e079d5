//! What a media thread has done, copied out about once a second for metrics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use parlor_engine::{Counters, Survey};
use parlor_rtc::turn::Statistics;

use crate::handover::HandoverFacts;
use crate::placement::Load;
use crate::strain::Level;
use crate::streams::StreamFacts;
use crate::udp::{ReceiveFacts, SendFacts};

/// One media thread, counted since it was started. Counters never go down, but those of the
/// engine begin anew when its thread has died ([`ThreadFacts::deaths`]).
#[derive(Clone, Debug, Default)]
pub struct ThreadFacts {
    /// What the loop has done.
    pub ticks: TickFacts,
    /// What came in, over all sockets of the thread.
    pub received: ReceiveFacts,
    /// What went out, over all sockets of the thread.
    pub sent: SendFacts,
    /// Datagrams given to and taken from other threads.
    pub handover: HandoverFacts,
    /// Its byte streams.
    pub streams: StreamFacts,
    /// Its TURN server.
    pub turn: Statistics,
    /// Datagrams from addresses that no thread knows, each counted once; those that were shown to all
    /// threads to find that out are [`HandoverFacts::shown`] instead.
    pub strangers: u64,
    /// Outgoing datagrams dropped because the send arena was full (answers to checks, handshakes and
    /// reports; media waits) or no socket has their address.
    pub unsent: u64,
    /// Errors of receive calls, each of which ended a batch.
    pub receive_errors: u64,
    /// Times that the thread panicked and began anew.
    pub deaths: u64,
    /// Rooms that live here now.
    pub rooms: usize,
    /// Peers in them.
    pub peers: usize,
    /// What the thread can take on: [`Level::to_number`].
    pub level: u8,
    /// What the engine has done.
    pub engine: Counters,
    /// What the engine has found out of the paths to viewers; its totals begin anew with the engine.
    pub survey: Survey,
}

/// What the loop of a media thread has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TickFacts {
    /// Times around the loop.
    pub ticks: u64,
    /// Time spent outside of waiting.
    pub busy: Duration,
    /// Ticks with a deadline that was due.
    pub timer_ticks: u64,
    /// How late those were, all together.
    pub late_total: Duration,
    /// The latest of them.
    pub late_max: Duration,
    /// Commands carried out.
    pub commands: u64,
    /// Times that pictures were left for the next tick because the arena was full.
    pub arena_full: u64,
    /// How long work waited: the highest mean of a tenth of a second, of the last second or so.
    pub lag: Duration,
}

/// What other threads may see of a media thread, and the one thing they may tell it this way.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    facts: Mutex<ThreadFacts>,
    peers: AtomicUsize,
    busy_permille: AtomicU32,
    /// How many peers there were when that was measured.
    peers_measured: AtomicUsize,
    level: AtomicU8,
    stopping: AtomicBool,
    retired: AtomicBool,
}

impl Shared {
    /// Copies `facts` out unless somebody is reading the last ones, in which case those stand.
    pub(crate) fn publish(&self, facts: &ThreadFacts) {
        if let Ok(mut published) = self.facts.try_lock() {
            published.clone_from(facts);
        }
    }

    pub(crate) fn facts(&self) -> ThreadFacts {
        self.facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn publish_peers(&self, peers: usize) {
        self.peers.store(peers, Ordering::Relaxed);
    }

    pub(crate) fn publish_busy(&self, permille: u32) {
        self.busy_permille.store(permille, Ordering::Relaxed);
        self.peers_measured.store(self.peers.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn publish_level(&self, level: Level) {
        self.level.store(level.to_number(), Ordering::Relaxed);
    }

    /// What the thread can take on.
    pub(crate) fn level(&self) -> Level {
        Level::from_number(self.level.load(Ordering::Relaxed))
    }

    /// What the thread carries, with the `rooms` that were placed on it; `None` when it has ended.
    pub(crate) fn load(&self, rooms: usize) -> Option<Load> {
        if self.retired.load(Ordering::Acquire) {
            return None;
        }
        let peers = self.peers.load(Ordering::Relaxed);
        // An idle thread does not wake to say that it is idle.
        let busy_permille = if peers == 0 { 0 } else { self.busy_permille.load(Ordering::Relaxed) };
        let new_peers = peers.saturating_sub(self.peers_measured.load(Ordering::Relaxed));
        Some(Load { rooms, peers, new_peers, busy_permille, level: self.level() })
    }

    /// The thread takes no rooms any more.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Asks the thread to end after its current tick; it has to be woken too.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
