//! Reading what TURN clients send: STUN messages with the attributes of RFC 8656.

use std::net::SocketAddr;
use std::ops::Range;

use aws_lc_rs::hmac;

use super::channel::is_channel_data;
use super::reservation::Token;
use crate::stun::attributes::{
    Attribute, Attributes, Integrity, fingerprint_matches, header, xor_address,
};
use crate::stun::{
    Class, MAX_ATTRIBUTES, Method, ParseError, TransactionId, UnknownAttributes, attribute,
};

/// Whether a datagram on a port that ICE shares is one for the TURN server: ChannelData, a STUN message of
/// another method than Binding, or a Binding request without USERNAME, which plain STUN clients send
/// (RFC 8489 section 12). Checks of ICE always have one (RFC 8445 section 7.2.2), and what else there is of Binding
/// (answers, indications) is of ICE.
pub fn is_turn(datagram: &[u8]) -> bool {
    match datagram.first() {
        Some(..=0x3F) => {}
        Some(&first) => return is_channel_data(first),
        None => return false,
    }
    let Some((message_type, _)) = header(datagram) else { return false };
    match Method::of(message_type) {
        Some(Method::Binding) => {
            let mut attributes = Attributes::of(datagram).take(MAX_ATTRIBUTES);
            Class::of(message_type) == Class::Request
                && attributes.all(|one| one.is_ok_and(|one| one.kind != attribute::USERNAME))
        }
        _ => true,
    }
}

/// What proves who sent a request (RFC 8489 section 9.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) username: Option<&'a [u8]>,
    pub(super) realm: Option<&'a [u8]>,
    pub(super) nonce: Option<&'a [u8]>,
    integrity: Integrity<'a>,
}

/// A well-formed message; of several attributes of one type the first counts.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub(super) class: Class,
    pub(super) method: Option<Method>,
    pub(super) transaction: TransactionId,
    username: Option<&'a [u8]>,
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    integrity: Option<Integrity<'a>>,
    /// Whether there is a FINGERPRINT, which answers then have too.
    pub(super) fingerprint: bool,
    /// LIFETIME, in seconds.
    pub(super) lifetime: Option<u32>,
    /// REQUESTED-TRANSPORT: the number of a protocol over IP.
    pub(super) transport: Option<u8>,
    /// REQUESTED-ADDRESS-FAMILY, as it came.
    pub(super) family: Option<u8>,
    /// ADDITIONAL-ADDRESS-FAMILY, as it came.
    pub(super) additional_family: Option<u8>,
    /// EVEN-PORT: whether the next port is to be reserved.
    pub(super) even_port: Option<bool>,
    pub(super) token: Option<Token>,
    /// CHANNEL-NUMBER, as it came.
    pub(super) channel: Option<u16>,
    /// Where the value of DATA is.
    pub(super) data: Option<Range<usize>>,
    /// Attributes that had to be understood and were not.
    pub(super) unknown: UnknownAttributes,
}

