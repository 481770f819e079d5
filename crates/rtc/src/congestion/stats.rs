//! What is told of a path.

use std::time::Duration;

use super::{Bitrate, LossState, Usage};

/// What is known of a path, for people and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// What may be sent.
    pub target: Bitrate,
    /// What comes through; `None` while that is not known.
    pub acknowledged: Option<Bitrate>,
    /// What delay allows.
    pub delay_rate: Bitrate,
    /// What delay says of the path.
    pub usage: Usage,
    /// Whether loss limits the target.
    pub loss_state: LossState,
    /// The part of all bytes that was lost lately, from 0 to 1.
    pub loss: f64,
    /// From a packet to the feedback on it, without what it waited at the receiver.
    pub round_trip: Option<Duration>,
    /// Clearly less is sent than might be.
    pub application_limited: bool,
    /// Nothing that was sent has been answered for too long.
    pub silent: bool,
    /// Probes that were asked for, and those of them that showed a rate.
    pub probes_started: u32,
    /// See `probes_started`.
    pub probes_succeeded: u32,
}
