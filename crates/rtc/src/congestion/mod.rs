//! How much may be sent to one receiver, and when: send-side congestion control.
//!
//! [`CongestionControl`] is the whole of it, one for each connection that is sent to. Beneath it,
//! from what receivers report (docs/congestion.md has the page to read first):
//! - `history` and `feedback`: which packet left when, arrived when, or was lost;
//! - `delay`, `loss`, `acknowledged`: what delay and loss allow, and what comes through;
//! - `alr` and `probe`: whether more could be sent than is, and bursts that find out;
//! - `silence` and `reports`: what to do when feedback stays away, or never comes.

mod acknowledged;
mod alr;
mod bitrate;
mod control;
mod delay;
mod estimate;
mod feedback;
mod history;
mod loss;
mod moment;
mod pacer;
mod probe;
mod reports;
mod saturation;
mod silence;
mod stats;

pub use bitrate::Bitrate;
pub use control::{CongestionControl, FeedbackKind, SentPacket};
pub use delay::Usage;
pub use loss::LossState;
pub use probe::{Cluster, ClusterId, ProbeCounts};
pub use reports::Reported;
pub use stats::Stats;

/// Where every connection begins: audio and a small picture, on nearly every path that carries
/// calls at all. The first probes go from here.
pub const START: Bitrate = Bitrate::from_kbps(300);

/// The lowest target: one voice in Opus with its headers. Below it nothing is worth sending, and
/// audio is sent whatever the target is.
pub const MIN: Bitrate = Bitrate::from_kbps(30);

/// Bounds of the target rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    min: Bitrate,
    max: Bitrate,
}

impl Limits {
    fn clamp(self, rate: Bitrate) -> Bitrate {
        rate.min(self.max).max(self.min)
    }
}
