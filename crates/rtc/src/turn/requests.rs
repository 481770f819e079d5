//! What authenticated requests do (RFC 8656 sections 7, 8, 10 and 12).

use std::net::IpAddr;
use std::time::Duration;

use super::allocation::{Allocation, Grant, Relayed};
use super::asked::{Asked, Asker};
use super::channel::ChannelNumber;
use super::client::Client;
use super::destinations::Family;
use super::ended::Ended;
use super::limits::{DEFAULT_LIFETIME, MAX_LIFETIME};
use super::login::peer_of;
use super::quotas::{Counting, Holder};
use super::reservation::{Reservation, Token};
use super::server::{Server, Time};
use super::table::Table;
use super::wanted::{Families, Port, Wanted};
use crate::stun::{ErrorCode, MessageWriter, Method, attribute};

/// The answer that a request has earned, still to be signed.
type Outcome = Result<MessageWriter, ErrorCode>;

impl Server {
    /// Does what is asked for.
    pub(super) fn carry_out(&mut self, asked: Asked<'_>, asker: &Asker<'_>) -> Outcome {
        if !asked.message.unknown.types().is_empty() {
            return Err(ErrorCode::UnknownAttribute);
        }
        match asked.method {
            Method::Allocate => self.allocate(asked, asker),
            Method::Refresh => self.refresh(asked, asker),
            Method::CreatePermission => self.create_permission(asked, asker),
            Method::ChannelBind => self.bind_channel(asked, asker),
            Method::Binding | Method::Send | Method::Data => Err(ErrorCode::BadRequest),
        }
    }

    /// RFC 8656 section 7.2.
    fn allocate(&mut self, asked: Asked<'_>, asker: &Asker<'_>) -> Outcome {
        let Asked { time, client, message, .. } = asked;
        if let Some(Allocation { grant, .. }) = self.table.of_client(time.now, client) {
            // Who did not get the answer asks again, and is told the same.
            let same =
                grant.transaction == message.transaction && *grant.username == *asker.username;
            return same.then(|| allocated(asked, grant)).ok_or(ErrorCode::AllocationMismatch);
        }
        let wanted = Wanted::read(message)?;
        let holder = Holder { peer: peer_of(asker.username).into(), ip: client.remote().ip() };
        if !self.counter.take(&holder) {
            return Err(ErrorCode::AllocationQuotaReached);
        }
        let address = self.relayed_address(time, wanted, asker.username);
        let (relayed, missing, token) = address.inspect_err(|_| self.counter.give_back(&holder))?;
        let lifetime = granted(message.lifetime);
        let grant = Grant {
            client,
            username: asker.username.into(),
            holder,
            key: asker.key.clone(),
            transaction: message.transaction,
            relayed,
            missing,
            token,
            lifetime,
            until: time.now + Duration::from_secs(lifetime.into()),
        };
        let answer = allocated(asked, &grant);
        self.table.insert(grant);
        self.statistics.made += 1;
        Ok(answer)
    }

    /// The addresses for an allocation, the family of them that there is not, and the token for the next port.
    /// What can fail comes first: nothing is taken in vain.
    fn relayed_address(
        &mut self,
        time: Time,
        wanted: Wanted,
        username: &[u8],
    ) -> Result<(Relayed, Option<Family>, Option<Token>), ErrorCode> {
        if self.table.len() >= self.limits.in_all as usize {
            return Err(ErrorCode::InsufficientCapacity);
        }
        let reserved = match wanted.port {
            Port::Reserved(token) => Some(
                self.tokens
                    .redeem(token, username, time.unix_seconds)
                    .ok_or(ErrorCode::InsufficientCapacity)?,
            ),
            Port::Any | Port::Even | Port::Pair => None,
        };
        let families = reserved.map_or(wanted.families, |known| Families::One(known.family));
        let (v4, v6) = self.addresses(families);
        if v4.is_none() && v6.is_none() {
            return Err(ErrorCode::AddressFamilyNotSupported);
        }
        let missing = match (families, v4, v6) {
            (Families::Both, None, _) => Some(Family::V4),
            (Families::Both, _, None) => Some(Family::V6),
            _ => None,
        };
        let port = match (wanted.port, reserved) {
            (Port::Any, _) => self.ports.take(),
            (Port::Even, _) => self.ports.take_even(),
            (Port::Pair, _) => self.ports.take_pair(),
            (Port::Reserved(_), known) => {
                known.map(|known| known.port).filter(|port| self.ports.take_reserved(*port))
            }
        };
        let port = port.ok_or(ErrorCode::InsufficientCapacity)?;
        let token = (wanted.port == Port::Pair).then(|| {
            let family = if v4.is_some() { Family::V4 } else { Family::V6 };
            let next = Reservation { port: port + 1, family };
            self.tokens.issue(next, username, time.unix_seconds)
        });
        Ok((Relayed { v4, v6, port }, missing, token))
    }

    /// The addresses that there are of the families.
    fn addresses(&self, families: Families) -> (Option<IpAddr>, Option<IpAddr>) {
        let v4 = self.destinations.relayed_ip(Family::V4);
        let v6 = self.destinations.relayed_ip(Family::V6);
        match families {
            Families::Both => (v4, v6),
            Families::One(Family::V4) => (v4, None),
            Families::One(Family::V6) => (None, v6),
            Families::Unsaid => (v4, v6.filter(|_| v4.is_none())),
        }
    }

