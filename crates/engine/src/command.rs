//! What a room asks of the engine, and what it gets back.

use parlor_rtc::sdp::SdpError;
use parlor_rtc::{MediaKind, Mid, Rid};

use crate::change::SlotState;
use crate::id::{PeerId, RoomId, Source, TrackId};

/// A peer enters a room.
#[derive(Clone, Debug)]
pub struct Join {
    /// Where it enters; the room must exist.
    pub room: RoomId,
    /// Its name, new to this engine.
    pub peer: PeerId,
    /// Who offers, and what.
    pub opening: Opening,
    /// What the client's sending sections are. What it sends on others is refused.
    pub senders: Vec<Sender>,
    /// How its receive sections are used.
    pub receive: Receive,
}

/// Who offers first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The client, this SDP: one `sendonly` section per sender, then `recvonly` ones, the slots.
    Offered(String),
    /// The server, to a client that sends nothing: a section of each of these kinds for it to receive on, in this order.
    /// [`Engine::accept`](crate::Engine::accept) takes its answer, without which it is over after
    /// [`ANSWER_TIMEOUT`](parlor_rtc::connection::ANSWER_TIMEOUT).
    Invited(Vec<MediaKind>),
}

impl From<String> for Opening {
    fn from(offer: String) -> Opening {
        Opening::Offered(offer)
    }
}

/// How a peer's receive sections are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Receive {
    /// The server decides which track each of them carries, and says so.
    #[default]
    Floating,
    /// Each carries one track for as long as that lives, announced under its own name in the answer. Only an offer
    /// changes which: these, the tracks of others that are to be there after this one.
    Pinned(Vec<TrackId>),
}

/// What one sending section of an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The section.
    pub mid: Mid,
    /// The name of the track that it carries. In a later offer of the same peer, a section that is still
    /// sent on keeps its track, and this must be its name.
    pub track: TrackId,
    /// Where the track comes from; its kind must be the section's.
    pub source: Source,
    /// Whether there is something to hear or see now.
    pub on: bool,
}

/// The answer to a join or to a later offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The SDP answer; to a join of one who is invited, the server's offer.
    pub answer: String,
    /// Every receive section with the track it carries now.
    pub slots: Vec<SlotState>,
    /// The names of the encodings of each own track that has several, the lowest first.
    pub encodings: Vec<(TrackId, Vec<Rid>)>,
}

/// One video track that a client shows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Which.
    pub track: TrackId,
    /// How wide it is shown, in device pixels.
    pub width: u16,
    /// How high it is shown, in device pixels.
    pub height: u16,
    /// Higher ones are served first when slots are short; 0 is normal.
    pub priority: u8,
}

/// Why a join or a later offer was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    // The client's fault.
    /// The offer cannot be used; the error names the line.
    #[error(transparent)]
    Offer(#[from] SdpError),
    /// A sender names a section that the offer does not have, or that does not send.
    #[error("the offer has no sending section with mid {0}")]
    NoSuchSection(Mid),
    /// Two senders name one section.
    #[error("two senders name the section with mid {0}")]
    SectionNamedTwice(Mid),
    /// A sender's source is of another kind than its section.
    #[error("section {mid} is {section}, but its source is {source_kind}")]
    WrongKind {
        /// The section.
        mid: Mid,
        /// What the section carries.
        section: MediaKind,
        /// What the source is.
        source_kind: MediaKind,
    },
    /// A later offer still sends on this section, which has a track, and no sender names it.
    #[error("section {0} still sends and is not named; name it, or offer it inactive")]
    SectionNotNamed(Mid),
    /// More senders than one peer may have.
    #[error("a peer publishes at most {0} tracks")]
    TooManySenders(usize),
    /// An answer of somebody who has been offered nothing, has answered, or came too late.
    #[error("there is no offer of the server that waits for an answer")]
    NothingToAnswer,
    /// A later offer of somebody who has to answer first.
    #[error("the server's offer waits for an answer")]
    NotAnswered,
    /// A later offer comes from another DTLS endpoint; that takes a fresh join.
    #[error("the offer's fingerprint is not the one this connection began with")]
    FingerprintChanged,

    // The engine's limits.
    /// The engine or the room is full.
    #[error("the engine takes no more peers")]
    Full,

    // The caller's fault.
    /// There is no such room here.
    #[error("there is no room {0} in this engine")]
    UnknownRoom(RoomId),
    /// There is no such peer here.
    #[error("there is no peer {0} in this engine")]
    UnknownPeer(PeerId),
    /// The peer is here already.
    #[error("peer {0} is in this engine already")]
    PeerExists(PeerId),
    /// The track is here already, as another section's or another peer's.
    #[error("track {0} is in this engine already")]
    TrackExists(TrackId),
}
