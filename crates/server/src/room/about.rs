//! What members say of themselves and of their tracks for those whose dialect passes that on, and how those are told
//! of everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parlor_wire::{Empty, LeaveReason, Peer, PeerId, Presence, Reason, Refusal, Speakers, TrackId};

use super::command::{Effect, Join, MediaCommand, Push, Response};
use super::door::Watch;
use super::member::Member;
pub use super::metadata::{MAX_SHOWN_LEN, Metadata};
use super::state::RoomState;

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
        let about = self.members.get(&peer).map(|member| &member.about);
        let tracks = about.map_or(0, |about| about.shown_len_of_tracks(None));
        fits(tracks, metadata.as_ref())?;
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
        let about = self.members.get(&peer).map(|member| &member.about);
        fits(about.map_or(0, |about| about.shown_len_but_for(track)), Some(&metadata))?;
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

impl About {
    /// How long what it says of its tracks is when it is sent, but for one of them, in bytes.
    fn shown_len_of_tracks(&self, but_for: Option<TrackId>) -> usize {
        let tracks = self.tracks.iter().filter(|(track, _)| Some(**track) != but_for);
        tracks.filter_map(|(_, about)| about.metadata.as_ref()).map(Metadata::shown_len).sum()
    }

    /// The same of all that it says.
    fn shown_len_but_for(&self, track: TrackId) -> usize {
        let own = self.metadata.as_ref().map_or(0, Metadata::shown_len);
        own + self.shown_len_of_tracks(Some(track))
    }
}

/// Whether more may be said by one of whom so much is sent already; how much it is then.
fn fits(shown_len: usize, more: Option<&Metadata>) -> Result<usize, Refusal> {
    let longer = shown_len + more.map_or(0, Metadata::shown_len);
    if longer <= MAX_SHOWN_LEN {
        return Ok(longer);
    }
    let message = format!("What is to be shown of you is longer than {MAX_SHOWN_LEN} bytes.");
    Err(Refusal::new(Reason::BadRequest, message))
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
        let mut shown_len = self.about.metadata.as_ref().map_or(0, Metadata::shown_len);
        for (track, about) in &mut tracks {
            match fits(shown_len, about.metadata.as_ref()) {
                Ok(longer) => shown_len = longer,
                Err(_) => about.metadata = None,
            }
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::super::command::{Answer, Command, NamedSender, Request, SessionId};
    use super::super::token::Token;
    use super::*;

    fn say(room: &mut RoomState, request: Request) -> Vec<Effect> {
        let (session, reference) = (SessionId(1), Some("1".to_owned()));
        room.apply(Command::Request { session, reference, request }, Instant::now())
    }

    /// Text that is so long when it is sent: each of its bytes is two.
    fn quotes(sent_len: usize) -> Metadata {
        json!("\"".repeat(sent_len / 4)).into()
    }

    fn shown_len(room: &RoomState) -> usize {
        room.members[&PeerId(1)].about.shown_len_but_for(TrackId(0))
    }

    #[test]
    fn what_one_member_says_of_itself_and_of_all_its_tracks_has_one_bound() {
        let mut room = RoomState::new(2);
        let join = Join {
            session: SessionId(1),
            reference: None,
            replaces: None,
            manner: Manner::Membrane,
            name: "Ann".to_owned(),
            metadata: Some(quotes(MAX_SHOWN_LEN / 2)),
            offer: None,
            senders: Vec::new(),
            pins: None,
            resume: None,
            peer: PeerId(1),
            token: Token::from_bytes([0; 16]),
            ice_servers: Vec::new(),
        };
        room.apply(Command::Join(Box::new(join)), Instant::now());
        let senders = (1..=4).map(|track| {
            let kind = Some(parlor_wire::Kind::Video);
            let (mid, source) = (track.to_string(), parlor_wire::Source::Custom);
            let sender = parlor_wire::Sender { mid, source, kind, on: true };
            let metadata = Some(quotes(MAX_SHOWN_LEN / 3));
            let about = TrackAbout { metadata, ..TrackAbout::default() };
            NamedSender { track: TrackId(track), sender, about }
        });
        let (offer, senders, pins) = (String::new(), senders.collect(), Vec::new());
        say(&mut room, Request::Offer { offer, senders, pins });
        let answer = Answer { sdp: String::new(), slots: Vec::new(), encodings: Vec::new() };
        let answered = Command::Answered { peer: PeerId(1), attempt: 1, result: Ok(answer) };
        room.apply(answered, Instant::now());
        let before = shown_len(&room);
        assert!((MAX_SHOWN_LEN / 2..=MAX_SHOWN_LEN).contains(&before), "{before}");

        let (track, metadata, on) = (TrackId(4), quotes(MAX_SHOWN_LEN / 2), None);
        let refused = say(&mut room, Request::DescribeTrack { track, metadata, on });
        assert!(matches!(refused[0], Effect::Reply { reply: Err(_), .. }), "{refused:?}");
        let (name, metadata) = ("Ann".to_owned(), Some(quotes(MAX_SHOWN_LEN)));
        let refused = say(&mut room, Request::Describe { name, metadata });
        assert!(matches!(refused[0], Effect::Reply { reply: Err(_), .. }), "{refused:?}");
        assert_eq!(shown_len(&room), before);
        let request = Request::Describe { name: "Ann".to_owned(), metadata: None };
        say(&mut room, request);
        assert!(shown_len(&room) < before, "there is room again");
    }
}
