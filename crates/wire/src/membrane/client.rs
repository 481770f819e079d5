//! What such a client says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A media event from a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientEvent<M> {
    /// It wants in.
    Connect {
        /// What others are to see.
        #[serde(default = "Option::default")]
        metadata: Option<M>,
    },
    /// Goodbye.
    Disconnect,
    /// Others are to see this of it from now on.
    UpdateEndpointMetadata {
        /// That.
        #[serde(default = "Option::default")]
        metadata: Option<M>,
    },
    /// Others are to see this of one of its tracks from now on.
    UpdateTrackMetadata {
        /// Which one.
        track_id: String,
        /// That.
        #[serde(default = "Option::default")]
        track_metadata: Option<M>,
    },
    /// It sends this encoding no more.
    DisableTrackEncoding {
        /// Of which of its tracks.
        track_id: String,
        /// The rid.
        encoding: String,
    },
    /// It sends this encoding again.
    EnableTrackEncoding {
        /// Of which of its tracks.
        track_id: String,
        /// The rid.
        encoding: String,
    },
    /// Negotiation.
    Custom(CustomEvent<M>),
    /// Of 0.3 and older: it wants in.
    Join {
        /// What others are to see.
        #[serde(default = "Option::default")]
        metadata: Option<M>,
    },
    /// The same: goodbye.
    Leave,
    /// The same: others are to see this of it from now on.
    UpdatePeerMetadata {
        /// That.
        #[serde(default = "Option::default")]
        metadata: Option<M>,
    },
}

/// A media event of negotiation, wrapped in [`ClientEvent::Custom`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CustomEvent<M> {
    /// It has added or taken away a track, and wants to offer.
    RenegotiateTracks,
    /// An offer, after `offerData`.
    SdpOffer(SdpOffer<M>),
    /// A candidate of its own. Its path is proved by its checks instead.
    Candidate {
        /// The line of SDP.
        candidate: String,
    },
    /// It wants this encoding of somebody's track.
    SetTargetTrackVariant {
        /// Which track.
        track_id: String,
        /// The rid.
        variant: String,
    },
    /// The most that it sends of each encoding, in bits per second.
    TrackVariantBitrates {
        /// Of which of its tracks.
        track_id: String,
    },
    /// Of 0.2 and older: as `setTargetTrackVariant`.
    SelectEncoding {
        /// Which track.
        track_id: String,
        /// The rid.
        encoding: String,
    },
}

/// The payload of `sdpOffer`. Its maps hold the client's own tracks only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SdpOffer<M> {
    /// The offer itself.
    pub sdp_offer: Description,
    /// What others are to see of each track; one without is left out.
    #[serde(default = "BTreeMap::new")]
    pub track_id_to_track_metadata: BTreeMap<String, M>,
    /// The track that each sending section carries.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub mid_to_track_id: BTreeMap<String, String>,
}

/// What browsers call an `RTCSessionDescription`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The SDP.
    pub sdp: String,
}

/// A client without a connection of its own says null.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
