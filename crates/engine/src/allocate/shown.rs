//! How a track is shown: how large, and how much it matters.

use parlor_rtc::payload::Resolution;

use crate::id::Source;

/// A place on a screen, in device pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// How wide.
    pub width: u16,
    /// How high.
    pub height: u16,
}

/// How important a track is. Every track of a class has all it can use before one of the next class has
/// anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A shared screen: what the meeting is about.
    Screen,
    /// The viewer has chosen it.
    Pinned {
        /// Higher ones come first.
        priority: u8,
    },
    /// Somebody who is speaking.
    Speaker,
    /// Everybody else.
    Rest,
}

impl Area {
    /// A place that every picture fills, whether its size is known or not.
    pub const LEAST: Area = Area { width: 1, height: 1 };

    /// A picture may be shown so much larger than it is, as a ratio. A fifth is hardly seen; the next larger
    /// picture costs two to four times as much.
    const UPSCALED: (u32, u32) = (6, 5);

    /// Whether a picture is large enough for it.
    pub(crate) fn is_filled_by(self, size: Resolution) -> bool {
        let (times, part) = Area::UPSCALED;
        let side = |has: u16, shown: u16| u32::from(has) * times >= u32::from(shown) * part;
        side(size.width, self.width) && side(size.height, self.height)
    }
}

impl Class {
    /// The class of a track from `source` that is viewed with `priority`. Who has just spoken should still be
    /// taken for somebody who is speaking, for some ten seconds: two who talk in turn are one class then.
    pub fn of(source: Source, priority: u8, is_speaking: bool) -> Class {
        match source {
            Source::Screen => Class::Screen,
            _ if priority > 0 => Class::Pinned { priority },
            _ if is_speaking => Class::Speaker,
            _ => Class::Rest,
        }
    }

    /// Lower ones come first.
    pub(crate) fn rank(self) -> u16 {
        const PINNED: u16 = 1;
        const SPEAKER: u16 = PINNED + u8::MAX as u16 + 1;
        match self {
            Class::Screen => 0,
            Class::Pinned { priority } => PINNED + u16::from(u8::MAX - priority),
            Class::Speaker => SPEAKER,
            Class::Rest => SPEAKER + 1,
        }
    }
}
