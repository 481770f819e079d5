//! What layers cost when they last arrived: they are asked for again when somebody could be sent so much.

use super::layer::{Measured, SPATIAL, cells};

/// The smallest picture that arrives, and what it costs. What is filmed moves more or less, and all sizes of it cost more or
/// less then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beside {
    /// Which it is: an encoding, and a spatial layer.
    pub(super) picture: (u8, u8),
    pub(super) bps: u32,
}

/// What the spatial layers of one encoding cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    then: Measured,
    beside: [Option<Beside>; SPATIAL],
}

impl Past {
    /// Takes note of what a spatial layer costs now.
    pub(super) fn note(&mut self, spatial: usize, now: &Measured, beside: Option<Beside>) {
        let cells = cells(spatial);
        self.then.costs[cells.clone()].copy_from_slice(&now.costs[cells.clone()]);
        self.then.peaks[cells.clone()].copy_from_slice(&now.peaks[cells.clone()]);
        self.then.rates[cells.clone()].copy_from_slice(&now.rates[cells]);
        self.beside[spatial] = beside;
    }

    /// What all frames of a spatial layer cost.
    pub(super) fn cost_of(&self, spatial: usize) -> u32 {
        self.then.costs[cells(spatial)].last().copied().unwrap_or_default()
    }

    /// What a spatial layer presumably costs now, by what the smallest picture does: no more than it did.
    pub(super) fn scaled(&self, spatial: usize, beside: Option<Beside>) -> Measured {
        let Past { mut then, beside: before } = *self;
        if let (Some(before), Some(now)) = (before[spatial], beside)
            && before.picture == now.picture
            && now.bps < before.bps
        {
            let part = |bps: u32| u64::from(bps) * u64::from(now.bps) / u64::from(before.bps);
            for cell in cells(spatial) {
                for bps in [&mut then.costs[cell], &mut then.peaks[cell]] {
                    *bps = u32::try_from(part(*bps)).unwrap_or(u32::MAX);
                }
            }
        }
        then
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One spatial layer, the second.
    fn measured(bps: u32) -> Measured {
        let mut measured = Measured::default();
        for cell in cells(1) {
            (measured.costs[cell], measured.peaks[cell], measured.rates[cell]) = (bps, 2 * bps, 30);
        }
        measured
    }

    #[test]
    fn what_rests_costs_less_when_the_smallest_picture_does_and_never_more_than_it_did() {
        let beside = |bps| Some(Beside { picture: (0, 0), bps });
        let mut past = Past::default();
        past.note(1, &measured(1_000_000), beside(100_000));
        let cost = |beside| {
            let then = past.scaled(1, beside);
            (then.costs[cells(1).start], then.peaks[cells(1).start])
        };
        assert_eq!(cost(beside(100_000)), (1_000_000, 2_000_000));
        assert_eq!(cost(beside(20_000)), (200_000, 400_000));
        assert_eq!(cost(beside(300_000)), (1_000_000, 2_000_000));
        // Another one says nothing of that.
        assert_eq!(cost(Some(Beside { picture: (1, 0), bps: 1 })), (1_000_000, 2_000_000));
        assert_eq!(cost(None), (1_000_000, 2_000_000));
    }
}
