//! SDP: reads a client's offer, decides what it becomes, and writes the answer (RFC 8866, RFC 9429).
//!
//! Three steps, each a value: [`Offer::parse`] reads, [`negotiate`] decides, and
//! [`Negotiation::answer`] writes. A re-offer is negotiated against the [`Negotiation`] before it,
//! and [`Negotiation::changes_since`] tells what became different.
//!
//! To a client that only receives the server may offer itself: [`Negotiation::propose`] decides what,
//! [`Negotiation::offer`] writes it, and [`Negotiation::accept`] reads the client's answer.
//!
//! Else the server answers. It is ICE-lite, waits for the DTLS handshake unless the client does, and has one
//! bundled transport. On each section media goes one way: from the client (a sender), or to it (a slot).

mod accept;
mod answer;
mod attribute;
mod candidate;
mod choose;
mod codec;
mod consistency;
mod error;
pub mod limits;
mod lines;
mod negotiate;
mod negotiation;
mod offer;
mod opus;
mod propose;
mod reoffer;
mod transport;

pub use answer::{Local, Slot};
pub use attribute::{Encoding, Msid};
pub use candidate::Candidates;
pub use codec::{Codec, Feedback};
pub use error::SdpError;
pub use negotiate::negotiate;
pub use negotiation::{
    Direction, MediaSection, NegotiatedCodec, NegotiatedExtension, Negotiation, RejectReason,
    RejectedSection, Section, SignalledStream,
};
pub use offer::Offer;
pub use reoffer::{Changes, SectionChange};
