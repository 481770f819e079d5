//! The bytes of a ring: records one behind the other, each in one piece.

/// A byte buffer that is written round and round.
#[derive(Debug, Default)]
pub(super) struct ByteRing {
    bytes: Box<[u8]>,
    /// Where the next record goes if it fits.
    end: usize,
}

impl ByteRing {
    pub(super) fn new(capacity: usize) -> ByteRing {
        ByteRing { bytes: vec![0; capacity].into_boxed_slice(), end: 0 }
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Where a record of `len` bytes, at least 1, can begin without touching the oldest record, which
    /// begins at `tail`. A record is never split: what is left at the end of the buffer may stay empty.
    pub(super) fn place(&self, tail: Option<usize>, len: usize) -> Option<usize> {
        let room_behind_end = self.bytes.len() - self.end;
        match tail {
            None => (len <= self.bytes.len()).then_some(0),
            Some(tail) if self.end > tail => {
                if len <= room_behind_end {
                    Some(self.end)
                } else {
                    (len <= tail).then_some(0)
                }
            }
            // The buffer has wrapped; when end meets tail it is full.
            Some(tail) => (len <= tail - self.end).then_some(self.end),
        }
    }

    /// Writes `first` and then `second` at a place that [`ByteRing::place`] gave.
    pub(super) fn write(&mut self, start: usize, first: &[u8], second: &[u8]) {
        let middle = start + first.len();
        let end = middle + second.len();
        if let Some(room) = self.bytes.get_mut(start..middle) {
            room.copy_from_slice(first);
        }
        if let Some(room) = self.bytes.get_mut(middle..end) {
            room.copy_from_slice(second);
        }
        self.end = end.max(start + 1);
    }

    /// Writes behind everything else, which must leave that much room, and says where.
    pub(super) fn append(&mut self, record: &[u8]) -> usize {
        let start = self.end;
        self.write(start, record, &[]);
        start
    }

    /// The `len` bytes from `start` on.
    pub(super) fn slice(&self, start: usize, len: usize) -> &[u8] {
        self.bytes.get(start..start + len).unwrap_or_default()
    }
}
