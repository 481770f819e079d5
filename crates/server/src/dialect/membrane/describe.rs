//! How people and tracks look to a client of this dialect, whatever they speak themselves; and what their metadata says
//! to those who speak ours.

use std::collections::BTreeMap;

use parlor_wire::membrane::SimulcastConfig;
use parlor_wire::{Kind, Source, Track, TrackId};
use serde_json::json;

use crate::room::about::{Described, Metadata, TrackAbout};

/// Names that Membrane's videoroom has for the `type` of a track.
mod kind {
    pub(super) const AUDIO: &str = "audio";
    pub(super) const CAMERA: &str = "camera";
    pub(super) const SCREEN: &str = "screensharing";
    /// Ours: the videoroom shares screens without their sound.
    pub(super) const SCREEN_AUDIO: &str = "screensharing_audio";
    pub(super) const CUSTOM: &str = "custom";
}

/// A track as a client is to know it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) track: TrackId,
    pub(super) kind: Kind,
    pub(super) source: Source,
    pub(super) metadata: Metadata,
    pub(super) config: SimulcastConfig,
}

/// What somebody wants seen, or what stands for it.
pub(super) fn metadata_of(other: &Described) -> Metadata {
    let own = other.about.metadata.clone();
    own.unwrap_or_else(|| json!({ "displayName": other.peer.name }).into())
}

/// The tracks of somebody by the names that clients know them by.
pub(super) fn tracks_of(other: &Described) -> BTreeMap<String, Shown> {
    let none = TrackAbout::default();
    let shown = other.peer.tracks.iter().filter_map(|track| {
        let about = other.about.tracks.get(&track.id).unwrap_or(&none);
        let (label, metadata) = match &about.label {
            Some(label) => (label.clone(), about.metadata.clone().unwrap_or_default()),
            None => (format!("{}:{}", other.peer.id, track.id), stand_in(track)?),
        };
        let config = SimulcastConfig {
            enabled: about.encodings.len() > 1,
            active_encodings: about.encodings.clone(),
            disabled_encodings: about.disabled.iter().cloned().collect(),
        };
        let Track { id, source, kind, .. } = *track;
        Some((label, Shown { track: id, kind, source, metadata, config }))
    });
    shown.collect()
}

/// What stands for the metadata of a track of one who speaks our dialect, as Membrane's videoroom would have it. `None`
/// for a screen and the like while they are off: clients would show an empty picture.
fn stand_in(track: &Track) -> Option<Metadata> {
    let kind = match track.source {
        Source::Microphone => kind::AUDIO,
        Source::Camera => kind::CAMERA,
        _ if !track.on => return None,
        Source::Screen => kind::SCREEN,
        Source::ScreenAudio => kind::SCREEN_AUDIO,
        Source::Custom => kind::CUSTOM,
    };
    Some(json!({ "type": kind, "active": track.on }).into())
}

/// What a track is to those who speak our dialect, by its metadata or else by its kind.
pub(super) fn source_of(metadata: Option<&Metadata>, kind: Kind) -> Source {
    match (said_kind(metadata).as_deref(), kind) {
        (Some(kind::SCREEN), Kind::Audio) | (Some(kind::SCREEN_AUDIO), Kind::Audio) => {
            Source::ScreenAudio
        }
        (Some(kind::SCREEN), Kind::Video) => Source::Screen,
        (Some(kind::CUSTOM), _) => Source::Custom,
        (_, Kind::Audio) => Source::Microphone,
        (_, Kind::Video) => Source::Camera,
    }
}

/// Whether metadata says that a track is on or off. Only where it looks like the videoroom's: what others mean by
/// `active` is theirs.
pub(super) fn says_on(metadata: &Metadata) -> Option<bool> {
    let is_known =
        |kind: &String| [kind::AUDIO, kind::CAMERA, kind::SCREEN].contains(&kind.as_str());
    said_kind(Some(metadata)).filter(is_known)?;
    metadata.get("active")?.as_bool()
}

fn said_kind(metadata: Option<&Metadata>) -> Option<String> {
    metadata?.get("type")?.as_str().map(str::to_owned)
}
