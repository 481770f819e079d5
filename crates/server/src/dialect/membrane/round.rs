//! One negotiation at a time: from "please offer" to the answer, and what has gathered meanwhile goes into the next.
//!
//! Clients count as negotiating from the moment that they hear of tracks that came or went, so each such word is followed
//! by an `offerData` at once, and none is said while an offer is awaited or being answered: two of these at a time, and
//! a browser makes neither.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parlor_wire::membrane::SdpOffer;
use parlor_wire::membrane::server::{ServerCustom, ServerEvent, Track, TracksTypes};
use parlor_wire::{Kind, Negotiated, PeerId, TrackId};

use super::describe::{self, Shown};
use super::offer::{self, Sections};
use super::{Ask, Dialect, Known, KnownTrack};
use crate::room::about::Metadata;

/// So many sections of each kind a client is asked for at most: its offer has to fit a frame, also while some are still
/// taken by tracks that have just ended. And so many it has at least before any of them carries a second track:
/// Chromium 156 decodes pictures on a section that had carried others, and shows none of them.
pub(super) const MAX_SECTIONS: u16 = 56;

/// Sections of each kind that the media side makes anything of (`slots_per_kind`), should a client have so many.
const MAX_SECTIONS_OF_ITS_OWN: u16 = 64;

/// The next negotiation begins so long after the last answer at the soonest: each costs an offer of many sections and
/// new ways to the relay, and what comes meanwhile needs one instead of several.
pub const REST: Duration = Duration::from_millis(250);

/// A client that has not offered after so long never will: it has failed to make an offer, and says nothing of it. It
/// is not asked again, since it may be at it still: two at a time fail for sure.
const OFFER_PATIENCE: Duration = Duration::from_secs(30);

/// One that has never offered may have failed over the sections of a connection of before, and is told to begin anew
/// after so long: on a busy machine the first offer takes seconds.
const FIRST_OFFER_PATIENCE: Duration = Duration::from_secs(15);

/// A track that found no section is tried again so soon: it was on its way from another media thread.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// And so many times.
const MAX_TRIES: u8 = 5;

/// Where the negotiation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// There is none.
    #[default]
    Idle,
    /// The client has been asked for an offer.
    Asked { until: Instant },
    /// Its offer is being answered.
    Answering,
    /// The last answer was said a moment ago.
    Resting { until: Instant },
}

/// A client's negotiations.
#[derive(Debug, Default)]
pub(super) struct Round {
    stage: Stage,
    has_answered: bool,
    /// Tracks that it came or went with, as far as it said, before it was asked and after.
    requests_before: usize,
    requests_since: usize,
    /// The most sections that it was ever asked for: clients fail when they are asked for fewer than they have.
    types: TracksTypes,
    /// Its sections and tracks in the offer that is being answered.
    offered: BTreeMap<String, String>,
    /// Sections that send what another one sends already.
    twins: BTreeSet<String>,
    /// The sections that an answer has ever put a track on, by their mids.
    used: BTreeMap<String, Kind>,
    /// The tracks that the last answer has a section for.
    pub(super) occupied: Vec<(TrackId, Kind)>,
    /// When a track that found no section is tried again, and how often that was done.
    try_again_at: Option<Instant>,
    tries: u8,
}

impl Round {
    /// The client wants to offer.
    pub(super) fn request(&mut self) {
        self.requests_since = self.requests_since.saturating_add(1);
    }

    /// An offer is wanted of a client that need not have anything to offer: it is asked for so many sections at least.
    pub(super) fn request_of_anybody(&mut self, types: TracksTypes) {
        self.request();
        self.types.audio = self.types.audio.max(types.audio);
        self.types.video = self.types.video.max(types.video);
    }

    /// A track that found no section may find one now.
    pub(super) fn try_again(&mut self, now: Instant) {
        (self.try_again_at, self.tries) = (Some(now), 0);
    }

    /// Whether it was ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Idle => self.try_again_at,
            Stage::Resting { until } => Some(until),
            Stage::Asked { until } => Some(until),
            Stage::Answering => None,
        }
    }

    /// True when the client will not offer any more.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        match self.stage {
            Stage::Resting { until } if now >= until => self.stage = Stage::Idle,
            Stage::Asked { until } if now >= until => {
                self.stage = Stage::Idle;
                return true;
            }
            _ => {}
        }
        false
    }

    fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Which of the client's wishes an offer that came with so many changes does not fulfil. One that was said while
    /// the client made its offer may be in it or not.
    fn settle(&mut self, changes: usize) {
        let all = self.requests_before + self.requests_since;
        self.requests_since = all.saturating_sub(changes).min(self.requests_since);
        self.requests_before = 0;
    }
}

