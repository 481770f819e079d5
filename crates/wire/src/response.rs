//! What the server says to a client: responses to its requests, and events of its own.

use serde::{Deserialize, Serialize};

use crate::{Kind, PeerId, Reason, Source, TrackId};

/// Names of the events that the server sends.
pub mod event {
    /// People and their tracks changed: [`Presence`](super::Presence).
    pub const PRESENCE: &str = "presence";
    /// Slots carry other tracks now: [`Slots`](super::Slots).
    pub const SLOTS: &str = "slots";
    /// A bigger offer is wanted: [`MoreSlots`](super::MoreSlots).
    pub const MORE_SLOTS: &str = "more_slots";
    /// Who is speaking: [`Speakers`](super::Speakers).
    pub const SPEAKERS: &str = "speakers";
    /// Which encodings of one's own tracks somebody watches: [`Wanted`](super::Wanted).
    pub const WANTED: &str = "wanted";
    /// What one gets of others, and why: [`Quality`](super::Quality).
    pub const QUALITY: &str = "quality";
    /// The membership is over: [`Ended`](super::Ended).
    pub const ENDED: &str = "ended";
}

/// A response with nothing to say: done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(type = "Record<string, never>"))]
pub struct Empty {}

/// The response to `phx_join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Joined {
    /// Own id.
    pub peer: PeerId,
    /// Makes a later join this same peer; keep it secret.
    pub resume: String,
    /// SDP, or null when the join resumed without an offer.
    pub answer: Option<String>,
    /// Own tracks.
    pub tracks: Vec<OwnTrack>,
    /// The other peers, at most 50; the rest follow at once as `presence`.
    pub peers: Vec<Peer>,
    /// How many others there are.
    pub peers_total: u32,
    /// Every receive section.
    pub slots: Vec<Slot>,
    /// Ways to the server's TURN, for an `RTCConfiguration`; needed where the answer's candidates cannot be
    /// reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<IceServer>>"))]
    pub ice_servers: Vec<IceServer>,
}

/// An `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceServer {
    /// The ways, the most direct first.
    pub urls: Vec<String>,
    /// Good for a day.
    pub username: String,
    /// What goes with it.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    /// Without the credential, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let IceServer { urls, username, .. } = self;
        f.debug_struct("IceServer")
            .field("urls", urls)
            .field("username", username)
            .finish_non_exhaustive()
    }
}

/// The response to `offer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Negotiated {
    /// SDP.
    pub answer: String,
    /// Own tracks.
    pub tracks: Vec<OwnTrack>,
    /// Every receive section.
    pub slots: Vec<Slot>,
}

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Peer {
    /// Who.
    pub id: PeerId,
    /// What others see.
    pub name: String,
    /// How the connection is.
    pub state: PeerState,
    /// What is published.
    pub tracks: Vec<Track>,
}

/// How a peer's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Media has not come up yet.
    Connecting,
    /// Media is up.
    Connected,
    /// Media was up, and has been silent for 5 s or more.
    Reconnecting,
}

/// A track as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Track {
    /// Which one.
    pub id: TrackId,
    /// What it carries.
    pub source: Source,
    /// Sound or pictures.
    pub kind: Kind,
    /// Whether media flows now.
    pub on: bool,
}

/// A track as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OwnTrack {
    /// Which one.
    pub id: TrackId,
    /// What it carries.
    pub source: Source,
    /// Sound or pictures.
    pub kind: Kind,
    /// Whether media flows now.
    pub on: bool,
    /// The section of the own offer that it comes from.
    pub mid: String,
}

/// One receive section of a connection, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Slot {
    /// The section.
    pub mid: String,
    /// Sound or pictures.
    pub kind: Kind,
    /// The track it carries now, or null.
    pub track: Option<TrackId>,
}

