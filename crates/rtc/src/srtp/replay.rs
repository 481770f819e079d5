//! Which packets of one stream have been seen (RFC 3711 section 3.3.2).

/// How many packets behind the newest one may still arrive. The RFC asks for 64 at least; a video
/// of 1000 packets per second on a path that reorders by a quarter of a second needs this.
const WINDOW: u64 = 1024;

const WORDS: usize = (WINDOW / 64) as usize;

/// The newest index and a bit for each of the [`WINDOW`] up to it.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    newest: u64,
    /// Bit `index % WINDOW` says whether `index` was seen.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// A window whose first packet was `index`.
    pub(super) fn starting_at(index: u64) -> ReplayWindow {
        let mut window = ReplayWindow { newest: index, seen: [0; WORDS] };
        window.set(index);
        window
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether `index` is neither too old nor seen before.
    pub(super) fn admits(&self, index: u64) -> bool {
        if index > self.newest {
            return true;
        }
        self.newest - index < WINDOW && self.seen[word(index)] & bit(index) == 0
    }

    /// Remembers an authenticated `index`.
    pub(super) fn insert(&mut self, index: u64) {
        if index > self.newest {
            self.advance(index);
        }
        if self.newest - index < WINDOW {
            self.set(index);
        }
    }

    fn advance(&mut self, index: u64) {
        if index - self.newest >= WINDOW {
            self.seen = [0; WORDS];
        } else {
            (self.newest + 1..index).for_each(|skipped| self.seen[word(skipped)] &= !bit(skipped));
        }
        self.newest = index;
    }

    fn set(&mut self, index: u64) {
        self.seen[word(index)] |= bit(index);
    }
}

/// Always below [`WORDS`].
fn word(index: u64) -> usize {
    (index % WINDOW / 64) as usize
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_is_admitted_exactly_once_and_only_within_the_window(
            first in 0u64..5000,
            steps in proptest::collection::vec(-1500i64..1500, 1..400),
        ) {
            let mut window = ReplayWindow::starting_at(first);
            let mut seen = BTreeSet::from([first]);
            for step in steps {
                let index = window.newest().saturating_add_signed(step);
                let newest = *seen.last().unwrap();
                let expected = !seen.contains(&index) && index + WINDOW > newest;
                prop_assert_eq!(window.admits(index), expected);
                if expected {
                    window.insert(index);
                    seen.insert(index);
                }
                prop_assert_eq!(window.newest(), *seen.last().unwrap());
            }
        }
    }
}
