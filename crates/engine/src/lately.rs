//! What a viewer had of a track lately, and could have had: nothing else need be encoded for it.

use std::time::{Duration, Instant};

use crate::allocate::Demand;
use crate::measure::{Known, Quality};

/// What was not sent for so long rests, if it could not be afforded either. At most twice as long: it is looked at in spans.
const SPAN: Duration = Duration::from_secs(10);

/// The last ten to twenty seconds of one viewer of one track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lately {
    /// The span before the one under way, and that one.
    spans: [Had; 2],
    /// When the one under way began.
    since: Option<Instant>,
    /// What is had now, and what the track could cost.
    given: Option<Quality>,
    room_bps: u64,
    /// As long as one whole span has not passed, everything may yet be had.
    has_passed: bool,
}

/// What there was in some time.
#[derive(Clone, Copy, Debug, Default)]
struct Had {
    /// The encodings that were read or waited for, a bit for each.
    layers: u32,
    /// How many spatial layers of them.
    spatial: u8,
    /// The most that the track could cost, in bits per second.
    room_bps: u64,
}

impl Had {
    fn with(self, other: Had) -> Had {
        Had {
            layers: self.layers | other.layers,
            spatial: self.spatial.max(other.spatial),
            room_bps: self.room_bps.max(other.room_bps),
        }
    }

    fn includes(&self, known: &Known) -> bool {
        self.layers & Demand::bit(known.layer) != 0 && known.spatial < self.spatial
    }
}

impl Lately {
    /// Takes note of what is sent now, which encodings are read for that (a bit for each), and of how much the track could
    /// cost if nothing else changed, in bits per second.
    pub(crate) fn note(
        &mut self,
        now: Instant,
        given: Option<Quality>,
        layers: u32,
        room_bps: u64,
    ) {
        let since = self.since.get_or_insert(now);
        if now >= *since + SPAN {
            *since = now;
            self.spans = [self.spans[1], Had::default()];
            self.has_passed = true;
        }
        let spatial = given.map_or(0, |given| given.spatial.saturating_add(1));
        self.spans[1] = self.spans[1].with(Had { layers, spatial, room_bps });
        (self.given, self.room_bps) = (given, room_bps);
    }

