//! STUN messages: reading and writing what ICE needs of RFC 8489 and RFC 8445.

mod crc;
mod message;
mod write;

use std::fmt;

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
const BINDING: u16 = 0x001;

/// Attribute types (RFC 8489 section 18.3, RFC 8445 section 20.1).
mod attribute {
    pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub(super) const REALM: u16 = 0x0014;
    pub(super) const NONCE: u16 = 0x0015;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    pub(super) const ICE_CONTROLLING: u16 = 0x802A;

    /// Types below this one must be understood by whoever gets a request with them.
    pub(super) const FIRST_OPTIONAL: u16 = 0x8000;
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
    fn bits(self) -> u16 {
        match self {
            Class::Request => 0x000,
            Class::Indication => 0x010,
            Class::Success => 0x100,
            Class::Error => 0x110,
        }
    }

    fn of(message_type: u16) -> Class {
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

/// Why a request was refused (RFC 8489 section 14.8, RFC 8445 section 20.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request lacks something it must have.
    BadRequest,
    /// The user name or the message integrity is not the one that was signalled.
    Unauthorized,
    /// The request has attributes that must be understood and are not.
    UnknownAttribute,
    /// Both agents believe to have the same role.
    RoleConflict,
}

impl ErrorCode {
    /// The number on the wire, 300 to 699.
    pub const fn number(self) -> u16 {
        match self {
            ErrorCode::BadRequest => 400,
            ErrorCode::Unauthorized => 401,
            ErrorCode::UnknownAttribute => 420,
            ErrorCode::RoleConflict => 487,
        }
    }

    const fn phrase(self) -> &'static str {
        match self {
            ErrorCode::BadRequest => "Bad Request",
            ErrorCode::Unauthorized => "Unauthorized",
            ErrorCode::UnknownAttribute => "Unknown Attribute",
            ErrorCode::RoleConflict => "Role Conflict",
        }
    }
}
