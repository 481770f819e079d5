//! Writing a STUN message into a fixed buffer.

use std::net::SocketAddr;

use aws_lc_rs::hmac;

use super::attributes::xor_value;
use super::crc::crc32;
use super::{
    Class, ErrorCode, FINGERPRINT_XOR, HEADER_LEN, INTEGRITY_LEN, MAGIC_COOKIE, Method,
    TransactionId, UnknownAttributes, attribute,
};

/// Longest message that we write: a check whose two ufrags have the 256 characters that RFC 8839
/// section 5.4 allows takes 605 bytes.
pub const MAX_MESSAGE_LEN: usize = 640;

/// Builds one message, attribute by attribute, in the order of the calls.
///
/// Ends with [`MessageWriter::finish`]; a message that did not fit is then refused as a whole.
#[derive(Clone, Debug)]
pub struct MessageWriter {
    bytes: [u8; MAX_MESSAGE_LEN],
    len: usize,
    overflowed: bool,
    transaction: TransactionId,
}

impl MessageWriter {
    /// A Binding message without attributes.
    pub fn new(class: Class, transaction: TransactionId) -> MessageWriter {
        MessageWriter::of_method(Method::Binding, class, transaction)
    }

    /// A message of any method without attributes.
    pub fn of_method(method: Method, class: Class, transaction: TransactionId) -> MessageWriter {
        let mut writer =
            MessageWriter { bytes: [0; MAX_MESSAGE_LEN], len: 0, overflowed: false, transaction };
        writer.push(&(method.number() | class.bits()).to_be_bytes());
        writer.push(&[0, 0]);
        writer.push(&MAGIC_COOKIE.to_be_bytes());
        writer.push(&transaction.0);
        writer
    }

    /// USERNAME: the ufrag of who gets the request, a colon, the ufrag of who sends it.
    pub fn username(mut self, receiver: &str, sender: &str) -> Self {
        let value: [&[u8]; 3] = [receiver.as_bytes(), b":", sender.as_bytes()];
        self.attribute(attribute::USERNAME, &value);
        self
    }

    /// XOR-MAPPED-ADDRESS: where the request came from.
    pub fn xor_mapped_address(self, address: SocketAddr) -> Self {
        self.xor_address(attribute::XOR_MAPPED_ADDRESS, address)
    }

    /// An attribute of any type whose value is an address, XORed as all new ones are (RFC 8489 section
    /// 14.2).
    pub fn xor_address(mut self, kind: u16, address: SocketAddr) -> Self {
        let value = xor_value(address, &self.transaction);
        self.attribute(kind, &[&value]);
        self
    }

    /// ERROR-CODE with its reason phrase.
    pub fn error(mut self, code: ErrorCode) -> Self {
        let [class, number] = code.digits();
        self.attribute(attribute::ERROR_CODE, &[&[0, 0, class, number], code.phrase().as_bytes()]);
        self
    }

    /// ADDRESS-ERROR-CODE: why there is no relayed address of a family (RFC 8656 section 18.12).
    pub fn address_error(mut self, family: u8, code: ErrorCode) -> Self {
        let [class, number] = code.digits();
        let value = [family, 0, class, number];
        self.attribute(attribute::ADDRESS_ERROR_CODE, &[&value, code.phrase().as_bytes()]);
        self
    }

    /// UNKNOWN-ATTRIBUTES, which a 420 answer has.
    pub fn unknown_attributes(mut self, unknown: &UnknownAttributes) -> Self {
        let mut value = [0; 2 * 8];
        let types = unknown.types();
        for (bytes, kind) in value.chunks_exact_mut(2).zip(types) {
            bytes.copy_from_slice(&kind.to_be_bytes());
        }
        let len = (2 * types.len()).min(value.len());
        self.attribute(attribute::UNKNOWN_ATTRIBUTES, &[&value[..len]]);
        self
    }

    /// PRIORITY: that of a peer-reflexive candidate at our address.
    pub fn priority(mut self, priority: u32) -> Self {
        self.attribute(attribute::PRIORITY, &[&priority.to_be_bytes()]);
        self
    }

    /// USE-CANDIDATE: nominates the path of this check.
    pub fn use_candidate(mut self) -> Self {
        self.attribute(attribute::USE_CANDIDATE, &[]);
        self
    }

    /// ICE-CONTROLLED with the tie-breaker of an agent in that role.
    pub fn controlled(mut self, tie_breaker: u64) -> Self {
        self.attribute(attribute::ICE_CONTROLLED, &[&tie_breaker.to_be_bytes()]);
        self
    }

    /// ICE-CONTROLLING with the tie-breaker of an agent in that role.
    pub fn controlling(mut self, tie_breaker: u64) -> Self {
        self.attribute(attribute::ICE_CONTROLLING, &[&tie_breaker.to_be_bytes()]);
        self
    }

    /// An attribute of any type.
    pub fn raw(mut self, kind: u16, value: &[u8]) -> Self {
        self.attribute(kind, &[value]);
        self
    }

    /// MESSAGE-INTEGRITY over all that was written so far.
    pub fn integrity(mut self, key: &hmac::Key) -> Self {
        self.write_length(4 + INTEGRITY_LEN);
        let value = hmac::sign(key, self.bytes.get(..self.len).unwrap_or_default());
        self.attribute(attribute::MESSAGE_INTEGRITY, &[value.as_ref()]);
        self
    }

    /// Closes the message with FINGERPRINT. None if it did not fit [`MAX_MESSAGE_LEN`].
    pub fn finish(&mut self) -> Option<&[u8]> {
        self.write_length(4 + 4);
        let crc = crc32(&[self.bytes.get(..self.len)?]) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &[&crc.to_be_bytes()]);
        if self.overflowed { None } else { self.bytes.get(..self.len) }
    }

    /// Closes the message without FINGERPRINT, which is for who shares a port with other protocols and
    /// says so by sending it. None if it did not fit [`MAX_MESSAGE_LEN`].
    pub fn finish_without_fingerprint(&mut self) -> Option<&[u8]> {
        self.write_length(0);
        if self.overflowed { None } else { self.bytes.get(..self.len) }
    }

    /// Writes the length of the message as it will be when `more` bytes have been added.
    fn write_length(&mut self, more: usize) {
        let length = (self.len + more - HEADER_LEN) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }

    fn attribute(&mut self, kind: u16, value: &[&[u8]]) {
        let len: usize = value.iter().map(|part| part.len()).sum();
        self.push(&kind.to_be_bytes());
        self.push(&(len as u16).to_be_bytes());
        value.iter().for_each(|part| self.push(part));
        self.push(&[0; 3][..len.next_multiple_of(4) - len]);
    }

    fn push(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.overflowed = true,
        }
    }
}
