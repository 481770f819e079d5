//! The same events under the names of the 0.3 generation, which Membrane's tutorial was written with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::server::{Endpoint, ServerCustom, ServerEvent, SwitchReason, VadStatus};

/// A media event to such a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TutorialEvent<M> {
    /// It is in.
    PeerAccepted {
        /// Own id.
        id: String,
        /// Who is there.
        peers_in_room: Vec<TutorialPeer<M>>,
    },
    /// It is not let in.
    PeerDenied,
    /// Somebody has come.
    PeerJoined {
        /// Who.
        peer: TutorialNewcomer<M>,
    },
    /// Somebody has gone.
    PeerLeft {
        /// Who.
        peer_id: String,
    },
    /// Somebody wants something else seen.
    PeerUpdated {
        /// Who.
        peer_id: String,
        /// That.
        metadata: M,
    },
    /// Somebody publishes more.
    TracksAdded {
        /// Who.
        peer_id: String,
        /// What.
        track_id_to_metadata: BTreeMap<String, M>,
    },
    /// Somebody publishes less.
    TracksRemoved {
        /// Who.
        peer_id: String,
        /// What.
        track_ids: Vec<String>,
    },
    /// Somebody wants something else seen of a track.
    TrackUpdated {
        /// Who.
        peer_id: String,
        /// Which.
        track_id: String,
        /// That.
        metadata: M,
    },
    /// Another encoding of a track arrives.
    EncodingSwitched {
        /// Whose.
        peer_id: String,
        /// Which.
        track_id: String,
        /// The rid.
        encoding: String,
        /// Why; later ones of this generation read it.
        reason: SwitchReason,
    },
    /// Somebody begins or ceases to speak; later ones of this generation read it.
    VadNotification {
        /// The microphone.
        track_id: String,
        /// What it is now.
        status: VadStatus,
    },
    /// Negotiation, and what is wrong.
    Custom(TutorialCustom),
}

/// A media event that is wrapped.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TutorialCustom {
    /// As for later clients.
    Same(ServerCustom),
    /// The membership is over.
    Error(TutorialError),
}

/// The membership is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "camelCase")]
pub enum TutorialError {
    /// It is.
    Error {
        /// Why, for people.
        message: String,
    },
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TutorialPeer<M> {
    /// Who.
    pub id: String,
    /// What it wants seen.
    pub metadata: M,
    /// What it publishes.
    pub track_id_to_metadata: BTreeMap<String, M>,
}

/// Somebody who has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TutorialNewcomer<M> {
    /// Who.
    pub id: String,
    /// What it wants seen.
    pub metadata: M,
}

impl<M> From<Endpoint<M>> for TutorialPeer<M> {
    fn from(endpoint: Endpoint<M>) -> TutorialPeer<M> {
        let Endpoint { id, metadata, track_id_to_metadata, .. } = endpoint;
        TutorialPeer { id, metadata, track_id_to_metadata }
    }
}

impl<M> TutorialEvent<M> {
    /// The same under the names of this generation; `None` for what it knows nothing of.
    pub fn of(event: ServerEvent<M>) -> Option<TutorialEvent<M>> {
        Some(match event {
            ServerEvent::Connected { id, other_endpoints } => {
                let peers_in_room = other_endpoints.into_iter().map(TutorialPeer::from).collect();
                TutorialEvent::PeerAccepted { id, peers_in_room }
            }
            ServerEvent::EndpointAdded { id, metadata, .. } => {
                TutorialEvent::PeerJoined { peer: TutorialNewcomer { id, metadata } }
            }
            ServerEvent::EndpointRemoved { id: peer_id } => TutorialEvent::PeerLeft { peer_id },
            ServerEvent::EndpointUpdated { id: peer_id, metadata } => {
                TutorialEvent::PeerUpdated { peer_id, metadata }
            }
            ServerEvent::TracksAdded { endpoint_id: peer_id, track_id_to_metadata, .. } => {
                TutorialEvent::TracksAdded { peer_id, track_id_to_metadata }
            }
            ServerEvent::TracksRemoved { endpoint_id: peer_id, track_ids } => {
                TutorialEvent::TracksRemoved { peer_id, track_ids }
            }
            ServerEvent::TrackUpdated { endpoint_id: peer_id, track_id, metadata } => {
                TutorialEvent::TrackUpdated { peer_id, track_id, metadata }
            }
            ServerEvent::TrackEncodingDisabled { .. }
            | ServerEvent::TrackEncodingEnabled { .. } => {
                return None;
            }
            ServerEvent::Error { message } => {
                TutorialEvent::Custom(TutorialCustom::Error(TutorialError::Error { message }))
            }
            ServerEvent::Custom(ServerCustom::EncodingSwitched {
                endpoint_id: peer_id,
                track_id,
                encoding,
                reason,
            }) => TutorialEvent::EncodingSwitched { peer_id, track_id, encoding, reason },
            ServerEvent::Custom(ServerCustom::VadNotification { track_id, status }) => {
                TutorialEvent::VadNotification { track_id, status }
            }
            ServerEvent::Custom(ServerCustom::BandwidthEstimation { .. }) => return None,
            ServerEvent::Custom(same) => TutorialEvent::Custom(TutorialCustom::Same(same)),
        })
    }
}
