//! One direction of a network cable: what happens to a datagram between two ends.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a [`Link`] does to datagrams. The default is a perfect cable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkConfig {
    /// Time from one end to the other.
    pub delay: Duration,
    /// Greatest extra delay, drawn evenly from zero to this. Datagrams keep their order.
    pub jitter: Duration,
    /// Share of datagrams lost at random, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// Share of datagrams that are overtaken by those sent up to [`LinkConfig::REORDER_DELAY`] later, 0 to 1.
    pub reorder: f64,
    /// Bits per second that fit through, datagrams counted with [`LinkConfig::HEADER_LEN`].
    pub rate_bps: Option<u64>,
    /// With a rate: longest time a datagram waits; one that would wait longer is dropped at the tail.
    pub queue: Duration,
}

impl LinkConfig {
    /// How late a reordered datagram is.
    pub const REORDER_DELAY: Duration = Duration::from_millis(20);
    /// Bytes of IPv4 and UDP headers that a rate counts with each datagram.
    pub const HEADER_LEN: usize = 28;

    /// A perfect cable of half a round trip's length.
    pub fn with_round_trip(round_trip: Duration) -> Self {
        LinkConfig { delay: round_trip / 2, ..Self::default() }
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        LinkConfig {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            rate_bps: None,
            queue: Duration::from_millis(100),
        }
    }
}

/// What a link has done so far, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Datagrams that were put in at one end.
    pub sent: u64,
    /// Datagrams lost at random.
    pub lost: u64,
    /// Datagrams dropped because the queue was full.
    pub overflowed: u64,
}

/// One direction of a cable, with randomness of its own.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    random: ChaCha8Rng,
    free_at: Option<Instant>,
    last_arrival: Option<Instant>,
    counters: LinkCounters,
    waits: Vec<(Instant, Duration)>,
}

impl Link {
    /// A link whose luck is decided by `seed`.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        Link {
            config,
            random: ChaCha8Rng::seed_from_u64(seed),
            free_at: None,
            last_arrival: None,
            counters: LinkCounters::default(),
            waits: Vec::new(),
        }
    }

    /// When each datagram came to the queue, and how long it waited there; with a rate alone.
    pub fn waits(&self) -> &[(Instant, Duration)] {
        &self.waits
    }

    /// Changes the cable; datagrams under way are not touched.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// What the link has done so far.
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// Takes a datagram of `len` bytes at `now`: the times at which it arrives, none if it is lost.
    pub fn carry(&mut self, now: Instant, len: usize) -> impl Iterator<Item = Instant> + use<> {
        let first = self.admit(now, len);
        let second = first.filter(|_| self.happens(self.config.duplicate));
        first.into_iter().chain(second)
    }

    fn admit(&mut self, now: Instant, len: usize) -> Option<Instant> {
        self.counters.sent += 1;
        if self.happens(self.config.loss) {
            self.counters.lost += 1;
            return None;
        }
        let Some(leaves) = self.pass_queue(now, len) else {
            self.counters.overflowed += 1;
            return None;
        };
        let jitter = self.config.jitter.mul_f64(self.fraction());
        let arrives = leaves + self.config.delay + jitter;
        if self.happens(self.config.reorder) {
            return Some(arrives + LinkConfig::REORDER_DELAY);
        }
        let in_order = self.last_arrival.map_or(arrives, |last| last.max(arrives));
        self.last_arrival = Some(in_order);
        Some(in_order)
    }

    /// When the last bit of the datagram has left, or `None` if the queue is full.
    fn pass_queue(&mut self, now: Instant, len: usize) -> Option<Instant> {
        let Some(rate_bps) = self.config.rate_bps else {
            return Some(now);
        };
        let starts = self.free_at.map_or(now, |free| free.max(now));
        if starts - now > self.config.queue {
            return None;
        }
        self.waits.push((now, starts - now));
        let bits = (len + LinkConfig::HEADER_LEN) as f64 * 8.0;
        let leaves = starts + Duration::from_secs_f64(bits / rate_bps as f64);
        self.free_at = Some(leaves);
        Some(leaves)
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.fraction() < probability
    }

    /// A number from 0 up to and without 1.
    fn fraction(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }
}
