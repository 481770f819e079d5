//! The way out to one peer: its connection, and the numbers that count per connection.

use parlor_rtc::rtp::AbsSendTime;
use parlor_rtc::{Connection, Path};

/// One peer's connection and what every packet over it draws from.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    next_transport_sequence: u16,
}

/// Where and when a batch of packets leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) path: Path,
    pub(crate) time: AbsSendTime,
}

impl Link {
    pub(crate) fn new(connection: Connection) -> Link {
        Link { connection, next_transport_sequence: 0 }
    }

    /// The number of the next packet on this transport
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    #[inline]
    pub(crate) fn draw_transport_sequence(&mut self) -> u16 {
        let sequence = self.next_transport_sequence;
        self.next_transport_sequence = sequence.wrapping_add(1);
        sequence
    }
}
