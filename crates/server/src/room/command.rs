//! What a room is told, and what it wants done.

use std::sync::Arc;
use std::time::Instant;

use parlor_wire::response::event;
use parlor_wire::{
    Empty, Ended, IceServer, Joined, MoreSlots, Negotiated, PeerId, Presence, Quality, Refusal,
    Sender, Slot, Slots, Speakers, TrackId, ViewedTrack, Wanted,
};
use serde::Serialize;

use super::about::{Entered, Metadata, Roster, TrackAbout};
use super::token::Token;

pub use super::about::Manner;
pub use super::media_command::{Invite, MediaCommand, Negotiate};

/// One client's membership of one topic over one socket, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// The `ref` of a request; a request without one gets no reply.
pub type Reference = Option<String>;

/// Something a room is told.
#[derive(Clone, Debug)]
pub enum Command {
    /// A client wants in.
    Join(Box<Join>),
    /// The media side has answered a join or an offer.
    Answered {
        /// Whose.
        peer: PeerId,
        /// Which of that peer's negotiations.
        attempt: u64,
        /// Its answer, or why there is none.
        result: Result<Answer, Refusal>,
    },
    /// A client says something about its membership.
    Request {
        /// Over which session.
        session: SessionId,
        /// What to answer to.
        reference: Reference,
        /// What it says.
        request: Request,
    },
    /// A session's socket has closed without a word.
    SocketClosed {
        /// Which one.
        session: SessionId,
    },
    /// Nothing has come over a session's socket for too long, though it is open.
    SocketQuiet {
        /// Which one.
        session: SessionId,
        /// When something last came.
        since: Instant,
    },
    /// Something has come over a quiet socket.
    SocketHeard {
        /// Which session's.
        session: SessionId,
    },
    /// The latest state of a peer's media.
    Media {
        /// Whose.
        peer: PeerId,
        /// What is known.
        news: MediaNews,
    },
    /// Which encodings of its tracks a peer is to send, complete.
    Wanted {
        /// Who.
        peer: PeerId,
        /// Those.
        wanted: Wanted,
    },
    /// What a peer gets of others, complete.
    Quality {
        /// Who.
        peer: PeerId,
        /// That.
        quality: Quality,
    },
    /// Who is speaking now, complete, and who has the floor.
    Speaking(Speakers),
    /// Time has passed.
    Tick,
    /// All memberships end, for this reason.
    End(Ended),
}

/// What a client says about its membership.
#[derive(Clone, Debug)]
pub enum Request {
    /// An own track was switched on or off.
    SwitchTrack {
        /// Which one.
        track: TrackId,
        /// How.
        on: bool,
    },
    /// What the page shows now.
    View(Vec<ViewedTrack>),
    /// A bigger offer, or one with fresh ICE credentials.
    Offer {
        /// The SDP.
        offer: String,
        /// Each sending section with the name of its track, should it be new.
        senders: Vec<NamedSender>,
        /// The tracks that are to be on its receive sections; of one whose sections float, none are looked at.
        pins: Vec<TrackId>,
    },
    /// The answer of who was offered something by the server.
    Answer {
        /// The SDP.
        answer: String,
    },
    /// No better encoding of somebody's track is to be sent than the one of this rid; `None` takes that back.
    Cap {
        /// Which one.
        track: TrackId,
        /// The rid.
        up_to: Option<String>,
    },
    /// Others are to see this of it from now on.
    Describe {
        /// The display name.
        name: String,
        /// The rest.
        metadata: Option<Metadata>,
    },
    /// Others are to see this of one of its tracks from now on.
    DescribeTrack {
        /// Which one.
        track: TrackId,
        /// That.
        metadata: Metadata,
        /// Whether it is on, if that says it.
        on: Option<bool>,
    },
    /// It sends an encoding of one of its tracks no more, or again.
    SwitchEncoding {
        /// Which track.
        track: TrackId,
        /// The rid.
        encoding: String,
        /// Which of the two.
        on: bool,
    },
    /// Goodbye.
    Leave,
}

