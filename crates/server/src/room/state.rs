//! A room as a value: commands and time in, effects out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use parlor_wire::{
    Empty, Ended, LeaveReason, Peer, PeerId, Quality, Reason, Refusal, Slot, Slots, Speakers,
    TrackId, ViewedTrack, Wanted,
};

use super::command::{
    Command, Effect, Heard, Manner, MediaCommand, MediaNews, Push, Reference, Request, Response,
    SessionId,
};
use super::liveness::{Link, Media, TOKEN_LIFE, judge};
use super::member::{Member, Stage};
use super::presence::Batch;
use super::token::Token;

/// Lost members whose ids are kept for their tokens; the oldest gives way.
pub const MAX_LOST: usize = 256;

/// Tracks in one `view`: more than any page shows.
pub const MAX_VIEWED: usize = 256;

/// The people in one conversation, and what is promised to those who may come back.
#[derive(Clone, Debug)]
pub struct RoomState {
    pub(super) max_peers: usize,
    pub(super) members: BTreeMap<PeerId, Member>,
    pub(super) sessions: BTreeMap<SessionId, PeerId>,
    pub(super) lost: BTreeMap<PeerId, Lost>,
    pub(super) presence: Batch,
    pub(super) speakers: Speakers,
    pub(super) effects: Vec<Effect>,
}

/// A member who was lost, and may come back under the same id.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) token: Token,
    pub(super) until: Instant,
}

/// How many there are of what, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Members whose join was answered, viewers too.
    pub peers: usize,
    /// Their tracks.
    pub tracks: usize,
    /// Their receive sections.
    pub slots: usize,
}

impl RoomState {
    /// An empty room for at most `max_peers` people.
    pub fn new(max_peers: usize) -> RoomState {
        RoomState {
            max_peers,
            members: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lost: BTreeMap::new(),
            presence: Batch::default(),
            speakers: Speakers::default(),
            effects: Vec::new(),
        }
    }

    /// Whether nobody is here and nobody may come back.
    pub fn is_over(&self) -> bool {
        self.members.is_empty() && self.lost.is_empty()
    }

    /// How many there are of what.
    pub fn census(&self) -> Census {
        let present = self.members.values().filter(|member| member.stage == Stage::Present);
        present.fold(Census::default(), |census, member| Census {
            peers: census.peers + 1,
            tracks: census.tracks + member.tracks.len(),
            slots: census.slots + member.slots.len(),
        })
    }

