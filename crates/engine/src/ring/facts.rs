//! What is known about a packet once it has been parsed, for everyone who forwards it.

use std::time::Instant;

use parlor_rtc::payload::{FrameNumbers, Layer, LayerSet, TemplateIds};
use parlor_rtc::rtp::{AudioLevel, ColorSpace, VideoOrientation};

/// Everything that routing and rewriting want to know about one received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Extended RTP sequence number of the source.
    pub sequence: u64,
    /// Extended RTP timestamp of the source, in ticks of the codec's clock.
    pub timestamp: u64,
    /// When it arrived; for a recovered packet, when the retransmission did.
    pub arrival: Instant,
    /// The marker bit (RFC 3550 section 5.1): for video, the last packet of a frame.
    pub marker: bool,
    /// The publisher's payload type, 0 to 127.
    pub payload_type: u8,
    /// It came as a retransmission (RFC 4588).
    pub recovered: bool,
    /// It is the first packet of its frame. Always true for audio.
    pub starts_frame: bool,
    /// It is the first packet of a frame at which a receiver can begin to decode. Always true for audio.
    pub starts_key_frame: bool,
    /// Numbers of the frame that have to stay consistent for a receiver.
    pub numbers: FrameNumbers,
    /// The layer inside its stream; the lowest where there is one only.
    pub layer: Layer,
    /// How its frame hangs together with others.
    pub dependencies: Dependencies,
    /// How loud it is, if its header says so.
    pub audio_level: Option<AudioLevel>,
    /// How its picture is to be turned, if its header says so.
    pub video_orientation: Option<VideoOrientation>,
    /// Which colours its picture means, if its header says so.
    pub color_space: Option<ColorSpace>,
}

/// What leaving frames out has to respect, as far as a packet tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// The packet is the last of its layer's frame.
    pub ends_frame: bool,
    /// What its dependency descriptor tells; `None` when there is none, or none that is understood.
    pub told: Option<Told>,
    /// The ids of the templates that its dependency descriptor brings along.
    pub template_ids: Option<TemplateIds>,
    /// Frames refer to others by how many picture ids these lie back.
    pub by_picture_id: bool,
}

/// What a dependency descriptor tells of qualities, each named by its highest layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Those that the stream can be cut down to.
    pub all: LayerSet,
    /// Those that whoever can decode the frame may be sent from it on.
    pub switches: LayerSet,
}
