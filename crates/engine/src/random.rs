//! The engine's randomness: a ChaCha20 keystream grown from one seed, so that a run can be repeated.

/// The four constant words of a ChaCha state (RFC 8439 section 2.3: "expand 32-byte k").
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// The quarter rounds of a double round: four columns, then four diagonals (RFC 8439 section 2.3).
const QUARTER_ROUNDS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// An endless stream of random numbers that nobody without the seed can foretell.
///
/// ICE passwords come from here, so it is a cipher's keystream and not a fast statistical generator.
#[derive(Clone)]
pub(crate) struct Random {
    key: [u32; 8],
    block: u64,
    words: [u32; 16],
    used: usize,
}

impl Random {
    /// A generator whose whole output follows from `seed`.
    pub(crate) fn from_seed(seed: [u8; 32]) -> Random {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.chunks_exact(4)) {
            *word = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        Random { key, block: 0, words: [0; 16], used: 16 }
    }

    /// 32 random bits.
    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.words = chacha20_block(&self.key, self.block, [0; 2]);
            self.block += 1;
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// 64 random bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
    }
}

/// One block of keystream: 64 bits of block counter and 64 of nonce, 20 rounds.
fn chacha20_block(key: &[u32; 8], block: u64, nonce: [u32; 2]) -> [u32; 16] {
    let mut start = [0; 16];
    start[..4].copy_from_slice(&CONSTANTS);
    start[4..12].copy_from_slice(key);
    start[12] = block as u32;
    start[13] = (block >> 32) as u32;
    start[14..].copy_from_slice(&nonce);
    let mut state = start;
    for _ in 0..10 {
        for indices in QUARTER_ROUNDS {
            quarter_round(&mut state, indices);
        }
    }
    for (word, initial) in state.iter_mut().zip(start) {
        *word = word.wrapping_add(initial);
    }
    state
}

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        state[x] = state[x].wrapping_add(state[y]);
        state[z] = (state[z] ^ state[x]).rotate_left(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keystream_is_that_of_rfc_8439_section_2_3_2() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let key = Random::from_seed(key).key;
        // The RFC's 32-bit counter 1 and 96-bit nonce 00000009 0000004a 00000000, in our layout.
        let words = chacha20_block(&key, (0x0900_0000 << 32) | 1, [0x4a00_0000, 0]);
        assert_eq!(words[0], 0xe4e7_f110);
        assert_eq!(words[5], 0x0368_c033);
        assert_eq!(words[15], 0x4e3c_50a2);
    }

    #[test]
    fn two_seeds_give_two_streams_and_one_seed_gives_one() {
        let draw = |seed: u8| {
            let mut random = Random::from_seed([seed; 32]);
            (0..40).map(|_| random.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
