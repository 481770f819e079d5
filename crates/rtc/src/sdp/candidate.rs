//! Our own transport addresses as `candidate` lines.

use std::fmt::{self, Display};
use std::net::SocketAddr;

/// A host candidate for UDP (RFC 8839 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    address: SocketAddr,
    /// The place in the order of preference, 0 for the first.
    index: u16,
}

/// RFC 8445 section 5.1.2.2: the type preference of host candidates.
const HOST_PREFERENCE: u32 = 126;

/// RTP and RTCP share the one component (RFC 8445 section 13).
const COMPONENT: u32 = 1;

impl Candidate {
    /// The candidate at `index` in our order of preference.
    pub(super) fn host(address: SocketAddr, index: usize) -> Candidate {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Candidate { address, index: u16::try_from(index).unwrap_or(u16::MAX) }
    }

    /// RFC 8445 section 5.1.2.1.
    fn priority(self) -> u32 {
        let local_preference = u32::from(u16::MAX - self.index);
        (HOST_PREFERENCE << 24) | (local_preference << 8) | (256 - COMPONENT)
    }
}

impl Display for Candidate {
    /// Every address has a foundation of its own: none share a base (RFC 8445 section 5.1.1.3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let foundation = u32::from(self.index) + 1;
        let (priority, ip, port) = (self.priority(), self.address.ip(), self.address.port());
        write!(f, "candidate:{foundation} {COMPONENT} udp {priority} {ip} {port} typ host")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_fall_with_the_order_of_preference() {
        let address = "192.0.2.1:4000".parse().unwrap();
        assert_eq!(
            Candidate::host(address, 0).to_string(),
            "candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host"
        );
        let address = "[::ffff:192.0.2.2]:4000".parse().unwrap();
        assert_eq!(
            Candidate::host(address, 1).to_string(),
            "candidate:2 1 udp 2130706175 192.0.2.2 4000 typ host"
        );
        let address = "[2001:db8::1]:4000".parse().unwrap();
        assert_eq!(
            Candidate::host(address, 2).to_string(),
            "candidate:3 1 udp 2130705919 2001:db8::1 4000 typ host"
        );
    }
}
