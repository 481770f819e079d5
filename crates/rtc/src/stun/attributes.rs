//! The parts that every STUN message is made of, and the checks that two attributes carry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arrayvec::ArrayVec;
use aws_lc_rs::{constant_time, hmac};

use super::crc::crc32;
use super::message::ParseError;
use super::{FINGERPRINT_XOR, HEADER_LEN, INTEGRITY_LEN, MAGIC_COOKIE, TransactionId};

/// The type and the transaction of a datagram whose header is one of STUN and agrees with its
/// length.
pub(crate) fn header(datagram: &[u8]) -> Option<(u16, TransactionId)> {
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

/// One attribute, wherever it is.
pub(crate) struct Attribute<'a> {
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
    /// Where its type field starts in the datagram.
    pub(crate) offset: usize,
}

impl Attribute<'_> {
    /// The value, if it has the only length that its type has.
    pub(crate) fn fixed<const N: usize>(&self) -> Result<[u8; N], ParseError> {
        self.value.try_into().map_err(|_| ParseError::Attribute)
    }
}

/// The attributes of a message, in its order.
pub(crate) struct Attributes<'a> {
    pub(crate) rest: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(datagram: &'a [u8]) -> Attributes<'a> {
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

/// A MESSAGE-INTEGRITY attribute (RFC 8489 section 14.5), not checked yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integrity<'a> {
    /// Where the attribute starts in the message.
    offset: usize,
    value: &'a [u8; INTEGRITY_LEN],
}

impl<'a> Integrity<'a> {
    pub(crate) fn of(attribute: &Attribute<'a>) -> Result<Integrity<'a>, ParseError> {
        let value = attribute.value.try_into().map_err(|_| ParseError::Attribute)?;
        Ok(Integrity { offset: attribute.offset, value })
    }

    /// Whether `message`, which the attribute is of, was written by someone who has `key`.
    pub(crate) fn matches(&self, message: &[u8], key: &hmac::Key) -> bool {
        let Some((head, covered)) = message.get(..self.offset).and_then(|b| b.split_at_checked(4))
        else {
            return false;
        };
        // The length in the header counts up to and including this attribute.
        let Ok(length) = u16::try_from(self.offset + 4 + INTEGRITY_LEN - HEADER_LEN) else {
            return false;
        };
        let mut context = hmac::Context::with_key(key);
        context.update(head.get(..2).unwrap_or_default());
        context.update(&length.to_be_bytes());
        context.update(covered);
        constant_time::verify_slices_are_equal(context.sign().as_ref(), self.value).is_ok()
    }
}

/// Whether the FINGERPRINT attribute `found` is that of `message` (RFC 8489 section 14.7).
pub(crate) fn fingerprint_matches(message: &[u8], found: &Attribute<'_>) -> bool {
    let covered = message.get(..found.offset).unwrap_or_default();
    found
        .fixed()
        .is_ok_and(|value| u32::from_be_bytes(value) == crc32(&[covered]) ^ FINGERPRINT_XOR)
}

/// Reads the value of an XOR-MAPPED-ADDRESS attribute (RFC 8489 section 14.2).
pub(crate) fn xor_address(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
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

/// The value of an attribute that is an address, the other way round.
pub(crate) fn xor_value(address: SocketAddr, transaction: &TransactionId) -> ArrayVec<u8, 20> {
    let port = (address.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes();
    let mut value = ArrayVec::new();
    match address {
        SocketAddr::V4(v4) => {
            value.extend([0, 1]);
            value.extend(port);
            value.extend((v4.ip().to_bits() ^ MAGIC_COOKIE).to_be_bytes());
        }
        SocketAddr::V6(v6) => {
            value.extend([0, 2]);
            value.extend(port);
            value.extend((v6.ip().to_bits() ^ xor_mask(transaction)).to_be_bytes());
        }
    }
    value
}

/// What an IPv6 address is XORed with: the cookie, then the transaction.
fn xor_mask(transaction: &TransactionId) -> u128 {
    let mut tail = [0; 16];
    tail[4..].copy_from_slice(&transaction.0);
    (u128::from(MAGIC_COOKIE) << 96) | u128::from_be_bytes(tail)
}
