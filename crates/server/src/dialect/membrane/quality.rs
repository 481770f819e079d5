//! What a client is told of what arrives: which encoding and why, who speaks, and what its path carries.

use std::collections::BTreeSet;

use parlor_wire::membrane::server::{ServerCustom, SwitchReason, VadStatus};
use parlor_wire::{Quality, Source, TrackQuality};

use super::{Dialect, KnownTrack};

impl Dialect {
    pub(super) fn tell_quality(&mut self, quality: &Quality) {
        let mut events = Vec::new();
        for (peer, known) in &mut self.known {
            for (label, track) in &mut known.tracks {
                let found = quality.tracks.iter().find(|it| it.track == track.shown.track);
                let Some((encoding, reason)) = found.and_then(|found| track.follow(found)) else {
                    continue;
                };
                events.push(ServerCustom::EncodingSwitched {
                    endpoint_id: peer.to_string(),
                    track_id: label.clone(),
                    encoding,
                    reason,
                });
            }
        }
        if quality.estimate_bps.is_some() && quality.estimate_bps != self.estimate_bps {
            self.estimate_bps = quality.estimate_bps;
            let estimation = f64::from(quality.estimate_bps.unwrap_or_default());
            events.push(ServerCustom::BandwidthEstimation { estimation });
        }
        events.into_iter().for_each(|event| self.say_custom(event));
    }

    /// Tells who begins and who ceases to speak, of those whose microphones the client knows.
    pub(super) fn tell_voices(&mut self) {
        let microphone = |peer| {
            let mut tracks = self.known.get(peer)?.tracks.iter();
            let (label, _) = tracks.find(|(_, track)| track.shown.source == Source::Microphone)?;
            Some(label.clone())
        };
        let voices: BTreeSet<String> =
            self.speakers.speaking.iter().filter_map(microphone).collect();
        let is_known =
            |label: &&String| self.known.values().any(|known| known.tracks.contains_key(*label));
        let told = |label: &String, status| ServerCustom::VadNotification {
            track_id: label.clone(),
            status,
        };
        let silent = self.voices.difference(&voices).filter(is_known);
        let silent = silent.map(|label| told(label, VadStatus::Silence));
        let begun = voices.difference(&self.voices).map(|label| told(label, VadStatus::Speech));
        let events: Vec<ServerCustom> = silent.chain(begun).collect();
        self.voices = voices;
        events.into_iter().for_each(|event| self.say_custom(event));
    }
}

impl KnownTrack {
    /// Takes note of what arrives of the track; what the client is to be told of it, if anything.
    fn follow(&mut self, found: &TrackQuality) -> Option<(String, SwitchReason)> {
        let Some(layer) = found.layer.as_ref().filter(|layer| !layer.is_empty()) else {
            self.was_paused |= found.layer.is_none();
            return None;
        };
        let was_paused = std::mem::take(&mut self.was_paused);
        if self.encoding.as_ref() == Some(layer) && !was_paused {
            return None;
        }
        let reason = self.reason(layer, was_paused);
        match reason {
            SwitchReason::EncodingInactive => self.lost.clone_from(&self.encoding),
            _ if self.lost.as_ref() == Some(layer) => self.lost = None,
            _ => {}
        }
        self.encoding = Some(layer.clone());
        Some((layer.clone(), reason))
    }

    fn reason(&self, layer: &String, was_paused: bool) -> SwitchReason {
        let config = &self.shown.config;
        let place = |rid: &String| config.active_encodings.iter().position(|it| it == rid);
        match &self.encoding {
            Some(_) if was_paused => SwitchReason::VariantUnmuted,
            Some(_) if self.lost.as_ref() == Some(layer) => SwitchReason::VariantResumed,
            _ if self.target.as_ref() == Some(layer) => SwitchReason::TargetVariantSelected,
            Some(before) if config.disabled_encodings.contains(before) => {
                SwitchReason::EncodingInactive
            }
            Some(before) if place(layer) < place(before) => SwitchReason::LowBandwidth,
            None | Some(_) if self.target.is_none() => SwitchReason::AutomaticSelection,
            _ => SwitchReason::Other,
        }
    }
}
