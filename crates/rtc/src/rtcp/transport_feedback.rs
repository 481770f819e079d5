//! Transport-wide congestion control feedback: which packets of a transport arrived, and when
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use std::time::Duration;

use super::ssrc_at;
use crate::bytes::{array_at, put, u16_at, u24_at, u24_bytes};
use crate::rtp::Ssrc;

/// The unit of arrival times.
pub const TICK: Duration = Duration::from_micros(250);

/// The reference time counts units of 64 ms.
pub const TICKS_PER_REFERENCE: i64 = 256;

/// Most packets that one feedback that we write speaks about.
///
/// At two bytes of arrival time and two sevenths of status each, with 20 bytes of header, this
/// makes at most 1,192 bytes: under 1,200 in the worst case, without counting.
pub const MAX_STATUSES: usize = 512;

/// Bytes from the sender's SSRC to the feedback count.
const FIXED_LEN: usize = 16;

/// Statuses in a vector of one bit each, and of two bits each.
const ONE_BIT_STATUSES: usize = 14;
const TWO_BIT_STATUSES: usize = 7;

/// Longest run that one chunk can say.
const MAX_RUN: usize = 0x1FFF;

/// The fixed part of a feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedbackHeader {
    /// Who received the packets.
    pub sender: Ssrc,
    /// A stream of the transport; which one does not matter.
    pub media: Ssrc,
    /// The first packet that the feedback speaks about.
    pub base_sequence: u16,
    /// What arrival times are relative to: units of 64 ms on the receiver's clock, wrapping at
    /// 24 bits.
    pub reference_time: u32,
    /// The number of this feedback, wrapping.
    pub feedback_count: u8,
}

/// One feedback as it was received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransportFeedback<'a> {
    /// The fixed part.
    pub header: TransportFeedbackHeader,
    /// How many packets, from the base on, it speaks about.
    pub status_count: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What became of one packet, as its two bits say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol {
    Lost,
    SmallDelta,
    LargeDelta,
}

impl Symbol {
    fn from_bits(bits: u16) -> Symbol {
        match bits & 0b11 {
            0b01 => Symbol::SmallDelta,
            0b10 => Symbol::LargeDelta,
            // 0b11 is reserved; it has no delta.
            _ => Symbol::Lost,
        }
    }

    fn of_delta(delta: Option<i16>) -> Symbol {
        match delta {
            None => Symbol::Lost,
            Some(0..=255) => Symbol::SmallDelta,
            Some(_) => Symbol::LargeDelta,
        }
    }

    const fn bits(self) -> u16 {
        match self {
            Symbol::Lost => 0b00,
            Symbol::SmallDelta => 0b01,
            Symbol::LargeDelta => 0b10,
        }
    }
}

/// Statuses that one chunk spells out.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    word: u16,
    left: u16,
}

impl Chunk {
    fn read(word: u16) -> Chunk {
        let left = match word >> 14 {
            0b10 => ONE_BIT_STATUSES as u16,
            0b11 => TWO_BIT_STATUSES as u16,
            _ => word & MAX_RUN as u16,
        };
        Chunk { word, left }
    }

    fn next(&mut self) -> Option<Symbol> {
        self.left = self.left.checked_sub(1)?;
        Some(match self.word >> 14 {
            0b10 => Symbol::from_bits(self.word >> self.left & 0b1),
            0b11 => Symbol::from_bits(self.word >> (2 * self.left)),
            _ => Symbol::from_bits(self.word >> 13),
        })
    }
}

impl<'a> TransportFeedback<'a> {
    /// Reads the body of the packet; `None` when its chunks end before its statuses do.
    pub(super) fn parse(body: &'a [u8]) -> Option<TransportFeedback<'a>> {
        let header = TransportFeedbackHeader {
            sender: ssrc_at(body, 0)?,
            media: ssrc_at(body, 4)?,
            base_sequence: u16_at(body, 8)?,
            reference_time: u24_at(body, 12)?,
            feedback_count: *body.get(15)?,
        };
        let status_count = u16_at(body, 10)?;
        let rest = body.get(FIXED_LEN..)?;
        let (mut said, mut at) = (0_usize, 0);
        while said < usize::from(status_count) {
            said += usize::from(Chunk::read(u16_at(rest, at)?).left);
            at += 2;
        }
        let (chunks, deltas) = rest.split_at_checked(at)?;
        Some(TransportFeedback { header, status_count, chunks, deltas })
    }

    /// What became of every packet it speaks about, in order. Ends early where arrival times are
    /// missing from the packet.
    pub fn statuses(&self) -> Statuses<'a> {
        Statuses {
            sequence: self.header.base_sequence,
            left: self.status_count,
            ticks: i64::from(self.header.reference_time) * TICKS_PER_REFERENCE,
            chunk: Chunk { word: 0, left: 0 },
            chunks: self.chunks,
            deltas: self.deltas,
        }
    }
}

