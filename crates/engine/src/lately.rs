//! What a viewer had of a track lately, or could have had: nothing else need be encoded for it.

use std::time::{Duration, Instant};

use crate::allocate::Demand;
use crate::measure::{Quality, Rung};

/// What nobody had for so long, nor could have had, rests. At most twice as long: it is looked at in spans.
const SPAN: Duration = Duration::from_secs(10);

/// The last ten to twenty seconds of one viewer of one track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lately {
    /// The span before the one under way, and that one.
    spans: [Had; 2],
    /// When the one under way began.
    since: Option<Instant>,
    /// As long as one whole span has not passed, everything may yet be had.
    has_passed: bool,
}

/// What was read of a track, or could have been.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Had {
    /// The encodings, a bit for each.
    pub(crate) layers: u32,
    /// How many spatial layers of them.
    pub(crate) spatial: u8,
}

impl Had {
    pub(crate) fn with(self, quality: Option<Quality>) -> Had {
        let Some(Quality { layer, spatial, .. }) = quality else { return self };
        Had {
            layers: self.layers | Demand::bit(layer),
            spatial: self.spatial.max(spatial.saturating_add(1)),
        }
    }

    fn and(self, other: Had) -> Had {
        Had { layers: self.layers | other.layers, spatial: self.spatial.max(other.spatial) }
    }
}

impl Lately {
    /// Takes note of what is had now.
    pub(crate) fn note(&mut self, now: Instant, had: Had) {
        let since = self.since.get_or_insert(now);
        if now >= *since + SPAN {
            *since = now;
            self.spans = [self.spans[1], Had::default()];
            self.has_passed = true;
        }
        self.spans[1] = self.spans[1].and(had);
    }

    /// What of a demand is to be encoded, of a track with so many encodings of which these are known. The smallest is, so
    /// that there is something to fall back to.
    pub(crate) fn narrow(&self, demand: Demand, layers: usize, known: &[Rung]) -> Demand {
        if !self.has_passed || demand == Demand::default() {
            return demand;
        }
        let [before, under_way] = self.spans;
        let had = before.and(under_way);
        let all = known.iter().fold(0, |all, rung| all | Demand::bit(rung.quality.layer));
        let smallest = known.first().map_or(0, |rung| Demand::bit(rung.quality.layer));
        let spatial = known.iter().map(|rung| rung.quality.spatial.saturating_add(1)).max();
        let kept = smallest | had.layers | !all;
        let lacks_spatial = spatial.is_some_and(|all| had.spatial < all);
        Demand {
            layers: demand.layers & kept,
            larger: demand.larger && (all.count_ones() as usize) < layers,
            presumed: demand.presumed & kept,
            spatial: if lacks_spatial {
                demand.spatial.min(had.spatial.max(1))
            } else {
                demand.spatial
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LARGE: Demand = Demand { layers: 0b111, larger: false, presumed: 0, spatial: 1 };
    const ALL_SPATIAL: Demand =
        Demand { layers: 0b001, larger: false, presumed: 0, spatial: Demand::ALL_SPATIAL };

    fn rung(layer: u8, spatial: u8) -> Rung {
        Rung {
            quality: Quality { layer, spatial, temporal: 0 },
            bitrate_bps: 0,
            peak_bps: 0,
            resolution: None,
            frames_per_second: 30,
        }
    }

    struct Viewer {
        lately: Lately,
        now: Instant,
    }

    impl Viewer {
        #[allow(clippy::disallowed_methods)]
        fn new() -> Viewer {
            Viewer { lately: Lately::default(), now: Instant::now() }
        }

        /// Has this for so many seconds, and could have that.
        fn has(&mut self, seconds: u32, [has, could]: [Option<(u8, u8)>; 2]) {
            let quality = |(layer, spatial)| Quality { layer, spatial, temporal: 2 };
            for _ in 0..seconds * 2 {
                let had = Had::default().with(has.map(quality)).with(could.map(quality));
                self.lately.note(self.now, had);
                self.now += SECOND / 2;
            }
        }

        /// Of three encodings.
        fn layers(&mut self, seconds: u32, has: u8, could: u8) -> u32 {
            self.has(seconds, [Some((has, 0)), Some((could, 0))]);
            self.lately.narrow(LARGE, 3, &[rung(0, 0), rung(1, 0), rung(2, 0)]).layers
        }

        /// Of three spatial layers.
        fn spatial(&mut self, seconds: u32, has: u8, could: u8) -> u8 {
            self.has(seconds, [Some((0, has)), Some((0, could))]);
            self.lately.narrow(ALL_SPATIAL, 1, &[rung(0, 0), rung(0, 1), rung(0, 2)]).spatial
        }
    }

    #[test]
    fn what_was_neither_had_nor_possible_for_a_while_rests_but_for_the_smallest() {
        let mut viewer = Viewer::new();
        assert_eq!(viewer.layers(9, 2, 2), 0b111, "it may have everything yet");
        assert_eq!(viewer.layers(2, 2, 2), 0b101);
        assert_eq!(viewer.layers(1, 0, 1), 0b111, "at once when it is possible");
        assert_eq!(viewer.layers(20, 1, 1), 0b011);
        assert_eq!(viewer.layers(21, 0, 0), 0b001);
        viewer.has(30, [None, None]);
        assert_eq!(viewer.layers(0, 0, 0), 0b001, "and for who has nothing");
    }

    #[test]
    fn who_shows_nothing_demands_nothing() {
        let mut viewer = Viewer::new();
        viewer.has(30, [Some((1, 0)); 2]);
        let known = [rung(0, 0), rung(1, 0)];
        assert_eq!(viewer.lately.narrow(Demand::default(), 3, &known), Demand::default());
    }

    #[test]
    fn what_is_not_known_yet_is_asked_for_all_the_same() {
        let mut viewer = Viewer::new();
        viewer.has(30, [Some((0, 0)); 2]);
        let missed = Demand { layers: 0b001, larger: true, presumed: 0b111, spatial: 1 };
        let narrow = |known: &[Rung]| viewer.lately.narrow(missed, 3, known);
        assert_eq!(narrow(&[rung(0, 0)]), missed);
        assert_eq!(narrow(&[rung(0, 0), rung(1, 0)]), Demand { presumed: 0b101, ..missed });
        let all = [rung(0, 0), rung(1, 0), rung(2, 0)];
        assert_eq!(narrow(&all), Demand { presumed: 0b001, larger: false, ..missed });
    }

    #[test]
    fn spatial_layers_rest_from_the_highest_down() {
        let mut viewer = Viewer::new();
        assert_eq!(viewer.spatial(15, 2, 2), Demand::ALL_SPATIAL);
        assert_eq!(viewer.spatial(21, 1, 1), 2);
        assert_eq!(viewer.spatial(21, 0, 0), 1);
        assert_eq!(viewer.spatial(1, 0, 2), Demand::ALL_SPATIAL);
    }
}
