//! One encoding of a camera, packet by packet.

use parlor_rtc::fuzzing::scalable::{Encoder, Frame, Mode};
use str0m::media::Rid;

use super::Carrier;
use super::mark::Mark;
use super::payload::{self, Part};

/// Bytes of payload that a packet has room for.
const PACKET_LEN: usize = 1_100;
/// A key frame is this many times the size of another frame.
const KEY_FRAME_FACTOR: usize = 4;
/// Each spatial layer costs this many times what the one below costs.
const SPATIAL_FACTOR: u64 = 3;

/// One encoding.
#[derive(Debug)]
pub(super) struct Encoding {
    /// Its name; `None` without simulcast.
    pub(super) rid: Option<Rid>,
    /// Its place among those of its section.
    index: u8,
    carrier: Carrier,
    /// All layers that it may have.
    mode: Mode,
    encoder: Encoder,
    sizes: Vec<(u16, u16)>,
    pub(super) sequence: u64,
    /// The RTP time when its publisher was connected: each encoding has a clock of its own.
    pub(super) first_ticks: u32,
    pub(super) wants_key_frame: bool,
    base_index: u8,
    newest_base: Option<u64>,
}

/// One packet that is to be sent.
pub(super) struct Made {
    pub(super) payload: Vec<u8>,
    pub(super) descriptor: Option<Vec<u8>>,
    pub(super) marker: bool,
}

/// When and by whom frames are made, and how many bits they may have in a second.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) publisher: u32,
    pub(super) captured_us: u64,
    pub(super) bitrate_bps: u64,
    pub(super) frames_per_second: u32,
}

impl Encoding {
    /// `below` is how many encodings are larger than it.
    pub(super) fn new(
        (rid, index, below): (Option<Rid>, u8, u8),
        carrier: Carrier,
        mode: Mode,
    ) -> Encoding {
        let below = below + mode.spatial_layers - 1;
        let sizes: Vec<(u16, u16)> = (0..mode.spatial_layers)
            .map(|spatial| (1280 >> (below - spatial), 720 >> (below - spatial)))
            .collect();
        // Numbers and clocks of all encodings wrap within the first minute, each at another time.
        let mut encoder = Encoder::new(mode, 65_000 + 100 * u64::from(index), 60);
        encoder.smallest = sizes[0];
        Encoding {
            rid,
            index,
            carrier,
            mode,
            encoder,
            sizes,
            sequence: 65_000 - 500 * u64::from(index),
            first_ticks: u32::MAX - 90_000 * 7 * (1 + u32::from(index)),
            wants_key_frame: true,
            base_index: 250,
            newest_base: None,
        }
    }

    /// Has so many spatial layers from now on, or all, as if it had been set up anew with fewer.
    pub(super) fn limit(&mut self, spatial: Option<u8>) {
        let spatial_layers = self.mode.spatial_layers.min(spatial.unwrap_or(u8::MAX)).max(1);
        if spatial_layers != self.encoder.mode.spatial_layers {
            self.encoder.change(Mode { spatial_layers, ..self.mode });
            self.wants_key_frame = true;
        }
    }

    /// The packets of the next picture.
    pub(super) fn picture(&mut self, moment: Moment) -> Vec<Made> {
        let is_key = std::mem::take(&mut self.wants_key_frame);
        let frames = self.encoder.picture(is_key);
        let is_base = frames.first().is_some_and(|frame| frame.temporal == 0);
        self.base_index = self.base_index.wrapping_add(u8::from(is_base));
        let made = frames.iter().flat_map(|frame| self.frame(frame, moment)).collect();
        if is_base {
            self.newest_base = frames.first().map(|frame| frame.number);
        }
        made
    }

    fn frame(&self, frame: &Frame, moment: Moment) -> Vec<Made> {
        let spatial_layers = self.mode.spatial_layers;
        let weight = |spatial: u8| SPATIAL_FACTOR.pow(spatial.into());
        let weights: u64 = (0..spatial_layers).map(weight).sum();
        let bits = moment.bitrate_bps * weight(frame.spatial)
            / weights
            / u64::from(moment.frames_per_second);
        let len = (bits / 8) as usize * if frame.is_key { KEY_FRAME_FACTOR } else { 1 };
        // Parameters go in front of a key frame of H.264.
        let parameters = usize::from(self.carrier == Carrier::H264 && frame.is_key);
        let count = len.div_ceil(PACKET_LEN).max(1) + parameters;
        let packet_len = len / (count - parameters);
        let leans_on_base =
            frame.temporal > 0 && frame.references.iter().all(|at| Some(*at) == self.newest_base);
        let packet = |index: usize| {
            let part = Part {
                frame,
                index,
                count,
                base_index: self.base_index,
                leans_on_base,
                sizes: &self.sizes[..usize::from(self.encoder.mode.spatial_layers)],
            };
            let mark = self.mark(frame, (index, count), moment).write();
            let ends = index + 1 == count;
            let place = (index == 0, ends);
            Made {
                payload: payload::write(self.carrier, &self.encoder, &part, &mark, packet_len),
                descriptor: (self.carrier == Carrier::Av1)
                    .then(|| self.encoder.descriptor(frame, place, false)),
                marker: ends && frame.ends_picture,
            }
        };
        (0..count).map(packet).collect()
    }

    fn mark(&self, frame: &Frame, (index, count): (usize, usize), moment: Moment) -> Mark {
        Mark {
            publisher: moment.publisher,
            encoding: self.index,
            frame: frame.number,
            picture: frame.picture,
            spatial: frame.spatial,
            temporal: frame.temporal,
            part: (index as u16, count as u16),
            captured_us: moment.captured_us,
            references: frame.references.clone(),
        }
    }
}