impl<'a> Message<'a> {
    /// Reads a whole message.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Message<'a>, ParseError> {
        let (message_type, transaction) = header(bytes).ok_or(ParseError::Header)?;
        let mut message = Message {
            bytes,
            class: Class::of(message_type),
            method: Method::of(message_type),
            transaction,
            username: None,
            realm: None,
            nonce: None,
            integrity: None,
            fingerprint: false,
            lifetime: None,
            transport: None,
            family: None,
            additional_family: None,
            even_port: None,
            token: None,
            channel: None,
            data: None,
            unknown: UnknownAttributes::default(),
        };
        let mut attributes = Attributes::of(bytes);
        for _ in 0..MAX_ATTRIBUTES {
            let Some(next) = attributes.next() else { return Ok(message) };
            let next = next?;
            if next.kind == attribute::FINGERPRINT {
                let valid = attributes.rest.is_empty() && fingerprint_matches(bytes, &next);
                message.fingerprint = true;
                return if valid { Ok(message) } else { Err(ParseError::Fingerprint) };
            }
            message.take(&next)?;
        }
        if attributes.rest.is_empty() { Ok(message) } else { Err(ParseError::TooManyAttributes) }
    }

    /// Remembers one attribute; what follows MESSAGE-INTEGRITY is not protected by it and therefore ignored
    /// (RFC 8489 section 14.5).
    fn take(&mut self, next: &Attribute<'a>) -> Result<(), ParseError> {
        if self.integrity.is_some() {
            return Ok(());
        }
        match next.kind {
            attribute::USERNAME => set(&mut self.username, next.value),
            attribute::REALM => set(&mut self.realm, next.value),
            attribute::NONCE => set(&mut self.nonce, next.value),
            attribute::MESSAGE_INTEGRITY => self.integrity = Some(Integrity::of(next)?),
            attribute::LIFETIME => set(&mut self.lifetime, u32::from_be_bytes(next.fixed()?)),
            attribute::REQUESTED_TRANSPORT => set(&mut self.transport, next.fixed::<4>()?[0]),
            attribute::REQUESTED_ADDRESS_FAMILY => set(&mut self.family, next.fixed::<4>()?[0]),
            attribute::ADDITIONAL_ADDRESS_FAMILY | attribute::PROVISIONAL_ADDITIONAL_FAMILY => {
                set(&mut self.additional_family, next.fixed::<4>()?[0]);
            }
            // Some clients pad the one byte that it has themselves.
            attribute::EVEN_PORT => {
                let flags = next.value.first().ok_or(ParseError::Attribute)?;
                set(&mut self.even_port, flags & 0x80 != 0);
            }
            attribute::RESERVATION_TOKEN => set(&mut self.token, Token(next.fixed()?)),
            attribute::CHANNEL_NUMBER => {
                let [high, low, ..] = next.fixed::<4>()?;
                set(&mut self.channel, u16::from_be_bytes([high, low]));
            }
            attribute::XOR_PEER_ADDRESS => {
                self.peer_in(next).ok_or(ParseError::Attribute)?;
            }
            attribute::DATA => {
                let start = next.offset + 4;
                set(&mut self.data, start..start + next.value.len());
            }
            // Nothing that we relay is ever fragmented: it does not go over a network.
            attribute::DONT_FRAGMENT
            | attribute::MAPPED_ADDRESS
            | attribute::XOR_MAPPED_ADDRESS
            | attribute::ERROR_CODE
            | attribute::UNKNOWN_ATTRIBUTES
            | attribute::FIRST_OPTIONAL.. => {}
            unknown => self.unknown.push(unknown),
        }
        Ok(())
    }

    fn peer_in(&self, attribute: &Attribute<'_>) -> Option<SocketAddr> {
        let is_peer = attribute.kind == attribute::XOR_PEER_ADDRESS;
        is_peer.then(|| xor_address(attribute.value, &self.transaction))?
    }

    /// The addresses of XOR-PEER-ADDRESS attributes, in the order of the message.
    pub(super) fn peers(&self) -> impl Iterator<Item = SocketAddr> {
        Attributes::of(self.bytes)
            .take(MAX_ATTRIBUTES)
            .map_while(Result::ok)
            .take_while(|attribute| attribute.kind != attribute::MESSAGE_INTEGRITY)
            .filter_map(|attribute| self.peer_in(&attribute))
    }

    /// Whether it is a check of ICE, which the engine answers: those always have a USERNAME.
    pub(super) fn is_of_ice(&self) -> bool {
        self.method == Some(Method::Binding) && self.username.is_some()
    }

    /// What proves who sent it; none if nothing does.
    pub(super) fn proof(&self) -> Option<Proof<'a>> {
        let Message { username, realm, nonce, .. } = *self;
        self.integrity.map(|integrity| Proof { username, realm, nonce, integrity })
    }

    /// Whether it was written by someone who has `key`.
    pub(super) fn is_by(&self, proof: &Proof<'_>, key: &hmac::Key) -> bool {
        proof.integrity.matches(self.bytes, key)
    }
}

fn set<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}
