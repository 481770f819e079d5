//! Which tracks a client is to be told of at the next negotiation.

use std::collections::{BTreeMap, BTreeSet};

use parlor_wire::{Kind, Peer, PeerId, TrackId};

use super::describe::{self, Shown};
use super::round::MAX_SECTIONS;
use super::{Dialect, KnownTrack};
use crate::room::about::Described;

/// Tracks of each kind that one client is told of: the offer that receives them all fits a frame, although it is wrapped
/// twice.
const MAX_TRACKS_PER_KIND: usize = 48;

impl Dialect {
    /// The tracks that the client knows and that are no more. Of those that no answer has named, it is not told yet.
    pub(super) fn gone_tracks(&self) -> Vec<(PeerId, Vec<String>)> {
        let gone = self.known.iter().map(|(peer, known)| {
            let there = self.others.get(peer).map(describe::tracks_of).unwrap_or_default();
            let is_gone = |(label, track): &(&String, &KnownTrack)| {
                track.mid.is_some() && !track.is_among(&there, label)
            };
            let labels = known.tracks.iter().filter(is_gone).map(|(label, _)| label.clone());
            (*peer, labels.collect::<Vec<_>>())
        });
        gone.filter(|(_, labels)| !labels.is_empty()).collect()
    }

    /// The tracks that there are and that the client does not know, as many as it may know and as there are sections
    /// for: those that `gone` ones are on are free only after the next answer.
    pub(super) fn new_tracks(
        &self,
        gone: &[(PeerId, Vec<String>)],
    ) -> Vec<(PeerId, BTreeMap<String, Shown>)> {
        let is_gone = |peer: &PeerId, label: &String| {
            gone.iter().any(|(other, labels)| other == peer && labels.contains(label))
        };
        let room = |kind| {
            let known = self.known.iter().flat_map(|(peer, known)| {
                known.tracks.iter().map(move |(label, track)| (peer, label, &track.shown))
            });
            let known = known.filter(|(peer, label, _)| !is_gone(peer, label));
            let known = known.filter(|(_, _, shown)| shown.kind == kind);
            let known: BTreeSet<TrackId> = known.map(|(_, _, shown)| shown.track).collect();
            let busy = self.round.occupied.iter();
            let busy = busy.filter(|(track, of)| *of == kind && !known.contains(track)).count();
            let sections = usize::from(MAX_SECTIONS).saturating_sub(busy);
            MAX_TRACKS_PER_KIND.min(sections).saturating_sub(known.len())
        };
        let (mut audio, mut video) = (room(Kind::Audio), room(Kind::Video));
        let mut all = Vec::new();
        for (peer, other) in &self.others {
            let Some(known) = self.known.get(peer) else { continue };
            let mut tracks = describe::tracks_of(other);
            tracks.retain(|label, shown| {
                let left = if shown.kind == Kind::Audio { &mut audio } else { &mut video };
                let is_unknown = !known.tracks.contains_key(label) || is_gone(peer, label);
                let is_new = is_unknown && *left > 0;
                *left -= usize::from(is_new);
                is_new
            });
            if !tracks.is_empty() {
                all.push((*peer, tracks));
            }
        }
        all
    }

    /// Whether somebody has a track again that was gone when an answer looked for it, and that the client was not told
    /// to have gone: it knows it, and has no section of it.
    pub(super) fn has_back(&self, present: &Described) -> bool {
        let Some(known) = self.known.get(&present.peer.id) else { return false };
        let is_of = |peer: &Peer, id: TrackId| peer.tracks.iter().any(|track| track.id == id);
        let before = self.others.get(&present.peer.id);
        let is_placed = |id: TrackId| self.round.occupied.iter().any(|(track, _)| *track == id);
        known.tracks.values().map(|track| track.shown.track).any(|id| {
            is_of(&present.peer, id)
                && !before.is_some_and(|before| is_of(&before.peer, id))
                && !is_placed(id)
        })
    }
}
