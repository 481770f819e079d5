//! Reading a STUN message: one pass over its attributes, into a view that borrows the datagram.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_lc_rs::{constant_time, hmac};

use super::crc::crc32;
use super::{
    BINDING, Class, FINGERPRINT_XOR, HEADER_LEN, INTEGRITY_LEN, MAGIC_COOKIE, TransactionId,
    attribute,
};

/// Most unknown attribute types that are remembered, to be named in a 420 answer; a client needs
/// one to know what we lack.
const MAX_UNKNOWN: usize = 8;

/// Most attributes in one message. ICE checks have about ten; the cap bounds the work that a
/// 64 KiB datagram of empty attributes can cause.
const MAX_ATTRIBUTES: usize = 64;

/// A datagram that is not a STUN message that we could answer; all are the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not a STUN header, or its length is not that of the datagram.
    #[error("not a STUN header")]
    Header,
    /// An attribute runs past the end, or has a length its type does not have.
    #[error("a malformed attribute")]
    Attribute,
    /// More attributes than any client sends.
    #[error("more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// FINGERPRINT is missing, is not the last attribute, or is wrong (RFC 8445 section 7.1).
    #[error("no valid FINGERPRINT")]
    Fingerprint,
}

/// Types of attributes that had to be understood and were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnknownAttributes {
    types: [u16; MAX_UNKNOWN],
    len: usize,
}

impl UnknownAttributes {
    /// The first few of the types, in the order of the message.
    pub fn types(&self) -> &[u16] {
        self.types.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, kind: u16) {
        if let Some(free) = self.types.get_mut(self.len) {
            *free = kind;
            self.len += 1;
        }
    }
}

/// A well-formed STUN message with a valid FINGERPRINT.
///
/// Nothing in it is to be believed before [`Message::has_integrity`] was true.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    class: Class,
    method: u16,
    transaction: TransactionId,
    username: Option<&'a [u8]>,
    priority: Option<u32>,
    use_candidate: bool,
    controlled: bool,
    mapped: Option<SocketAddr>,
    error: Option<u16>,
    unknown: UnknownAttributes,
    /// Where the MESSAGE-INTEGRITY attribute starts, and its value.
    integrity: Option<(usize, &'a [u8; INTEGRITY_LEN])>,
}

impl<'a> Message<'a> {
    /// Reads a whole datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Message<'a>, ParseError> {
        let (message_type, transaction) = header(datagram).ok_or(ParseError::Header)?;
        let mut message = Message {
            bytes: datagram,
            class: Class::of(message_type),
            method: (message_type & 0x000F)
                | ((message_type & 0x00E0) >> 1)
                | ((message_type & 0x3E00) >> 2),
            transaction,
            username: None,
            priority: None,
            use_candidate: false,
            controlled: false,
            mapped: None,
            error: None,
            unknown: UnknownAttributes::default(),
            integrity: None,
        };
        let mut attributes = Attributes::of(datagram);
        for _ in 0..MAX_ATTRIBUTES {
            let Some(next) = attributes.next() else { return Err(ParseError::Fingerprint) };
            let next = next?;
            if next.kind == attribute::FINGERPRINT {
                let last = attributes.rest.is_empty();
                let valid = last && message.fingerprint_matches(&next);
                return if valid { Ok(message) } else { Err(ParseError::Fingerprint) };
            }
            message.take(&next)?;
        }
        Err(ParseError::TooManyAttributes)
    }

    /// Remembers one attribute. Of several of one type the first counts, and what follows
    /// MESSAGE-INTEGRITY is not protected by it and therefore ignored (RFC 8489 sections 14 and
    /// 14.5).
    fn take(&mut self, next: &Attribute<'a>) -> Result<(), ParseError> {
        if self.integrity.is_some() {
            return Ok(());
        }
        match next.kind {
            attribute::USERNAME => {
                self.username.get_or_insert(next.value);
            }
            attribute::PRIORITY => {
                self.priority.get_or_insert(u32::from_be_bytes(next.fixed()?));
            }
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLED => {
                next.fixed::<8>()?;
                self.controlled = true;
            }
            attribute::XOR_MAPPED_ADDRESS => {
                self.mapped =
                    Some(xor_address(next.value, &self.transaction).ok_or(ParseError::Attribute)?);
            }
            attribute::ERROR_CODE => {
                let [_, _, class, number] =
                    *next.value.first_chunk::<4>().ok_or(ParseError::Attribute)?;
                self.error = Some(u16::from(class & 7) * 100 + u16::from(number));
            }
            attribute::MESSAGE_INTEGRITY => {
                let value = next.value.try_into().map_err(|_| ParseError::Attribute)?;
                self.integrity = Some((next.offset, value));
            }
            attribute::MAPPED_ADDRESS
            | attribute::UNKNOWN_ATTRIBUTES
            | attribute::REALM
            | attribute::NONCE
            | attribute::ICE_CONTROLLING
            | attribute::FIRST_OPTIONAL.. => {}
            unknown => self.unknown.push(unknown),
        }
        Ok(())
    }

    fn fingerprint_matches(&self, found: &Attribute<'_>) -> bool {
        let covered = self.bytes.get(..found.offset).unwrap_or_default();
        found
            .fixed()
            .is_ok_and(|value| u32::from_be_bytes(value) == crc32(&[covered]) ^ FINGERPRINT_XOR)
    }

    /// What the message is for.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether its method is Binding, the only one of ICE.
    pub fn is_binding(&self) -> bool {
        self.method == BINDING
    }

    /// Ties an answer to its request.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// The USERNAME attribute split at its colon: the ufrag of who gets the request, then the
    /// ufrag of who sends it (RFC 8445 section 7.2.2).
    pub fn username(&self) -> Option<(&'a [u8], &'a [u8])> {
        split_username(self.username?)
    }

    /// What the priority of a peer-reflexive candidate at the sender's address would be
    /// (RFC 8445 section 7.1.1).
    pub fn priority(&self) -> Option<u32> {
        self.priority
    }

    /// Whether the controlling agent nominates the path of this check (RFC 8445 section 8.1.1).
    pub fn use_candidate(&self) -> bool {
        self.use_candidate
    }

    /// Whether the sender believes to be the controlled agent.
    pub fn is_from_controlled(&self) -> bool {
        self.controlled
    }

    /// The sender's view of our address, in an answer.
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// The error code of an answer, 0 to 799.
    pub fn error_code(&self) -> Option<u16> {
        self.error
    }

    /// Attributes that had to be understood and were not.
    pub fn unknown_attributes(&self) -> &UnknownAttributes {
        &self.unknown
    }

    /// Whether there is a MESSAGE-INTEGRITY attribute at all.
    pub fn claims_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether the message was written by someone who has `key` (RFC 8489 section 14.5).
    pub fn has_integrity(&self, key: &hmac::Key) -> bool {
        let Some((offset, value)) = self.integrity else { return false };
        let Some((head, covered)) = self.bytes.get(..offset).and_then(|b| b.split_at_checked(4))
        else {
            return false;
        };
        // The length in the header counts up to and including this attribute.
        let Ok(length) = u16::try_from(offset + 4 + INTEGRITY_LEN - HEADER_LEN) else {
            return false;
        };
        let mut context = hmac::Context::with_key(key);
        context.update(head.get(..2).unwrap_or_default());
        context.update(&length.to_be_bytes());
        context.update(covered);
        constant_time::verify_slices_are_equal(context.sign().as_ref(), value).is_ok()
    }
}

