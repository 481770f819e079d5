//! What of a track's insides other threads have to do with.

use std::time::Instant;

use super::Track;
use crate::allocate::Asked;
use crate::relay::Elsewhere;
use crate::ring::TrackRing;

impl Track {
    /// The rings of all layers, and what other threads have to do with them.
    pub(crate) fn rings_and_elsewhere(&mut self) -> (&[TrackRing], &mut Elsewhere) {
        (&self.layers, &mut self.elsewhere)
    }

    /// Follows what the engine that has its publisher asks that for.
    pub(crate) fn follow_asked(&mut self, now: Instant, asked: Asked) {
        self.wanted.follow(now, asked.layers);
        let before = std::mem::replace(&mut self.asked, asked);
        if before.layers != 0 && asked.layers == 0 {
            self.meter.stop();
        }
    }
}
