//! Numbers of any width out of and into a descriptor, the most significant bit first.

use super::InvalidDescriptor;

/// Reads from the start of some bytes.
#[derive(Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits that have been read.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// How many bits have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn flag(&mut self) -> Result<bool, InvalidDescriptor> {
        let byte = self.bytes.get(self.at / 8).ok_or(InvalidDescriptor::CutOff)?;
        let flag = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Ok(flag)
    }

    /// `f(count)`: the next `count` bits, at most 32.
    pub(super) fn number(&mut self, count: u32) -> Result<u32, InvalidDescriptor> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | u32::from(self.flag()?);
        }
        Ok(number)
    }

    /// `ns(count)`: a number below `count`, which is at least 1 and small; some take a bit less than
    /// the others.
    pub(super) fn below(&mut self, count: u32) -> Result<u32, InvalidDescriptor> {
        let short_len = count.ilog2();
        let short_numbers = (2 << short_len) - count;
        let number = self.number(short_len)?;
        if number < short_numbers {
            return Ok(number);
        }
        Ok(number * 2 + u32::from(self.flag()?) - short_numbers)
    }
}

/// Writes to the start of some bytes; bits that do not fit are left out, which
/// [`BitWriter::finish`] tells.
pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> BitWriter<'a> {
        BitWriter { bytes, at: 0 }
    }

    pub(super) fn flag(&mut self, flag: bool) {
        if let Some(byte) = self.bytes.get_mut(self.at / 8) {
            let bit = 0x80 >> (self.at % 8);
            *byte = *byte & !bit | if flag { bit } else { 0 };
        }
        self.at += 1;
    }

    pub(super) fn number(&mut self, number: u32, count: u32) {
        for shift in (0..count).rev() {
            self.flag(number >> shift & 1 == 1);
        }
    }

    /// Copies the next bits of `from`, up to its bit `end`.
    pub(super) fn copy(
        &mut self,
        from: &mut BitReader<'_>,
        end: usize,
    ) -> Result<(), InvalidDescriptor> {
        while from.position() < end {
            self.flag(from.flag()?);
        }
        Ok(())
    }

    /// Fills up the last byte with zeros and returns how many bytes there are; `None` when they did
    /// not fit.
    pub(super) fn finish(mut self) -> Option<usize> {
        while !self.at.is_multiple_of(8) {
            self.flag(false);
        }
        let len = self.at / 8;
        (len <= self.bytes.len()).then_some(len)
    }
}