impl Dialect {
    /// Tells the client what has changed, as far as it may be told now.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.peer.is_none() {
            return;
        }
        self.tell_of_people();
        self.tell_of_known_tracks();
        if self.round.is_idle() {
            self.begin(now);
        }
        self.tell_voices();
    }

    /// Begins a negotiation if there is a reason for one.
    fn begin(&mut self, now: Instant) {
        self.forget_who_published_nothing();
        let gone = self.gone_tracks();
        let new = self.new_tracks(&gone);
        let is_due = self.round.try_again_at.is_some_and(|at| at <= now);
        if gone.is_empty() && new.is_empty() && self.round.requests_since == 0 && !is_due {
            return;
        }
        if !new.is_empty() {
            self.round.tries = 0;
        }
        for (peer, labels) in gone {
            self.tell_of_removal(peer, labels);
        }
        for (peer, tracks) in new {
            self.tell_of_addition(peer, tracks);
        }
        self.ask_for_offer(now);
    }

    fn forget_who_published_nothing(&mut self) {
        let others = &self.others;
        let gone = |(peer, known): (&PeerId, &mut Known)| {
            (known.tracks.is_empty() && !others.contains_key(peer)).then_some(*peer)
        };
        let gone: Vec<PeerId> = self.known.iter_mut().filter_map(gone).collect();
        for peer in gone {
            self.known.remove(&peer);
            self.say(ServerEvent::EndpointRemoved { id: peer.to_string() });
        }
    }

    fn tell_of_removal(&mut self, peer: PeerId, labels: Vec<String>) {
        let Some(known) = self.known.get_mut(&peer) else { return };
        for label in &labels {
            known.tracks.remove(label);
            self.voices.remove(label);
        }
        // Its last tracks go with it, also those that no answer has named.
        let is_gone = !self.others.contains_key(&peer);
        if is_gone {
            self.known.remove(&peer);
        }
        let endpoint_id = peer.to_string();
        self.say(ServerEvent::TracksRemoved {
            endpoint_id: endpoint_id.clone(),
            track_ids: labels,
        });
        if is_gone {
            self.say(ServerEvent::EndpointRemoved { id: endpoint_id });
        }
    }

    fn tell_of_addition(&mut self, peer: PeerId, new: BTreeMap<String, Shown>) {
        let Some(known) = self.known.get_mut(&peer) else { return };
        let track = |shown: &Shown| Track {
            metadata: shown.metadata.clone(),
            simulcast_config: shown.config.clone(),
        };
        let tracks = new.iter().map(|(label, shown)| (label.clone(), track(shown))).collect();
        let metadata = new.iter().map(|(label, shown)| (label.clone(), shown.metadata.clone()));
        let track_id_to_metadata: BTreeMap<String, Metadata> = metadata.collect();
        known.tracks.extend(new.into_iter().map(|(label, shown)| (label, KnownTrack::new(shown))));
        let endpoint_id = peer.to_string();
        self.say(ServerEvent::TracksAdded { endpoint_id, tracks, track_id_to_metadata });
    }

    fn ask_for_offer(&mut self, now: Instant) {
        // A section is free for another track only after an answer that called it inactive.
        let has = |kind| {
            let tracks = self.known.values().flat_map(|known| known.tracks.values());
            let count = tracks.filter(|track| track.shown.kind == kind).count();
            u16::try_from(count).unwrap_or(u16::MAX)
        };
        let (audio, video) = (has(Kind::Audio), has(Kind::Video));
        let is_known = |id: TrackId| {
            self.known.values().flat_map(|it| it.tracks.values()).any(|it| it.shown.track == id)
        };
        let busy = |kind| {
            let occupied = self.round.occupied.iter();
            occupied.filter(|(track, of)| *of == kind && !is_known(*track)).count() as u16
        };
        let fresh = |kind| {
            let used = self.round.used.values().filter(|of| **of == kind).count();
            let tracks = self.known.values().flat_map(|it| it.tracks.values());
            let is_placed = |id: TrackId| self.round.occupied.iter().any(|(track, _)| *track == id);
            let new = tracks.filter(|it| it.shown.kind == kind && !is_placed(it.shown.track));
            u16::try_from(used + new.count()).unwrap_or(u16::MAX).min(MAX_SECTIONS)
        };
        let audio = audio.saturating_add(busy(Kind::Audio)).max(fresh(Kind::Audio));
        let video = video.saturating_add(busy(Kind::Video)).max(fresh(Kind::Video));
        let types = &mut self.round.types;
        types.audio = types.audio.max(audio);
        types.video = types.video.max(video);
        let tracks_types = *types;
        // Once: the library keeps whatever it is told, makes later connections of all of that, and Chromium takes the first
        // 32 of them, which after many negotiations would all be a former server's.
        let integrated_turn_servers = std::mem::take(&mut self.turn);
        self.round.requests_before = std::mem::take(&mut self.round.requests_since);
        self.round.try_again_at = None;
        let patience = match self.may_begin_anew() {
            true => FIRST_OFFER_PATIENCE,
            false => OFFER_PATIENCE,
        };
        self.round.stage = Stage::Asked { until: now + patience };
        self.say_custom(ServerCustom::OfferData { tracks_types, integrated_turn_servers });
    }

    /// Hands the client's offer on. One that nobody has asked for is as good; one that comes while another is being
    /// answered, or right after that, is not.
    pub(super) fn take_offer(&mut self, mut offer: SdpOffer<Metadata>) {
        let is_taken = matches!(self.round.stage, Stage::Idle | Stage::Asked { .. });
        let Some(peer) = self.peer.filter(|_| is_taken) else { return };
        let sections = Sections::read(&offer.sdp_offer.sdp);
        offer::leave_out_twins(&sections, &mut offer.mid_to_track_id, &mut self.round.twins);
        let types = &mut self.round.types;
        types.audio = types.audio.max(sections.receiving_audio.min(MAX_SECTIONS_OF_ITS_OWN));
        types.video = types.video.max(sections.receiving_video.min(MAX_SECTIONS_OF_ITS_OWN));
        let senders = sections.senders(&format!("{peer}:"), &offer, &self.own);
        let sdp = offer::ending_others(offer.sdp_offer.sdp, &sections, &senders);
        let named = senders
            .iter()
            .filter_map(|(sender, _)| offer.mid_to_track_id.get_key_value(&sender.mid));
        let offered: BTreeMap<String, String> =
            named.map(|(mid, label)| (mid.clone(), label.clone())).collect();
        let came = offered.values().filter(|label| !self.own.contains_key(*label)).count();
        let went = self.own.keys().filter(|label| !offered.values().any(|it| it == *label)).count();
        self.round.settle(came + went);
        self.round.offered = offered;
        self.round.stage = Stage::Answering;
        let tracks = self.known.values().flat_map(|known| known.tracks.values());
        let pins: Vec<TrackId> = tracks.map(|track| track.shown.track).collect();
        self.ask(Ask::Offer { offer: sdp, senders, pins });
    }

    pub(super) fn tell_answer(&mut self, now: Instant, negotiated: Negotiated) {
        if self.round.stage != Stage::Answering {
            return;
        }
        self.round.stage = Stage::Resting { until: now + REST };
        self.round.has_answered = true;
        let Negotiated { answer, tracks, slots } = negotiated;
        let mut map = BTreeMap::new();
        self.own.clear();
        for own in tracks {
            if let Some(label) = self.round.offered.get(&own.mid) {
                self.own.insert(label.clone(), own.id);
                map.insert(own.mid, label.clone());
            }
        }
        let mut without = Vec::new();
        for (peer, known) in &mut self.known {
            for (label, track) in &mut known.tracks {
                let id = Some(track.shown.track);
                match slots.iter().find(|slot| slot.track == id) {
                    Some(slot) => {
                        track.mid = Some(slot.mid.clone());
                        map.insert(slot.mid.clone(), label.clone());
                    }
                    None => without.push((*peer, label.clone())),
                }
            }
        }
        let has_unplaced = self.name_unplaced(without, &mut map);
        let carrying = slots.iter().filter(|slot| slot.track.is_some());
        self.round.used.retain(|mid, _| slots.iter().any(|slot| slot.mid == *mid));
        self.round.used.extend(carrying.map(|slot| (slot.mid.clone(), slot.kind)));
        let occupied = slots.iter().filter_map(|slot| Some((slot.track?, slot.kind)));
        self.round.occupied = occupied.collect();
        self.say_custom(ServerCustom::SdpAnswer {
            kind: "answer",
            sdp: answer,
            mid_to_track_id: map,
        });
        if has_unplaced && self.round.tries < MAX_TRIES {
            self.round.tries += 1;
            self.round.try_again_at = Some(now + TRY_AGAIN_AFTER);
        }
        self.advance(now);
    }

    /// Names the tracks, too, that an answer has no section for: clients can be told that one has gone only if an answer
    /// has named it. Each keeps the section that it had, where nothing arrives, or gets the name of none. Whether any
    /// of them is still there to be had.
    fn name_unplaced(
        &mut self,
        tracks: Vec<(PeerId, String)>,
        map: &mut BTreeMap<String, String>,
    ) -> bool {
        let mut are_there = false;
        for (peer, label) in tracks {
            let there = self.others.get(&peer).map(describe::tracks_of).unwrap_or_default();
            let known = self.known.get_mut(&peer);
            let Some(track) = known.and_then(|known| known.tracks.get_mut(&label)) else {
                continue;
            };
            are_there |= track.is_among(&there, &label);
            let before = track.mid.take().filter(|mid| !map.contains_key(mid));
            let mid = before.unwrap_or_else(|| format!("none-{}", track.shown.track));
            map.insert(mid.clone(), label);
            track.mid = Some(mid);
        }
        are_there
    }
}

impl KnownTrack {
    fn new(shown: Shown) -> KnownTrack {
        KnownTrack { shown, mid: None, encoding: None, was_paused: false, target: None, lost: None }
    }

    /// Whether it is still there: its owner may have given its name to another track.
    pub(super) fn is_among(&self, there: &BTreeMap<String, Shown>, label: &str) -> bool {
        there.get(label).is_some_and(|shown| shown.track == self.shown.track)
    }
}
