//! Frames that a real encoder made, so that a simulated browser can show a real one something.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// Larger frames are not what a recording for tests holds.
const MAX_FRAME_LEN: usize = 1 << 20;

/// Encoded frames in order, the first of them decodable by itself, played in a loop.
#[derive(Clone, Debug)]
pub struct Recording {
    frames: Arc<[Vec<u8>]>,
}

impl Recording {
    /// Reads a file of frames; see [`Recording::parse`].
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, or holds no frame.
    pub fn read(path: &Path) -> io::Result<Recording> {
        Recording::parse(&std::fs::read(path)?)
    }

    /// Reads frames, each behind its length as four bytes, big-endian.
    ///
    /// # Errors
    /// When they are cut short, or there are none.
    pub fn parse(bytes: &[u8]) -> io::Result<Recording> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut rest = bytes;
        let mut frames = Vec::new();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let len = u32::from_be_bytes(*len) as usize;
            if len > MAX_FRAME_LEN {
                return Err(invalid("a frame is larger than a megabyte"));
            }
            let (frame, after) = after
                .split_at_checked(len)
                .ok_or_else(|| invalid("the last frame is cut short"))?;
            frames.push(frame.to_vec());
            rest = after;
        }
        match frames.is_empty() {
            true => Err(invalid("there is no frame in it")),
            false => Ok(Recording { frames: frames.into() }),
        }
    }

    /// The frame at a position, counted past the end from the beginning again.
    pub fn frame(&self, position: usize) -> &[u8] {
        &self.frames[position % self.frames.len()]
    }
}
