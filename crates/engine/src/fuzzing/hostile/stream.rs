//! One RTP stream of such a client, and the parts of its packets.

use super::Script;

/// Payload types of media, and of packets sent again.
pub(super) const SOUND: [u8; 2] = [111, 63];
pub(super) const PICTURES: [u8; 4] = [96, 98, 102, 45];
pub(super) const REPAIRS: [u8; 4] = [97, 99, 103, 46];

/// One RTP stream.
pub(super) struct Stream {
    pub(super) section: usize,
    pub(super) rid: Option<&'static str>,
    pub(super) is_repair: bool,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

impl Stream {
    pub(super) fn payload_type(&self, choice: u8) -> u8 {
        let types: &[u8] = match (self.section, self.is_repair) {
            (0, _) => &SOUND,
            (_, false) => &PICTURES,
            (_, true) => &REPAIRS,
        };
        types[usize::from(choice) % types.len()]
    }

    pub(super) fn packet(
        &self,
        marker: bool,
        payload_type: u8,
        extensions: &[u8],
        payload: &[u8],
    ) -> Vec<u8> {
        let mut packet = vec![0x90, u8::from(marker) << 7 | payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(extensions);
        packet.extend(payload);
        packet
    }
}

/// The header extensions that the bits of `flags` choose: of each its id and its value.
pub(super) fn elements(stream: &Stream, flags: u8, script: &mut Script<'_>) -> Vec<(u8, Vec<u8>)> {
    let mut elements = Vec::new();
    // Names are left out now and then.
    if flags & 6 != 2 {
        elements.push((4, stream.section.to_string().into_bytes()));
    }
    if let Some(rid) = stream.rid.filter(|_| flags & 6 != 4) {
        elements.push((if stream.is_repair { 11 } else { 10 }, rid.as_bytes().to_vec()));
    }
    if flags & 8 != 0 {
        elements.push((3, script.word().to_be_bytes().to_vec()));
    }
    if flags & 16 != 0 {
        elements.push((1, vec![script.byte()]));
    }
    if flags & 48 == 48 {
        elements.push((script.byte() % 15, script.bytes().to_vec()));
    }
    elements
}

/// A block of header extensions with one-byte headers, or with two-byte ones (RFC 8285 section 4).
pub(super) fn block(elements: &[(u8, Vec<u8>)], two_bytes: bool) -> Vec<u8> {
    let mut block = Vec::new();
    for (id, value) in elements {
        match (two_bytes, value.len() as u8) {
            (true, len) => block.extend([*id, len]),
            (false, 0) => continue,
            (false, len) => block.push(id << 4 | (len - 1)),
        }
        block.extend(value);
    }
    block.resize(block.len().next_multiple_of(4), 0);
    let profile: u16 = if two_bytes { 0x1000 } else { 0xBEDE };
    let words = (block.len() / 4) as u16;
    [&profile.to_be_bytes()[..], &words.to_be_bytes(), &block].concat()
}

/// A right beginning with anything behind it, or anything at all.
pub(super) fn some_payload(payload_type: u8, script: &mut Script<'_>) -> Vec<u8> {
    let (kind, number) = (script.byte(), script.byte());
    let head = if kind & 3 == 0 { Vec::new() } else { head(payload_type, kind & 3 == 1, number) };
    [&head, script.bytes(), &vec![number; usize::from(kind >> 2) * 8]].concat()
}

/// How a key frame, or another one, begins.
pub(super) fn head(payload_type: u8, key: bool, number: u8) -> Vec<u8> {
    let [high, low] = (0x8000 | u16::from(number) << 5).to_be_bytes();
    match (payload_type, key) {
        (96 | 97, true) => vec![0x90, 0xE0, high, low, number, 0x20, 0x10, 2, 0],
        (96 | 97, false) => vec![0x90, 0xE0, high, low, number, 0x20, 0x11, 2, 0],
        (98 | 99, true) => vec![0x8A, high, low, 0x02, 0x00, 1, 2],
        (98 | 99, false) => vec![0xCC, high, low, 1, 2],
        (102 | 103, true) => vec![0x18, 0, 4, 0x67, 0x42, 0xE0, 0x1F, 0, 2, 0x65, 0x88],
        (102 | 103, false) => vec![0x41, 0x9A, number],
        (45 | 46, true) => vec![0x18, 0x0A, 0x0B, 0, 0, 0, number],
        (45 | 46, false) => vec![0x10, 0x32, number],
        // With a copy of two bytes, and without one.
        (63, true) => vec![0x80 | 111, 0x0F, 0, 2, 111, number, number],
        (63, false) => vec![111, number],
        _ => vec![number],
    }
}
