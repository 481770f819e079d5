//! What has become of probes, for metrics.

use std::time::Duration;

use crate::congestion::Bitrate;

/// A probe that has shown nothing for so long will not: two round trips of the longest paths that carry talk.
pub(super) const SHOWS_WITHIN: Duration = Duration::from_secs(1);

/// Probes, and what became of them; each is counted once as begun, and once by what became of it,
/// unless its connection ended before that was known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Bursts that were asked for.
    pub begun: u32,
    /// Showed more than the estimate, which follows.
    pub raised: u32,
    /// Showed as much as was known, or what is not believed: the estimate stays.
    pub confirmed: u32,
    /// Showed less than the estimate, which follows.
    pub below: u32,
    /// Showed nothing within a second: never sent whole, lost, or held up on the way and let go.
    pub unanswered: u32,
}

impl ProbeCounts {
    /// A probe has shown a rate, of which `believed` is believed, where the estimate was `estimate`.
    pub(in crate::congestion) fn note(&mut self, believed: Option<Bitrate>, estimate: Bitrate) {
        let count = match believed {
            Some(rate) if rate > estimate => &mut self.raised,
            Some(rate) if rate < estimate => &mut self.below,
            Some(_) | None => &mut self.confirmed,
        };
        *count += 1;
    }
}
