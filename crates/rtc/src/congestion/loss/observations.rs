//! What was sent and lost lately, in spans of a quarter of a second.

use std::time::Duration;

use crate::congestion::Bitrate;
use crate::congestion::feedback::{Outcome, PacketResult};
use crate::congestion::moment::Moment;

/// The shortest time that makes an observation.
const SPAN: Duration = Duration::from_millis(250);

/// Observations that count: about four seconds.
pub(super) const WINDOW: usize = 15;

/// How much less each observation counts than the one after it.
const FADING: f64 = 0.9;

/// With more observations than this, the one with the least and the one with the most loss do not
/// count for the average: a single burst is no state of the path.
const ENOUGH_TO_TRIM: u64 = 3;

/// When the worst observation was sent at this many times the usual rate, its loss is no odd burst
/// but the answer to it.
const OVERSHOOT: f64 = 2.0;

/// What happened in one span.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observation {
    pub(super) sent_bytes: f64,
    pub(super) lost_bytes: f64,
    pub(super) rate: Bitrate,
}

impl Observation {
    fn loss(&self) -> f64 {
        if self.sent_bytes > 0.0 { self.lost_bytes / self.sent_bytes } else { 0.0 }
    }
}

/// A span that is not over.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    sent_bytes: u64,
    lost_bytes: u64,
    /// When the first and the last of it were sent.
    sent: Option<(Moment, Moment)>,
    highest: u64,
}

/// The last observations and the span that is not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Observations {
    ring: [Observation; WINDOW],
    count: u64,
    span: Span,
    /// When the last packet of the last observation was sent.
    sent_until: Option<Moment>,
    /// The highest numbers that count for the last observation, and for the one before it.
    counted: [u64; 2],
}

impl Observations {
    /// Takes note of a packet's fate. One that was called lost and arrived is lost no more, unless
    /// it was counted before the last observation.
    pub(super) fn note(&mut self, result: &PacketResult) {
        let packet = &result.packet;
        let bytes = u64::from(packet.bytes);
        if packet.was_lost {
            self.note_found(packet.sequence, bytes);
            return;
        }
        let span = &mut self.span;
        span.sent_bytes += bytes;
        if result.outcome == Outcome::Lost {
            span.lost_bytes += bytes;
        }
        span.highest = span.highest.max(packet.sequence);
        let (first, last) = span.sent.unwrap_or((packet.sent, packet.sent));
        span.sent = Some((first.min(packet.sent), last.max(packet.sent)));
    }

    fn note_found(&mut self, sequence: u64, bytes: u64) {
        let [last, before] = self.counted;
        if sequence > last {
            self.span.lost_bytes = self.span.lost_bytes.saturating_sub(bytes);
        } else if sequence > before
            && let Some(newest) = self.count.checked_sub(1)
            && let Some(observation) = self.ring.get_mut((newest % WINDOW as u64) as usize)
        {
            observation.lost_bytes = (observation.lost_bytes - bytes as f64).max(0.0);
        }
    }

    /// Ends the span if it is long enough; true when there is a new observation.
    pub(super) fn close_span(&mut self) -> bool {
        let Some((first, last)) = self.span.sent else { return false };
        let begin = *self.sent_until.get_or_insert(first);
        let length = last.saturating_duration_since(begin);
        if length < SPAN {
            return false;
        }
        let span = std::mem::take(&mut self.span);
        let observation = Observation {
            sent_bytes: span.sent_bytes as f64,
            lost_bytes: span.lost_bytes as f64,
            rate: Bitrate::of(span.sent_bytes, length).unwrap_or_default(),
        };
        if let Some(place) = self.ring.get_mut((self.count % WINDOW as u64) as usize) {
            *place = observation;
        }
        self.count += 1;
        self.sent_until = Some(last);
        let [last, _] = self.counted;
        self.counted = [last.max(span.highest), last];
        true
    }

    /// How many observations there have been.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// When the last packet of the last observation was sent.
    pub(super) fn sent_until(&self) -> Option<Moment> {
        self.sent_until
    }

    /// Whether nothing was lost in the last so many observations, nor in the span that is not over.
    pub(super) fn rest_for(&self, observations: usize) -> bool {
        let mut latest = self.weighted().take(observations);
        let are_enough = self.count >= observations as u64;
        are_enough && self.span.lost_bytes == 0 && latest.all(|(_, it)| it.lost_bytes == 0.0)
    }

    /// The observations and how much each counts, the newest first.
    pub(super) fn weighted(&self) -> impl Iterator<Item = (f64, &Observation)> {
        let kept = self.count.min(WINDOW as u64);
        let newest_first = (1..=kept)
            .filter_map(|back| self.ring.get(((self.count - back) % WINDOW as u64) as usize));
        let weights = std::iter::successors(Some(1.0), |weight| Some(weight * FADING));
        weights.zip(newest_first)
    }

    /// The part of all bytes that is lost, without the least and the most lossy observation.
    pub(super) fn average_loss(&self) -> f64 {
        let (mut sent, mut lost) = (0.0, 0.0);
        let (mut least, mut most) = ((0.0, Observation::default()), (0.0, Observation::default()));
        let (mut least_loss, mut most_loss) = (1.0, 0.0);
        for (weight, observation) in self.weighted() {
            sent += weight * observation.sent_bytes;
            lost += weight * observation.lost_bytes;
            let loss = observation.loss();
            if loss < least_loss {
                (least_loss, least) = (loss, (weight, *observation));
            }
            if loss > most_loss {
                (most_loss, most) = (loss, (weight, *observation));
            }
        }
        let whole = if sent > 0.0 { lost / sent } else { 0.0 };
        let is_overshoot = self.median_rate().scaled(OVERSHOOT) <= most.1.rate;
        if self.count <= ENOUGH_TO_TRIM || is_overshoot {
            return whole;
        }
        for (weight, observation) in [least, most] {
            sent -= weight * observation.sent_bytes;
            lost -= weight * observation.lost_bytes;
        }
        if sent > 0.0 { (lost / sent).max(0.0) } else { whole }
    }

    fn median_rate(&self) -> Bitrate {
        let mut rates = [Bitrate::MAX; WINDOW];
        let mut count = 0;
        let sending = self.weighted().map(|(_, o)| o.rate).filter(|&rate| rate > Bitrate::ZERO);
        for (place, rate) in rates.iter_mut().zip(sending) {
            *place = rate;
            count += 1;
        }
        rates.sort_unstable();
        let at = |index: usize| rates.get(index).copied().unwrap_or_default();
        match count {
            0 => Bitrate::ZERO,
            odd if odd % 2 == 1 => at(odd / 2),
            even => at(even / 2 - 1).plus(at(even / 2)).scaled(0.5),
        }
    }
}

#[cfg(test)]
mod tests;
