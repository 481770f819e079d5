//! A room's numbers for one of its members: what is known of everybody's connection and tracks.

use parlor_wire::{Network, PeerId, PeerState, RoomName, Track, TrackId, TrackQuality};
use tokio::sync::oneshot;

use super::about::TrackAbout;
use super::command::SessionId;
use super::member::{Member, Stage};
use super::state::RoomState;

/// The question for a room's numbers. It is dropped without an answer to who is not in.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// Whose.
    pub(super) session: SessionId,
    /// Most members that are to be reported of.
    pub(super) endpoints: usize,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Report>,
}

/// A room's numbers as one member may know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which room.
    pub room: RoomName,
    /// Who is told.
    pub to: PeerId,
    /// That one, and others.
    pub endpoints: Vec<Endpoint>,
    /// What that one gets of others' pictures.
    pub received: Vec<Received>,
}

/// One member's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Who.
    pub id: PeerId,
    /// How its connection looks to others.
    pub state: PeerState,
    /// The way to it in a word; none before anything was said of it.
    pub network: Option<Network>,
    /// What that is taken to carry, in bits per second.
    pub estimate_bps: Option<u32>,
    /// Its tracks.
    pub tracks: Vec<Published>,
}

/// A track and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// As everybody sees it.
    pub track: Track,
    /// What its owner says of it.
    pub about: TrackAbout,
    /// The rids of its encodings that somebody has a use for, `""` of the only one; none before that is known.
    pub wanted: Option<Vec<String>>,
}

/// What somebody gets of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whose track it is.
    pub of: PeerId,
    /// Its owner's name for it, if it has one.
    pub label: Option<String>,
    /// That.
    pub quality: TrackQuality,
}

impl Inquiry {
    /// Answers with what `state` is.
    pub(super) fn answer(self, room: &RoomName, state: &RoomState) {
        if let Some(report) = state.report(room, self.session, self.endpoints) {
            // Whoever asked may be gone.
            let _gone = self.answer.send(report);
        }
    }
}

impl RoomState {
    /// The numbers of the member of `session`, and of as many others that those are at most `endpoints`.
    fn report(&self, room: &RoomName, session: SessionId, endpoints: usize) -> Option<Report> {
        let to = *self.sessions.get(&session)?;
        let member = self.members.get(&to).filter(|member| member.stage == Stage::Present)?;
        let others = self.members.iter().filter(|(id, other)| **id != to && other.is_seen());
        let all = std::iter::once((&to, member)).chain(others);
        let endpoints = all.take(endpoints).map(|(id, it)| it.report(*id)).collect();
        let received = member.quality.iter().flat_map(|quality| &quality.tracks);
        let received = received.filter_map(|quality| self.received(quality)).collect();
        Some(Report { room: room.clone(), to, endpoints, received })
    }

    fn received(&self, quality: &TrackQuality) -> Option<Received> {
        let has = |member: &Member| member.tracks.iter().any(|own| own.id == quality.track);
        let (of, owner) = self.members.iter().find(|(_, member)| has(member))?;
        let label = owner.about.tracks.get(&quality.track).and_then(|about| about.label.clone());
        Some(Received { of: *of, label, quality: quality.clone() })
    }
}

impl Member {
    fn report(&self, id: PeerId) -> Endpoint {
        let peer = self.describe(id);
        let wanted = |track: TrackId| {
            let mut tracks = self.layers_wanted.as_ref()?.tracks.iter();
            Some(tracks.find(|wanted| wanted.track == track)?.layers.clone())
        };
        let tracks = peer.tracks.into_iter().map(|track| {
            let about = self.about.tracks.get(&track.id);
            // What may be long is not told every second.
            let about = about.map(|about| TrackAbout { metadata: None, ..about.clone() });
            Published { wanted: wanted(track.id), about: about.unwrap_or_default(), track }
        });
        Endpoint {
            id,
            state: peer.state,
            network: self.quality.as_ref().map(|quality| quality.network),
            estimate_bps: self.quality.as_ref().and_then(|quality| quality.estimate_bps),
            tracks: tracks.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use parlor_wire::Quality;

    use super::*;
    use crate::room::command::{Command, Join, Manner};
    use crate::room::token::Token;

    fn enter(state: &mut RoomState, id: u64, manner: Manner) {
        let join = Join {
            session: SessionId(id),
            reference: None,
            replaces: None,
            manner,
            name: "Ann".to_owned(),
            metadata: None,
            offer: (manner == Manner::Parlor).then(String::new),
            senders: Vec::new(),
            pins: None,
            resume: None,
            peer: PeerId(id),
            token: Token::from_bytes([0; 16]),
            ice_servers: Vec::new(),
        };
        state.apply(Command::Join(Box::new(join)), Instant::now());
    }

    #[test]
    fn members_alone_are_told_and_told_of_each_of_itself_and_so_many_others() {
        let mut state = RoomState::new(10);
        let room: RoomName = "tea".parse().unwrap();
        (1..=3).for_each(|id| enter(&mut state, id, Manner::Membrane));
        enter(&mut state, 4, Manner::Parlor);
        let quality =
            Quality { network: Network::Good, estimate_bps: Some(900_000), tracks: Vec::new() };
        state.apply(Command::Quality { peer: PeerId(1), quality }, Instant::now());

        let report = |session, endpoints| state.report(&room, SessionId(session), endpoints);
        let ids = |report: &Report| report.endpoints.iter().map(|it| it.id.0).collect::<Vec<_>>();
        assert_eq!(ids(&report(3, 10).unwrap()), [3, 1, 2], "and not who is not in yet");
        assert_eq!(ids(&report(3, 2).unwrap()), [3, 1]);
        assert_eq!(report(3, 2).unwrap().endpoints[1].estimate_bps, Some(900_000));
        assert_eq!((report(4, 10), report(5, 10)), (None, None));
    }
}
