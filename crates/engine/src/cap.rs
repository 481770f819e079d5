//! The best encoding of a track that one receiver is to be sent, where it has said so.

use std::collections::BTreeMap;

use parlor_rtc::Rid;

use crate::allocate::Area;
use crate::id::TrackId;
use crate::measure::Rung;
use crate::track::Track;

/// What a receiver has said of which tracks.
#[derive(Debug, Default)]
pub(crate) struct Caps(BTreeMap<TrackId, Rid>);

impl Caps {
    /// Sets one or takes it back; of tracks that are gone none is kept.
    pub(crate) fn set(
        &mut self,
        track: TrackId,
        up_to: Option<Rid>,
        is_there: impl Fn(TrackId) -> bool,
    ) {
        self.0.retain(|track, _| is_there(*track));
        match up_to {
            Some(rid) => self.0.insert(track, rid),
            None => self.0.remove(&track),
        };
    }

    /// The number of the best encoding of `track`; `None` without a limit, or when it has no such encoding.
    pub(crate) fn of(&self, track: &Track) -> Option<u8> {
        let rid = self.0.get(&track.id)?;
        (0..u8::MAX)
            .zip(track.names())
            .find_map(|(layer, name)| (name == Some(*rid)).then_some(layer))
    }
}

/// Those of the rungs, which are in their order of size, that belong to an encoding or to smaller ones; the smallest
/// picture if all are larger, since a receiver is better off with that than with none.
pub(crate) fn up_to(rungs: &[Rung], cap: Option<u8>) -> &[Rung] {
    let Some(cap) = cap else { return rungs };
    let of_cap = rungs.iter().rposition(|rung| rung.quality.layer == cap);
    // It does not arrive: those that are numbered below it, as browsers number the small ones first.
    let smaller = || rungs.iter().rposition(|rung| rung.quality.layer < cap);
    let smallest = || {
        let first = rungs.first()?;
        rungs.iter().rposition(|rung| rung.is_same_picture_as(first))
    };
    let end = of_cap.or_else(smaller).or_else(smallest);
    end.and_then(|end| rungs.get(..=end)).unwrap_or(rungs)
}

/// A place that is no larger than the picture of the best encoding, so that nothing larger is asked for.
pub(crate) fn capped_area(area: Area, known: &[Rung], cap: Option<u8>) -> Area {
    let is_cap = |rung: &&Rung| Some(rung.quality.layer) == cap;
    let size = known.iter().rfind(is_cap).and_then(|rung| rung.resolution);
    size.map_or(area, |size| Area {
        width: area.width.min(size.width),
        height: area.height.min(size.height),
    })
}

/// The encodings up to one, a bit for each.
pub(crate) fn layers_up_to(cap: Option<u8>) -> u32 {
    let beyond = |cap: u8| 1_u32.checked_shl(u32::from(cap) + 1);
    cap.and_then(beyond).map_or(u32::MAX, |beyond| beyond - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Quality;

    fn rung(layer: u8, temporal: u8) -> Rung {
        let quality = Quality { layer, spatial: 0, temporal };
        Rung { quality, bitrate_bps: 1, peak_bps: 1, resolution: None, frames_per_second: 30 }
    }

    #[test]
    fn a_capped_receiver_gets_the_encoding_it_named_or_a_smaller_one() {
        let all = [rung(0, 0), rung(0, 1), rung(1, 0), rung(1, 1), rung(2, 0)];
        assert_eq!(up_to(&all, None).len(), 5);
        assert_eq!(up_to(&all, Some(2)).len(), 5);
        assert_eq!(up_to(&all, Some(1)).len(), 4);
        let without_middle = [rung(0, 0), rung(2, 0)];
        assert_eq!(up_to(&without_middle, Some(1)).len(), 1);
        let largest_alone = [rung(2, 0), rung(2, 1)];
        assert_eq!(up_to(&largest_alone, Some(0)).len(), 2);
        assert!(up_to(&[], Some(0)).is_empty());
        assert_eq!(
            (layers_up_to(None), layers_up_to(Some(0)), layers_up_to(Some(2))),
            (u32::MAX, 1, 7)
        );
    }
}
