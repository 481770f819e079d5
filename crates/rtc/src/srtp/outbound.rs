//! Sealing what we send.

use super::cipher::Cipher;
use super::kdf::{Labels, MasterKey};
use super::{Position, RtpHeader, rtcp_sender};

/// One more than the last SRTCP index: a key may seal no more packets (RFC 3711 section 9.2). At
/// 100 packets per second that takes eight months.
const SRTCP_INDEX_END: u32 = 1 << 31;

/// One more than the last index of RTP: 2^32 rollovers of the sequence number.
const RTP_INDEX_END: u64 = 1 << 48;

/// Seals all packets for one client.
pub struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    /// One counter for all ssrcs: their indices may have gaps.
    next_rtcp_index: u32,
}

impl Outbound {
    /// Derives the keys. None if the cryptography refuses them, which valid lengths exclude.
    pub fn new(master: &MasterKey) -> Option<Outbound> {
        Some(Outbound {
            rtp: Cipher::new(master, Labels::RTP).ok()?,
            rtcp: Cipher::new(master, Labels::RTCP).ok()?,
            next_rtcp_index: 0,
        })
    }

    /// Reads what sealing an RTP packet needs first.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.rtp.touch()
    }

    /// Seals the RTP packet `packet[..len]` in place and returns its new length, at most
    /// [`SRTP_OVERHEAD`](super::SRTP_OVERHEAD) more.
    ///
    /// `index` is the packet's place in its stream: the rollover counter in bits 16 to 47, the
    /// sequence number below. The caller counts it; no two packets of an ssrc may share one unless
    /// they are the same packet, byte for byte. None if the packet is no RTP packet, its sequence
    /// number is not that of `index`, or the bytes behind `len` are too few.
    pub fn seal_rtp(&mut self, packet: &mut [u8], len: usize, index: u64) -> Option<usize> {
        let header = RtpHeader::parse(packet.get(..len)?)?;
        if index >= RTP_INDEX_END || index as u16 != header.sequence {
            return None;
        }
        self.rtp.seal_rtp(Position { ssrc: header.ssrc, index }, header.len, packet, len)
    }

    /// Seals the RTCP packet `packet[..len]` in place and returns its new length, at most
    /// [`SRTCP_OVERHEAD`](super::SRTCP_OVERHEAD) more. None if it is no RTCP packet, the bytes
    /// behind `len` are too few, or 2^31 packets have been sealed.
    pub fn seal_rtcp(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let ssrc = rtcp_sender(packet.get(..len)?)?;
        if self.next_rtcp_index >= SRTCP_INDEX_END {
            return None;
        }
        let index = u64::from(self.next_rtcp_index);
        let len = self.rtcp.seal_rtcp(Position { ssrc, index }, packet, len)?;
        self.next_rtcp_index += 1;
        Some(len)
    }
}
