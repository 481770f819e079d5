//! Probes: short bursts above the target rate, which show in a round trip what the path can take.
//!
//! [`controller`] decides when and how fast, [`prober`] says which packet is due when, and
//! [`results`] measures how fast the burst came through.

pub(super) mod controller;
mod counts;
pub(super) mod prober;
pub(super) mod results;

pub use counts::ProbeCounts;

use std::num::NonZeroU8;
use std::time::Duration;

use super::Bitrate;

/// Names a probe among the latest 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterId(NonZeroU8);

impl ClusterId {
    pub(super) const FIRST: ClusterId = ClusterId(NonZeroU8::MIN);

    pub(super) fn next(self) -> ClusterId {
        ClusterId(self.0.checked_add(1).unwrap_or(NonZeroU8::MIN))
    }
}

/// Packets that a burst has at least, so that one odd packet does not decide.
const LEAST_PACKETS: u16 = 5;

/// Bounds of a padding packet: less shows nothing, more does not fit every path.
const SMALLEST_PACKET: u64 = 100;
const LARGEST_PACKET: u64 = 1_200;

/// A burst to send: packets at `rate`, until there were enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Goes with each of its packets to `handle_sent`.
    pub id: ClusterId,
    /// How fast they leave.
    pub rate: Bitrate,
    /// How much has to be sent.
    pub min_bytes: u32,
    /// In how many packets.
    pub min_packets: u16,
}

impl Cluster {
    fn new(id: ClusterId, rate: Bitrate, length: Duration) -> Cluster {
        let bytes = rate.bytes_in(length).max(u64::from(LEAST_PACKETS) * SMALLEST_PACKET);
        let min_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Cluster { id, rate, min_bytes, min_packets: LEAST_PACKETS }
    }

    /// The best size of a packet that is sent for the probe alone: a slow path is not asked to take
    /// five full packets at once.
    pub fn padding_bytes(&self) -> u16 {
        let even = u64::from(self.min_bytes).div_ceil(u64::from(self.min_packets.max(1)));
        even.clamp(SMALLEST_PACKET, LARGEST_PACKET) as u16
    }
}
