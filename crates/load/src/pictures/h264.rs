//! H.264 (RFC 6184): units together or in pieces, and units of nothing behind them (filler data, ITU-T H.264 section 7.3.2.7).

use super::Picture;
use crate::frames::Payload;
use crate::stamp::Stamp;

/// Several units in one packet (section 5.7.1), as important as the most important one.
const STAP_A: u8 = 0x78;
/// A piece of a unit (section 5.8).
const FU_A: u8 = 28;
/// A unit of nothing: bytes that are all set, until the stamp.
const FILLER: u8 = 12;
const NOTHING: u8 = 0xFF;
/// Bytes in front of a unit among others: its length.
const LENGTH_LEN: usize = 2;
/// The shortest unit of nothing that holds a stamp.
const SHORTEST_FILLER: usize = 1 + Stamp::LEN;

/// Cuts a picture, whose units stand behind start codes, into packets of `len` bytes of payload and fewer.
pub(super) fn cut(picture: Picture<'_>, len: usize, packets: usize) -> Vec<Payload> {
    let mut payloads = Vec::new();
    let mut together: Vec<&[u8]> = Vec::new();
    for unit in units(picture.frame) {
        if aggregate_len(&together) + LENGTH_LEN + unit.len() > len {
            payloads.extend(gathered(&mut together).map(|bytes| Payload { bytes, stamp_at: None }));
        }
        match 1 + LENGTH_LEN + unit.len() > len {
            true => pieces(unit, len, &mut payloads),
            false => together.push(unit),
        }
    }
    // Nothing may stand before the last slice but what belongs to the picture.
    payloads.extend(gathered(&mut together).map(|bytes| fill(bytes, len)));
    while payloads.len() < packets || payloads.last().is_some_and(|it| it.stamp_at.is_none()) {
        payloads.push(fill(Vec::new(), len));
    }
    payloads
}

/// The units of a picture: behind three bytes 0, 0, 1, and in front of zeros and the next three (annex B).
fn units(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let code = |bytes: &[u8]| bytes.windows(3).position(|window| window == [0, 0, 1]);
    rest = code(rest).and_then(|at| rest.get(at + 3..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let end = code(rest).unwrap_or(rest.len());
        let (unit, after) = rest.split_at(end);
        rest = after.get(3..).unwrap_or_default();
        let len = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        (len > 0).then(|| unit.get(..len)).flatten()
    })
}

fn aggregate_len(units: &[&[u8]]) -> usize {
    1 + units.iter().map(|unit| LENGTH_LEN + unit.len()).sum::<usize>()
}

/// What has been gathered, as one payload.
fn gathered(together: &mut Vec<&[u8]>) -> Option<Vec<u8>> {
    (!together.is_empty()).then(|| {
        let mut bytes = vec![STAP_A];
        for unit in together.drain(..) {
            bytes.extend((unit.len() as u16).to_be_bytes());
            bytes.extend(unit);
        }
        bytes
    })
}

/// One unit in as many packets as it takes.
fn pieces(unit: &[u8], len: usize, payloads: &mut Vec<Payload>) {
    let Some((&header, body)) = unit.split_first() else { return };
    let count = body.len().div_ceil(len - 2);
    for (index, piece) in body.chunks(len - 2).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        let mut bytes = vec![header & 0xE0 | FU_A, start | end | header & 0x1F];
        bytes.extend(piece);
        payloads.push(Payload { bytes, stamp_at: None });
    }
}

/// Fills a packet with a unit of nothing, behind others or alone, if there is room for its stamp.
fn fill(mut bytes: Vec<u8>, len: usize) -> Payload {
    if !bytes.is_empty() {
        let room = len.saturating_sub(bytes.len() + LENGTH_LEN);
        if room < SHORTEST_FILLER {
            return Payload { bytes, stamp_at: None };
        }
        bytes.extend((room as u16).to_be_bytes());
    }
    bytes.push(FILLER);
    bytes.resize(len, NOTHING);
    Payload { stamp_at: Some(len - Stamp::LEN), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_stands_between_start_codes() {
        let frame = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 3, 4];
        let found: Vec<&[u8]> = units(&frame).collect();
        assert_eq!(found, [&[0x67, 1][..], &[0x68, 2], &[0x65, 3, 4]]);
        assert_eq!(units(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn small_units_travel_together_and_large_ones_in_pieces_that_make_them_again() {
        let mut frame = vec![0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65];
        let slice: Vec<u8> = (0..2500).map(|n| (n % 200 + 4) as u8).collect();
        frame.extend(&slice);
        let picture = Picture { frame: &frame, is_key: true, id: 1, width: 320, height: 180 };
        let cut = cut(picture, 1000, 6);
        assert_eq!(cut.len(), 6);
        assert_eq!(cut[0].bytes[..9], [0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68]);
        let again: Vec<u8> = cut[1..4].iter().flat_map(|it| it.bytes[2..].to_vec()).collect();
        assert_eq!(again, slice);
        assert_eq!([cut[1].bytes[1], cut[2].bytes[1], cut[3].bytes[1]], [0x85, 5, 0x45]);
        assert!(cut[4..].iter().all(|it| it.bytes[0] == FILLER && it.stamp_at.is_some()));
    }
}
