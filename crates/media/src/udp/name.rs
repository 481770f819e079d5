//! Socket addresses as the kernel lays them out, and the one place where v4-mapped ones end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::sys::NAME_LEN;

/// The address family of a socket, which decides how addresses are written for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    /// IPv6, and IPv4 as v4-mapped addresses.
    V6,
}

impl Family {
    pub(super) fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Whether a socket of this family can send to and from `ip`.
    pub(super) fn carries(self, ip: IpAddr) -> bool {
        self == Family::V6 || ip.is_ipv4()
    }
}

/// Writes `address` for a socket of `family` into `name` and returns the bytes used; 0 when an
/// IPv4 socket cannot have this address.
pub(super) fn encode(address: SocketAddr, family: Family, name: &mut [u8; NAME_LEN]) -> usize {
    let port = address.port().to_be_bytes();
    match family {
        Family::V4 => {
            let IpAddr::V4(ip) = address.ip() else { return 0 };
            name[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            name[2..4].copy_from_slice(&port);
            name[4..8].copy_from_slice(&ip.octets());
            name[8..16].fill(0);
            size_of::<libc::sockaddr_in>()
        }
        Family::V6 => {
            let scope = if let SocketAddr::V6(v6) = address { v6.scope_id() } else { 0 };
            name[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
            name[2..4].copy_from_slice(&port);
            name[4..8].fill(0);
            name[8..24].copy_from_slice(&mapped(address.ip()).octets());
            name[24..28].copy_from_slice(&scope.to_ne_bytes());
            NAME_LEN
        }
    }
}

/// Reads an address that the kernel wrote. A v4-mapped one comes out as IPv4; the flow label is
/// left out, because it may change from packet to packet of one path.
pub(super) fn decode(name: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(*name.first_chunk()?));
    let port = u16::from_be_bytes(name.get(2..4)?.try_into().ok()?);
    match family {
        libc::AF_INET => {
            let octets: [u8; 4] = name.get(4..8)?.try_into().ok()?;
            Some(SocketAddr::new(Ipv4Addr::from(octets).into(), port))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = name.get(8..24)?.try_into().ok()?;
            let scope = u32::from_ne_bytes(name.get(24..28)?.try_into().ok()?);
            let ip = Ipv6Addr::from(octets);
            Some(match ip.to_ipv4_mapped() {
                Some(v4) => SocketAddr::new(v4.into(), port),
                None => SocketAddrV6::new(ip, port, 0, scope).into(),
            })
        }
        _ => None,
    }
}

/// The address as an IPv6 socket has it.
pub(super) fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was_written() {
        let mut name = [0; NAME_LEN];
        for text in ["192.0.2.7:4000", "[2001:db8::7]:65535", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            for family in [Family::V4, Family::V6] {
                let len = encode(address, family, &mut name);
                if family.carries(address.ip()) {
                    assert_eq!(decode(&name[..len]), Some(address), "{text} as {family:?}");
                } else {
                    assert_eq!(len, 0);
                }
            }
        }
    }

    #[test]
    fn an_unknown_family_or_a_short_name_is_no_address() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[1, 0, 3]), None);
        assert_eq!(decode(&[0xff; NAME_LEN]), None);
        let mut name = [0; NAME_LEN];
        encode("[::1]:1".parse().unwrap(), Family::V6, &mut name);
        assert_eq!(decode(&name[..20]), None);
    }
}
