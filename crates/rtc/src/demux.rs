//! Which protocol a datagram on a multiplexed port belongs to (RFC 7983).

/// The protocols that share a port with SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 8489.
    Stun,
    /// RFC 6347, RFC 9147.
    Dtls,
    /// ChannelData of TURN (RFC 8656 section 12).
    TurnChannel,
    /// RTP, sealed (RFC 3711).
    Srtp,
    /// RTCP, sealed (RFC 3711).
    Srtcp,
}

/// Sorts by the first byte, and RTP from RTCP by the second: payload types 64 to 95 are never
/// given to RTP where both share a port (RFC 5761 section 4). None if it is nothing we know. Clients that
/// know only RFC 5766 number their channels up to 0x7FFF, and nothing else has those bytes.
pub fn classify(datagram: &[u8]) -> Option<Protocol> {
    let &first = datagram.first()?;
    match first {
        0..=3 => Some(Protocol::Stun),
        20..=63 => Some(Protocol::Dtls),
        64..=127 => Some(Protocol::TurnChannel),
        128..=191 => match datagram.get(1)? {
            192..=223 => Some(Protocol::Srtcp),
            _ => Some(Protocol::Srtp),
        },
        _ => None,
    }
}
