//! Big-endian numbers out of and into byte slices, without a way to panic.

/// The bytes at `at`, or `None` when the slice ends before.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

/// Three bytes as a number below 2^24.
pub(crate) fn u24_at(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = array_at(bytes, at)?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

/// Overwrites the bytes at `at` with `value`; false when they do not fit.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> bool {
    let Some(place) = at.checked_add(value.len()).and_then(|end| bytes.get_mut(at..end)) else {
        return false;
    };
    place.copy_from_slice(value);
    true
}

/// The low 24 bits of a number as they travel.
pub(crate) fn u24_bytes(value: u32) -> [u8; 3] {
    let [_, a, b, c] = value.to_be_bytes();
    [a, b, c]
}

/// Where a part of a packet lies: a range of bytes that is small, `Copy`, and borrows nothing, so
/// that facts about a packet can be stored beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte from the start of the packet.
    pub start: u16,
    /// Offset behind the last byte.
    pub end: u16,
}

impl Span {
    /// The span of `len` bytes at `start`, or `None` beyond 65,535 bytes, which no datagram reaches.
    pub fn new(start: usize, len: usize) -> Option<Span> {
        let end = u16::try_from(start.checked_add(len)?).ok()?;
        Some(Span { start: u16::try_from(start).ok()?, end })
    }

    /// The offsets as a range, for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }

    /// How many bytes it spans.
    pub fn len(self) -> usize {
        usize::from(self.end.saturating_sub(self.start))
    }

    /// Whether it spans nothing.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of `packet` it names; empty when `packet` is not the packet it was made for.
    pub fn of(self, packet: &[u8]) -> &[u8] {
        packet.get(self.range()).unwrap_or_default()
    }

    /// As [`Span::of`], to write to.
    pub fn of_mut(self, packet: &mut [u8]) -> &mut [u8] {
        packet.get_mut(self.range()).unwrap_or_default()
    }
}
