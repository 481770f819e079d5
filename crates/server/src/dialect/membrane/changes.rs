//! What a client is told at any time: who has come, and what people want seen of themselves and of tracks it knows.

use std::collections::BTreeMap;

use parlor_wire::PeerId;
use parlor_wire::membrane::server::ServerEvent;

use super::describe::{self, Shown};
use super::{Dialect, Known, WEBRTC};
use crate::room::about::Metadata;

impl Dialect {
    /// Newcomers, and what people want seen.
    pub(super) fn tell_of_people(&mut self) {
        let mut events = Vec::new();
        for (peer, other) in &self.others {
            let (id, metadata) = (peer.to_string(), describe::metadata_of(other));
            match self.known.get_mut(peer) {
                None => {
                    let known = Known { metadata: metadata.clone(), tracks: BTreeMap::new() };
                    self.known.insert(*peer, known);
                    events.push(ServerEvent::EndpointAdded { id, kind: WEBRTC, metadata });
                }
                Some(known) if known.metadata != metadata => {
                    known.metadata.clone_from(&metadata);
                    events.push(ServerEvent::EndpointUpdated { id, metadata });
                }
                Some(_) => {}
            }
        }
        events.into_iter().for_each(|event| self.say(event));
    }

    /// What people want seen of the tracks that the client knows, and which encodings of them they send.
    pub(super) fn tell_of_known_tracks(&mut self) {
        let mut events = Vec::new();
        for (peer, known) in &mut self.known {
            let Some(other) = self.others.get(peer) else { continue };
            let mut shown = describe::tracks_of(other);
            for (label, track) in &mut known.tracks {
                let Some(shown) = shown.remove(label) else { continue };
                let is_another = shown.track != track.shown.track;
                // One that an answer has named is removed first.
                if is_another && (track.mid.is_some() || shown.kind != track.shown.kind) {
                    continue;
                }
                note_changes(&mut events, *peer, label, &track.shown, &shown);
                track.shown = shown;
            }
        }
        events.into_iter().for_each(|event| self.say(event));
    }
}

/// What is to be said of a track that the client knows.
fn note_changes(
    events: &mut Vec<ServerEvent<Metadata>>,
    peer: PeerId,
    label: &str,
    before: &Shown,
    now: &Shown,
) {
    let (endpoint_id, track_id) = (peer.to_string(), label.to_owned());
    let disabled =
        |shown: &Shown, encoding: &String| shown.config.disabled_encodings.contains(encoding);
    for encoding in &now.config.active_encodings {
        let (endpoint_id, track_id) = (endpoint_id.clone(), track_id.clone());
        let encoding = encoding.clone();
        match (disabled(before, &encoding), disabled(now, &encoding)) {
            (false, true) => {
                events.push(ServerEvent::TrackEncodingDisabled { endpoint_id, track_id, encoding })
            }
            (true, false) => {
                events.push(ServerEvent::TrackEncodingEnabled { endpoint_id, track_id, encoding })
            }
            _ => {}
        }
    }
    if before.metadata != now.metadata {
        let metadata = now.metadata.clone();
        events.push(ServerEvent::TrackUpdated { endpoint_id, track_id, metadata });
    }
}
