//! A camera whose packets are not sent anywhere.

use std::time::{Duration, Instant};

use parlor_engine::ring::{Facts, FrameNumbers, PictureId};

use crate::ring::facts;

/// From one frame to the next.
pub(crate) const FRAME: Duration = Duration::from_millis(33);

/// A camera that sends frames of some packets, 33 ms apart.
pub(super) struct Camera {
    pub(super) now: Instant,
    pub(super) sequence: u64,
    pub(super) timestamp: u64,
    frame: u64,
}

impl Camera {
    pub(super) fn new(now: Instant, sequence: u64, timestamp: u64) -> Camera {
        Camera { now, sequence, timestamp, frame: 5 }
    }

    /// The packets of the next frame.
    pub(super) fn frame(&mut self, packets: u64, key: bool) -> Vec<Facts> {
        self.now += FRAME;
        self.timestamp += 2970;
        self.frame += 1;
        let made = (0..packets).map(|n| Facts {
            timestamp: self.timestamp,
            marker: n + 1 == packets,
            starts_frame: n == 0,
            starts_key_frame: key && n == 0,
            numbers: numbers(self.frame),
            ..facts(self.sequence + n, self.now)
        });
        let made = made.collect();
        self.sequence += packets;
        made
    }
}

fn numbers(frame: u64) -> FrameNumbers {
    FrameNumbers {
        picture_id: Some(PictureId { value: (frame & 0x7FFF) as u16, wide: true }),
        tl0_picture_index: Some(frame as u8),
        frame_number: Some(frame as u16),
    }
}
