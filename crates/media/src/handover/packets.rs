//! Packets of a room that two threads share, on their way from the one to the other.

use parlor_engine::ring::Facts;
use parlor_engine::{Relayed, TrackId};

/// Packets one behind the other. Takes no memory before the first, and keeps what it has when it is emptied.
#[derive(Default)]
pub(super) struct Packets {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    track: TrackId,
    layer: u8,
    facts: Facts,
    payload_len: usize,
    descriptor_len: usize,
}

impl Packets {
    pub(super) fn add(&mut self, packet: &Relayed<'_>) {
        self.bytes.extend_from_slice(packet.payload);
        self.bytes.extend_from_slice(packet.descriptor);
        self.entries.push(Entry {
            track: packet.track,
            layer: packet.layer,
            facts: *packet.facts,
            payload_len: packet.payload.len(),
            descriptor_len: packet.descriptor.len(),
        });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of what they carry.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Relayed<'_>> {
        let mut rest = self.bytes.as_slice();
        self.entries.iter().map_while(move |entry| {
            let (payload, after) = rest.split_at_checked(entry.payload_len)?;
            let (descriptor, after) = after.split_at_checked(entry.descriptor_len)?;
            rest = after;
            let &Entry { track, layer, ref facts, .. } = entry;
            Some(Relayed { track, layer, facts, payload, descriptor })
        })
    }
}
