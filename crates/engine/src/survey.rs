//! What is found out of the paths to those who see pictures, surveyed now and then for metrics.

use std::time::Instant;

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::{Bitrate, ProbeCounts};

use crate::engine::Engine;
use crate::peer::Peer;
use crate::slot::Feed;

/// Upper bounds of the estimates' buckets, in bits per second: around what one smallest picture takes, what a
/// small group of small ones, one large picture and several large ones do.
pub const ESTIMATE_BOUNDS_BPS: [u64; 9] =
    [100_000, 200_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000, 32_000_000];

/// Why a viewer is not sent more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// The path carries all that is shown: nothing limits.
    Nothing,
    /// More would wait on the path, or has not been proved yet not to.
    Delay,
    /// More would be lost.
    Loss,
    /// Its client says how much, or how much it lost, and gives no better feedback.
    Client,
}

impl LimitedBy {
    /// Every variant, in the order of [`Survey::viewers`].
    pub const ALL: [LimitedBy; 4] =
        [LimitedBy::Nothing, LimitedBy::Delay, LimitedBy::Loss, LimitedBy::Client];

    /// As it is called in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitedBy::Nothing => "nothing",
            LimitedBy::Delay => "delay",
            LimitedBy::Loss => "loss",
            LimitedBy::Client => "client",
        }
    }
}

/// What all surveys found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Viewers at the latest survey, by what limits how much is sent to them.
    pub viewers: [u64; LimitedBy::ALL.len()],
    /// What their paths were estimated to carry, over all surveys.
    pub estimates: Estimates,
    /// What has become of probes.
    pub probes: ProbeTotals,
}

/// Estimates, counted by size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimates {
    /// Up to each of [`ESTIMATE_BOUNDS_BPS`], but above the one before.
    pub buckets: [u64; ESTIMATE_BOUNDS_BPS.len()],
    /// All of them.
    pub count: u64,
    /// Their sum, in bits per second.
    pub sum_bps: u64,
}

/// Probes of all paths, by what became of them: see [`ProbeCounts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeTotals {
    /// Bursts that were asked for.
    pub begun: u64,
    /// Showed more than the estimate.
    pub raised: u64,
    /// Changed nothing.
    pub confirmed: u64,
    /// Showed less than the estimate.
    pub below: u64,
    /// Showed nothing.
    pub unanswered: u64,
}

impl Engine {
    /// Looks at the path to everybody who is sent pictures and whose client answers. Called once a second or so,
    /// each viewer counts in [`Survey::estimates`] once a second.
    pub fn survey(&mut self, now: Instant) -> &Survey {
        let Engine { peers, survey, .. } = self;
        survey.viewers = Default::default();
        for peer in peers.iter_mut() {
            survey.probes.add(peer.link.congestion.take_probe_counts(now));
            if is_surveyed(now, peer) {
                survey.note(peer.link.limited_by(), peer.link.congestion.target());
            }
        }
        survey
    }
}

/// Whether the path to a peer matters, and is known by more than guesses.
fn is_surveyed(now: Instant, peer: &Peer) -> bool {
    let is_shown = peer
        .slots
        .iter()
        .any(|slot| slot.kind == MediaKind::Video && matches!(slot.feed(), Feed::Flowing(_)));
    let answers = peer.round_trip.or(peer.link.congestion.round_trip()).is_some();
    is_shown && answers && peer.link.is_measured(now)
}

impl Survey {
    fn note(&mut self, limit: LimitedBy, estimate: Bitrate) {
        let mut viewers = LimitedBy::ALL.iter().zip(&mut self.viewers);
        if let Some((_, viewers)) = viewers.find(|(known, _)| **known == limit) {
            *viewers += 1;
        }
        self.estimates.note(estimate.bps());
    }
}

impl Estimates {
    fn note(&mut self, bps: u64) {
        let mut buckets = ESTIMATE_BOUNDS_BPS.iter().zip(&mut self.buckets);
        if let Some((_, bucket)) = buckets.find(|(bound, _)| bps <= **bound) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum_bps += bps;
    }
}

impl ProbeTotals {
    pub(crate) fn add(&mut self, counts: ProbeCounts) {
        let ProbeCounts { begun, raised, confirmed, below, unanswered } = counts;
        self.begun += u64::from(begun);
        self.raised += u64::from(raised);
        self.confirmed += u64::from(confirmed);
        self.below += u64::from(below);
        self.unanswered += u64::from(unanswered);
    }
}