/// A join that has passed admission.
#[derive(Clone, Debug)]
pub struct Join {
    /// The new session.
    pub session: SessionId,
    /// What to answer to.
    pub reference: Reference,
    /// The session of the same topic and socket that this one takes the place of.
    pub replaces: Option<SessionId>,
    /// How it talks.
    pub manner: Manner,
    /// The display name.
    pub name: String,
    /// What it says of itself beside that.
    pub metadata: Option<Metadata>,
    /// The SDP offer; none resumes a membership whose media is up, and has who watches by WHEP be offered something.
    pub offer: Option<String>,
    /// Each sending section with the name of its track.
    pub senders: Vec<NamedSender>,
    /// The tracks that are to be on its receive sections, if those are pinned; `None` lets them float.
    pub pins: Option<Vec<TrackId>>,
    /// The membership to resume.
    pub resume: Option<Token>,
    /// The id of the peer, should it be new.
    pub peer: PeerId,
    /// The token of the peer, should it be new.
    pub token: Token,
    /// Ways to TURN for this peer.
    pub ice_servers: Vec<IceServer>,
}

/// A sending section and the name of the track that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSender {
    /// The track.
    pub track: TrackId,
    /// The section.
    pub sender: Sender,
    /// What its owner says of it beside that.
    pub about: TrackAbout,
}

/// What the media side says to an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The SDP.
    pub sdp: String,
    /// Every receive section and what it carries.
    pub slots: Vec<Slot>,
    /// The names of the encodings of each own track that has several.
    pub encodings: Vec<(TrackId, Vec<String>)>,
}

/// The latest state of a peer's media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaNews {
    /// Whether media can flow.
    pub connection: Heard,
    /// Every receive section and what it carries.
    pub slots: Vec<Slot>,
    /// How many slots the peer should have.
    pub wanted: MoreSlots,
}

/// Whether a peer's media can flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// ICE and DTLS are under way.
    Connecting,
    /// It can.
    Connected,
    /// Nothing authenticated has arrived for 5 s.
    Silent {
        /// The last arrival.
        since: Instant,
    },
    /// The client has closed its connection, perhaps to open another.
    ClosedByClient,
    /// It can never again; why, as a sentence.
    Failed(String),
}

/// Something a room wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer a request.
    Reply {
        /// Over which session.
        session: SessionId,
        /// What to answer to.
        reference: Reference,
        /// The answer.
        reply: Result<Response, Refusal>,
    },
    /// Refuse a join, and forget its session.
    Refuse {
        /// The session.
        session: SessionId,
        /// What to answer to.
        reference: Reference,
        /// Why.
        refusal: Refusal,
    },
    /// Say something over one session.
    Push {
        /// Which one.
        session: SessionId,
        /// What.
        push: Push,
    },
    /// Say the same over many sessions.
    Broadcast {
        /// Which ones.
        sessions: Vec<SessionId>,
        /// What.
        push: Push,
    },
    /// Send `phx_close` over a session, and forget it.
    Close {
        /// Which one.
        session: SessionId,
    },
    /// Forget a session whose socket is gone: there is nobody to tell.
    Forget {
        /// Which one.
        session: SessionId,
    },
    /// Have the media side do something.
    Media(MediaCommand),
}

/// The response to a request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// Done.
    Empty(Empty),
    /// To a join.
    Joined(Box<Joined>),
    /// To an offer.
    Negotiated(Negotiated),
    /// To a join of one who is told of everybody at once, and offers later.
    #[serde(skip)]
    Entered(Entered),
}

/// What a room says on its own account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Push {
    /// People and their tracks changed.
    Presence(Presence),
    /// Slots carry other tracks now.
    Slots(Slots),
    /// A bigger offer is wanted.
    MoreSlots(MoreSlots),
    /// Who is speaking.
    Speakers(Speakers),
    /// Which encodings one is to send.
    Wanted(Wanted),
    /// What one gets of others.
    Quality(Quality),
    /// People and their tracks changed, with what they say of themselves.
    #[serde(skip)]
    Roster(Arc<Roster>),
    /// The membership is over.
    Ended(Ended),
}

impl Push {
    /// The name of the event.
    pub const fn event(&self) -> &'static str {
        match self {
            Push::Presence(_) => event::PRESENCE,
            Push::Slots(_) => event::SLOTS,
            Push::MoreSlots(_) => event::MORE_SLOTS,
            Push::Speakers(_) => event::SPEAKERS,
            Push::Wanted(_) => event::WANTED,
            Push::Quality(_) => event::QUALITY,
            Push::Roster(_) => event::PRESENCE,
            Push::Ended(_) => event::ENDED,
        }
    }
}
