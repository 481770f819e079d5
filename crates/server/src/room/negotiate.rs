//! Joins and later offers: what a room decides before and after the media side answers them.

use std::time::Instant;

use parlor_wire::{
    Ended, Joined, LeaveReason, Negotiated, OwnTrack, Peer, PeerId, Presence, Reason, Refusal,
    Source, Speakers, TrackId,
};

use super::command::{
    Answer, Effect, Join, Manner, MediaCommand, NamedSender, Negotiate, Push, Reference, Response,
    SessionId,
};
use super::door::Watch;
use super::invite::Opening;
use super::liveness::{Link, Media};
use super::member::{Member, Negotiation, Purpose, Stage, about_of, track_of};
use super::state::RoomState;
use super::token::Token;
use crate::admission;

/// Peers in a join reply and in each `presence` that follows it.
pub const PEERS_PER_PAGE: usize = 50;

/// Whom a token belongs to.
enum Known {
    Member(PeerId),
    Lost(PeerId),
}

impl RoomState {
    pub(super) fn join(&mut self, join: Join, now: Instant) {
        let known = match &join.resume {
            None => None,
            Some(token) => match self.find(token) {
                Some(known) => Some(known),
                None => {
                    self.give_up(join.replaces, None, now);
                    return self.refuse(&join, resume_is_unknown());
                }
            },
        };
        let resumed = if let Some(Known::Member(peer)) = known { Some(peer) } else { None };
        self.give_up(join.replaces, resumed, now);
        match known {
            Some(Known::Member(peer)) => self.resume(peer, join, now),
            Some(Known::Lost(peer)) => self.enter(peer, join, now),
            None => self.enter(join.peer, join, now),
        }
    }

    fn find(&self, token: &Token) -> Option<Known> {
        let present = |(_, member): &(&PeerId, &Member)| {
            member.stage == Stage::Present && member.token.is(token)
        };
        let member = self.members.iter().find(present).map(|(id, _)| Known::Member(*id));
        let lost = || self.lost.iter().find(|(_, lost)| lost.token.is(token));
        member.or_else(|| lost().map(|(id, _)| Known::Lost(*id)))
    }

    /// Closes the session that a new join of the same topic takes the place of. Its member leaves,
    /// unless it is the one that is being `resumed`.
    fn give_up(&mut self, replaced: Option<SessionId>, resumed: Option<PeerId>, now: Instant) {
        let Some(session) = replaced else { return };
        let Some(peer) = self.sessions.remove(&session) else { return };
        self.effect(Effect::Close { session });
        if Some(peer) != resumed {
            self.remove(peer, LeaveReason::Left, None);
        } else if let Some(member) = self.members.get_mut(&peer) {
            member.link = Link::Closed { since: now };
        }
    }

    fn refuse(&mut self, join: &Join, refusal: Refusal) {
        let (session, reference) = (join.session, join.reference.clone());
        self.effect(Effect::Refuse { session, reference, refusal });
    }

    /// A peer that is not here comes in: new, or back after it was lost.
    fn enter(&mut self, peer: PeerId, join: Join, now: Instant) {
        if let Err(refusal) = admission::decide(self.members.len(), self.max_peers) {
            return self.refuse(&join, refusal);
        }
        if join.manner == Manner::Membrane {
            self.members.insert(peer, Member::new(&join, join.token.clone(), now));
            self.sessions.insert(join.session, peer);
            return self.enter_without_media(peer, join);
        }
        let pins = match self.pins_of(&join) {
            Ok(pins) => pins,
            Err(refusal) => return self.refuse(&join, refusal),
        };
        let opening = match self.opening_of(&join, pins.as_deref()) {
            Ok(opening) => opening,
            Err(refusal) => return self.refuse(&join, refusal),
        };
        let join = Join { pins, ..join };
        let lost = self.lost.remove(&peer);
        let is_new = lost.is_none();
        let token = lost.as_ref().map_or(&join.token, |lost| &lost.token).clone();
        let member = Member::new(&join, token, now);
        let lost_until = lost.map(|lost| lost.until);
        let ice_servers = join.ice_servers.clone();
        self.members.insert(peer, Member { lost_until, ice_servers, ..member });
        self.sessions.insert(join.session, peer);
        match opening {
            Opening::Offer(offer) => self.negotiate_join(peer, join, offer, is_new),
            Opening::Sections(sections, pins) => self.invite(peer, join, (sections, pins)),
        }
    }

