//! Reading a STUN message: one pass over its attributes, into a view that borrows the datagram.

use std::net::SocketAddr;

use aws_lc_rs::hmac;

use super::attributes::{
    Attribute, Attributes, Integrity, fingerprint_matches, header, xor_address,
};
use super::{BINDING, Class, TransactionId, attribute, method_number};

/// Most unknown attribute types that are remembered, to be named in a 420 answer; a client needs
/// one to know what we lack.
const MAX_UNKNOWN: usize = 8;

/// Most attributes in one message. ICE checks have about ten; the cap bounds the work that a
/// 64 KiB datagram of empty attributes can cause.
pub(crate) const MAX_ATTRIBUTES: usize = 64;

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

    pub(crate) fn push(&mut self, kind: u16) {
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
    integrity: Option<Integrity<'a>>,
}

impl<'a> Message<'a> {
    /// Reads a whole datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Message<'a>, ParseError> {
        let (message_type, transaction) = header(datagram).ok_or(ParseError::Header)?;
        let mut message = Message {
            bytes: datagram,
            class: Class::of(message_type),
            method: method_number(message_type),
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
                let valid = last && fingerprint_matches(datagram, &next);
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
                self.integrity = Some(Integrity::of(next)?);
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
        self.integrity.is_some_and(|integrity| integrity.matches(self.bytes, key))
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
