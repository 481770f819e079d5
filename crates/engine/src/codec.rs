//! Which of a receiver's payload types carries what a publisher sends.

use parlor_rtc::sdp::Codec;

use crate::packet::PayloadTypes;

/// The codec that a receiver has to decode to make use of what a publisher sends as `codec`. RED is a
/// wrapping, which comes off for who has not negotiated it.
pub(crate) const fn decoded(codec: Codec) -> Codec {
    match codec {
        Codec::Red => Codec::Opus,
        other => other,
    }
}

/// The receiver's codec that decodes `codec`: the very same, what RED wraps, or H.264 of another level.
///
/// A level is what an encoder may go up to, and receivers take more than they say; browsers name
/// different ones for the same decoder (RFC 6184 section 8.2.2 lets levels differ).
pub(crate) fn receiving(codecs: &[PayloadTypes], codec: Codec) -> Option<PayloadTypes> {
    let same = codecs.iter().find(|known| known.codec == codec);
    let fits = |known: &&PayloadTypes| {
        known.codec == decoded(codec) || same_but_for_level(known.codec, codec)
    };
    let decodes = |known: &&PayloadTypes| both_baseline(known.codec, codec);
    let found = same.or_else(|| codecs.iter().find(fits));
    found.or_else(|| codecs.iter().find(decodes)).copied()
}

/// Baseline is offered with this constraint flag or that, or without any. What it has beyond constrained baseline
/// (RFC 6184 section 8.1: slice groups, redundant slices) no encoder of today makes and no browser decodes.
fn both_baseline(a: Codec, b: Codec) -> bool {
    let baseline = |codec| match codec {
        Codec::H264 { profile_level_id, packetization_mode } => {
            (profile_level_id >> 16 == 0x42).then_some(packetization_mode)
        }
        _ => None,
    };
    baseline(a).is_some() && baseline(a) == baseline(b)
}

fn same_but_for_level(a: Codec, b: Codec) -> bool {
    let (
        Codec::H264 { profile_level_id: a, packetization_mode: mode_a },
        Codec::H264 { profile_level_id: b, packetization_mode: mode_b },
    ) = (a, b)
    else {
        return false;
    };
    mode_a == mode_b && a >> 8 == b >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_is_baseline_whatever_constraints_are_named() {
        let h264 = |profile_level_id| Codec::H264 { profile_level_id, packetization_mode: 1 };
        let known = |codec| PayloadTypes { codec, media: 96, rtx: None, opus: None };
        let codecs = [known(Codec::Vp8), known(h264(0x4d_001f)), known(h264(0x42_e01f))];
        for encoder in [0x42_000d, 0x42_c01f, 0x42_e034] {
            assert_eq!(receiving(&codecs, h264(encoder)).unwrap().codec, h264(0x42_e01f));
        }
        assert!(receiving(&codecs[..2], h264(0x42_c01f)).is_none());
        assert!(receiving(&codecs, h264(0x64_001f)).is_none());
    }

    #[test]
    fn h264_levels_may_differ_and_profiles_may_not() {
        let h264 = |profile_level_id, packetization_mode| Codec::H264 {
            profile_level_id,
            packetization_mode,
        };
        assert!(same_but_for_level(h264(0x42_e01f, 1), h264(0x42_e034, 1)));
        assert!(!same_but_for_level(h264(0x42_e01f, 1), h264(0x64_001f, 1)));
        assert!(!same_but_for_level(h264(0x42_e01f, 1), h264(0x42_e01f, 0)));
        assert!(!same_but_for_level(h264(0x42_e01f, 1), Codec::Vp8));
    }
}
