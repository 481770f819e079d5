//! A simulated path: a bottleneck with a queue in front of it, then a way that delays, loses and
//! shakes.

use super::random::Random;

/// What a path is like.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// The bottleneck's rate in kbit/s, from these seconds on.
    pub(super) kbps: Vec<(f64, u64)>,
    /// One way, without the queue.
    pub(super) delay_ms: u64,
    /// The part of all packets that is lost behind the bottleneck.
    pub(super) loss: f64,
    /// Each packet takes up to twice this much longer: packets overtake each other.
    pub(super) jitter_ms: u64,
}

impl Conditions {
    pub(super) fn steady(kbps: u64) -> Conditions {
        Conditions { kbps: vec![(0.0, kbps)], delay_ms: 25, loss: 0.0, jitter_ms: 0 }
    }

    pub(super) fn kbps_at(&self, us: u64) -> u64 {
        let begun = self.kbps.iter().take_while(|(second, _)| second * 1e6 <= us as f64);
        begun.last().map_or(0, |&(_, kbps)| kbps)
    }
}

/// What the queue holds at most.
const QUEUE_US: u64 = 100_000;

/// How a packet got through the bottleneck.
pub(super) enum Passage {
    /// The queue was full.
    Dropped,
    /// It waited so long, and then was lost on the way.
    Lost { queued_us: u64 },
    /// It waited so long, and arrives then.
    Arrives { queued_us: u64, at_us: u64 },
}

pub(super) struct Path {
    pub(super) conditions: Conditions,
    random: Random,
    kbps: u64,
    /// When the bottleneck has sent all that is in its queue.
    free_us: u64,
}

impl Path {
    pub(super) fn new(conditions: Conditions, seed: u64) -> Path {
        let kbps = conditions.kbps_at(0);
        Path { conditions, random: Random(seed), kbps, free_us: 0 }
    }

    pub(super) fn pass(&mut self, now_us: u64, bytes: usize) -> Passage {
        self.follow_rate(now_us);
        let queued_us = self.free_us.saturating_sub(now_us);
        if queued_us > QUEUE_US {
            return Passage::Dropped;
        }
        self.free_us = self.free_us.max(now_us) + bytes as u64 * 8_000 / self.kbps;
        if self.random.part() < self.conditions.loss {
            return Passage::Lost { queued_us };
        }
        let shake_us = self.random.part() * 2_000.0 * self.conditions.jitter_ms as f64;
        let at_us = self.free_us + self.conditions.delay_ms * 1_000 + shake_us as u64;
        Passage::Arrives { queued_us, at_us }
    }

    /// What is in the queue when the rate changes leaves at the new rate.
    fn follow_rate(&mut self, now_us: u64) {
        let kbps = self.conditions.kbps_at(now_us);
        if kbps != self.kbps {
            let queued_us = self.free_us.saturating_sub(now_us);
            self.free_us = now_us + queued_us * self.kbps / kbps;
            self.kbps = kbps;
        }
    }
}
