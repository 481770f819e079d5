//! What members say of themselves and of their tracks for those whose dialect passes that on, and how those are told
//! of everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parlor_wire::{Empty, LeaveReason, Peer, PeerId, Presence, Reason, Refusal, Speakers, TrackId};

use super::command::{Effect, Join, MediaCommand, Push, Response};
use super::door::Watch;
use super::member::Member;
use super::state::RoomState;

/// Any JSON value, opaque to the server.
pub type Metadata = serde_json::Value;

/// How a member and its room talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Parlor's own protocol: it offers when it joins, and comes back when it is lost.
    Parlor,
    /// Membrane's media events: it is in before it offers, and out when its socket is.
    Membrane,
    /// WHIP (RFC 9725): it offers when it joins, has no socket, and is told nothing.
    Whip,
    /// WHEP (draft-ietf-wish-whep): the same of one who watches this and is not seen.
    Whep(Watch),
}

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// As its dialect has it; none in ours.
    pub metadata: Option<Metadata>,
    /// What it says of its tracks.
    pub tracks: BTreeMap<TrackId, TrackAbout>,
}

/// What a member says of one of its tracks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackAbout {
    /// Its own name for the track; none in our dialect, where the server names them.
    pub label: Option<String>,
    /// As its dialect has it.
    pub metadata: Option<Metadata>,
    /// The rids of its encodings, the lowest first, if it has several.
    pub encodings: Vec<String>,
    /// Those of them that it does not send now.
    pub disabled: BTreeSet<String>,
}

/// A member with what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// As everybody sees it.
    pub peer: Peer,
    /// The rest.
    pub about: Arc<About>,
}

/// People and their tracks changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Who is new, or of whom something changed; each whole and anew.
    pub present: Vec<Described>,
    /// Who is gone.
    pub left: Vec<PeerId>,
}

/// The response to a join of one who offers later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Own id.
    pub peer: PeerId,
    /// Everybody else.
    pub others: Vec<Described>,
    /// Who is speaking.
    pub speakers: Speakers,
}

impl RoomState {
    /// One who comes without an offer is in at once.
    pub(super) fn enter_without_media(&mut self, peer: PeerId, join: Join) {
        let present = |(id, member): &(&PeerId, &Member)| **id != peer && member.is_seen();
        let others = self.members.iter().filter(present);
        let others = others.map(|(id, member)| member.describe_with_about(*id)).collect();
        let speakers = self.speakers.clone();
        self.presence.joined(peer);
        let entered = Response::Entered(Entered { peer, others, speakers });
        self.reply(join.session, join.reference, Ok(entered));
    }

    pub(super) fn describe(
        &mut self,
        peer: PeerId,
        name: String,
        metadata: Option<Metadata>,
    ) -> Result<Response, Refusal> {
        if let Some(member) = self.members.get_mut(&peer)
            && (member.name != name || member.about.metadata != metadata)
        {
            member.name = name;
            Arc::make_mut(&mut member.about).metadata = metadata;
            self.presence.changed(peer);
        }
        Ok(Response::Empty(Empty {}))
    }

    pub(super) fn describe_track(
        &mut self,
        peer: PeerId,
        track: TrackId,
        metadata: Metadata,
        on: Option<bool>,
    ) -> Result<Response, Refusal> {
        let about = self.own_track(peer, track)?;
        if about.metadata.as_ref() != Some(&metadata) {
            about.metadata = Some(metadata);
            self.presence.changed(peer);
        }
        match on {
            Some(on) => self.switch_track(peer, track, on),
            None => Ok(Response::Empty(Empty {})),
        }
    }

    pub(super) fn switch_encoding(
        &mut self,
        peer: PeerId,
        track: TrackId,
        encoding: String,
        on: bool,
    ) -> Result<Response, Refusal> {
        let about = self.own_track(peer, track)?;
        let is_known = about.encodings.contains(&encoding);
        let has_changed = match on {
            true => about.disabled.remove(&encoding),
            false => is_known && about.disabled.insert(encoding),
        };
        if has_changed {
            self.presence.changed(peer);
        }
        Ok(Response::Empty(Empty {}))
    }

    fn own_track(&mut self, peer: PeerId, track: TrackId) -> Result<&mut TrackAbout, Refusal> {
        let member = self.members.get_mut(&peer);
        let member = member.filter(|member| member.tracks.iter().any(|own| own.id == track));
        let unknown = || {
            let message = format!("track: {track} is none of your tracks");
            Refusal::new(Reason::UnknownTrack, message)
        };
        let about = &mut member.ok_or_else(unknown)?.about;
        Ok(Arc::make_mut(about).tracks.entry(track).or_default())
    }

    /// Tells everybody who is to hear of it, each in their manner.
    pub(super) fn broadcast_presence(&mut self, presence: Presence) {
        let sessions = self.sessions_of(Manner::Membrane);
        if !sessions.is_empty() {
            let about = |peer: &Peer| Described {
                peer: peer.clone(),
                about: self
                    .members
                    .get(&peer.id)
                    .map(|it| Arc::clone(&it.about))
                    .unwrap_or_default(),
            };
            let present = presence.joined.iter().chain(&presence.changed).map(about).collect();
            let left = presence.left.iter().map(|left| left.id).collect();
            let push = Push::Roster(Arc::new(Roster { present, left }));
            self.effect(Effect::Broadcast { sessions, push });
        }
        let sessions = self.sessions_of(Manner::Parlor);
        if !sessions.is_empty() {
            self.effect(Effect::Broadcast { sessions, push: Push::Presence(presence) });
        }
    }

    fn sessions_of(&self, manner: Manner) -> Vec<super::command::SessionId> {
        let members = self.members.values().filter(|member| member.manner == manner);
        members.filter_map(Member::listening).collect()
    }

    /// One whose socket is gone, and who could not come back.
    pub(super) fn lose_at_once(&mut self, peer: PeerId) {
        self.remove(peer, LeaveReason::Lost, None);
    }

    /// No better encoding of a track is to be sent to somebody.
    pub(super) fn cap(&mut self, peer: PeerId, track: TrackId, up_to: Option<String>) -> Response {
        self.effect(Effect::Media(MediaCommand::Cap { peer, track, up_to }));
        Response::Empty(Empty {})
    }
}

impl Member {
    /// Takes what is said of its tracks from now on; what is said of an encoding stays.
    pub(super) fn tell_of_tracks(
        &mut self,
        mut tracks: BTreeMap<TrackId, TrackAbout>,
        encodings: Vec<(TrackId, Vec<String>)>,
    ) {
        for (track, encodings) in encodings {
            tracks.entry(track).or_default().encodings = encodings;
        }
        for (track, about) in &mut tracks {
            let before = self.about.tracks.get(track).filter(|it| it.label == about.label);
            about.disabled = before.map(|before| before.disabled.clone()).unwrap_or_default();
        }
        if self.about.tracks != tracks {
            Arc::make_mut(&mut self.about).tracks = tracks;
        }
    }

    /// What others see whose dialect passes everything on.
    pub(super) fn describe_with_about(&self, id: PeerId) -> Described {
        Described { peer: self.describe(id), about: Arc::clone(&self.about) }
    }
}
