//! One participant as the engine sees it: a connection, what it publishes, what it receives.

use std::time::{Duration, Instant};

use parlor_rtc::receive::{Overflow, ReplyTime, TransportArrivals};
use parlor_rtc::rtp::Ssrc;
use parlor_rtc::sdp::Codec;
use parlor_rtc::{Connection, MediaKind};

use crate::allocate::Allocator;
use crate::cap::Caps;
use crate::change::{ConnectionState, SlotCounts, SlotState};
use crate::compound::Speaker;
use crate::id::{PeerId, TrackId};
use crate::incoming::Incoming;
use crate::link::Link;
use crate::lip_sync::ClockDifference;
use crate::paths::PeerPaths;
use crate::pins::Hold;
use crate::published::Published;
use crate::quality::Told;
use crate::room::RoomKey;
use crate::session::{self, Session};
use crate::slab::Key;
use crate::slot::Slot;
use crate::slot_set::SlotSet;
use crate::track::Track;
use crate::view::Shown;

/// Names a peer in the engine's table.
pub(crate) type PeerKey = Key<Peer>;

/// One participant.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) room: RoomKey,
    /// Apart, as nothing that is done for a packet reads it.
    pub(crate) session: Box<Session>,
    pub(crate) link: Link,
    pub(crate) state: ConnectionState,
    pub(crate) paths: PeerPaths,
    pub(crate) speaker: Speaker,
    /// One for each section that the client offers to send on, and that was given a track.
    pub(crate) published: Vec<Published>,
    pub(crate) incoming: Incoming,
    /// When its packets arrived; `None` before the first that is numbered over the whole transport.
    pub(crate) arrivals: Option<TransportArrivals>,
    /// Whether its path to us is sent far too much.
    pub(crate) overflow: Overflow,
    /// Nobody watches any video of it: it has nothing to send but sound.
    pub(crate) rests: bool,
    /// How far our clock is ahead of the peer's.
    pub(crate) clock_difference: ClockDifference,
    /// One for each section that the client has ever received on, in the order of the offer.
    pub(crate) slots: Vec<Slot>,
    /// Who decides what a new slot carries.
    pub(crate) vacant_hold: Hold,
    /// Those that have something to forward.
    pub(crate) ready_slots: SlotSet,
    /// The slot that is served first, so that of pictures that wait none waits for all of another.
    pub(crate) turn: usize,
    /// The slot whose first picture goes before all others, as long as nothing is known of the path.
    pub(crate) leader: Option<usize>,
    /// It is among those that are served next.
    pub(crate) is_pending: bool,
    /// Video tracks in its room that it has no decoder for.
    pub(crate) undecodable: Vec<TrackId>,
    /// What it was last told of what it gets.
    pub(crate) told: Told,
    pub(crate) shown: Shown,
    pub(crate) caps: Caps,
    /// How much of each video track it is sent.
    pub(crate) allocator: Allocator,
    pub(crate) wanted_slots: SlotCounts,
    /// To the peer and back, as its latest report proves. Somebody to whom nothing flows reports nothing.
    pub(crate) round_trip: Option<Duration>,
    /// How soon it sends again what it is asked for.
    pub(crate) reply_time: ReplyTime,
    /// Something has begun to flow to it, so that its next report is soon followed by another one.
    pub(crate) reports_twice: bool,
}

impl Peer {
    /// A peer without tracks and slots. `ssrc` is who speaks in feedback to it.
    pub(crate) fn new(
        now: Instant,
        id: PeerId,
        room: RoomKey,
        session: Session,
        connection: Connection,
        ssrc: Ssrc,
    ) -> Peer {
        let cname = session.cname.clone();
        Peer {
            id,
            room,
            link: Link::new(now, connection, session.feedback()),
            state: ConnectionState::Connecting,
            paths: PeerPaths::default(),
            speaker: Speaker { ssrc, cname, reduced_size: session.takes_reduced_size() },
            published: Vec::new(),
            incoming: Incoming::new(&session.negotiation),
            arrivals: None,
            overflow: Overflow::default(),
            rests: false,
            session: Box::new(session),
            clock_difference: ClockDifference::default(),
            slots: Vec::new(),
            vacant_hold: Hold::Floats,
            ready_slots: SlotSet::default(),
            turn: 0,
            leader: None,
            is_pending: false,
            undecodable: Vec::new(),
            told: Told::default(),
            shown: Shown::default(),
            caps: Caps::default(),
            allocator: Allocator::new(),
            wanted_slots: SlotCounts::default(),
            round_trip: None,
            reply_time: ReplyTime::default(),
            reports_twice: false,
        }
    }

    /// Reads what forwarding to the peer will read or write.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let slot = self.ready_slots.first().and_then(|index| self.slots.get(index));
        slot.map_or(0, Slot::touch) ^ self.link.touch() ^ self.turn as u64
    }

    /// Brings everything in line with what a later offer agreed on.
    pub(crate) fn follow_session(&mut self, now: Instant) {
        self.link.follow_feedback(now, self.session.feedback());
        let negotiation = &self.session.negotiation;
        self.incoming.update(negotiation);
        self.speaker.reduced_size = self.session.takes_reduced_size();
        for published in &mut self.published {
            if let Some(section) = session::sending_section(negotiation, published.mid) {
                published.update(section);
            }
        }
        for slot in &mut self.slots {
            let section = session::receiving_section(negotiation, slot.mid);
            slot.update(section, negotiation.extmap_allow_mixed);
        }
    }

    /// Whether a slot of it carries one track for that one's life.
    pub(crate) fn is_pinned(&self) -> bool {
        self.vacant_hold != Hold::Floats
    }

    /// Whether what is sent to the peer can reach it.
    pub(crate) fn may_receive(&self) -> bool {
        matches!(self.state, ConnectionState::Connected | ConnectionState::Silent { .. })
    }

    /// Whether tracks of a kind may flow to it. Pictures may from its first check on: so the key frame that
    /// they begin with has been asked for, and waits in the ring, when DTLS is done.
    pub(crate) fn may_be_fed(&self, kind: MediaKind) -> bool {
        let is_on_its_way = self.state == ConnectionState::Connecting && !self.paths.is_empty();
        self.may_receive() || kind == MediaKind::Video && is_on_its_way
    }

    /// Whether the peer has negotiated what `track` carries, as far as both are known.
    pub(crate) fn can_decode(&self, track: &Track) -> bool {
        track.codecs.current().is_none_or(|codec| self.decodes(track.source.kind(), codec))
    }

    /// Whether the peer has negotiated a codec for what it receives, as far as it receives anything.
    pub(crate) fn decodes(&self, kind: MediaKind, codec: Codec) -> bool {
        let mut slots =
            self.slots.iter().filter(|slot| slot.is_open() && slot.kind == kind).peekable();
        slots.peek().is_none() || slots.any(|slot| slot.takes(codec))
    }

    /// Whether something that is sent to the peer bears this ssrc.
    pub(crate) fn sends_as(&self, ssrc: Ssrc) -> bool {
        let bears = |slot: &Slot| {
            let headers = &slot.outgoing.headers;
            headers.ssrc == ssrc || headers.rtx_ssrc == ssrc
        };
        self.speaker.ssrc == ssrc || self.slots.iter().any(bears)
    }

    /// Every slot with the track that it carries.
    pub(crate) fn slot_states(&self) -> Vec<SlotState> {
        self.slots.iter().filter(|slot| slot.is_open()).map(Slot::state).collect()
    }
}
