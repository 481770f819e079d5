//! The way out to one peer: its connection, and the numbers that count per connection.

use std::time::Instant;

use parlor_rtc::rtp::AbsSendTime;
use parlor_rtc::{Connection, Path};

use crate::arena::SendArena;
use crate::counters::Counters;
use crate::retransmit::Retransmissions;

/// One peer's connection and what every packet over it draws from.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// What has been sent again, and how much more may be.
    pub(crate) retransmissions: Retransmissions,
    next_transport_sequence: u16,
}

/// Where and when a batch of packets leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) path: Path,
    pub(crate) time: AbsSendTime,
}

/// All that is needed to send packets to one peer.
pub(crate) struct Outlet<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) departure: Departure,
    pub(crate) arena: &'a mut SendArena,
    pub(crate) counters: &'a mut Counters,
}

impl Link {
    pub(crate) fn new(now: Instant, connection: Connection) -> Link {
        let retransmissions = Retransmissions::new(now);
        Link { connection, retransmissions, next_transport_sequence: 0 }
    }

    /// Where media goes now; `None` while none can be sealed or no path is proved.
    #[inline]
    pub(crate) fn media_path(&self) -> Option<Path> {
        self.connection.path().filter(|_| self.connection.is_connected())
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
