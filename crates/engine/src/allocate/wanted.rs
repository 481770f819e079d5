//! Which encodings of a track its publisher is to send, and how much of them: what somebody has a use for.

use std::time::{Duration, Instant};

use super::Demand;
use crate::measure::Quality;

/// An encoding that nobody needs any more is sent for so long: people go back and forth between two places,
/// and to begin anew takes a key frame. With a review and the message on top, an unwatched camera still
/// rests within two seconds.
const HELD_FOR: Duration = Duration::from_secs(1);

/// Fewer spatial layers that have been enough for so long were rightly asked for.
const LASTS_AFTER: Duration = Duration::from_secs(10);

/// Otherwise they are held for longer each time, up to this.
const LONGEST_HELD: Duration = Duration::from_secs(64);

/// When what was asked for has not come after so long, the next is asked for too. An encoding that starts is
/// measured within a second.
const NEXT_AFTER: Duration = Duration::from_secs(2);

/// What the publisher of one track is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// For each encoding, when it was needed last, and since when it is asked for.
    needed_at: Vec<Option<Instant>>,
    asked_since: Vec<Option<Instant>>,
    /// Since when something larger than these encodings has been missed.
    missed: Option<Missed>,
    spatial: Spatial,
}

/// How many spatial layers are asked for. Browsers set their encoder up anew for another number of them, with a key frame.
#[derive(Clone, Copy, Debug)]
struct Spatial {
    asked: u8,
    /// When so many were needed last, and when it became so few.
    needed_at: Option<Instant>,
    lowered_at: Option<Instant>,
    /// How long fewer have to be enough.
    patience: Duration,
}

/// What a publisher is to send of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The encodings, a bit for each as in [`Demand::layers`]; 0 when it need not send at all.
    pub layers: u32,
    /// How many spatial layers of them, as in [`Demand::spatial`].
    pub spatial: u8,
}

#[derive(Clone, Copy, Debug)]
struct Missed {
    beyond: u32,
    since: Instant,
}

impl Asked {
    /// All that there is.
    pub const ALL: Asked = Asked { layers: u32::MAX, spatial: Demand::ALL_SPATIAL };

    /// Whether that is part of it.
    pub(crate) fn includes(self, quality: Quality) -> bool {
        self.layers & Demand::bit(quality.layer) != 0 && quality.spatial < self.spatial
    }
}

impl Wanted {
    /// Of a track of so many simulcast encodings, none of which is asked for.
    pub fn new(layers: usize) -> Wanted {
        let needed_at = vec![None; layers.min(Demand::MAX_LAYERS)];
        let asked_since = needed_at.clone();
        Wanted { needed_at, asked_since, missed: None, spatial: Spatial::new() }
    }

    /// Takes what all subscribers together demand now ([`Demand::merge`]). Returns what the publisher is to send.
    ///
    /// To be called after each round of decisions, a few times a second.
    pub fn review(&mut self, now: Instant, demand: Demand) -> Asked {
        let mut more = self.more(now, demand);
        let mut wanted = 0;
        let moments = self.needed_at.iter_mut().zip(&mut self.asked_since);
        for (layer, (needed_at, asked_since)) in (0..).zip(moments) {
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
            *asked_since = is_held.then(|| asked_since.unwrap_or(now));
            wanted |= if is_held { bit } else { 0 };
        }
        Asked { layers: wanted, spatial: self.spatial.review(now, demand.spatial) }
    }

    /// Takes note of what somebody else has decided that the publisher is to send, a bit for each encoding.
    pub fn follow(&mut self, now: Instant, layers: u32) {
        for (layer, since) in (0..).zip(&mut self.asked_since) {
            let is_asked = layers & Demand::bit(layer) != 0;
            *since = is_asked.then(|| since.unwrap_or(now));
        }
    }

    /// The encodings that it has been asked for since so lately that they may be on their way, a bit for each.
    pub fn begun(&self, now: Instant) -> u32 {
        let since = (0..).zip(&self.asked_since);
        let begun = since.filter(|(_, since)| since.is_some_and(|since| now < since + NEXT_AFTER));
        begun.fold(0, |all, (layer, _)| all | Demand::bit(layer))
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

impl Spatial {
    fn new() -> Spatial {
        Spatial { asked: 0, needed_at: None, lowered_at: None, patience: HELD_FOR }
    }

    /// More at once, less when that has been enough for a while: for longer, if it soon was not the last time. Somebody looks
    /// now here, now there, or a publisher makes less of it than it was asked for.
    fn review(&mut self, now: Instant, needed: u8) -> u8 {
        // Nobody watches: that says nothing.
        if needed == 0 {
            return self.asked;
        }
        let has_lasted = self.lowered_at.is_some_and(|at| now >= at + LASTS_AFTER);
        if has_lasted {
            (self.lowered_at, self.patience) = (None, HELD_FOR);
        }
        let is_held = self.needed_at.is_some_and(|last| now < last + self.patience);
        if needed > self.asked {
            let was_too_soon = self.lowered_at.take().is_some();
            self.patience =
                if was_too_soon { (self.patience * 2).min(LONGEST_HELD) } else { HELD_FOR };
        } else if needed < self.asked && !is_held {
            self.lowered_at = Some(now);
        }
        if needed >= self.asked || !is_held {
            (self.asked, self.needed_at) = (needed, Some(now));
        }
        self.asked
    }
}
