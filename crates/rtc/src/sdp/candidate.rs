//! Our own transport addresses as `candidate` lines.

use std::fmt::{self, Display};
use std::net::SocketAddr;

/// Where clients reach us, the preferred first of each sort.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// By datagrams.
    pub udp: Vec<SocketAddr>,
    /// By TCP connections that the client opens, for networks that let no datagrams through.
    pub tcp: Vec<SocketAddr>,
}

impl Candidates {
    /// Addresses that are reached by datagrams alone.
    pub fn over_udp(udp: Vec<SocketAddr>) -> Candidates {
        Candidates { udp, tcp: Vec::new() }
    }

    /// Each as a line has it, the preferred first.
    pub(super) fn lines(&self) -> impl Iterator<Item = Candidate> {
        let udp = self.udp.iter().map(|address| (Transport::Udp, *address));
        let tcp = self.tcp.iter().map(|address| (Transport::TcpPassive, *address));
        let all = udp.chain(tcp).enumerate();
        all.map(|(index, (transport, address))| Candidate::host(transport, address, index))
    }
}

/// How a host candidate is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// By datagrams.
    Udp,
    /// By TCP connections that the client opens (RFC 6544 section 4.5).
    TcpPassive,
}

/// A host candidate (RFC 8839 section 5.1, RFC 6544 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    transport: Transport,
    address: SocketAddr,
    /// The place in the order of preference, 0 for the first.
    index: u16,
}

/// RFC 8445 section 5.1.2.2: the type preference of host candidates.
const HOST_PREFERENCE: u32 = 126;

/// That of TCP ones is below all of UDP (RFC 6544 section 4.2): a stream that loses a packet keeps all behind it waiting.
const TCP_PREFERENCE: u32 = 90;

/// RTP and RTCP share the one component (RFC 8445 section 13).
const COMPONENT: u32 = 1;

impl Candidate {
    /// The candidate at `index` in our order of preference.
    pub(super) fn host(transport: Transport, address: SocketAddr, index: usize) -> Candidate {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Candidate { transport, address, index: u16::try_from(index).unwrap_or(u16::MAX) }
    }

    /// RFC 8445 section 5.1.2.1.
    fn priority(self) -> u32 {
        let local_preference = u32::from(u16::MAX - self.index);
        let preference = match self.transport {
            Transport::Udp => HOST_PREFERENCE,
            Transport::TcpPassive => TCP_PREFERENCE,
        };
        (preference << 24) | (local_preference << 8) | (256 - COMPONENT)
    }
}

impl Display for Candidate {
    /// Every address has a foundation of its own: none share a base (RFC 8445 section 5.1.1.3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let foundation = u32::from(self.index) + 1;
        let (priority, ip, port) = (self.priority(), self.address.ip(), self.address.port());
        let (protocol, kind) = match self.transport {
            Transport::Udp => ("udp", ""),
            Transport::TcpPassive => ("tcp", " tcptype passive"),
        };
        write!(
            f,
            "candidate:{foundation} {COMPONENT} {protocol} {priority} {ip} {port} typ host{kind}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_fall_with_the_order_of_preference() {
        let address = "192.0.2.1:4000".parse().unwrap();
        assert_eq!(
            Candidate::host(Transport::Udp, address, 0).to_string(),
            "candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host"
        );
        let address = "[::ffff:192.0.2.2]:4000".parse().unwrap();
        assert_eq!(
            Candidate::host(Transport::Udp, address, 1).to_string(),
            "candidate:2 1 udp 2130706175 192.0.2.2 4000 typ host"
        );
        let address = "[2001:db8::1]:4000".parse().unwrap();
        assert_eq!(
            Candidate::host(Transport::Udp, address, 2).to_string(),
            "candidate:3 1 udp 2130705919 2001:db8::1 4000 typ host"
        );
    }

    #[test]
    fn tcp_comes_after_all_of_udp() {
        let address = "192.0.2.1:4000".parse().unwrap();
        let tcp = Candidate::host(Transport::TcpPassive, address, 12);
        assert_eq!(
            tcp.to_string(),
            "candidate:13 1 tcp 1526723583 192.0.2.1 4000 typ host tcptype passive"
        );
        assert!(tcp.priority() < Candidate::host(Transport::Udp, address, usize::MAX).priority());
    }
}
