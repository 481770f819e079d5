//! The way out to one peer: its connection, what it can carry, and the numbers that count per connection.

use std::time::Instant;

use parlor_rtc::congestion::{Bitrate, ClusterId, CongestionControl, FeedbackKind, SentPacket};
use parlor_rtc::rtp::AbsSendTime;
use parlor_rtc::{Connection, Path};

use crate::arena::SendArena;
use crate::counters::Counters;
use crate::retransmit::Retransmissions;

/// Most that is ever sent to one peer: 25 pictures in the best quality that browsers make for calls.
const MAX_RATE: Bitrate = Bitrate::from_kbps(40_000);

/// Bytes of IP and UDP headers, which a path has to carry too (RFC 791, RFC 8200, RFC 768).
const IPV4_OVERHEAD: usize = 20 + 8;
const IPV6_OVERHEAD: usize = 40 + 8;

/// One peer's connection and what every packet over it draws from.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// What has been sent again, and how much more may be.
    pub(crate) retransmissions: Retransmissions,
    /// How much may be sent.
    pub(crate) congestion: CongestionControl,
    /// How much could be used: all that the client shows, at its best.
    pub(crate) wanted: Bitrate,
    feedback: FeedbackKind,
    next_transport_sequence: u16,
}

/// Where and when a batch of packets leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) path: Path,
    pub(crate) now: Instant,
    pub(crate) time: AbsSendTime,
    /// The probe that the packets are sent for, if any.
    pub(crate) probe: Option<ClusterId>,
}

/// All that is needed to send packets to one peer.
pub(crate) struct Outlet<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) departure: Departure,
    pub(crate) arena: &'a mut SendArena,
    pub(crate) counters: &'a mut Counters,
}

impl Link {
    /// A way out to a client that gives this kind of feedback.
    pub(crate) fn new(now: Instant, connection: Connection, feedback: FeedbackKind) -> Link {
        Link {
            connection,
            retransmissions: Retransmissions::new(now),
            congestion: CongestionControl::new(now, feedback, MAX_RATE),
            wanted: Bitrate::ZERO,
            feedback,
            next_transport_sequence: 0,
        }
    }

    /// Follows a later offer: another kind of feedback begins with nothing known.
    pub(crate) fn follow_feedback(&mut self, now: Instant, feedback: FeedbackKind) {
        if self.feedback != feedback {
            self.feedback = feedback;
            self.congestion = CongestionControl::new(now, feedback, MAX_RATE);
        }
    }

    /// Where media goes now; `None` while none can be sealed or no path is proved.
    #[inline]
    pub(crate) fn media_path(&self) -> Option<Path> {
        self.connection.path().filter(|_| self.connection.is_connected())
    }

    /// The number of the next packet on this transport that bears one
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    #[inline]
    pub(crate) fn transport_sequence(&self) -> u16 {
        self.next_transport_sequence
    }

    /// Takes note of a packet of `len` bytes, the seal included, that leaves now. `is_numbered` is whether
    /// it bears the [transport sequence](Link::transport_sequence).
    #[inline]
    pub(crate) fn note_sent(&mut self, departure: Departure, len: usize, is_numbered: bool) {
        // What nobody reports on says nothing of the path.
        if !is_numbered && self.feedback == FeedbackKind::TransportWide {
            return;
        }
        let bytes = len + overhead(departure.path);
        let (sequence, cluster) = (self.next_transport_sequence, departure.probe);
        self.congestion.handle_sent(departure.now, SentPacket { sequence, bytes, cluster });
        if is_numbered {
            self.next_transport_sequence = self.next_transport_sequence.wrapping_add(1);
        }
    }
}

fn overhead(path: Path) -> usize {
    match path {
        Path::Udp(path) if path.remote.is_ipv4() => IPV4_OVERHEAD,
        _ => IPV6_OVERHEAD,
    }
}
