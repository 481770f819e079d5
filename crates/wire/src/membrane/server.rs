//! What such a client is told.

use std::collections::BTreeMap;

use serde::Serialize;

/// A media event to a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerEvent<M> {
    /// It is in. Never wrapped: clients look for it at the top.
    Connected {
        /// Own id.
        id: String,
        /// Who is there.
        other_endpoints: Vec<Endpoint<M>>,
    },
    /// Somebody has come.
    EndpointAdded {
        /// Who.
        id: String,
        /// Always `webrtc`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// What it wants seen.
        metadata: M,
    },
    /// Somebody has gone.
    EndpointRemoved {
        /// Who.
        id: String,
    },
    /// Somebody wants something else seen.
    EndpointUpdated {
        /// Who.
        id: String,
        /// That.
        metadata: M,
    },
    /// Somebody publishes more. An `offerData` always follows.
    TracksAdded {
        /// Who.
        endpoint_id: String,
        /// What, as clients from 0.5.3 on read it.
        tracks: BTreeMap<String, Track<M>>,
        /// The same, as older ones do.
        track_id_to_metadata: BTreeMap<String, M>,
    },
    /// Somebody publishes less. An `offerData` always follows.
    TracksRemoved {
        /// Who.
        endpoint_id: String,
        /// What.
        track_ids: Vec<String>,
    },
    /// Somebody wants something else seen of a track.
    TrackUpdated {
        /// Who.
        endpoint_id: String,
        /// Which.
        track_id: String,
        /// That.
        metadata: M,
    },
    /// A publisher sends an encoding no more.
    TrackEncodingDisabled {
        /// Who.
        endpoint_id: String,
        /// Of which track.
        track_id: String,
        /// The rid.
        encoding: String,
    },
    /// A publisher sends an encoding again.
    TrackEncodingEnabled {
        /// Who.
        endpoint_id: String,
        /// Of which track.
        track_id: String,
        /// The rid.
        encoding: String,
    },
    /// The membership is over.
    Error {
        /// Why, for people.
        message: String,
    },
    /// What is said while it is in, wrapped.
    Custom(ServerCustom),
}

/// A media event that is wrapped in [`ServerEvent::Custom`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerCustom {
    /// Please offer, with at least so many receive sections of each kind.
    OfferData {
        /// Those.
        tracks_types: TracksTypes,
        /// How the server can be reached. Read when the client makes its connection, and never again.
        integrated_turn_servers: Vec<TurnServer>,
    },
    /// The answer to an offer.
    SdpAnswer {
        /// Always `answer`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// The SDP.
        sdp: String,
        /// Every section that carries a track, of the client's own and of others. Replaces what the client knew.
        mid_to_track_id: BTreeMap<String, String>,
    },
    /// Another encoding of a track arrives from now on.
    EncodingSwitched {
        /// Whose.
        endpoint_id: String,
        /// Which.
        track_id: String,
        /// The rid.
        encoding: String,
        /// Why.
        reason: SwitchReason,
    },
    /// Somebody begins or ceases to speak.
    VadNotification {
        /// The microphone.
        track_id: String,
        /// What it is now.
        status: VadStatus,
    },
    /// What the way from the server is taken to carry.
    BandwidthEstimation {
        /// In bits per second.
        estimation: f64,
    },
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint<M> {
    /// Who.
    pub id: String,
    /// Always `webrtc`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it wants seen.
    pub metadata: M,
    /// What it publishes.
    pub tracks: BTreeMap<String, Track<M>>,
    /// The same, as older clients read it.
    pub track_id_to_metadata: BTreeMap<String, M>,
}

/// A track of somebody else.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track<M> {
    /// What its publisher wants seen of it.
    pub metadata: M,
    /// Its encodings.
    pub simulcast_config: SimulcastConfig,
}

/// The encodings of a track, by their rids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SimulcastConfig {
    /// Whether there are several.
    pub enabled: bool,
    /// All.
    pub active_encodings: Vec<String>,
    /// Those of them that the publisher does not send now.
    pub disabled_encodings: Vec<String>,
}

/// So many receive sections of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TracksTypes {
    /// For sound.
    pub audio: u16,
    /// For pictures.
    pub video: u16,
}

/// A way to TURN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnServer {
    /// A name or an address; one of IPv6 in brackets, since clients put it into a URL as it is.
    pub server_addr: String,
    /// Where.
    pub server_port: u16,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// Good for a whole session, as is the password.
    pub username: String,
    /// See there.
    pub password: String,
}

/// Why another encoding arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchReason {
    /// The way to the receiver does not carry what it had.
    LowBandwidth,
    /// What it had is not sent any more.
    EncodingInactive,
    /// There was none for a while.
    VariantUnmuted,
    /// What it had before is sent again.
    VariantResumed,
    /// The server has found that better.
    AutomaticSelection,
    /// The receiver has asked for it.
    TargetVariantSelected,
    /// Anything else.
    Other,
}

/// Whether somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VadStatus {
    /// Somebody does.
    Speech,
    /// Nobody does.
    Silence,
}
