//! STUN messages: reading and writing what ICE and TURN need of RFC 8489, RFC 8445 and RFC 8656.

pub(crate) mod attributes;
mod crc;
mod error;
mod message;
mod write;

use std::fmt;

pub use error::ErrorCode;
pub(crate) use message::MAX_ATTRIBUTES;
pub use message::{Message, ParseError, UnknownAttributes, mapped_address_in, peek_username};
pub use write::{MAX_MESSAGE_LEN, MessageWriter};

/// The fixed value of bytes 4 to 8 of every message (RFC 8489 section 5).
pub(crate) const MAGIC_COOKIE: u32 = 0x2112_A442;

/// Bytes before the first attribute.
pub(crate) const HEADER_LEN: usize = 20;

/// Bytes of an HMAC-SHA1 value (RFC 8489 section 14.5).
const INTEGRITY_LEN: usize = 20;

/// What the CRC of a FINGERPRINT attribute is XORed with: "STUN" in ASCII (RFC 8489 section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// The only method that ICE uses (RFC 8489 section 18.2).
const BINDING: u16 = Method::Binding.number();

/// Attribute types (RFC 8489 section 18.3, RFC 8445 section 20.1, RFC 8656 section 18).
pub mod attribute {
    #![allow(missing_docs)]
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    pub const LIFETIME: u16 = 0x000D;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001A;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
    /// ADDITIONAL-ADDRESS-FAMILY before it had a number: coturn's clients up to 4.6 use this one.
    pub const PROVISIONAL_ADDITIONAL_FAMILY: u16 = 0x8032;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const ICE_CONTROLLED: u16 = 0x8029;
    pub const ICE_CONTROLLING: u16 = 0x802A;

    /// Types below this one must be understood by whoever gets a request with them.
    pub const FIRST_OPTIONAL: u16 = 0x8000;
}

/// What a request asks for, or an indication says (RFC 8489 section 18.2, RFC 8656 section 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Which address the sender has; the checks of ICE are such.
    Binding,
    /// A relayed address.
    Allocate,
    /// More time for it, or none.
    Refresh,
    /// A datagram for a peer.
    Send,
    /// A datagram from a peer.
    Data,
    /// That peers at some addresses may send.
    CreatePermission,
    /// A short number for a peer.
    ChannelBind,
}

impl Method {
    const ALL: [Method; 7] = [
        Method::Binding,
        Method::Allocate,
        Method::Refresh,
        Method::Send,
        Method::Data,
        Method::CreatePermission,
        Method::ChannelBind,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Method::Binding => 1,
            Method::Allocate => 3,
            Method::Refresh => 4,
            Method::Send => 6,
            Method::Data => 7,
            Method::CreatePermission => 8,
            Method::ChannelBind => 9,
        }
    }

    /// The method of a message; none if it is none of these.
    pub(crate) fn of(message_type: u16) -> Option<Method> {
        let number = method_number(message_type);
        Method::ALL.into_iter().find(|method| method.number() == number)
    }
}

/// The method in a message type, between whose bits are those of the class (RFC 8489 section 5).
fn method_number(message_type: u16) -> u16 {
    (message_type & 0x000F) | ((message_type & 0x00E0) >> 1) | ((message_type & 0x3E00) >> 2)
}

/// What a message is for (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Says something and wants no answer.
    Indication,
    /// The answer to a request that was carried out.
    Success,
    /// The answer to a request that was refused.
    Error,
}

impl Class {
    pub(crate) const fn bits(self) -> u16 {
        match self {
            Class::Request => 0x000,
            Class::Indication => 0x010,
            Class::Success => 0x100,
            Class::Error => 0x110,
        }
    }

    pub(crate) fn of(message_type: u16) -> Class {
        match message_type & 0x110 {
            0x000 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        }
    }
}

/// Ties an answer to its request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
