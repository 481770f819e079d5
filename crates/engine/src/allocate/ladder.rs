//! Which rungs of a track are worth climbing for one place on the screen.

use crate::measure::{Quality, Rung};

use super::{Area, Demand};

/// With fewer frames a second, a face jerks: then a smaller picture that moves is better than this one.
/// Screens are to be read, so there a sharp picture is better than a smooth one.
const SMOOTH_FRAMES_PER_SECOND: u16 = 10;

/// Fewer than these are no measurement that wavers: what was the best of a picture that had just begun is left again.
const NEARLY_SMOOTH_FRAMES_PER_SECOND: u16 = 6;

/// What a ladder is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose {
    pub(super) area: Area,
    pub(super) is_screen: bool,
    /// What is sent now. It stays on the ladder as long as it is large enough and arrives, and hardly jerks: whoever
    /// holds it is not to lose it to a measurement that wavers.
    pub(super) held: Option<Quality>,
}

/// Fills `ladder` with the rungs from the lowest to the best that the purpose needs.
pub(super) fn climb(ladder: &mut Vec<Rung>, rungs: &[Rung], purpose: &Purpose) {
    ladder.clear();
    let useful = useful(rungs, purpose.area);
    for (index, rung) in useful.iter().enumerate() {
        let is_held = |quality| Some(quality) == purpose.held;
        let is_top = useful.get(index + 1).is_none_or(|next| !next.is_same_picture_as(rung));
        let is_smallest = useful.first().is_none_or(|first| first.is_same_picture_as(rung));
        let jerks = rung.frames_per_second < SMOOTH_FRAMES_PER_SECOND && !purpose.is_screen;
        let stays =
            is_held(rung.quality) && rung.frames_per_second >= NEARLY_SMOOTH_FRAMES_PER_SECOND;
        if jerks && !is_top && !is_smallest && !stays {
            continue;
        }
        // What costs no less than something better is no step.
        while ladder
            .last()
            .is_some_and(|last| last.bitrate_bps >= rung.bitrate_bps && !is_held(last.quality))
        {
            ladder.pop();
        }
        ladder.push(*rung);
    }
}

/// The encodings that somebody with this much place would use one day, with as much bandwidth as it takes: of those that
/// arrive, and of those that are known. When nothing arrives, the smallest is to come first.
pub(super) fn demand(rungs: &[Rung], known: &[Rung], area: Area, presumed: u32) -> Demand {
    let (arriving, known) = (useful(rungs, area), useful(known, area));
    let has_enough = |useful: &[Rung]| useful.last().is_some_and(|best| suffices(best, area));
    let larger = !has_enough(arriving);
    if rungs.is_empty() {
        return Demand { larger, spatial: Demand::ALL_SPATIAL, ..Demand::default() };
    }
    let layers = arriving.iter().chain(known).map(|rung| Demand::bit(rung.quality.layer));
    let spatial = known.iter().map(|rung| rung.quality.spatial.saturating_add(1)).max();
    Demand {
        layers: layers.fold(0, |layers, layer| layers | layer),
        larger,
        presumed: if larger { presumed } else { 0 },
        spatial: spatial.filter(|_| has_enough(known)).unwrap_or(Demand::ALL_SPATIAL),
    }
}

/// The rungs up to the smallest picture that is large enough; all of them when none is.
pub(crate) fn useful(rungs: &[Rung], area: Area) -> &[Rung] {
    let Some(enough) = rungs.iter().find(|rung| suffices(rung, area)) else { return rungs };
    let end = rungs.iter().rposition(|rung| rung.is_same_picture_as(enough));
    end.and_then(|end| rungs.get(..=end)).unwrap_or(rungs)
}

/// A picture of unknown size may be too small for any place but the least.
fn suffices(rung: &Rung, area: Area) -> bool {
    area == Area::LEAST || rung.resolution.is_some_and(|size| area.is_filled_by(size))
}
