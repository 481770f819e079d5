//! Which encodings of a track its publisher is to send: those that somebody has a use for.

use std::time::{Duration, Instant};

use super::Demand;

/// An encoding that nobody needs any more is sent for so long: people go back and forth between two places,
/// and to begin anew takes a key frame. With a review and the message on top, an unwatched camera still
/// rests within two seconds.
const HELD_FOR: Duration = Duration::from_secs(1);

/// When what was asked for has not come after so long, the next is asked for too. An encoding that starts is
/// measured within a second.
const NEXT_AFTER: Duration = Duration::from_secs(2);

/// What the publisher of one track is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// For each encoding, when it was needed last.
    needed_at: Vec<Option<Instant>>,
    /// Since when something larger than these encodings has been missed.
    missed: Option<Missed>,
}

#[derive(Clone, Copy, Debug)]
struct Missed {
    beyond: u32,
    since: Instant,
}

impl Wanted {
    /// Of a track of so many simulcast encodings, none of which is asked for.
    pub fn new(layers: usize) -> Wanted {
        Wanted { needed_at: vec![None; layers.min(Demand::MAX_LAYERS)], missed: None }
    }

    /// Takes what all subscribers together demand now ([`Demand::merge`]). Returns the encodings that the
    /// publisher is to send, a bit for each as in [`Demand::layers`]; 0 when it need not send at all.
    ///
    /// To be called after each round of decisions, a few times a second.
    pub fn review(&mut self, now: Instant, demand: Demand) -> u32 {
        let mut more = self.more(now, demand);
        let mut wanted = 0;
        for (layer, needed_at) in (0..).zip(&mut self.needed_at) {
            let bit = Demand::bit(layer);
            let is_presumed = demand.presumed & bit != 0;
            let mut is_needed = demand.layers & bit != 0;
            if !is_needed && (is_presumed || more > 0) {
                (is_needed, more) = (true, more.saturating_sub(1));
            }
            if is_needed {
                *needed_at = Some(now);
            }
            let is_held = needed_at.is_some_and(|last| now < last + HELD_FOR);
            wanted |= if is_held { bit } else { 0 };
        }
        wanted
    }

    /// How many encodings that do not arrive are needed, whatever is presumed of their sizes: one at first. In the order
    /// of their numbers, in which browsers grow them.
    fn more(&mut self, now: Instant, demand: Demand) -> u128 {
        if !demand.larger {
            self.missed = None;
            return 0;
        }
        let beyond = demand.layers;
        let missed = self.missed.filter(|missed| missed.beyond == beyond);
        let since = self.missed.insert(missed.unwrap_or(Missed { beyond, since: now })).since;
        1 + now.saturating_duration_since(since).as_millis() / NEXT_AFTER.as_millis()
    }
}
