//! SRTP and SRTCP (RFC 3711, RFC 7714): sealing and opening packets in place.

mod cipher;
mod counter;
mod gcm;
mod inbound;
mod kdf;
mod outbound;
mod replay;

pub use inbound::{Inbound, MAX_SSRCS, OpenError};
pub use kdf::{Keys, MasterKey};
pub use outbound::Outbound;

/// Most bytes that sealing adds to an RTP packet: the tag of AES-GCM.
pub const SRTP_OVERHEAD: usize = 16;

/// Most bytes that sealing adds to an RTCP packet: the tag of AES-GCM and the SRTCP index.
pub const SRTCP_OVERHEAD: usize = 20;

/// Bytes that an SRTCP packet has for the E flag and its index (RFC 3711 section 3.4).
const SRTCP_INDEX_LEN: usize = 4;

/// The E flag of an SRTCP packet: it is encrypted.
const SRTCP_ENCRYPTED: u32 = 1 << 31;

/// Bytes of an RTCP header with the sender's ssrc, which SRTCP leaves in the clear.
const RTCP_HEADER_LEN: usize = 8;

/// How packets are protected; the order is our preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// RFC 7714 with a 256-bit key.
    AeadAes256Gcm,
    /// RFC 7714 with a 128-bit key.
    AeadAes128Gcm,
    /// RFC 3711's default: AES counter mode and HMAC-SHA1 cut to 80 bits. Costs five times as
    /// much as the others.
    AesCm128HmacSha1_80,
}

impl Profile {
    /// All profiles, in the order of our preference.
    pub const ALL: [Profile; 3] =
        [Profile::AeadAes256Gcm, Profile::AeadAes128Gcm, Profile::AesCm128HmacSha1_80];

    /// Bytes of a master key.
    pub const fn key_len(self) -> usize {
        match self {
            Profile::AeadAes256Gcm => 32,
            Profile::AeadAes128Gcm | Profile::AesCm128HmacSha1_80 => 16,
        }
    }

    /// Bytes of a master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => 12,
            Profile::AesCm128HmacSha1_80 => 14,
        }
    }

    /// Bytes of an authentication tag.
    pub const fn tag_len(self) -> usize {
        match self {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => 16,
            Profile::AesCm128HmacSha1_80 => 10,
        }
    }

    /// The number in the `use_srtp` extension (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
    pub const fn number(self) -> u16 {
        match self {
            Profile::AeadAes256Gcm => 0x0008,
            Profile::AeadAes128Gcm => 0x0007,
            Profile::AesCm128HmacSha1_80 => 0x0001,
        }
    }
}

/// What makes the keystream of one packet unique: its ssrc and its index, of 48 bits for RTP and 31
/// for RTCP.
#[derive(Clone, Copy)]
struct Position {
    ssrc: u32,
    index: u64,
}

impl Position {
    /// The rollover counter, which RTP's tag covers though it is not sent.
    fn rollover(self) -> [u8; 4] {
        ((self.index >> 16) as u32).to_be_bytes()
    }

    /// The E flag, always set, and the SRTCP index.
    fn srtcp_word(self) -> [u8; SRTCP_INDEX_LEN] {
        (SRTCP_ENCRYPTED | self.index as u32).to_be_bytes()
    }
}

/// The parts of an RTP header that SRTP looks at.
#[derive(Clone, Copy)]
struct RtpHeader {
    len: usize,
    sequence: u16,
    ssrc: u32,
}

impl RtpHeader {
    /// Reads the fixed header, and the lengths of the csrcs and of the extension
    /// (RFC 3550 section 5.1). None if it is no RTP packet or not all there.
    fn parse(packet: &[u8]) -> Option<RtpHeader> {
        let (&[first, _, s0, s1, _, _, _, _, ssrc @ ..], _) = packet.split_first_chunk::<12>()?;
        if first >> 6 != 2 {
            return None;
        }
        let mut len = 12 + 4 * usize::from(first & 0x0F);
        if first & 0x10 != 0 {
            let &[_, _, l0, l1] = packet.get(len..)?.first_chunk::<4>()?;
            len += 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        }
        let sequence = u16::from_be_bytes([s0, s1]);
        (len <= packet.len()).then_some(RtpHeader { len, sequence, ssrc: u32::from_be_bytes(ssrc) })
    }
}

/// The ssrc of who sends an RTCP packet. None if it is no RTCP packet.
fn rtcp_sender(packet: &[u8]) -> Option<u32> {
    let (&[first, _, _, _, ssrc @ ..], _) = packet.split_first_chunk::<8>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes(ssrc))
}
