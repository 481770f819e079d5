//! The way out to one peer: its connection, what it can carry, and the numbers that count per connection.

use std::time::{Duration, Instant};

use parlor_rtc::congestion::{
    Bitrate, ClusterId, CongestionControl, FeedbackKind, LossState, SentPacket,
};
use parlor_rtc::rtp::AbsSendTime;
use parlor_rtc::{Connection, Path};

use crate::arena::SendArena;
use crate::counters::Counters;
use crate::paths::MAX_PATHS_PER_PEER;
use crate::retransmit::Retransmissions;
use crate::survey::LimitedBy;

/// Most that is ever sent to one peer: 25 pictures in the best quality that browsers make for calls.
const MAX_RATE: Bitrate = Bitrate::from_kbps(40_000);

/// A path that has answered no probe by then takes what it was guessed to take: its client gives no feedback,
/// or it is a bad one.
const MEASURED_WITHIN: Duration = Duration::from_secs(1);

/// A path that is too thin for the one smallest picture is sent it all the same for so long.
const SHORT_FOR_LONG: Duration = Duration::from_secs(4);

/// What is sent follows at once when it may become less or more than so much, in percent.
const WORTH_A_DECISION: (u64, u64) = (93, 120);

/// What a path is thought to take falls by a seventh when pictures of many people come in one moment, or a probe
/// fills a queue. That is over in a second or two, and nobody's picture has to change for it.
const DEEPEST_DIP: f64 = 0.82;
const LONGEST_DIP: Duration = Duration::from_secs(3);

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
    wanted: Bitrate,
    /// How much might be sent at the last decision about it, and how much was decided on.
    seen: Bitrate,
    taken: Bitrate,
    /// Since when less is to be sent than was decided on.
    dips_since: Option<Instant>,
    connected_at: Option<Instant>,
    /// Since when it carries less than it is to carry at least.
    short_since: Option<Instant>,
    feedback: FeedbackKind,
    next_transport_sequence: u16,
    /// The paths on which what is sent waits too long: several, where one stream carries all that goes through an
    /// allocation, and no more than a peer may have.
    slow: Vec<Path>,
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
            seen: Bitrate::ZERO,
            taken: Bitrate::ZERO,
            dips_since: None,
            connected_at: None,
            short_since: None,
            feedback,
            next_transport_sequence: 0,
            slow: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let path = u64::from(self.connection.path().is_some());
        path ^ self.connection.touch() ^ self.congestion.touch() ^ self.retransmissions.touch()
    }

    /// Follows a later offer: another kind of feedback begins with nothing known.
    pub(crate) fn follow_feedback(&mut self, now: Instant, feedback: FeedbackKind) {
        if self.feedback != feedback {
            self.feedback = feedback;
            self.congestion = CongestionControl::new(now, feedback, MAX_RATE);
        }
    }

    /// Media can be sealed from now on.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// Whether what may be sent is more than a guess.
    pub(crate) fn is_measured(&self, now: Instant) -> bool {
        let has_waited = self.connected_at.is_some_and(|at| now >= at + MEASURED_WITHIN);
        let has_seen = || self.congestion.stats().probes_succeeded > 0;
        has_waited || has_seen() && !self.congestion.is_probing()
    }

    /// How much may be sent, for a decision that is made now. A dip is waited out, as long as no queue stands.
    pub(crate) fn take_target(&mut self, now: Instant) -> Bitrate {
        self.seen = self.congestion.target();
        let is_dip = self.seen < self.taken
            && self.seen >= self.taken.scaled(DEEPEST_DIP)
            && self.congestion.carries_all();
        let since = *self.dips_since.get_or_insert(now);
        if !is_dip || now >= since + LONGEST_DIP {
            self.taken = self.seen;
            self.dips_since = None;
        }
        self.taken
    }

    /// Whether so much more or less may be sent than at the last decision that it should be made anew.
    pub(crate) fn has_changed(&self) -> bool {
        let (seen, target) = (self.seen.bps(), self.congestion.target().bps());
        target * 100 < seen * WORTH_A_DECISION.0 || target * 100 > seen * WORTH_A_DECISION.1
    }

    /// Whether the path has been too thin for a while for what it is to carry at least, given that it is now, or
    /// is not: a queue that a key frame filled drains, and the estimate comes back.
    pub(crate) fn is_short_for_long(&mut self, now: Instant, is_short: bool) -> bool {
        match is_short {
            false => self.short_since = None,
            true => drop(self.short_since.get_or_insert(now)),
        }
        self.short_since.is_some_and(|since| now >= since + SHORT_FOR_LONG)
    }

    /// Whether it shows what it could carry. Who reports losses alone shows no more than is sent.
    pub(crate) fn shows_its_room(&self) -> bool {
        self.feedback == FeedbackKind::TransportWide
    }

    /// What is sent along `path` waits too long there, or no longer.
    pub(crate) fn set_slow(&mut self, path: Path, is_slow: bool) {
        self.slow.retain(|slow| *slow != path);
        if is_slow {
            if self.slow.len() == MAX_PATHS_PER_PEER {
                self.slow.remove(0);
            }
            self.slow.push(path);
        }
    }

    /// Whether pictures that are sent along `path` would come too late.
    #[inline]
    pub(crate) fn is_slow(&self, path: Path) -> bool {
        self.slow.contains(&path)
    }

    /// Says how much could be used.
    pub(crate) fn set_wanted(&mut self, now: Instant, wanted: Bitrate) {
        self.wanted = wanted;
        self.congestion.set_wanted(now, wanted);
    }

    /// How much could be used, as last said.
    pub(crate) fn wanted(&self) -> Bitrate {
        self.wanted
    }

    /// Why not more is sent.
    pub(crate) fn limited_by(&self) -> LimitedBy {
        match self.feedback {
            _ if self.congestion.target() >= self.wanted => LimitedBy::Nothing,
            FeedbackKind::Reports => LimitedBy::Client,
            FeedbackKind::TransportWide => match self.congestion.stats().loss_state {
                LossState::Limited | LossState::Recovering => LimitedBy::Loss,
                LossState::Unlimited => LimitedBy::Delay,
            },
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
