//! AV1 (RTP Payload Format for AV1, section 4): its units one behind the other, and one of nothing behind them (padding OBU, AV1
//! bitstream specification, section 5.8).
//!
//! A packet that begins with a unit of its own looks like the beginning of a picture to a receiver without a dependency descriptor, so
//! every packet but the first goes on with the unit in which the one before it ended.

use super::Picture;
use crate::frames::Payload;
use crate::stamp::Stamp;

/// Bits of the aggregation header (section 4.4): the first element goes on, so does the last, a sequence begins here.
const CONTINUES: u8 = 0x80;
const GOES_ON: u8 = 0x40;
const NEW_SEQUENCE: u8 = 0x08;
/// Bits of the first byte of a unit: there is a second one, and its length follows.
const HAS_EXTENSION: u8 = 0x04;
const HAS_LEN: u8 = 0x02;
const TEMPORAL_DELIMITER: u8 = 2;
/// A unit of nothing, without its length.
const PADDING: u8 = 15 << 3;
/// Lengths are written in two bytes, seven bits each, also those that one would hold.
const LEN_LEN: usize = 2;

/// Cuts a picture into packets of `len` bytes of payload, as many as hold it and `packets` at least.
pub(super) fn cut(picture: Picture<'_>, len: usize, packets: usize) -> Vec<Payload> {
    let mut bodies = bodies(&units(picture.frame), len);
    let mut stamps = vec![None; bodies.len()];
    // Nothing begins in the last packet of the picture, and goes on in others.
    let mut piece = vec![PADDING];
    while let Some(body) = bodies.last_mut() {
        piece.resize(len.saturating_sub(body.len() + LEN_LEN), 0);
        push(body, &piece);
        let stamp_at = (piece.len() > Stamp::LEN).then(|| len - Stamp::LEN);
        stamps.pop();
        stamps.push(stamp_at);
        if bodies.len() >= packets && stamp_at.is_some() {
            break;
        }
        piece = vec![0];
        bodies.push(vec![0]);
        stamps.push(None);
    }
    let last = bodies.len() - 1;
    let begins = if picture.is_key { NEW_SEQUENCE } else { 0 };
    for (index, body) in bodies.iter_mut().enumerate() {
        body[0] = if index == 0 { begins } else { CONTINUES };
        body[0] |= if index == last { 0 } else { GOES_ON };
    }
    let payload = |(bytes, stamp_at)| Payload { bytes, stamp_at };
    bodies.into_iter().zip(stamps).map(payload).collect()
}

/// Packets with the units of a picture, each with its first byte still to be written: all but the last end within a unit, and behind
/// the last unit there is room for the beginning of another.
fn bodies(units: &[Vec<u8>], len: usize) -> Vec<Vec<u8>> {
    let mut bodies = vec![vec![0]];
    for unit in units {
        let mut rest = &unit[..];
        while let (false, Some(body)) = (rest.is_empty(), bodies.last_mut()) {
            let room = len.saturating_sub(body.len() + LEN_LEN);
            let fits = rest.len() + LEN_LEN < room;
            let (piece, behind) =
                rest.split_at(if fits { rest.len() } else { room.min(rest.len() - 1) });
            push(body, piece);
            rest = behind;
            if !fits {
                bodies.push(vec![0]);
            }
        }
    }
    bodies
}

/// The units of a picture without their lengths, which the packets tell, and without the one that only separates pictures.
fn units(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    while let Some((&header, after)) = rest.split_first() {
        let (extension, after) = after.split_at(usize::from(header & HAS_EXTENSION != 0));
        let (body, behind) = match header & HAS_LEN {
            0 => (after, &[][..]),
            _ => with_len(after),
        };
        if header >> 3 & 0x0F != TEMPORAL_DELIMITER {
            units.push([&[header & !HAS_LEN], extension, body].concat());
        }
        rest = behind;
    }
    units
}

/// What has its length in front in groups of seven bits, from the lowest, and what is behind it.
fn with_len(bytes: &[u8]) -> (&[u8], &[u8]) {
    let groups = bytes.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1);
    let (groups, rest) = bytes.split_at(groups);
    let len = groups.iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7F));
    rest.split_at(len.min(rest.len()))
}

fn push(body: &mut Vec<u8>, piece: &[u8]) {
    body.extend([piece.len() as u8 | 0x80, (piece.len() >> 7) as u8]);
    body.extend(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts units together again, and checks that each packet says so.
    fn again(payloads: &[Payload]) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        let mut goes_on = false;
        for payload in payloads {
            assert_eq!(payload.bytes[0] & CONTINUES != 0, goes_on);
            let mut rest = &payload.bytes[1..];
            while !rest.is_empty() {
                let (piece, behind) = with_len(rest);
                assert!(!piece.is_empty());
                match std::mem::take(&mut goes_on) {
                    true => units.last_mut().unwrap().extend(piece),
                    false => units.push(piece.to_vec()),
                }
                rest = behind;
            }
            goes_on = payload.bytes[0] & GOES_ON != 0;
        }
        assert!(!goes_on);
        units
    }

    #[test]
    fn units_come_together_again_wherever_they_are_cut_and_only_the_first_packet_begins_one() {
        for body in 1..700 {
            let sequence = [0x08, 1, 2, 3];
            let picture: Vec<u8> =
                (0..=body).map(|at| if at == 0 { 0x30 } else { at as u8 }).collect();
            let mut frame = vec![0x12, 0, 0x0A, 3, 1, 2, 3, 0x32];
            frame.extend([body as u8 | 0x80, (body >> 7) as u8]);
            frame.extend(&picture[1..]);
            let picture_of =
                Picture { frame: &frame, is_key: true, id: 1, width: 320, height: 180 };
            for packets in [1, 4] {
                let cut = cut(picture_of, 200, packets);
                assert!(cut.len() >= packets && cut.last().unwrap().stamp_at.is_some());
                assert!(cut.iter().skip(1).all(|it| it.bytes[0] & CONTINUES != 0), "{body}");
                let units = again(&cut);
                assert_eq!(units[..2], [sequence.to_vec(), picture.clone()], "{body}");
                assert_eq!((units.len(), units[2][0]), (3, PADDING));
            }
        }
    }
}
