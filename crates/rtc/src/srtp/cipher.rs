//! The transforms behind one face: which one, is decided once per connection.

use aws_lc_rs::error::Unspecified;

use super::counter::Counter;
use super::gcm::Gcm;
use super::kdf::{Labels, MasterKey};
use super::{Position, Profile};

/// Seals and opens packets of one kind (RTP or RTCP) in one direction.
///
/// All methods work in place, return the new length of the packet, and return None when the packet
/// is too short, lacks room, or is not authentic; then its bytes are of no use.
pub(super) enum Cipher {
    /// RFC 7714.
    Gcm(Gcm),
    /// RFC 3711. Boxed: its key schedules for both directions of the block cipher take 1.7 KB.
    Counter(Box<Counter>),
}

impl Cipher {
    pub(super) fn new(master: &MasterKey, labels: Labels) -> Result<Cipher, Unspecified> {
        Ok(match master.profile() {
            Profile::AeadAes256Gcm => Cipher::Gcm(Gcm::aes_256(master, labels)?),
            Profile::AeadAes128Gcm => Cipher::Gcm(Gcm::aes_128(master, labels)?),
            Profile::AesCm128HmacSha1_80 => {
                Cipher::Counter(Box::new(Counter::new(master, labels)?))
            }
        })
    }

    /// Reads what sealing needs first.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        match self {
            Cipher::Gcm(gcm) => gcm.touch(),
            Cipher::Counter(_) => 0,
        }
    }

    /// Seals `packet[..len]`, whose first `header_len` bytes stay in the clear.
    pub(super) fn seal_rtp(
        &self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
        len: usize,
    ) -> Option<usize> {
        match self {
            Cipher::Gcm(gcm) => gcm.seal_rtp(at, header_len, packet, len),
            Cipher::Counter(counter) => counter.seal_rtp(at, header_len, packet, len),
        }
    }

    pub(super) fn open_rtp(
        &self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
    ) -> Option<usize> {
        match self {
            Cipher::Gcm(gcm) => gcm.open_rtp(at, header_len, packet),
            Cipher::Counter(counter) => counter.open_rtp(at, header_len, packet),
        }
    }

    pub(super) fn seal_rtcp(&self, at: Position, packet: &mut [u8], len: usize) -> Option<usize> {
        match self {
            Cipher::Gcm(gcm) => gcm.seal_rtcp(at, packet, len),
            Cipher::Counter(counter) => counter.seal_rtcp(at, packet, len),
        }
    }

    pub(super) fn open_rtcp(&self, at: Position, packet: &mut [u8]) -> Option<usize> {
        match self {
            Cipher::Gcm(gcm) => gcm.open_rtcp(at, packet),
            Cipher::Counter(counter) => counter.open_rtcp(at, packet),
        }
    }
}
