//! Sets of layers of a scalable stream.

/// Most spatial layers that a set knows: a dependency descriptor can name no more.
pub const MAX_SPATIAL: u8 = 4;

/// Most temporal layers of each.
pub const MAX_TEMPORAL: u8 = 8;

/// Some of the qualities that a stream can be cut down to, each named by the highest spatial and
/// temporal layer that it has.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerSet(u32);

impl LayerSet {
    /// Adds the quality of these layers; none beyond [`MAX_SPATIAL`] and [`MAX_TEMPORAL`].
    pub fn insert(&mut self, spatial: u8, temporal: u8) {
        self.0 |= bit(spatial, temporal);
    }

    /// Whether it has the quality of these layers.
    pub fn contains(self, spatial: u8, temporal: u8) -> bool {
        self.0 & bit(spatial, temporal) != 0
    }

    /// Those of its qualities that `other` does not have.
    #[must_use]
    pub fn without(self, other: LayerSet) -> LayerSet {
        LayerSet(self.0 & !other.0)
    }

    /// Its qualities, from low to high: each picture size with all its frame rates before the next.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = (u8, u8)> {
        let all = 0..MAX_SPATIAL * MAX_TEMPORAL;
        let layers = all.map(|index| (index / MAX_TEMPORAL, index % MAX_TEMPORAL));
        layers.filter(move |&(spatial, temporal)| self.contains(spatial, temporal))
    }
}

impl std::fmt::Debug for LayerSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

fn bit(spatial: u8, temporal: u8) -> u32 {
    match spatial < MAX_SPATIAL && temporal < MAX_TEMPORAL {
        true => 1 << (spatial * MAX_TEMPORAL + temporal),
        false => 0,
    }
}