/// The ufrag of ours that a Binding request is for, without checking anything else: it says which
/// connection is to check the request, and nothing more may be done with it.
pub fn peek_username(datagram: &[u8]) -> Option<&str> {
    let (message_type, _) = header(datagram)?;
    if message_type != BINDING | Class::Request.bits() {
        return None;
    }
    let username = Attributes::of(datagram)
        .take(MAX_ATTRIBUTES)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind == attribute::USERNAME)?;
    str::from_utf8(split_username(username.value)?.0).ok()
}

/// Where a STUN server says that our request came from: XOR-MAPPED-ADDRESS of its success to the Binding request with
/// this transaction (RFC 8489 section 6.3.3). Unlike an ICE agent's, its answer need not have a FINGERPRINT.
pub fn mapped_address_in(datagram: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let (message_type, answered) = header(datagram)?;
    if message_type != BINDING | Class::Success.bits() || answered != transaction {
        return None;
    }
    let mapped = Attributes::of(datagram)
        .take(MAX_ATTRIBUTES)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind == attribute::XOR_MAPPED_ADDRESS)?;
    xor_address(mapped.value, &transaction)
}

fn split_username(username: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = username.iter().position(|byte| *byte == b':')?;
    Some((username.get(..colon)?, username.get(colon + 1..)?))
}

/// The type and the transaction of a datagram whose header is one of STUN and agrees with its
/// length.
fn header(datagram: &[u8]) -> Option<(u16, TransactionId)> {
    let (head, rest) = datagram.split_first_chunk::<8>()?;
    let [t0, t1, l0, l1, cookie @ ..] = *head;
    let (transaction, attributes) = rest.split_first_chunk::<12>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let is_stun = t0 < 0x40
        && cookie == MAGIC_COOKIE.to_be_bytes()
        && length % 4 == 0
        && length == attributes.len();
    is_stun.then_some((u16::from_be_bytes([t0, t1]), TransactionId(*transaction)))
}

struct Attribute<'a> {
    kind: u16,
    value: &'a [u8],
    /// Where its type field starts in the datagram.
    offset: usize,
}

impl Attribute<'_> {
    fn fixed<const N: usize>(&self) -> Result<[u8; N], ParseError> {
        self.value.try_into().map_err(|_| ParseError::Attribute)
    }
}

struct Attributes<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    fn of(datagram: &'a [u8]) -> Attributes<'a> {
        Attributes { rest: datagram.get(HEADER_LEN..).unwrap_or_default(), offset: HEADER_LEN }
    }

    fn read(&mut self) -> Option<Attribute<'a>> {
        let (&[t0, t1, l0, l1], rest) = self.rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (padded, rest) = rest.split_at_checked(length.next_multiple_of(4))?;
        let attribute = Attribute {
            kind: u16::from_be_bytes([t0, t1]),
            value: padded.get(..length)?,
            offset: self.offset,
        };
        self.offset += 4 + padded.len();
        self.rest = rest;
        Some(attribute)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.read().ok_or(ParseError::Attribute))
    }
}

/// Reads the value of an XOR-MAPPED-ADDRESS attribute (RFC 8489 section 14.2).
fn xor_address(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let (&[_, family, p0, p1], address) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([p0, p1]) ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match family {
        1 => {
            let bits = u32::from_be_bytes(address.try_into().ok()?);
            IpAddr::V4(Ipv4Addr::from_bits(bits ^ MAGIC_COOKIE))
        }
        2 => {
            let bits = u128::from_be_bytes(address.try_into().ok()?);
            IpAddr::V6(Ipv6Addr::from_bits(bits ^ xor_mask(transaction)))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// What an IPv6 address is XORed with: the cookie, then the transaction.
pub(super) fn xor_mask(transaction: &TransactionId) -> u128 {
    let mut tail = [0; 16];
    tail[4..].copy_from_slice(&transaction.0);
    (u128::from(MAGIC_COOKIE) << 96) | u128::from_be_bytes(tail)
}
