//! What the packets of a track carry, and may: followed as its sender changes it.

use std::time::{Duration, Instant};

use parlor_rtc::sdp::Codec;

/// Shortest time between two changes of a track's codec. A browser changes it when somebody joins or
/// leaves who cannot decode the better one, seconds apart.
const CODEC_HOLDS: Duration = Duration::from_secs(1);

/// The codecs of one track.
#[derive(Debug)]
pub(crate) struct Codecs {
    /// The publisher's payload types, in the order of our preference.
    known: Vec<(u8, Codec)>,
    /// `None` before the first packet.
    current: Option<Codec>,
    /// When that last became another codec.
    changed_at: Option<Instant>,
}

/// What a packet's codec says of its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// The track carries what it did.
    AsBefore,
    /// It carries this, and nothing was known before.
    First,
    /// It carries another one than before from now on.
    Another,
}

impl Codecs {
    /// Of a track of which nothing has come yet, whose publisher has these payload types.
    pub(crate) fn new(known: Vec<(u8, Codec)>) -> Codecs {
        Codecs { known, current: None, changed_at: None }
    }

    /// What its packets carry; `None` before the first.
    pub(crate) fn current(&self) -> Option<Codec> {
        self.current
    }

    /// What packets with this payload type of the publisher's carry.
    #[inline]
    pub(crate) fn of(&self, payload_type: u8) -> Option<Codec> {
        let known = self.known.iter().find(|(known, _)| *known == payload_type);
        known.map(|(_, codec)| *codec)
    }

    /// The publisher's payload types and codecs, in the order of our preference.
    pub(crate) fn known(&self) -> impl Iterator<Item = (u8, Codec)> {
        self.known.iter().copied()
    }

    /// The publisher's payload types are these from now on.
    pub(crate) fn follow(&mut self, known: Vec<(u8, Codec)>) {
        self.known = known;
    }

    /// Takes note of what a packet carries.
    ///
    /// A sender may name another codec in every packet. A change concerns the whole room, so soon after
    /// one the next has to wait, until a packet that comes later still is of another codec.
    #[inline]
    pub(crate) fn note(&mut self, now: Instant, codec: Codec) -> Noted {
        let noted = match self.current {
            Some(before) if before == codec => return Noted::AsBefore,
            Some(_) if self.changed_at.is_some_and(|at| now < at + CODEC_HOLDS) => {
                return Noted::AsBefore;
            }
            Some(_) => {
                self.changed_at = Some(now);
                Noted::Another
            }
            None => Noted::First,
        };
        self.current = Some(codec);
        noted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VP9: Codec = Codec::Vp9 { profile: 0 };

    fn camera() -> Codecs {
        Codecs::new(vec![(96, Codec::Vp8), (98, VP9)])
    }

    #[test]
    fn a_sender_that_alternates_codecs_concerns_the_room_once_a_second() {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut codecs = camera();
        assert_eq!(codecs.note(start, Codec::Vp8), Noted::First);
        let mut changes = 0;
        for n in 1..=2_000 {
            let codec = if n % 2 == 0 { Codec::Vp8 } else { VP9 };
            let now = start + Duration::from_millis(5 * n);
            changes += u32::from(codecs.note(now, codec) == Noted::Another);
        }
        assert!((9..=11).contains(&changes), "{changes} in 10 s");
    }

    #[test]
    fn a_codec_that_changes_and_stays_is_followed_at_once_and_again_after_a_second() {
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut codecs = camera();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(codecs.note(at(0), Codec::Vp8), Noted::First);
        assert_eq!(codecs.note(at(10), VP9), Noted::Another);
        assert_eq!(codecs.note(at(20), Codec::Vp8), Noted::AsBefore);
        assert_eq!(codecs.current(), Some(VP9));
        assert_eq!(codecs.note(at(1_010), Codec::Vp8), Noted::Another);
        assert_eq!(codecs.current(), Some(Codec::Vp8));
    }
}
