//! One allocation: a relayed address, and where its client may send with it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use arrayvec::ArrayVec;
use aws_lc_rs::hmac;

use super::channel::ChannelNumber;
use super::client::Client;
use super::destinations::{Destinations, Family};
use super::limits::{CHANNEL_LIFETIME, MAX_CHANNELS, MAX_PERMISSIONS, PERMISSION_LIFETIME};
use super::quotas::Holder;
use super::reservation::Token;
use crate::path::{AllocationId, DestinationId, RelayedPath};
use crate::stun::{ErrorCode, TransactionId};

/// The relayed addresses of one allocation: one of each family at most, with the same port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relayed {
    pub(super) v4: Option<IpAddr>,
    pub(super) v6: Option<IpAddr>,
    pub(super) port: u16,
}

impl Relayed {
    pub(super) fn address(&self, family: Family) -> Option<SocketAddr> {
        let ip = match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        };
        Some(SocketAddr::new(ip?, self.port))
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [Family::V4, Family::V6].into_iter().filter_map(|family| self.address(family))
    }

    /// The path between the address of a destination's family, if there is one, and that destination.
    pub(super) fn path_to(
        &self,
        allocation: AllocationId,
        destination: DestinationId,
        destinations: &Destinations,
    ) -> Option<RelayedPath> {
        let family = Family::of(destinations.address(destination)?.ip());
        let relayed = self.address(family)?;
        Some(RelayedPath { allocation, relayed, destination })
    }

    /// Takes out the address of a family: that one alone, which is returned.
    pub(super) fn remove(&mut self, family: Family) -> Relayed {
        let mut removed = Relayed { v4: None, v6: None, port: self.port };
        match family {
            Family::V4 => removed.v4 = self.v4.take(),
            Family::V6 => removed.v6 = self.v6.take(),
        }
        removed
    }
}

/// Leave to send to an address, whatever the port.
#[derive(Clone, Copy, Debug)]
struct Permission {
    /// The first destination with that address.
    first: DestinationId,
    until: Instant,
}

/// A number for a destination.
#[derive(Clone, Copy, Debug)]
struct Channel {
    number: ChannelNumber,
    destination: DestinationId,
    until: Instant,
}

/// What an Allocate request is granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) client: Client,
    /// Who may change it: nobody else (RFC 8656 section 5).
    pub(super) username: Box<[u8]>,
    pub(super) holder: Holder,
    /// What requests for it are signed with; kept, so that it lasts when the credentials are over.
    pub(super) key: hmac::Key,
    /// Of the Allocate request, which may come again.
    pub(super) transaction: TransactionId,
    pub(super) relayed: Relayed,
    /// The family that was asked for too and that there is not.
    pub(super) missing: Option<Family>,
    /// The right to the next port.
    pub(super) token: Option<Token>,
    /// In seconds.
    pub(super) lifetime: u32,
    pub(super) until: Instant,
}

/// One allocation (RFC 8656 section 3.2).
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) id: AllocationId,
    pub(super) grant: Grant,
    permissions: ArrayVec<Permission, MAX_PERMISSIONS>,
    channels: ArrayVec<Channel, MAX_CHANNELS>,
}

impl Allocation {
    pub(super) fn new(id: AllocationId, grant: Grant) -> Allocation {
        Allocation { id, grant, permissions: ArrayVec::new(), channels: ArrayVec::new() }
    }

    /// The path between its relayed address and a destination; none if it has no address of that family.
    pub(super) fn path_to(
        &self,
        destination: DestinationId,
        destinations: &Destinations,
    ) -> Option<RelayedPath> {
        self.grant.relayed.path_to(self.id, destination, destinations)
    }

    /// Whether the address whose first destination this is may be sent to.
    pub(super) fn permits(&self, first: DestinationId, now: Instant) -> bool {
        self.permissions.iter().any(|known| known.first == first && known.until > now)
    }

    /// Gives or prolongs permissions for the addresses of these destinations: for all or, when there are too
    /// many, for none.
    pub(super) fn permit(
        &mut self,
        now: Instant,
        addresses: impl Iterator<Item = DestinationId>,
    ) -> Result<(), ErrorCode> {
        let mut permissions = self.permissions.clone();
        permissions.retain(|known| known.until > now);
        let until = now + PERMISSION_LIFETIME;
        for first in addresses {
            match permissions.iter_mut().find(|known| known.first == first) {
                Some(known) => known.until = until,
                None => permissions
                    .try_push(Permission { first, until })
                    .map_err(|_| ErrorCode::InsufficientCapacity)?,
            }
        }
        self.permissions = permissions;
        Ok(())
    }

    /// What a channel is bound to.
    pub(super) fn destination_of(
        &self,
        number: ChannelNumber,
        now: Instant,
    ) -> Option<DestinationId> {
        let mut live = self.channels.iter().filter(|channel| channel.until > now);
        live.find(|channel| channel.number == number).map(|channel| channel.destination)
    }

    /// The channel that is bound to a destination.
    pub(super) fn channel_to(
        &self,
        destination: DestinationId,
        now: Instant,
    ) -> Option<ChannelNumber> {
        let mut live = self.channels.iter().filter(|channel| channel.until > now);
        live.find(|channel| channel.destination == destination).map(|channel| channel.number)
    }

    /// Binds a channel or prolongs its binding, and gives a permission for its address, which `first` stands for;
    /// both or neither. A number is for one destination and a destination has one number, until ten minutes after
    /// the last word (RFC 8656 section 12.2).
    pub(super) fn bind(
        &mut self,
        now: Instant,
        number: ChannelNumber,
        (destination, first): (DestinationId, DestinationId),
    ) -> Result<(), ErrorCode> {
        self.channels.retain(|channel| channel.until > now);
        let channel = Channel { number, destination, until: now + CHANNEL_LIFETIME };
        let mut bound = self.channels.iter();
        let same = bound.position(|it| it.number == number || it.destination == destination);
        match same.and_then(|at| self.channels.get(at)) {
            Some(it) if it.number != number || it.destination != destination => {
                return Err(ErrorCode::BadRequest);
            }
            None if self.channels.is_full() => return Err(ErrorCode::InsufficientCapacity),
            _ => self.permit(now, [first].into_iter())?,
        }
        match same.and_then(|at| self.channels.get_mut(at)) {
            Some(known) => *known = channel,
            None => self.channels.push(channel),
        }
        Ok(())
    }

    /// How many permissions and how many channels it has, those included that are over.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.permissions.len(), self.channels.len())
    }
}
