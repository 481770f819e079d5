//! What is known about a packet once it has been parsed, for everyone who forwards it.

use std::time::Instant;

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
    /// Value of the audio level extension as it travels: voice activity in the top bit, then
    /// -dBov (RFC 6464 section 3).
    pub audio_level: Option<u8>,
    /// Value of the video orientation extension as it travels (3GPP TS 26.114 section 7.4.5).
    pub video_orientation: Option<u8>,
}

/// The numbers that codecs give to frames. A packet has those that its codec and its header carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameNumbers {
    /// Picture id of VP8 (RFC 7741 section 4.2) or VP9 (RFC 9628 section 4.2).
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX of VP8 or VP9: counts the frames of the lowest temporal layer.
    pub tl0_picture_index: Option<u8>,
    /// frame_number of the dependency descriptor (AV1 RTP payload specification, appendix A).
    pub frame_number: Option<u16>,
}

/// A picture id, which has 7 or 15 bits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    /// The number; smaller than 128 if not `wide`.
    pub value: u16,
    /// Whether it takes 15 bits rather than 7.
    pub wide: bool,
}

impl PictureId {
    /// The bits that count.
    pub const fn mask(self) -> u16 {
        if self.wide { 0x7FFF } else { 0x7F }
    }
}
