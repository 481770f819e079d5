//! What a client says to the server, by event.

use serde::{Deserialize, Serialize};

use crate::{Kind, Source, TrackId};

/// The payload of `phx_join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Join {
    /// Must be `"parlor"`.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "\"parlor\""))]
    pub protocol: String,
    /// Must be 1.
    #[serde(default)]
    pub version: u32,
    /// What others see, 1 to 64 characters after trimming.
    pub name: String,
    /// An SDP offer; left out when a lost socket resumes with media still up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub offer: Option<String>,
    /// One for each `sendonly` section of the offer; left out when there is no offer.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<Sender>>"))]
    pub senders: Vec<Sender>,
    /// The token of an earlier reply, to be the same peer again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub resume: Option<String>,
}

/// One `sendonly` section of an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Sender {
    /// The section's mid.
    pub mid: String,
    /// What it carries.
    pub source: Source,
    /// Needed when the source is `custom`; of the others it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub kind: Option<Kind>,
    /// Whether media flows now.
    pub on: bool,
}

/// The payload of `track`: an own track switched on or off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SwitchTrack {
    /// Which one.
    pub track: TrackId,
    /// Whether media flows now.
    pub on: bool,
}

/// The payload of `view`: every video track shown now. Replaces the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct View {
    /// The tracks on the page.
    pub tracks: Vec<ViewedTrack>,
}

/// One video track on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ViewedTrack {
    /// Which one.
    pub track: TrackId,
    /// Its width there, in device pixels.
    pub width: u16,
    /// Its height there, in device pixels.
    pub height: u16,
    /// 0 is normal, 1 is pinned.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<u8>"))]
    pub priority: u8,
}

/// The payload of `offer`: a bigger offer, or one with fresh ICE credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Offer {
    /// The SDP offer.
    pub offer: String,
    /// One for each `sendonly` section.
    pub senders: Vec<Sender>,
}

/// The payload of `report`: what went wrong with what others sent, since the last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Report {
    /// Times that a picture stood still although it should have moved.
    pub freezes: u32,
    /// How long they stood, all together, in milliseconds.
    pub frozen_ms: u32,
}