    /// The tracks that are to be on the sections of whoever joins; none if they float.
    fn pins_of(&self, join: &Join) -> Result<Option<Vec<TrackId>>, Refusal> {
        let tracks = |member: &Member| member.tracks.iter().map(|track| track.id).collect();
        match join.manner {
            Manner::Parlor | Manner::Membrane => Ok(join.pins.clone()),
            // Who publishes by WHIP is sent nothing, whatever sections it offers (RFC 9725 section 4.2).
            Manner::Whip => Ok(Some(Vec::new())),
            Manner::Whep(Watch::Everything) => Ok(None),
            Manner::Whep(Watch::Peer(peer)) => match self.members.get(&peer) {
                Some(member) if member.is_seen() => Ok(Some(tracks(member))),
                _ => Err(nothing_to_watch(format!("peer: {peer} is not in this room"))),
            },
            Manner::Whep(Watch::Track(track)) => {
                let mut all = self.members.values().flat_map(|member| &member.tracks);
                match all.any(|known| known.id == track) {
                    true => Ok(Some(vec![track])),
                    false => Err(nothing_to_watch(format!("track: {track} is not in this room"))),
                }
            }
        }
    }

    /// A peer that is still here opens another socket, and perhaps another connection.
    fn resume(&mut self, peer: PeerId, join: Join, now: Instant) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        if join.offer.is_none() && !member.has_media_to_resume() {
            return self.refuse(&join, offer_is_missing());
        }
        let before = member.session();
        member.link = Link::Open(join.session);
        if member.name != join.name {
            member.name.clone_from(&join.name);
        }
        member.asked = None;
        member.ice_servers.clone_from(&join.ice_servers);
        // Time to restart what is silent, however long it has been so; but only once, or one who
        // keeps coming back would stay for ever.
        if let Media::Connecting { since } | Media::Silent { since } = &mut member.media
            && !std::mem::replace(&mut member.had_more_time, true)
        {
            *since = now;
        }
        self.presence.changed(peer);
        if let Some(session) = before.filter(|session| self.sessions.contains_key(session)) {
            let message = "You are in this room from another place now.".to_owned();
            self.hang_up(session, Ended { reason: Reason::Replaced, message });
        }
        self.sessions.insert(join.session, peer);
        match join.offer.clone() {
            None => self.welcome(peer, join.session, join.reference, None),
            Some(offer) => {
                if let Some(member) = self.members.get_mut(&peer) {
                    member.media = Media::Connecting { since: now };
                    // What was told of the connection before says nothing of the new one.
                    (member.layers_wanted, member.quality) = (None, None);
                }
                self.effect(Effect::Media(MediaCommand::Remove { peer }));
                self.negotiate_join(peer, join, offer, false);
            }
        }
    }

    fn negotiate_join(&mut self, peer: PeerId, join: Join, offer: String, is_new: bool) {
        let tracks = join.senders.iter().map(|named| track_of(named.track, named)).collect();
        let Some(member) = self.members.get_mut(&peer) else { return };
        member.attempts += 1;
        let attempt = member.attempts;
        member.negotiation = Some(Negotiation {
            attempt,
            session: join.session,
            reference: join.reference,
            purpose: Purpose::Join,
            tracks,
            about: about_of(&join.senders),
        });
        let (senders, pins) = (join.senders, join.pins);
        let negotiate = Negotiate { peer, attempt, offer, senders, pins, is_new };
        self.effect(Effect::Media(MediaCommand::Join(negotiate)));
    }

    /// A later offer of a member: sections that have a track keep it.
    pub(super) fn offer(
        &mut self,
        peer: PeerId,
        session: SessionId,
        reference: Reference,
        (offer, senders, pins): (String, Vec<NamedSender>, Vec<TrackId>),
    ) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        if member.negotiation.is_some() {
            let message = "The last offer is not answered yet.";
            let refusal = Refusal::for_now(Reason::TooManyRequests, message, 500);
            return self.reply(session, reference, Err(refusal));
        }
        let named = match keep_names(&member.tracks, member.manner, senders) {
            Ok(named) => named,
            Err(refusal) => return self.reply(session, reference, Err(refusal)),
        };
        member.attempts += 1;
        let attempt = member.attempts;
        let tracks = named.iter().map(|named| track_of(named.track, named)).collect();
        let (purpose, about) = (Purpose::Offer, about_of(&named));
        member.negotiation =
            Some(Negotiation { attempt, session, reference, purpose, tracks, about });
        let (senders, pins) = (named, Some(pins));
        // Who has not offered before has no media yet.
        let is_new = member.media == Media::Absent;
        let negotiate = Negotiate { peer, attempt, offer, senders, pins, is_new };
        self.effect(Effect::Media(match is_new {
            true => MediaCommand::Join(negotiate),
            false => MediaCommand::Offer(negotiate),
        }));
    }

    /// The media side has answered.
    pub(super) fn answered(
        &mut self,
        peer: PeerId,
        attempt: u64,
        result: Result<Answer, Refusal>,
        now: Instant,
    ) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let awaited = member.negotiation.take_if(|pending| pending.attempt == attempt);
        let Some(pending) = awaited else { return };
        let answer = match result {
            Ok(answer) => answer,
            Err(refusal) => return self.failed(peer, pending, refusal, now),
        };
        let Negotiation { session, reference, purpose, tracks, about, .. } = pending;
        if member.media == Media::Absent || purpose == Purpose::Answer {
            member.media = Media::Connecting { since: now };
        }
        member.tracks = tracks;
        member.tell_of_tracks(about, answer.encodings);
        member.slots.clone_from(&answer.slots);
        member.asked = None;
        match (purpose, member.stage) {
            (Purpose::Join, Stage::Entering) => {
                member.stage = Stage::Present;
                if member.manner.is_seen() {
                    self.presence.joined(peer);
                }
            }
            _ if !member.manner.is_seen() => {}
            _ => self.presence.changed(peer),
        }
        match purpose {
            Purpose::Join => self.welcome(peer, session, reference, Some(answer.sdp)),
            Purpose::Offer | Purpose::Answer => {
                let tracks = self.members.get(&peer).map(|member| member.tracks.clone());
                let tracks = tracks.unwrap_or_default();
                let done = Negotiated { answer: answer.sdp, tracks, slots: answer.slots };
                self.reply(session, reference, Ok(Response::Negotiated(done)));
            }
        }
    }

    /// An offer was refused. A later one has changed nothing; a first one was all there was; and
    /// one that was to bring back a member leaves it without media, to try again.
    fn failed(&mut self, peer: PeerId, pending: Negotiation, refusal: Refusal, now: Instant) {
        let Negotiation { session, reference, purpose, .. } = pending;
        if purpose != Purpose::Join {
            return self.reply(session, reference, Err(refusal));
        }
        self.effect(Effect::Refuse { session, reference, refusal });
        self.sessions.remove(&session);
        let Some(member) = self.members.get_mut(&peer) else { return };
        match member.stage {
            Stage::Entering => self.remove(peer, LeaveReason::Removed, None),
            Stage::Present => {
                member.link = Link::Closed { since: now };
                member.media = Media::Over { since: now };
                self.presence.changed(peer);
            }
        }
    }

    /// Answers a join, and tells the newcomer what the reply has no room for.
    fn welcome(
        &mut self,
        peer: PeerId,
        session: SessionId,
        reference: Reference,
        answer: Option<String>,
    ) {
        let present = |(id, member): &(&PeerId, &Member)| **id != peer && member.is_seen();
        let others = self.members.iter().filter(present);
        let mut others: Vec<Peer> = others.map(|(id, member)| member.describe(*id)).collect();
        let peers_total = u32::try_from(others.len()).unwrap_or(u32::MAX);
        let rest = others.split_off(others.len().min(PEERS_PER_PAGE));
        let Some(member) = self.members.get_mut(&peer) else { return };
        let joined = Joined {
            peer,
            resume: member.token.to_text(),
            answer,
            tracks: member.tracks.clone(),
            peers: others,
            peers_total,
            slots: member.slots.clone(),
            ice_servers: std::mem::take(&mut member.ice_servers),
        };
        let ask = member.slots_to_ask_for();
        let (wanted, quality) = (member.layers_wanted.clone(), member.quality.clone());
        self.reply(session, reference, Ok(Response::Joined(Box::new(joined))));
        for page in rest.chunks(PEERS_PER_PAGE) {
            let presence = Presence { joined: page.to_vec(), ..Presence::default() };
            self.push(Some(session), Push::Presence(presence));
        }
        if self.speakers != Speakers::default() {
            let speakers = self.speakers.clone();
            self.push(Some(session), Push::Speakers(speakers));
        }
        if let Some(more) = ask {
            self.push(Some(session), Push::MoreSlots(more));
        }
        if let Some(wanted) = wanted {
            self.push(Some(session), Push::Wanted(wanted));
        }
        if let Some(quality) = quality {
            self.push(Some(session), Push::Quality(quality));
        }
    }
}

