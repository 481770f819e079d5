//! Whose stream an ssrc is, for the one case that a path does not say it: a client's address has
//! changed and its media arrives before its next STUN check.

use std::collections::BTreeMap;

use crate::peer::PeerKey;

/// Ssrc to peer, as a hint: what it names must still open the packet.
///
/// An ssrc that two peers use stays with the first, so nobody can take another's by naming it;
/// the second is found by its checks alone.
#[derive(Debug, Default)]
pub(crate) struct SsrcHints {
    peers: BTreeMap<u32, PeerKey>,
}

impl SsrcHints {
    pub(crate) fn insert(&mut self, ssrc: u32, peer: PeerKey) {
        self.peers.entry(ssrc).or_insert(peer);
    }

    pub(crate) fn remove(&mut self, ssrc: u32, peer: PeerKey) {
        if self.peers.get(&ssrc) == Some(&peer) {
            self.peers.remove(&ssrc);
        }
    }

    /// Who may have sent a datagram that looks like SRTP or SRTCP (RFC 5761 section 4).
    pub(crate) fn owner(&self, datagram: &[u8]) -> Option<PeerKey> {
        const RTP_SSRC: usize = 8;
        const RTCP_SSRC: usize = 4;
        let is_rtcp = (192..=223).contains(datagram.get(1)?);
        let at = if is_rtcp { RTCP_SSRC } else { RTP_SSRC };
        let ssrc = datagram.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)?;
        self.peers.get(&ssrc).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }
}