/// The payload of `presence`: people and their tracks changed.
///
/// It goes to everybody alike, so a client finds itself in it, and may be told again what its
/// join reply said: each entry replaces what was known of that peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Presence {
    /// Peers who came.
    pub joined: Vec<Peer>,
    /// Peers of whom something changed, each whole and anew.
    pub changed: Vec<Peer>,
    /// Peers who are gone.
    pub left: Vec<Left>,
}

/// One peer who is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Left {
    /// Who.
    pub id: PeerId,
    /// Why.
    pub reason: LeaveReason,
}

/// Why a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// By its own wish.
    Left,
    /// Nothing was heard of it any more.
    Lost,
    /// The server ended its membership.
    Removed,
}

/// The payload of `slots`: slots that carry another track now; the others keep theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Slots {
    /// The changed ones.
    pub slots: Vec<Slot>,
}

/// The payload of `more_slots`: please offer at least this many receive sections of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MoreSlots {
    /// Receive sections for sound.
    pub audio: u16,
    /// Receive sections for pictures.
    pub video: u16,
}

/// The payload of `speakers`: who is speaking, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Speakers {
    /// The peers who speak now.
    pub speaking: Vec<PeerId>,
    /// Who has the floor, in silence too, until another takes it; null when nobody has.
    pub dominant: Option<PeerId>,
}

/// The payload of `wanted`: which encodings of one's own video tracks somebody has a use for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Wanted {
    /// All own video tracks.
    pub tracks: Vec<WantedTrack>,
}

/// Which encodings of one track somebody has a use for, and in which codec; the others need not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WantedTrack {
    /// Which track.
    pub track: TrackId,
    /// The rids of the encodings, or `""` for one that has none. Empty when nobody watches.
    pub layers: Vec<String>,
    /// How many spatial layers of them are enough, from the lowest, when there are more: pictures half as large each time;
    /// null when all are of use.
    pub spatial_layers: Option<u8>,
    /// The payload type of the own offer to send them as, since not all who show the track can decode what
    /// was sent; null leaves the codec to the publisher.
    pub payload_type: Option<u8>,
}

/// The payload of `quality`: what one gets of others, and why. Complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Quality {
    /// The way from the server in a word.
    pub network: Network,
    /// What it is taken to carry, in bits per second; null while nothing is known.
    pub estimate_bps: Option<u32>,
    /// Every video track of others that a slot carries, and those without whose codec one has no decoder for.
    pub tracks: Vec<TrackQuality>,
}

/// A network in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing is known of it.
    Unknown,
    /// Pictures are left out, or words are lost or late.
    Poor,
    /// It carries less than would be shown, or loses, or is slow, so that one might notice.
    Fair,
    /// It carries what is shown.
    Good,
}

/// What one gets of a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrackQuality {
    /// Which track.
    pub track: TrackId,
    /// Whether there is a picture.
    pub state: TrackState,
    /// Why there is none, or null when there is one.
    pub reason: Option<PauseReason>,
    /// The rid of its encoding, `""` for one that has none, or null when there is no picture.
    pub layer: Option<String>,
    /// The highest spatial layer of that.
    pub spatial: u8,
    /// The highest temporal layer of that.
    pub temporal: u8,
    /// How wide it is, once that is known.
    pub width: Option<u16>,
    /// How high it is, once that is known.
    pub height: Option<u16>,
    /// Pictures a second, once they are measured.
    pub frames_per_second: Option<u16>,
}

/// Whether one gets a picture of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TrackState {
    /// One does.
    Live,
    /// One does not.
    Paused,
}

/// Why one gets no picture of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// The way from the server does not carry even its smallest picture beside what is more important.
    Bandwidth,
    /// The page does not show it.
    NotShown,
    /// Its publisher has it switched off.
    PublisherOff,
    /// This client has no decoder for it.
    CodecNotSupported,
    /// The server has too much to do, and sound comes first.
    ServerBusy,
}

/// The payload of `ended`: the membership is over; `phx_close` follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Ended {
    /// For programs.
    pub reason: Reason,
    /// For people.
    pub message: String,
}