pub(super) fn resume_is_unknown() -> Refusal {
    let message = "The token is unknown or too old; join again without it.";
    Refusal::new(Reason::ResumeUnknown, message)
}

fn nothing_to_watch(message: String) -> Refusal {
    Refusal::new(Reason::UnknownTrack, message)
}

pub(super) fn offer_is_missing() -> Refusal {
    let message = "offer: missing, and there is no media to resume; join with an offer";
    Refusal::new(Reason::BadOffer, message)
}

/// Gives each section that has a track that track's name.
fn keep_names(
    tracks: &[OwnTrack],
    manner: Manner,
    mut senders: Vec<NamedSender>,
) -> Result<Vec<NamedSender>, Refusal> {
    for (index, named) in senders.iter_mut().enumerate() {
        let Some(own) = tracks.iter().find(|own| own.mid == named.sender.mid) else { continue };
        if manner == Manner::Membrane {
            // Its source was a guess, and stays.
            named.sender.source = own.source;
            named.sender.kind = (own.source == Source::Custom).then_some(own.kind);
        }
        if own.source != named.sender.source {
            let message =
                format!("senders[{index}].source: section {} already has another source", own.mid);
            return Err(Refusal::new(Reason::BadRequest, message));
        }
        named.track = own.id;
    }
    Ok(senders)
}