    /// What of a demand is to be encoded, of a track with so many encodings of which these are known; `fitting` are those
    /// that would be of use at the place, a bit for each. The cheapest is, so that there is something to fall back to; what
    /// was had lately; and what is more than is had now, if there is room for it or there was lately and it still arrives.
    pub(crate) fn narrow(
        &self,
        demand: Demand,
        fitting: u32,
        layers: usize,
        known: impl Iterator<Item = Known> + Clone,
    ) -> Demand {
        if !self.has_passed || demand == Demand::default() {
            return demand;
        }
        let [before, under_way] = self.spans;
        let had = before.with(under_way);
        let cheapest_bps = known.clone().map(|it| it.bps).min();
        let is_given =
            |it: &Known| self.given.is_some_and(|given| (it.layer, it.spatial) == given.picture());
        let given_bps = known.clone().find(is_given).map_or(0, |it| it.bps);
        let is_kept = |it: &Known| {
            let room_bps = if it.arrives { had.room_bps } else { self.room_bps };
            let is_within_room = it.bps > given_bps && u64::from(it.bps) <= room_bps;
            Some(it.bps) == cheapest_bps || had.includes(it) || is_within_room
        };
        let bits = |all: u32, it: Known| all | Demand::bit(it.layer);
        let spatial_of = |all: u8, it: Known| all.max(it.spatial.saturating_add(1));
        let all = known.clone().fold(0, bits);
        let kept = known.clone().filter(is_kept).fold(0, bits);
        let most_spatial = known.clone().fold(0, spatial_of);
        let kept_spatial = known.filter(is_kept).fold(0, spatial_of);
        let lacks_spatial = kept_spatial < most_spatial;
        Demand {
            layers: (demand.layers | fitting & all) & (kept | !all),
            larger: demand.larger && all.count_ones() < layers as u32,
            presumed: demand.presumed & (kept | !all),
            spatial: if lacks_spatial { demand.spatial.min(kept_spatial) } else { demand.spatial },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Simulcast at 100, 400 and 1500 kbit/s. What rests begins no sooner than there is room for it.
    fn simulcast(arriving: u32) -> impl Iterator<Item = Known> + Clone {
        [100_000, 400_000, 1_500_000].into_iter().zip(0..).map(move |(bps, layer)| Known {
            layer,
            spatial: 0,
            bps,
            resolution: None,
            arrives: arriving & Demand::bit(layer) != 0,
        })
    }

    /// The same in one encoding.
    fn scalable() -> impl Iterator<Item = Known> + Clone {
        simulcast(0b111).map(|it| Known { layer: 0, spatial: it.layer, ..it })
    }

    const LARGE: Demand = Demand { layers: 0b111, larger: false, presumed: 0, spatial: 1 };
    const ALL_SPATIAL: Demand =
        Demand { layers: 0b001, larger: false, presumed: 0, spatial: Demand::ALL_SPATIAL };

    struct Viewer {
        lately: Lately,
        now: Instant,
        /// And so what arrives, from the next time on.
        asked: u32,
    }

    impl Viewer {
        #[allow(clippy::disallowed_methods)]
        fn new() -> Viewer {
            Viewer { lately: Lately::default(), now: Instant::now(), asked: 0b111 }
        }

        /// Has this for so many seconds, on a path with so much room for it.
        fn has(&mut self, seconds: u32, layer: Option<u8>, room_bps: u64) -> u32 {
            let given = layer.map(|layer| Quality { layer, ..Quality::default() });
            self.run(seconds, given, layer.map_or(0, Demand::bit), room_bps);
            let known = simulcast(self.asked);
            self.asked = self.lately.narrow(LARGE, 0b111, 3, known).layers;
            self.asked
        }

        fn has_spatial(&mut self, seconds: u32, spatial: u8, room_bps: u64) -> u8 {
            let given = Quality { spatial, ..Quality::default() };
            self.run(seconds, Some(given), 0b001, room_bps);
            self.lately.narrow(ALL_SPATIAL, 0b001, 1, scalable()).spatial
        }

        fn run(&mut self, seconds: u32, given: Option<Quality>, layers: u32, room_bps: u64) {
            for _ in 0..seconds * 2 {
                self.lately.note(self.now, given, layers, room_bps);
                self.now += SECOND / 2;
            }
        }
    }

    #[test]
    fn what_is_between_the_picture_of_all_and_the_one_to_fall_back_to_rests() {
        let mut viewer = Viewer::new();
        assert_eq!(viewer.has(9, Some(2), 5_000_000), 0b111, "it may have everything yet");
        assert_eq!(viewer.has(2, Some(2), 5_000_000), 0b101);
        // On a path that carries less it is the next one up.
        assert_eq!(viewer.has(1, Some(0), 600_000), 0b111);
        assert_eq!(viewer.has(20, Some(1), 600_000), 0b011);
    }

    #[test]
    fn what_a_path_has_no_room_for_rests_until_it_has() {
        let mut viewer = Viewer::new();
        assert_eq!(viewer.has(21, Some(0), 300_000), 0b001);
        assert_eq!(viewer.has(1, Some(0), 400_000), 0b011);
        assert_eq!(viewer.has(1, Some(1), 1_400_000), 0b011);
        assert_eq!(viewer.has(1, Some(1), 1_500_000), 0b111);
        // What it had room for lately it may have again, as long as that arrives.
        assert_eq!(viewer.has(9, Some(0), 200_000), 0b111);
        assert_eq!(viewer.has(21, Some(0), 200_000), 0b001);
        viewer.has(2, Some(0), 1_600_000);
        viewer.has(25, Some(2), 1_600_000);
        assert_eq!(viewer.has(2, Some(0), 200_000), 0b101);
    }

    #[test]
    fn who_has_nothing_is_kept_the_cheapest_for() {
        let mut viewer = Viewer::new();
        assert_eq!(viewer.has(30, None, 50_000), 0b001);
        assert_eq!(viewer.lately.narrow(Demand::default(), 0b111, 3, simulcast(0b001)).layers, 0);
    }

    #[test]
    fn what_is_not_known_yet_is_asked_for_all_the_same() {
        let mut viewer = Viewer::new();
        viewer.has(30, Some(0), 200_000);
        let missed = Demand { layers: 0b001, larger: true, presumed: 0b111, spatial: 1 };
        let narrow = |known: usize| {
            let known = simulcast(0b001).take(known);
            viewer.lately.narrow(missed, 0b111, 3, known)
        };
        assert_eq!(narrow(1), missed);
        assert_eq!(narrow(2), Demand { presumed: 0b101, ..missed });
        assert_eq!(narrow(3), Demand { presumed: 0b001, larger: false, ..missed });
    }

    #[test]
    fn spatial_layers_rest_from_the_highest_down() {
        let mut viewer = Viewer::new();
        assert_eq!(viewer.has_spatial(15, 2, 5_000_000), Demand::ALL_SPATIAL);
        assert_eq!(viewer.has_spatial(21, 1, 600_000), 2);
        assert_eq!(viewer.has_spatial(21, 0, 200_000), 1);
        assert_eq!(viewer.has_spatial(1, 0, 1_600_000), Demand::ALL_SPATIAL);
    }
}
