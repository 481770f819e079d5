//! What a packet's payload says of its frame, in the form that the ring keeps.

use parlor_rtc::payload::{self, FrameNumbers, Layer};
use parlor_rtc::sdp::Codec;

/// What forwarding has to know of a packet's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameFacts {
    pub(crate) starts_frame: bool,
    pub(crate) starts_key_frame: bool,
    pub(crate) numbers: FrameNumbers,
    pub(crate) layer: Layer,
}

/// Reads a payload; `None` when no receiver could use it. An empty one only fills a place in the
/// sequence: browsers send such to probe the bandwidth.
#[inline]
pub(crate) fn facts(codec: Codec, payload: &[u8], marker: bool) -> Option<FrameFacts> {
    if payload.is_empty() {
        let (numbers, layer) = (FrameNumbers::default(), Layer::default());
        return Some(FrameFacts { starts_frame: false, starts_key_frame: false, numbers, layer });
    }
    let payload::Facts { starts_frame, starts_key_frame, numbers, layer, .. } =
        payload::Facts::read(codec, payload, marker, &[])?;
    Some(FrameFacts { starts_frame, starts_key_frame, numbers, layer })
}
