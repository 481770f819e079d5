//! One participant as the room knows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parlor_wire::{
    IceServer, Kind, MoreSlots, OwnTrack, Peer, PeerId, Quality, Sender, Slot, Source, Track,
    TrackId, Wanted,
};

use super::about::{About, TrackAbout};
use super::command::{Join, Manner, NamedSender, Reference, SessionId};
use super::liveness::{Link, Media, judge};
use super::token::Token;

/// One participant.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) manner: Manner,
    pub(super) name: String,
    /// What it says of itself beside that.
    pub(super) about: Arc<About>,
    pub(super) token: Token,
    /// It was lost, and until then its token is good whatever becomes of this try to come back.
    pub(super) lost_until: Option<Instant>,
    pub(super) stage: Stage,
    pub(super) link: Link,
    pub(super) media: Media,
    /// Whether a resume has given this silent connection more time already.
    pub(super) had_more_time: bool,
    pub(super) tracks: Vec<OwnTrack>,
    pub(super) slots: Vec<Slot>,
    /// What the next answer to a join is to say of TURN.
    pub(super) ice_servers: Vec<IceServer>,
    /// What the last `more_slots` asked for.
    pub(super) asked: Option<MoreSlots>,
    /// What the media side last said it should have.
    pub(super) wanted: MoreSlots,
    /// Which encodings of its tracks somebody watches, as the media side last said.
    pub(super) layers_wanted: Option<Wanted>,
    /// What it gets of others, as the media side last said.
    pub(super) quality: Option<Quality>,
    pub(super) negotiation: Option<Negotiation>,
    /// Negotiations begun so far.
    pub(super) attempts: u64,
}

/// Whether the others know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its first join is not answered yet.
    Entering,
    /// They do.
    Present,
}

/// An offer that the media side has not answered yet.
#[derive(Clone, Debug)]
pub(super) struct Negotiation {
    pub(super) attempt: u64,
    pub(super) session: SessionId,
    pub(super) reference: Reference,
    pub(super) purpose: Purpose,
    /// The tracks there will be.
    pub(super) tracks: Vec<OwnTrack>,
    /// What is said of them.
    pub(super) about: BTreeMap<TrackId, TrackAbout>,
}

/// What an offer came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `phx_join`.
    Join,
    /// `offer`.
    Offer,
    /// It is none, but the answer to one of ours.
    Answer,
}

impl Member {
    pub(super) fn new(join: &Join, token: Token, now: Instant) -> Member {
        let about = About { metadata: join.metadata.clone(), ..About::default() };
        let (stage, media) = match join.manner {
            Manner::Parlor | Manner::Whip | Manner::Whep(_) => {
                (Stage::Entering, Media::Connecting { since: now })
            }
            Manner::Membrane => (Stage::Present, Media::Absent),
        };
        let link = match join.manner.has_socket() {
            true => Link::Open(join.session),
            false => Link::ByMedia(join.session),
        };
        Member {
            manner: join.manner,
            name: join.name.clone(),
            about: Arc::new(about),
            token,
            lost_until: None,
            stage,
            link,
            media,
            had_more_time: false,
            tracks: Vec::new(),
            slots: Vec::new(),
            ice_servers: Vec::new(),
            asked: None,
            wanted: MoreSlots { audio: 0, video: 0 },
            layers_wanted: None,
            quality: None,
            negotiation: None,
            attempts: 0,
        }
    }

    /// Whether others know of it.
    pub(super) fn is_seen(&self) -> bool {
        self.stage == Stage::Present && self.manner.is_seen()
    }

    /// The session to talk over, if there is one.
    pub(super) fn session(&self) -> Option<SessionId> {
        match self.link {
            Link::Open(session) | Link::Quiet { session, .. } | Link::ByMedia(session) => {
                Some(session)
            }
            Link::Closed { .. } => None,
        }
    }

    /// The session of a socket, once its join was answered: nothing may be pushed before.
    pub(super) fn listening(&self) -> Option<SessionId> {
        let joining =
            self.negotiation.as_ref().is_some_and(|pending| pending.purpose == Purpose::Join);
        if joining || !self.manner.has_socket() { None } else { self.session() }
    }

    /// Whether there is a connection that the client knows the answer of.
    pub(super) fn has_media_to_resume(&self) -> bool {
        let joining =
            self.negotiation.as_ref().is_some_and(|pending| pending.purpose == Purpose::Join);
        !joining && !matches!(self.media, Media::Over { .. })
    }

    /// What others see.
    pub(super) fn describe(&self, id: PeerId) -> Peer {
        let seen = |track: &OwnTrack| Track {
            id: track.id,
            source: track.source,
            kind: track.kind,
            on: track.on,
        };
        Peer {
            id,
            name: self.name.clone(),
            state: judge(self.link, self.media).shown,
            tracks: self.tracks.iter().map(seen).collect(),
        }
    }

    /// The bigger offer that this member should be asked for now, if any.
    pub(super) fn slots_to_ask_for(&mut self) -> Option<MoreSlots> {
        let has = |kind| self.slots.iter().filter(|slot| slot.kind == kind).count();
        let short = usize::from(self.wanted.audio) > has(Kind::Audio)
            || usize::from(self.wanted.video) > has(Kind::Video);
        if !short || self.asked == Some(self.wanted) || self.listening().is_none() {
            return None;
        }
        self.asked = Some(self.wanted);
        self.asked
    }
}

/// What is said of each of these tracks.
pub(super) fn about_of(senders: &[NamedSender]) -> BTreeMap<TrackId, TrackAbout> {
    senders.iter().map(|named| (named.track, named.about.clone())).collect()
}

/// The kind of what a sender sends, which admission has made sure is known.
pub(super) fn kind_of(sender: &Sender) -> Kind {
    match sender.source {
        Source::Microphone | Source::ScreenAudio => Kind::Audio,
        Source::Camera | Source::Screen => Kind::Video,
        Source::Custom => sender.kind.unwrap_or(Kind::Video),
    }
}

/// The track of a sending section, named `id`.
pub(super) fn track_of(id: TrackId, named: &NamedSender) -> OwnTrack {
    let sender = &named.sender;
    OwnTrack {
        id,
        source: sender.source,
        kind: kind_of(sender),
        on: sender.on,
        mid: sender.mid.clone(),
    }
}
