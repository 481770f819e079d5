//! What viewers get where there is more than a camera and a path, as a table in docs/performance.md.

mod crowd;
mod less;
mod lip_sync;
mod step;

use crate::codecs;
use crate::table::settle;
use crate::{ms, seconds};

#[test]
fn what_viewers_get_in_scenes_of_all_kinds() {
    let rows = [
        step::down("VP8 simulcast", seconds(1)),
        step::down("VP9 L3T3_KEY", ms(500)),
        step::fall(),
        crowd::many_tracks(),
        crowd::all_at_once(),
        codecs::switched(),
        lip_sync::through_switches(),
        less::sending(),
    ];
    settle(&rows);
}
