//! Compound RTCP packets to one peer.

use parlor_rtc::DatagramSink;
use parlor_rtc::rtcp::{CompoundWriter, NoRoom};
use parlor_rtc::rtp::Ssrc;
use parlor_rtc::srtp::SRTCP_OVERHEAD;

use crate::link::Link;

/// Longest compound, in bytes: with its seal, UDP and IPv6 it fits in 1280.
const MAX_LEN: usize = 1200;

/// Who speaks in what we say to a peer.
#[derive(Debug)]
pub(crate) struct Speaker {
    /// The sender of packets that are about the peer's streams.
    pub(crate) ssrc: Ssrc,
    /// Names the clock of all our streams (RFC 3550 section 6.5.1).
    pub(crate) cname: String,
    /// Whether a compound need not begin with a report (RFC 5506).
    pub(crate) reduced_size: bool,
}

/// One compound after another, each sent when it is full or complete.
pub(crate) struct Compound {
    bytes: [u8; MAX_LEN + SRTCP_OVERHEAD],
    len: usize,
}

impl Compound {
    pub(crate) const fn new() -> Compound {
        Compound { bytes: [0; _], len: 0 }
    }

    /// Adds the packet that `write` writes; when there is no room for it, sends what is there first.
    pub(crate) fn add(
        &mut self,
        speaker: &Speaker,
        link: &mut Link,
        out: &mut impl DatagramSink,
        mut write: impl FnMut(&mut CompoundWriter<'_>) -> Result<(), NoRoom>,
    ) {
        if self.append(speaker, &mut write).is_err() {
            self.flush(link, out);
            // One that fits into no compound at all is not sent; nothing that we write is so long.
            let _does_not_fit = self.append(speaker, &mut write);
        }
    }

    /// Sends what is there.
    pub(crate) fn flush(&mut self, link: &mut Link, out: &mut impl DatagramSink) {
        let len = std::mem::take(&mut self.len);
        let Some(path) = link.media_path().filter(|_| len > 0) else { return };
        if let Some(sealed) = link.connection.seal_rtcp(&mut self.bytes, len)
            && let Some(datagram) = self.bytes.get(..sealed)
        {
            out.send(path, datagram);
        }
    }

    fn append(
        &mut self,
        speaker: &Speaker,
        write: impl FnOnce(&mut CompoundWriter<'_>) -> Result<(), NoRoom>,
    ) -> Result<(), NoRoom> {
        let room = self.bytes.get_mut(self.len..MAX_LEN).ok_or(NoRoom)?;
        let mut writer = CompoundWriter::new(room);
        if self.len == 0 && !speaker.reduced_size {
            writer.receiver_report(speaker.ssrc, &[])?;
            writer.canonical_name(speaker.ssrc, &speaker.cname)?;
        }
        write(&mut writer)?;
        self.len += writer.len();
        Ok(())
    }
}
