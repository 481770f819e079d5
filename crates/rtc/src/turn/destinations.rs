//! Where this server relays to: the addresses that it announces itself, and nowhere else.

use std::net::{IpAddr, SocketAddr};

use crate::path::DestinationId;

/// The rule of what may be relayed to: exactly these pairs of address and port, whatever kind of
/// address they are (private ones too: they are our own).
///
/// A permission of TURN is for an address, whatever the port (RFC 8656 section 9). It is given to who names one of
/// these pairs, or an address of theirs with port 0, as clients do that mean any port; with another port it is
/// refused, though the RFC would pass over that. A channel is bound to, and a datagram goes to, nothing but one of
/// the pairs. All else is forbidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    addresses: Vec<SocketAddr>,
}

/// There are more addresses than a [`DestinationId`] can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} destinations", Destinations::MAX)]
pub struct TooManyDestinations;

impl Destinations {
    /// Most destinations: as many as a [`DestinationId`] tells apart.
    pub const MAX: usize = 256;

    /// These pairs, each once, in this order; v4-mapped addresses as the IPv4 addresses that they are. The
    /// addresses of the first of each family are those that relayed addresses have.
    pub fn new(
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Destinations, TooManyDestinations> {
        let mut destinations = Destinations::default();
        for address in addresses {
            let address = normalised(address);
            if !destinations.addresses.contains(&address) {
                destinations.addresses.push(address);
            }
        }
        let fits = destinations.addresses.len() <= Destinations::MAX;
        fits.then_some(destinations).ok_or(TooManyDestinations)
    }

    /// The address and port of a destination.
    pub fn address(&self, id: DestinationId) -> Option<SocketAddr> {
        self.addresses.get(usize::from(id.0)).copied()
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = DestinationId> {
        // There are no more than 256.
        (0..self.addresses.len()).filter_map(|at| u8::try_from(at).ok()).map(DestinationId)
    }

    /// Which destination `address` is, if it is one.
    pub fn id_of(&self, address: SocketAddr) -> Option<DestinationId> {
        self.position(|known| *known == normalised(address))
    }

    /// The first destination with the address `ip`, which a permission for all of them is kept under.
    pub(super) fn first_with(&self, ip: IpAddr) -> Option<DestinationId> {
        self.position(|known| known.ip() == ip.to_canonical())
    }

    /// What a permission that names `peer` is kept under; none if it is to be refused.
    pub(super) fn permitted(&self, peer: SocketAddr) -> Option<DestinationId> {
        let first = self.first_with(peer.ip())?;
        (peer.port() == 0 || self.id_of(peer).is_some()).then_some(first)
    }

    /// The address that relayed addresses of a family have.
    pub(super) fn relayed_ip(&self, family: Family) -> Option<IpAddr> {
        self.addresses.iter().map(SocketAddr::ip).find(|ip| Family::of(*ip) == family)
    }

    fn position(&self, is_it: impl Fn(&SocketAddr) -> bool) -> Option<DestinationId> {
        let at = self.addresses.iter().position(is_it)?;
        u8::try_from(at).ok().map(DestinationId)
    }
}

/// An address without the mapping of IPv4 into IPv6, and without what only a socket can use.
fn normalised(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A family of addresses; the numbers are those of attributes (RFC 8489 section 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4 = 1,
    V6 = 2,
}

impl Family {
    pub(super) fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// The family of this number, if it is one.
    pub(super) fn from_number(number: u8) -> Option<Family> {
        match number {
            1 => Some(Family::V4),
            2 => Some(Family::V6),
            _ => None,
        }
    }
}
