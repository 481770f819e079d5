//! What goes around a datagram on its way to a client: ChannelData, or a Data indication.

use std::net::SocketAddr;

use arrayvec::ArrayVec;

use super::channel::ChannelNumber;
use super::client::Client;
use crate::stun::attributes::xor_value;
use crate::stun::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, attribute};

/// Most bytes in front of a datagram: a Data indication from an IPv6 address.
pub const MAX_WRAPPING_LEN: usize = HEADER_LEN + (4 + 20) + 4;

/// Most bytes behind a datagram.
pub const MAX_PADDING: usize = 3;

/// The way to a client for one datagram: `header`, the datagram and `padding` zeros are one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapping {
    /// Who gets it.
    pub client: Client,
    /// What goes in front of the datagram.
    pub header: ArrayVec<u8, MAX_WRAPPING_LEN>,
    /// How many zeros follow it.
    pub padding: usize,
}

impl Wrapping {
    /// ChannelData, which has padding on streams alone (RFC 8656 section 12.5).
    pub(super) fn channel(client: Client, number: ChannelNumber, len: u16) -> Wrapping {
        let padding = if client.is_stream() { padding(len) } else { 0 };
        Wrapping { client, header: number.header(len).into_iter().collect(), padding }
    }

    /// A Data indication (RFC 8656 section 11.4). None if the datagram is too long for one.
    pub(super) fn indication(
        client: Client,
        transaction: TransactionId,
        peer: SocketAddr,
        len: u16,
    ) -> Option<Wrapping> {
        let padding = padding(len);
        let address = xor_value(peer, &transaction);
        let attributes = 4 + address.len() + 4 + usize::from(len) + padding;
        let message_type = Method::Data.number() | Class::Indication.bits();
        let mut header = ArrayVec::new();
        header.extend(message_type.to_be_bytes());
        header.extend(u16::try_from(attributes).ok()?.to_be_bytes());
        header.extend(MAGIC_COOKIE.to_be_bytes());
        header.extend(transaction.0);
        header.extend(attribute::XOR_PEER_ADDRESS.to_be_bytes());
        header.extend((address.len() as u16).to_be_bytes());
        header.extend(address);
        header.extend(attribute::DATA.to_be_bytes());
        header.extend(len.to_be_bytes());
        Some(Wrapping { client, header, padding })
    }
}

fn padding(len: u16) -> usize {
    let len = usize::from(len);
    len.next_multiple_of(4) - len
}