    /// When [`Command::Tick`] is due, if ever.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let ends = self.members.values().filter_map(|member| judge(member.link, member.media).end);
        let ends = ends.map(|(at, _)| at);
        // One whose time ran out while its owner tried to come back is overdue.
        let tokens = self.lost.values().map(|lost| lost.until.max(now));
        ends.chain(tokens).chain(self.presence.due(now, self.members.len())).min()
    }

    /// Carries out one command. The effects are to be performed in their order.
    pub fn apply(&mut self, command: Command, now: Instant) -> Vec<Effect> {
        self.expire(now);
        match command {
            Command::Join(join) => self.join(*join, now),
            Command::Answered { peer, attempt, result } => {
                self.answered(peer, attempt, result, now);
            }
            Command::Request { session, reference, request } => {
                self.request(session, reference, request);
            }
            Command::SocketClosed { session } => self.socket_closed(session, now),
            Command::SocketQuiet { session, since } => {
                self.relink(session, Link::Quiet { session, since });
            }
            Command::SocketHeard { session } => self.relink(session, Link::Open(session)),
            Command::Media { peer, news } => self.media(peer, news, now),
            Command::Wanted { peer, wanted } => self.wanted(peer, wanted),
            Command::Quality { peer, quality } => self.quality(peer, quality),
            Command::Speaking(speakers) => self.speaking(speakers),
            Command::Tick => {}
            Command::End(ended) => self.end(&ended),
        }
        self.tell_presence(now);
        std::mem::take(&mut self.effects)
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn push(&mut self, session: Option<SessionId>, push: Push) {
        if let Some(session) = session {
            self.effect(Effect::Push { session, push });
        }
    }

    pub(super) fn reply(
        &mut self,
        session: SessionId,
        reference: Reference,
        reply: Result<Response, Refusal>,
    ) {
        self.effect(Effect::Reply { session, reference, reply });
    }

    fn request(&mut self, session: SessionId, reference: Reference, request: Request) {
        let Some(&peer) = self.sessions.get(&session) else {
            let refusal = Refusal::new(Reason::UnmatchedTopic, "This membership is over.");
            return self.reply(session, reference, Err(refusal));
        };
        let reply = match request {
            Request::SwitchTrack { track, on } => self.switch_track(peer, track, on),
            Request::View(tracks) => self.view(peer, tracks),
            Request::Offer { offer, senders, pins } => {
                return self.offer(peer, session, reference, (offer, senders, pins));
            }
            Request::Answer { answer } => return self.accept(peer, session, reference, answer),
            Request::Cap { track, up_to } => Ok(self.cap(peer, track, up_to)),
            Request::Describe { name, metadata } => self.describe(peer, name, metadata),
            Request::DescribeTrack { track, metadata, on } => {
                self.describe_track(peer, track, metadata, on)
            }
            Request::SwitchEncoding { track, encoding, on } => {
                self.switch_encoding(peer, track, encoding, on)
            }
            Request::Leave => {
                self.reply(session, reference, Ok(Response::Empty(Empty {})));
                self.effect(Effect::Close { session });
                return self.remove(peer, LeaveReason::Left, None);
            }
        };
        self.reply(session, reference, reply);
    }

    pub(super) fn switch_track(
        &mut self,
        peer: PeerId,
        id: TrackId,
        on: bool,
    ) -> Result<Response, Refusal> {
        let member = self.members.get_mut(&peer);
        let own = member.and_then(|member| member.tracks.iter_mut().find(|own| own.id == id));
        let Some(own) = own else {
            let message = format!("track: {id} is none of your tracks");
            return Err(Refusal::new(Reason::UnknownTrack, message));
        };
        if own.on != on {
            own.on = on;
            self.presence.changed(peer);
            self.effect(Effect::Media(MediaCommand::SwitchTrack { peer, track: id, on }));
        }
        Ok(Response::Empty(Empty {}))
    }

    /// Tracks that are gone by now are left out rather than refused: the page cannot have known.
    fn view(&mut self, peer: PeerId, mut tracks: Vec<ViewedTrack>) -> Result<Response, Refusal> {
        if tracks.len() > MAX_VIEWED {
            let message = format!("tracks: expected at most {MAX_VIEWED} entries");
            return Err(Refusal::new(Reason::BadRequest, message));
        }
        let others = self.members.iter().filter(|(id, _)| **id != peer);
        let known: BTreeSet<TrackId> =
            others.flat_map(|(_, member)| member.tracks.iter().map(|track| track.id)).collect();
        tracks.retain(|viewed| known.contains(&viewed.track));
        self.effect(Effect::Media(MediaCommand::View { peer, tracks }));
        Ok(Response::Empty(Empty {}))
    }

    fn socket_closed(&mut self, session: SessionId, now: Instant) {
        self.effect(Effect::Forget { session });
        let Some(peer) = self.sessions.remove(&session) else { return };
        let Some(member) = self.members.get_mut(&peer) else { return };
        match member.stage {
            _ if member.manner == Manner::Membrane => self.lose_at_once(peer),
            Stage::Entering => self.remove(peer, LeaveReason::Lost, None),
            Stage::Present => member.link = Link::Closed { since: now },
        }
    }

    /// An open socket is heard, or not.
    fn relink(&mut self, session: SessionId, link: Link) {
        let owner = self.sessions.get(&session);
        let member = owner.and_then(|peer| self.members.get_mut(peer));
        let is_its =
            |member: &&mut Member| member.manner.has_socket() && member.session() == Some(session);
        if let Some(member) = member.filter(is_its) {
            member.link = link;
        }
    }

    fn media(&mut self, peer: PeerId, news: MediaNews, now: Instant) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let before = judge(member.link, member.media).shown;
        member.media = match (news.connection, member.media) {
            (
                Heard::Connecting,
                known @ (Media::Invited { .. } | Media::Connecting { .. } | Media::Over { .. }),
            ) => known,
            (Heard::Connecting, _) => Media::Connecting { since: now },
            (Heard::Connected, _) => Media::Connected,
            // The same silence, told again, takes back no time that was given.
            (Heard::Silent { since }, Media::Silent { since: known }) => {
                Media::Silent { since: since.max(known) }
            }
            (Heard::Silent { since }, _) => Media::Silent { since },
            (Heard::ClosedByClient | Heard::Failed(_), known @ Media::Over { .. }) => known,
            (Heard::ClosedByClient, _) => Media::Over { since: now },
            (Heard::Failed(why), _) => {
                member.media = Media::Over { since: now };
                return self.end_one(peer, Reason::ConnectionFailed, why, now);
            }
        };
        member.had_more_time &= member.media != Media::Connected;
        let shown = judge(member.link, member.media).shown;
        let moved = changed_slots(&member.slots, &news.slots);
        member.slots = news.slots;
        member.wanted = news.wanted;
        let (listening, ask) = (member.listening(), member.slots_to_ask_for());
        if shown != before && member.stage == Stage::Present && member.manner.is_seen() {
            self.presence.changed(peer);
        }
        if !moved.is_empty() {
            self.push(listening, Push::Slots(Slots { slots: moved }));
        }
        if let Some(more) = ask {
            self.push(listening, Push::MoreSlots(more));
        }
    }

    /// Whoever is not listening now is told when it is.
    fn wanted(&mut self, peer: PeerId, wanted: Wanted) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let listening = member.listening();
        member.layers_wanted = Some(wanted.clone());
        self.push(listening, Push::Wanted(wanted));
    }

    fn quality(&mut self, peer: PeerId, quality: Quality) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let listening = member.listening();
        member.quality = Some(quality.clone());
        self.push(listening, Push::Quality(quality));
    }

    fn speaking(&mut self, mut speakers: Speakers) {
        speakers.speaking.retain(|peer| self.members.contains_key(peer));
        speakers.dominant = speakers.dominant.filter(|peer| self.members.contains_key(peer));
        if speakers != self.speakers {
            self.speakers.clone_from(&speakers);
            self.broadcast(Push::Speakers(speakers));
        }
    }

    fn broadcast(&mut self, push: Push) {
        let sessions: Vec<SessionId> =
            self.members.values().filter_map(Member::listening).collect();
        if !sessions.is_empty() {
            self.effect(Effect::Broadcast { sessions, push });
        }
    }

    fn tell_presence(&mut self, now: Instant) {
        if self.members.is_empty() {
            self.presence = Batch::default();
        }
        if self.presence.due(now, self.members.len()).is_some_and(|due| due <= now) {
            let members = &self.members;
            let describe = |id| -> Option<Peer> { Some(members.get(&id)?.describe(id)) };
            let presence = self.presence.take(now, describe);
            self.broadcast_presence(presence);
        }
    }

    /// Says over a session why it is over, and closes it.
    pub(super) fn hang_up(&mut self, session: SessionId, ended: Ended) {
        self.sessions.remove(&session);
        self.effect(Effect::Push { session, push: Push::Ended(ended) });
        self.effect(Effect::Close { session });
    }

    /// Takes a member out. With `lost_at`, its token gives back the same id for a while. Of one who has not
    /// entered yet nobody has got the token, unless they were lost before.
    pub(super) fn remove(&mut self, peer: PeerId, reason: LeaveReason, lost_at: Option<Instant>) {
        let Some(member) = self.members.remove(&peer) else { return };
        self.sessions.retain(|_, owner| *owner != peer);
        self.effect(Effect::Media(MediaCommand::Remove { peer }));
        let until = match member.stage {
            _ if member.manner == Manner::Membrane => {
                self.presence.left(peer, reason);
                None
            }
            Stage::Entering => member.lost_until,
            Stage::Present => {
                if member.manner.is_seen() {
                    self.presence.left(peer, reason);
                }
                lost_at.map(|now| now + TOKEN_LIFE)
            }
        };
        if let Some(until) = until {
            self.keep_token(peer, Lost { token: member.token, until });
        }
    }

    fn keep_token(&mut self, peer: PeerId, lost: Lost) {
        if self.lost.len() >= MAX_LOST {
            let oldest = self.lost.iter().min_by_key(|(_, lost)| lost.until);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.lost.remove(&oldest);
            }
        }
        self.lost.insert(peer, lost);
    }

    /// Ends everything.
    fn end(&mut self, ended: &Ended) {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.hang_up(session, ended.clone());
        }
        let peers: Vec<PeerId> = self.members.keys().copied().collect();
        for peer in peers {
            self.remove(peer, LeaveReason::Removed, None);
        }
        self.lost.clear();
    }
}

/// The slots that are not as they were.
fn changed_slots(before: &[Slot], after: &[Slot]) -> Vec<Slot> {
    after.iter().filter(|slot| !before.contains(slot)).cloned().collect()
}
