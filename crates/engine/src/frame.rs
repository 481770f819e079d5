//! What a packet's payload says of its frame, in the form that the ring keeps.

use parlor_rtc::payload::{self, FrameNumbers, Layer};
use parlor_rtc::sdp::Codec;

use crate::ring::Dependencies;

/// What forwarding has to know of a packet's frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameFacts {
    pub(crate) starts_frame: bool,
    pub(crate) starts_key_frame: bool,
    pub(crate) numbers: FrameNumbers,
    pub(crate) layer: Layer,
    pub(crate) dependencies: Dependencies,
}

/// Reads a payload; `None` when no receiver could use it. An empty one only fills a place in the
/// sequence: browsers send such to probe the bandwidth. `descriptor` is the header's dependency
/// descriptor or empty, of which only what stands by itself is read.
#[inline]
pub(crate) fn facts(
    codec: Codec,
    payload: &[u8],
    marker: bool,
    descriptor: &[u8],
) -> Option<FrameFacts> {
    if payload.is_empty() {
        return Some(FrameFacts::default());
    }
    let payload::Facts {
        starts_frame,
        ends_frame,
        starts_key_frame,
        numbers,
        layer,
        refers_by_picture_id: by_picture_id,
    } = payload::Facts::read(codec, payload, marker, descriptor)?;
    // Where the layer is not known, what ends a frame does not say whose.
    let ends_frame = if layer_is_told(codec) { ends_frame } else { marker };
    let dependencies = Dependencies { ends_frame, by_picture_id, ..Dependencies::default() };
    Some(FrameFacts { starts_frame, starts_key_frame, numbers, layer, dependencies })
}

/// Whether payloads themselves tell the spatial layer, or there is one only.
fn layer_is_told(codec: Codec) -> bool {
    !matches!(codec, Codec::Av1 { .. })
}
