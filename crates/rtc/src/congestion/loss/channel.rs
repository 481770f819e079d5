//! A model of the path: it loses a part of everything, and all beyond its bandwidth.

use super::observations::Observations;
use crate::congestion::Bitrate;

/// Bounds of a probability whose logarithm is taken.
const LEAST: f64 = 1e-6;

/// The least part that a path is thought to lose by itself.
const INHERENT_AT_LEAST: f64 = 1e-3;

/// The most: so much, and at low rates more, since a few packets are hard to tell from a share.
const INHERENT_AT_MOST: f64 = 0.05;
const INHERENT_BALANCE: Bitrate = Bitrate::from_kbps(100);

/// How far one step of Newton's method goes.
const NEWTON_STEP: f64 = 0.75;

/// How much a model is preferred for its bandwidth: per kbit/s, and per its logarithm. The other
/// way round when more than [`TOO_LOSSY`] is lost, with a soft change between.
const BIAS_PER_KBPS: f64 = 0.000_2;
const BIAS_PER_LOG_KBPS: f64 = 0.02;
const TOO_LOSSY: f64 = 0.2;
const BIAS_SOFTNESS: f64 = 0.002;

/// What a path may be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Channel {
    /// The part of all packets that it loses by itself, whatever is sent.
    pub(super) inherent_loss: f64,
    /// What it can take; all beyond is lost.
    pub(super) bandwidth: Bitrate,
}

impl Channel {
    /// This model with an inherent loss that its bandwidth allows.
    pub(super) fn feasible(self) -> Channel {
        let most =
            (INHERENT_AT_MOST + INHERENT_BALANCE.as_f64() / self.bandwidth.as_f64()).min(1.0);
        // In this order, so that nothing that is no number gets through.
        let inherent_loss = self.inherent_loss.max(INHERENT_AT_LEAST).min(most);
        Channel { inherent_loss, ..self }
    }

    /// How likely a packet is lost when this much is sent.
    fn loss_at(&self, rate: Bitrate) -> f64 {
        let excess = rate.minus(self.bandwidth).as_f64();
        let beyond = if excess > 0.0 { excess / rate.as_f64() } else { 0.0 };
        let loss = self.inherent_loss + (1.0 - self.inherent_loss) * beyond;
        loss.clamp(LEAST, 1.0 - LEAST)
    }

    /// The same bandwidth with the inherent loss one step nearer to what was observed.
    pub(super) fn refined(self, seen: &Observations) -> Channel {
        let (mut first, mut second) = (0.0, 0.0);
        for (weight, observation) in seen.weighted() {
            let loss = self.loss_at(observation.rate);
            let lost = observation.lost_bytes / 1e3;
            let arrived = (observation.sent_bytes - observation.lost_bytes) / 1e3;
            first += weight * (lost / loss - arrived / (1.0 - loss));
            second -= weight * (lost / (loss * loss) + arrived / ((1.0 - loss) * (1.0 - loss)));
        }
        // A sum of what is below zero, or of nothing.
        let step = if second < 0.0 { NEWTON_STEP * first / second } else { 0.0 };
        Channel { inherent_loss: self.inherent_loss - step, ..self }.feasible()
    }

    /// How well it explains what was observed, with a preference for bandwidth.
    pub(super) fn likelihood(&self, seen: &Observations, average_loss: f64) -> f64 {
        let bias = self.bias(average_loss);
        let terms = seen.weighted().map(|(weight, observation)| {
            let loss = self.loss_at(observation.rate);
            let lost = observation.lost_bytes / 1e3;
            let sent = observation.sent_bytes / 1e3;
            weight * (lost * loss.ln() + (sent - lost) * (1.0 - loss).ln() + bias * sent)
        });
        terms.sum()
    }

    fn bias(&self, average_loss: f64) -> f64 {
        let room = TOO_LOSSY - average_loss;
        let direction = room / (BIAS_SOFTNESS + room.abs());
        let kbps = self.bandwidth.kbps();
        direction * (BIAS_PER_KBPS * kbps + BIAS_PER_LOG_KBPS * kbps.ln_1p())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(inherent_loss: f64, kbps: u64) -> Channel {
        Channel { inherent_loss, bandwidth: Bitrate::from_kbps(kbps) }
    }

    #[test]
    fn beyond_the_bandwidth_all_is_lost() {
        assert!((channel(0.0, 1_000).loss_at(Bitrate::from_kbps(2_000)) - 0.5).abs() < 1e-9);
        assert!((channel(0.02, 1_000).loss_at(Bitrate::from_kbps(500)) - 0.02).abs() < 1e-9);
    }

    #[test]
    fn inherent_loss_is_bounded_more_loosely_at_low_rates() {
        assert!((channel(0.5, 10_000).feasible().inherent_loss - 0.06).abs() < 1e-9);
        assert!((channel(0.5, 500).feasible().inherent_loss - 0.25).abs() < 1e-9);
        assert_eq!(channel(0.0, 500).feasible().inherent_loss, INHERENT_AT_LEAST);
        assert_eq!(channel(0.9, 0).feasible().inherent_loss, 0.9);
    }

    #[test]
    fn without_observations_nothing_is_known_better() {
        let seen = Observations::default();
        assert_eq!(channel(0.01, 500).refined(&seen), channel(0.01, 500));
        assert_eq!(channel(0.01, 500).likelihood(&seen, 0.0), 0.0);
    }
}