    /// RFC 8656 section 8.2.
    fn refresh(&mut self, asked: Asked<'_>, asker: &Asker<'_>) -> Outcome {
        let allocation = own(&mut self.table, asked, asker)?;
        let (id, relayed) = (allocation.id, &mut allocation.grant.relayed);
        let family = match asked.message.family {
            None => None,
            Some(number) => Some(
                Family::from_number(number)
                    .filter(|family| relayed.address(*family).is_some())
                    .ok_or(ErrorCode::PeerAddressFamilyMismatch)?,
            ),
        };
        let lifetime = match asked.message.lifetime {
            Some(0) => 0,
            lifetime => granted(lifetime),
        };
        if lifetime > 0 {
            let until = asked.time.now + Duration::from_secs(lifetime.into());
            self.table.prolong(asked.client, until);
        } else {
            // Of an allocation with two families, one can be given up.
            if let Some(family) = family {
                self.endings.add(Ended::new(id, relayed.remove(family)));
            }
            if family.is_none() || relayed.addresses().next().is_none() {
                self.end(asked.client);
            }
        }
        Ok(asked.success().raw(attribute::LIFETIME, &lifetime.to_be_bytes()))
    }

    /// RFC 8656 section 10.2: for all of the addresses or for none.
    fn create_permission(&mut self, asked: Asked<'_>, asker: &Asker<'_>) -> Outcome {
        let allocation = own(&mut self.table, asked, asker)?;
        let peers = || asked.message.peers();
        if peers().next().is_none() {
            return Err(ErrorCode::BadRequest);
        }
        for peer in peers() {
            may_reach(allocation, peer.ip())?;
            self.destinations.permitted(peer).ok_or(ErrorCode::Forbidden)?;
        }
        let addresses = peers().filter_map(|peer| self.destinations.permitted(peer));
        allocation.permit(asked.time.now, addresses)?;
        Ok(asked.success())
    }

    /// RFC 8656 section 12.2. It gives a permission too.
    fn bind_channel(&mut self, asked: Asked<'_>, asker: &Asker<'_>) -> Outcome {
        let allocation = own(&mut self.table, asked, asker)?;
        let number = asked.message.channel.and_then(ChannelNumber::new);
        let (Some(number), Some(peer)) = (number, asked.message.peers().next()) else {
            return Err(ErrorCode::BadRequest);
        };
        may_reach(allocation, peer.ip())?;
        let destination = self.destinations.id_of(peer).ok_or(ErrorCode::Forbidden)?;
        let first = self.destinations.first_with(peer.ip()).ok_or(ErrorCode::Forbidden)?;
        allocation.bind(asked.time.now, number, (destination, first))?;
        Ok(asked.success())
    }

    /// Ends the allocation of a client; whether there was one.
    pub(super) fn end(&mut self, client: Client) -> bool {
        let ended = self.table.remove(client);
        if let Some(allocation) = &ended {
            self.release(allocation);
        }
        ended.is_some()
    }

    /// Gives back what an allocation had that is no longer in the table.
    pub(super) fn release(&mut self, allocation: &Allocation) {
        let grant = &allocation.grant;
        self.endings.add(Ended::new(allocation.id, grant.relayed));
        self.counter.give_back(&grant.holder);
        self.ports.release(grant.relayed.port);
        if grant.token.is_some() {
            self.ports.release_reserved(grant.relayed.port);
        }
    }
}

/// The allocation of who sent a request, if it is theirs.
fn own<'a>(
    table: &'a mut Table,
    asked: Asked<'_>,
    asker: &Asker<'_>,
) -> Result<&'a mut Allocation, ErrorCode> {
    let allocation =
        table.of_client_mut(asked.time.now, asked.client).ok_or(ErrorCode::AllocationMismatch)?;
    let own = *allocation.grant.username == *asker.username;
    own.then_some(allocation).ok_or(ErrorCode::WrongCredentials)
}

/// Whether an allocation has an address of the family that a peer's is of.
fn may_reach(allocation: &Allocation, peer: IpAddr) -> Result<(), ErrorCode> {
    let family = Family::of(peer.to_canonical());
    let relayed = allocation.grant.relayed.address(family);
    relayed.map(drop).ok_or(ErrorCode::PeerAddressFamilyMismatch)
}

/// The lifetime that is granted to who asks for one, in seconds.
fn granted(asked: Option<u32>) -> u32 {
    let bound = |lifetime: Duration| lifetime.as_secs() as u32;
    asked.unwrap_or(0).clamp(bound(DEFAULT_LIFETIME), bound(MAX_LIFETIME))
}

/// What the client of an allocation is told (RFC 8656 section 7.3).
fn allocated(asked: Asked<'_>, grant: &Grant) -> MessageWriter {
    let mut answer = asked.success();
    for address in grant.relayed.addresses() {
        answer = answer.xor_address(attribute::XOR_RELAYED_ADDRESS, address);
    }
    answer = answer
        .raw(attribute::LIFETIME, &grant.lifetime.to_be_bytes())
        .xor_mapped_address(asked.client.remote());
    if let Some(Token(token)) = grant.token {
        answer = answer.raw(attribute::RESERVATION_TOKEN, &token);
    }
    if let Some(family) = grant.missing {
        answer = answer.address_error(family as u8, ErrorCode::AddressFamilyNotSupported);
    }
    answer
}
