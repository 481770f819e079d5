//! Byte streams of anything, cut into frames.

use crate::framing::{self, Frame, FramingError, MAX_FRAME_LEN, OPENER_LEN, classify_stream};
use crate::turn::framing as turn;

/// Any bytes are cut into frames that lie in them, or refused; a stream is cut in the same way however it
/// arrives, and what is decided by its first bytes stays decided.
pub fn framings(data: &[u8]) {
    for length in 0..data.len().min(OPENER_LEN) {
        if let Ok(Some(decided)) = classify_stream(data.get(..length).unwrap_or_default()) {
            assert_eq!(classify_stream(data), Ok(Some(decided)));
        }
    }
    assert!(data.len() < OPENER_LEN || classify_stream(data) != Ok(None));
    cut(data, MAX_FRAME_LEN, framing::next_frame);
    cut(data, turn::MAX_STREAM_MESSAGE_LEN, turn::next_frame);
}

fn cut(
    mut data: &[u8],
    longest: usize,
    next_frame: impl Fn(&[u8]) -> Result<Option<Frame>, FramingError>,
) {
    while let Ok(Some(frame)) = next_frame(data) {
        assert!(frame.len > 0 && frame.datagram.end <= frame.len && frame.len <= data.len());
        assert!(frame.datagram.len() <= longest);
        for length in 0..frame.len {
            assert_eq!(next_frame(data.get(..length).unwrap_or_default()), Ok(None));
        }
        data = data.get(frame.len..).unwrap_or_default();
    }
}