/// Walks the statuses of a feedback: the sequence number, and when the packet arrived if it did,
/// in [`TICK`]s on the receiver's clock (wrapping with the reference time, every 12 days).
#[derive(Clone, Debug)]
pub struct Statuses<'a> {
    sequence: u16,
    left: u16,
    ticks: i64,
    chunk: Chunk,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl Statuses<'_> {
    fn symbol(&mut self) -> Option<Symbol> {
        loop {
            if let Some(symbol) = self.chunk.next() {
                return Some(symbol);
            }
            self.chunk = Chunk::read(u16_at(self.chunks, 0)?);
            self.chunks = self.chunks.get(2..)?;
        }
    }

    fn delta(&mut self, symbol: Symbol) -> Option<Option<i64>> {
        let (delta, len) = match symbol {
            Symbol::Lost => return Some(None),
            Symbol::SmallDelta => (i64::from(*self.deltas.first()?), 1),
            Symbol::LargeDelta => (i64::from(i16::from_be_bytes(array_at(self.deltas, 0)?)), 2),
        };
        self.deltas = self.deltas.get(len..)?;
        Some(Some(delta))
    }
}

impl Iterator for Statuses<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<(u16, Option<i64>)> {
        self.left = self.left.checked_sub(1)?;
        let symbol = self.symbol()?;
        let Some(delta) = self.delta(symbol) else {
            self.left = 0;
            return None;
        };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let arrival = delta.map(|delta| {
            self.ticks += delta;
            self.ticks
        });
        Some((sequence, arrival))
    }
}

/// Writes the body of a feedback and returns its length without padding.
///
/// `deltas` has one entry for each packet from the base on: none for a lost packet, else the
/// [`TICK`]s since the arrival named before it (the first: since the reference time).
pub(super) fn write_body(
    header: &TransportFeedbackHeader,
    deltas: &[Option<i16>],
    out: &mut [u8],
) -> Option<usize> {
    let count = u16::try_from(deltas.len()).ok()?;
    let mut fixed = [0; FIXED_LEN];
    fixed[..4].copy_from_slice(&header.sender.0.to_be_bytes());
    fixed[4..8].copy_from_slice(&header.media.0.to_be_bytes());
    fixed[8..10].copy_from_slice(&header.base_sequence.to_be_bytes());
    fixed[10..12].copy_from_slice(&count.to_be_bytes());
    fixed[12..15].copy_from_slice(&u24_bytes(header.reference_time));
    fixed[15] = header.feedback_count;
    let mut at = append(out, 0, &fixed)?;
    let mut rest = deltas;
    while !rest.is_empty() {
        let (word, said) = best_chunk(rest);
        at = append(out, at, &word.to_be_bytes())?;
        rest = rest.get(said..).unwrap_or_default();
    }
    for &delta in deltas.iter().flatten() {
        at = match u8::try_from(delta) {
            Ok(small) => append(out, at, &[small])?,
            Err(_) => append(out, at, &delta.to_be_bytes())?,
        };
    }
    Some(at)
}

fn append(out: &mut [u8], at: usize, bytes: &[u8]) -> Option<usize> {
    put(out, at, bytes).then_some(at + bytes.len())
}

/// The chunk that says most about the first of `deltas`, which are not empty, and how many it says.
fn best_chunk(deltas: &[Option<i16>]) -> (u16, usize) {
    let symbols = || deltas.iter().map(|&delta| Symbol::of_delta(delta));
    let first = Symbol::of_delta(deltas.first().copied().flatten());
    let run = symbols().take(MAX_RUN).take_while(|&symbol| symbol == first).count();
    let one_bit = symbols().take(ONE_BIT_STATUSES).all(|symbol| symbol != Symbol::LargeDelta);
    let vector = if one_bit { ONE_BIT_STATUSES } else { TWO_BIT_STATUSES }.min(deltas.len());
    if run >= vector {
        return (first.bits() << 13 | run as u16, run);
    }
    let (mut word, width, slots) = match one_bit {
        true => (0b10 << 14, 1, ONE_BIT_STATUSES),
        false => (0b11 << 14, 2, TWO_BIT_STATUSES),
    };
    for (index, symbol) in symbols().take(vector).enumerate() {
        word |= symbol.bits() << (width * (slots - 1 - index));
    }
    (word, vector)
}
