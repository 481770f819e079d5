//! Numbers of any width out of bytes, the most significant bit first, without a way to panic.

/// Reads from any bytes, until they end.
pub(super) struct Bits<I> {
    bytes: I,
    current: u8,
    /// How many low bits of `current` are unread.
    unread: u32,
}

impl<I: Iterator<Item = u8>> Bits<I> {
    pub(super) fn new(bytes: I) -> Bits<I> {
        Bits { bytes, current: 0, unread: 0 }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.unread == 0 {
            self.current = self.bytes.next()?;
            self.unread = u8::BITS;
        }
        self.unread -= 1;
        Some(self.current >> self.unread & 1 == 1)
    }

    /// The next `count` bits, of which the last 32 count.
    pub(super) fn number(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | u32::from(self.flag()?);
        }
        Some(number)
    }

    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.flag().map(drop))
    }

    /// An Exp-Golomb number, `ue(v)` of ITU-T H.264 section 9.1 and, but for its greatest value,
    /// `uvlc()` of AV1 section 4.10.3. `None` beyond 32 bits.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros >= u32::BITS {
                return None;
            }
        }
        // 2^zeros - 1 + number, where number is less than 2^zeros.
        Some(((1_u32 << zeros) - 1) + self.number(zeros)?)
    }

    /// A signed Exp-Golomb number, `se(v)` of ITU-T H.264 section 9.1.1.
    pub(super) fn signed_exp_golomb(&mut self) -> Option<i32> {
        let number = self.exp_golomb()?;
        let magnitude = i32::try_from(number.div_ceil(2)).ok()?;
        Some(if number % 2 == 1 { magnitude } else { -magnitude })
    }
}
