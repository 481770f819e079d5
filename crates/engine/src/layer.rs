//! Which layer of a simulcast track is forwarded: one for everybody, the best that keeps arriving.

use std::time::{Duration, Instant};

/// A layer from which nothing has come for so long has stopped: no browser pauses between two
/// pictures that long unless it has switched the layer off.
const STOPPED_AFTER: Duration = Duration::from_secs(1);

/// How often the choice is made anew, and over what time a layer's rate is measured.
pub(crate) const REVIEW_INTERVAL: Duration = Duration::from_millis(500);

/// Another layer is better when its rate is more than half as much again: encodings differ by
/// factors of two to four, one encoding's own rate varies by less.
const BETTER: (u64, u64) = (3, 2);

/// Reviews in a row that another layer must be better in, since browsers start layers one by one.
const STEADY_REVIEWS: u8 = 2;

/// How much of a layer arrives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrivals {
    last: Option<Instant>,
    bytes: u64,
    /// Bytes between the last two reviews.
    rate: u64,
}

impl Arrivals {
    #[inline]
    pub(crate) fn note(&mut self, now: Instant, bytes: usize) {
        self.last = Some(now);
        self.bytes += bytes as u64;
    }

    fn review(&mut self) {
        self.rate = std::mem::take(&mut self.bytes);
    }

    fn is_arriving(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now < last + STOPPED_AFTER)
    }

    fn is_better_than(&self, other: &Arrivals) -> bool {
        self.rate * BETTER.1 > other.rate * BETTER.0
    }
}

/// The layer that is forwarded, and one that may take its place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice {
    chosen: Option<usize>,
    contender: Option<(usize, u8)>,
}

impl Choice {
    /// The layer to forward; `None` before any has arrived.
    #[inline]
    pub(crate) fn chosen(&self) -> Option<usize> {
        self.chosen
    }

    /// The first layer to arrive is forwarded until there is a better one. True when this is it.
    #[inline]
    pub(crate) fn note_arrival(&mut self, layer: usize) -> bool {
        let is_first = self.chosen.is_none();
        self.chosen.get_or_insert(layer);
        is_first
    }

    /// Chooses anew, as is to be done every [`REVIEW_INTERVAL`]. True when the choice has changed.
    pub(crate) fn review(&mut self, now: Instant, layers: &mut [Arrivals]) -> bool {
        layers.iter_mut().for_each(Arrivals::review);
        let before = self.chosen;
        let best = (0..layers.len())
            .filter(|&layer| layers[layer].is_arriving(now))
            .max_by_key(|&layer| layers[layer].rate);
        let Some(best) = best else { return false };
        let current = self.chosen.and_then(|chosen| layers.get(chosen));
        match current {
            Some(current) if current.is_arriving(now) => {
                self.consider(best, layers[best].is_better_than(current));
            }
            _ => self.choose(best),
        }
        self.chosen != before
    }

    fn consider(&mut self, layer: usize, is_better: bool) {
        let reviews = match self.contender {
            Some((contender, reviews)) if contender == layer => reviews + 1,
            _ => 1,
        };
        match is_better {
            true if reviews >= STEADY_REVIEWS => self.choose(layer),
            true => self.contender = Some((layer, reviews)),
            false => self.contender = None,
        }
    }

    fn choose(&mut self, layer: usize) {
        self.chosen = Some(layer);
        self.contender = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets each layer's bytes of one interval arrive, then reviews.
    struct Simulcast {
        now: Instant,
        layers: [Arrivals; 3],
        choice: Choice,
    }

    impl Simulcast {
        fn new() -> Self {
            // Nothing depends on which instant this is.
            #[allow(clippy::disallowed_methods)]
            let now = Instant::now();
            Simulcast { now, layers: Default::default(), choice: Choice::default() }
        }

        fn interval(&mut self, bytes: [usize; 3]) -> Option<usize> {
            self.now += REVIEW_INTERVAL;
            for (layer, bytes) in bytes.into_iter().enumerate() {
                if bytes > 0 {
                    self.layers[layer].note(self.now, bytes);
                    self.choice.note_arrival(layer);
                }
            }
            self.choice.review(self.now, &mut self.layers);
            self.choice.chosen()
        }
    }

    #[test]
    fn the_first_layer_is_forwarded_until_a_better_one_is_steady() {
        let mut simulcast = Simulcast::new();
        assert_eq!(simulcast.interval([0, 0, 0]), None);
        assert_eq!(simulcast.interval([10_000, 0, 0]), Some(0));
        assert_eq!(simulcast.interval([10_000, 30_000, 0]), Some(0));
        assert_eq!(simulcast.interval([10_000, 30_000, 90_000]), Some(0));
        assert_eq!(simulcast.interval([10_000, 30_000, 90_000]), Some(2));
    }

    #[test]
    fn a_layer_that_stops_is_left_for_the_best_of_the_others() {
        let mut simulcast = Simulcast::new();
        for _ in 0..5 {
            simulcast.interval([10_000, 30_000, 90_000]);
        }
        assert_eq!(simulcast.choice.chosen(), Some(2));
        assert_eq!(simulcast.interval([10_000, 30_000, 0]), Some(2));
        assert_eq!(simulcast.interval([10_000, 30_000, 0]), Some(1));
    }

    #[test]
    fn a_layer_whose_rate_wavers_is_kept() {
        let mut simulcast = Simulcast::new();
        for _ in 0..5 {
            simulcast.interval([30_000, 35_000, 0]);
        }
        let kept = simulcast.choice.chosen();
        for _ in 0..10 {
            assert_eq!(simulcast.interval([30_000, 40_000, 0]), kept);
            assert_eq!(simulcast.interval([40_000, 30_000, 0]), kept);
        }
    }

    #[test]
    fn when_everything_stops_the_choice_stays() {
        let mut simulcast = Simulcast::new();
        assert_eq!(simulcast.interval([10_000, 0, 0]), Some(0));
        for _ in 0..10 {
            assert_eq!(simulcast.interval([0, 0, 0]), Some(0));
        }
    }
}
