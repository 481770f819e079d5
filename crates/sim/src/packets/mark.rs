//! What a made-up packet says of itself, in letters that no codec takes for something else.

/// Begins a mark.
const BEGIN: &[u8] = b"PRLR";
/// Ends a mark; nothing in it is this.
const END: u8 = b';';
/// Fills packets up behind their marks.
pub(super) const FILLER: u8 = b'.';
/// Ends what a NAL unit of H.264 holds (ITU-T H.264 section 7.3.2.11).
pub(super) const STOP: u8 = 0x80;

/// The truth about one packet, whatever its headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The client that made it.
    pub publisher: u32,
    /// Which of the encodings of its section, the lowest first.
    pub encoding: u8,
    /// The number of its frame, counted over all spatial layers of the encoding.
    pub frame: u64,
    /// The number of its picture.
    pub picture: u64,
    /// The spatial layer.
    pub spatial: u8,
    /// The temporal layer.
    pub temporal: u8,
    /// Which of its frame's packets, from 0, and of how many.
    pub part: (u16, u16),
    /// When it was captured, in microseconds since its publisher was connected.
    pub captured_us: u64,
    /// The frames that it refers to; none in what can be begun with.
    pub references: Vec<u64>,
}

impl Mark {
    /// The mark in letters.
    pub fn write(&self) -> Vec<u8> {
        let &Mark {
            publisher, encoding, frame, picture, spatial, temporal, part, captured_us, ..
        } = self;
        let (part, of) = part;
        let mut text = format!(
            "PRLR{publisher},{encoding},{frame},{picture},{spatial},{temporal},{part},{of},{captured_us}"
        );
        for reference in &self.references {
            text += &format!(",{reference}");
        }
        let mut bytes = text.into_bytes();
        bytes.push(END);
        bytes
    }

    /// Finds the mark in a payload. `None` if there is none, or something else than filler behind it.
    pub fn read(payload: &[u8]) -> Option<Mark> {
        let from = payload.windows(BEGIN.len()).position(|window| window == BEGIN)?;
        let marked = &payload[from + BEGIN.len()..];
        let (mark, filler) = marked.split_at(marked.iter().position(|byte| *byte == END)?);
        if !filler[1..].iter().all(|byte| [FILLER, STOP].contains(byte)) {
            return None;
        }
        let text = std::str::from_utf8(mark).ok()?;
        let numbers: Option<Vec<u64>> = text.split(',').map(|number| number.parse().ok()).collect();
        let numbers = numbers?;
        let [publisher, encoding, frame, picture, spatial, temporal, part, of, captured_us, ..] =
            numbers[..]
        else {
            return None;
        };
        Some(Mark {
            publisher: u32::try_from(publisher).ok()?,
            encoding: u8::try_from(encoding).ok()?,
            frame,
            picture,
            spatial: u8::try_from(spatial).ok()?,
            temporal: u8::try_from(temporal).ok()?,
            part: (u16::try_from(part).ok()?, u16::try_from(of).ok()?),
            captured_us,
            references: numbers[9..].to_vec(),
        })
    }
}
