//! Which colours a receiver takes the pictures of one stream to be of.

use parlor_rtc::rtp::ColorSpace;
use parlor_rtc::sdp::Codec;

use crate::ring::Facts;

/// The only colours that VP8 knows (RFC 6386 section 9.2).
const OF_VP8: ColorSpace = ColorSpace::BT601_LIMITED;

/// What a receiver remembers of what packets have told it.
///
/// It forgets when the last packet of a key frame tells nothing, but knows only of the first packet of a VP8 picture whether
/// that is a key frame: pictures of somebody who tells nothing would be seen in the colours of whom the slot carried before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Colours {
    /// Something was told.
    are_told: bool,
    /// The time of the latest key frame of the source.
    key_frame: Option<u64>,
}

impl Colours {
    /// Takes note of a packet that goes out.
    #[inline]
    pub(super) fn note(&mut self, facts: &Facts) {
        self.are_told |= facts.color_space.is_some();
        if facts.starts_key_frame {
            self.key_frame = Some(facts.timestamp);
        }
    }

    /// What is told with a packet, which has been noted.
    #[inline]
    pub(super) fn of(&self, facts: &Facts, codec: Codec) -> Option<ColorSpace> {
        let is_end_of_key_frame = facts.marker && self.key_frame == Some(facts.timestamp);
        let corrects = self.are_told && codec == Codec::Vp8 && is_end_of_key_frame;
        facts.color_space.or(corrects.then_some(OF_VP8))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use parlor_rtc::payload::Layer;

    use super::*;
    use crate::ring::{Dependencies, FrameNumbers};

    /// A packet of a key frame of two, at `timestamp`: the first, or the last with what it tells.
    fn packet(timestamp: u64, is_last: bool, color_space: Option<ColorSpace>) -> Facts {
        Facts {
            sequence: timestamp + u64::from(is_last),
            timestamp,
            // Nothing depends on which instant this is.
            #[allow(clippy::disallowed_methods)]
            arrival: Instant::now(),
            marker: is_last,
            payload_type: 96,
            recovered: false,
            starts_frame: !is_last,
            starts_key_frame: !is_last,
            numbers: FrameNumbers::default(),
            layer: Layer::default(),
            dependencies: Dependencies::default(),
            audio_level: None,
            video_orientation: None,
            color_space,
        }
    }

    /// What is told with each of these packets.
    fn told(codec: Codec, packets: &[Facts]) -> Vec<Option<ColorSpace>> {
        let mut colours = Colours::default();
        let tell = |facts| {
            colours.note(facts);
            colours.of(facts, codec)
        };
        packets.iter().map(tell).collect()
    }

    #[test]
    fn who_tells_no_colours_is_not_seen_in_those_of_whom_the_slot_carried_before() {
        let other = Some(ColorSpace([1, 1, 1, 0x20]));
        let of = |timestamp, color_space| {
            [packet(timestamp, false, None), packet(timestamp, true, color_space)]
        };
        let packets = [of(10, other), of(20, None)].concat();
        assert_eq!(told(Codec::Vp8, &packets), [None, other, None, Some(OF_VP8)]);
        // Of these each packet says whether it is of a key frame, and their streams may tell colours of their own.
        let vp9 = Codec::Vp9 { profile: 0 };
        assert_eq!(told(vp9, &packets), [None, other, None, None]);
    }

    #[test]
    fn as_long_as_nobody_tells_colours_nothing_is_told() {
        let key_frame = [packet(10, false, None), packet(10, true, None)];
        assert_eq!(told(Codec::Vp8, &key_frame), [None, None]);
    }
}
