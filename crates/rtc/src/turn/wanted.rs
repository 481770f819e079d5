//! What an Allocate request asks for, and whether it may ask that (RFC 8656 section 7.2).

use super::destinations::Family;
use super::message::Message;
use super::reservation::Token;
use crate::stun::ErrorCode;

/// The protocol that is relayed, by its number over IP; the only one.
const UDP: u8 = 17;

/// Of which families relayed addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Families {
    /// IPv4, as RFC 5766 knows nothing else. A server without it gives IPv6 instead of nothing: browsers
    /// never ask for a family.
    Unsaid,
    /// This one.
    One(Family),
    /// IPv4 and IPv6, or what there is of them.
    Both,
}

/// Which port the relayed addresses are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// Any.
    Any,
    /// An even one.
    Even,
    /// An even one, and the next is to be reserved.
    Pair,
    /// The one that was reserved.
    Reserved(Token),
}

/// What an Allocate request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) families: Families,
    pub(super) port: Port,
}

impl Wanted {
    pub(super) fn read(request: &Message<'_>) -> Result<Wanted, ErrorCode> {
        match request.transport {
            Some(UDP) => {}
            Some(_) => return Err(ErrorCode::UnsupportedTransport),
            None => return Err(ErrorCode::BadRequest),
        }
        let port = match (request.token, request.even_port) {
            (Some(_), Some(_)) => return Err(ErrorCode::BadRequest),
            (Some(token), None) => Port::Reserved(token),
            (None, Some(true)) => Port::Pair,
            (None, Some(false)) => Port::Even,
            (None, None) => Port::Any,
        };
        let families = match (request.family, request.additional_family) {
            (None, None) => Families::Unsaid,
            (Some(_), None) if matches!(port, Port::Reserved(_)) => {
                return Err(ErrorCode::BadRequest);
            }
            (Some(number), None) => Families::One(
                Family::from_number(number).ok_or(ErrorCode::AddressFamilyNotSupported)?,
            ),
            (None, Some(number)) if Family::from_number(number) == Some(Family::V6) => match port {
                Port::Any | Port::Even => Families::Both,
                Port::Pair | Port::Reserved(_) => return Err(ErrorCode::BadRequest),
            },
            (_, Some(_)) => return Err(ErrorCode::BadRequest),
        };
        Ok(Wanted { families, port })
    }
}
