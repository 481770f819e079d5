//! Joins and later offers: from a client's SDP to a peer with tracks and slots, and the answer.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::Ssrc;
use parlor_rtc::sdp::{Negotiation, Offer, negotiate};
use parlor_rtc::{Connection, Mid, Rid};

use crate::command::{Join, JoinError, Joined, Opening, Receive, Sender};
use crate::engine::Engine;
use crate::id::{PeerId, Source, TrackId};
use crate::outgoing::Outgoing;
use crate::peer::{Peer, PeerKey};
use crate::pins::Hold;
use crate::published::Published;
use crate::random::Random;
use crate::room::RoomKey;
use crate::session::{self, Session};
use crate::slot::Slot;
use crate::slot_set::MAX_SLOTS;
use crate::timer::{PeerTimer, Timer};
use crate::track::{NewTrack, Track, Upstream};
use crate::ufrag::Owner;

/// A browser's first probes are over, and those of one that sends sound alone, 5 s later and on, have not begun: it is
/// time to see whether anybody watches.
const FIRST_PROBES_END: Duration = Duration::from_secs(3);

impl Engine {
    /// Lets a peer enter a room.
    ///
    /// # Errors
    /// Why it cannot; nothing has changed then.
    pub fn join(&mut self, now: Instant, join: Join) -> Result<Joined, JoinError> {
        let joined = self.try_join(now, join);
        match joined {
            Ok(_) => self.counters.joins += 1,
            Err(_) => self.counters.joins_refused += 1,
        }
        joined
    }

    /// A later offer of a peer: fresh ICE credentials, more slots, more senders, or fewer. DTLS and
    /// everything else goes on. `senders` names every section that is sent on, whether it is new or not. The
    /// track of a section that is no longer sent on ends; if the section comes back, it
    /// is with a new one. `pins` says what is to be on the slots of a peer that joined with
    /// [`Receive::Pinned`]; those of others float on.
    ///
    /// # Errors
    /// Why it cannot be used; nothing has changed then.
    pub fn reoffer(
        &mut self,
        now: Instant,
        peer: PeerId,
        offer: &str,
        senders: &[Sender],
        pins: &[TrackId],
    ) -> Result<Joined, JoinError> {
        let joined = self.try_reoffer(now, peer, (offer, senders, pins));
        self.counters.joins_refused += u64::from(joined.is_err());
        joined
    }

    fn try_join(&mut self, now: Instant, join: Join) -> Result<Joined, JoinError> {
        let room = *self.room_keys.get(&join.room).ok_or(JoinError::UnknownRoom(join.room))?;
        if self.peer_keys.contains_key(&join.peer) {
            return Err(JoinError::PeerExists(join.peer));
        }
        let key = self.vacant_peer(room)?;
        let owner = Owner { thread: self.config.thread, peer: key };
        let session = match &join.opening {
            Opening::Offered(offer) => {
                let negotiation = negotiate(&Offer::parse(offer)?, None)?;
                Session::new(negotiation, owner, &mut self.random)
            }
            Opening::Invited(kinds) => Session::invite(kinds, owner, &mut self.random),
        };
        let limit = self.config.limits.tracks_per_peer;
        session::check_senders(&session.negotiation, &join.senders, limit)?;
        self.check_new_tracks(&join.senders)?;

        let connection = self.connection_of(now, &session);
        let ssrc = Ssrc(self.random.next_u32());
        let mut peer = Peer::new(now, join.peer, room, session, connection, ssrc);
        let pins = match join.receive {
            Receive::Floating => Vec::new(),
            Receive::Pinned(pins) => {
                peer.vacant_hold = Hold::Fresh;
                pins
            }
        };
        self.add_peer(peer)?;
        self.publish(now, key, &join.senders)?;
        self.open_slots(key);
        self.pin_slots(now, key, &pins);
        self.timers.set(Timer::Peer(key.index, PeerTimer::Connection), Some(now));
        let sources: Vec<Source> = join.senders.iter().map(|sender| sender.source).collect();
        self.reassign_others(now, room, &sources);
        self.reassign_peer(now, key);
        self.answer(key).ok_or(JoinError::UnknownPeer(join.peer))
    }

    fn try_reoffer(
        &mut self,
        now: Instant,
        id: PeerId,
        (offer, senders, pins): (&str, &[Sender], &[TrackId]),
    ) -> Result<Joined, JoinError> {
        let key = *self.peer_keys.get(&id).ok_or(JoinError::UnknownPeer(id))?;
        let peer = self.peers.get(key).ok_or(JoinError::UnknownPeer(id))?;
        if peer.session.is_unanswered() {
            return Err(JoinError::NotAnswered);
        }
        let before = &peer.session.negotiation;
        let negotiation = negotiate(&Offer::parse(offer)?, Some(before))?;
        let limit = self.config.limits.tracks_per_peer;
        session::check_senders(&negotiation, senders, limit)?;
        let fresh = self.check_known_tracks(peer, senders)?;
        let goes_on = |published: &&Published| !published.is_closed_by(&negotiation);
        let is_named = |mid: Mid| senders.iter().any(|sender| sender.mid == mid);
        if let Some(left_out) = peer.published.iter().filter(goes_on).find(|p| !is_named(p.mid)) {
            return Err(JoinError::SectionNotNamed(left_out.mid));
        }
        if peer.published.iter().filter(goes_on).count() + fresh.len() > limit {
            return Err(JoinError::TooManySenders(limit));
        }
        let ice_restarted = negotiation.changes_since(before).ice_restarted;

        let room = peer.room;
        self.renegotiate(now, key, negotiation, ice_restarted);
        self.end_closed_tracks(now, key);
        self.switch_senders(key, senders);
        self.publish(now, key, &fresh)?;
        self.open_slots(key);
        self.pin_slots(now, key, pins);
        self.reassign_room(now, room);
        self.reassign_peer(now, key);
        self.answer(key).ok_or(JoinError::UnknownPeer(id))
    }

    /// A connection to the client of `session`.
    pub(crate) fn connection_of(&self, now: Instant, session: &Session) -> Connection {
        let Session { local_ice, negotiation, .. } = session;
        let connection = Connection::new(
            now,
            self.config.identity.clone(),
            local_ice.clone(),
            negotiation.ice.clone(),
            negotiation.fingerprint,
        );
        match session.is_unanswered() {
            true => connection.unanswered(now),
            false => connection.with_role(negotiation.role),
        }
    }

    /// The key of one more peer in `room`, if the limits leave room for it.
    fn vacant_peer(&self, room: RoomKey) -> Result<PeerKey, JoinError> {
        let limits = &self.config.limits;
        let members = self.rooms.get(room).map_or(0, |room| room.peers.len());
        if members >= limits.peers_per_room || self.peers.len() >= limits.peers {
            return Err(JoinError::Full);
        }
        self.peers.vacant_key().ok_or(JoinError::Full)
    }

    /// Checks that the tracks of `senders` are new, each of them once.
    fn check_new_tracks(&self, senders: &[Sender]) -> Result<(), JoinError> {
        for (index, sender) in senders.iter().enumerate() {
            let twice = senders.iter().take(index).any(|earlier| earlier.track == sender.track);
            if twice || self.track_keys.contains_key(&sender.track) {
                return Err(JoinError::TrackExists(sender.track));
            }
        }
        Ok(())
    }

    /// Checks that sections which have a track keep it; returns the senders that are new.
    fn check_known_tracks(
        &self,
        peer: &Peer,
        senders: &[Sender],
    ) -> Result<Vec<Sender>, JoinError> {
        let mut fresh = Vec::new();
        for sender in senders {
            match peer.published.iter().find(|published| published.mid == sender.mid) {
                Some(published) => {
                    let track = self.tracks.get(published.track).map(|track| track.id);
                    if track != Some(sender.track) {
                        return Err(JoinError::TrackExists(sender.track));
                    }
                }
                None => fresh.push(*sender),
            }
        }
        self.check_new_tracks(&fresh)?;
        Ok(fresh)
    }

    fn add_peer(&mut self, peer: Peer) -> Result<(), JoinError> {
        let (id, room) = (peer.id, peer.room);
        let key = self.peers.insert(peer).ok_or(JoinError::Full)?;
        self.peer_keys.insert(id, key);
        if let Some(room) = self.rooms.get_mut(room) {
            room.peers.push(key);
        }
        self.dirty.mark_peer(key);
        Ok(())
    }

    /// Follows a later offer in what exists already.
    fn renegotiate(
        &mut self,
        now: Instant,
        key: PeerKey,
        negotiation: Negotiation,
        ice_restarted: bool,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if ice_restarted {
            let owner = Owner { thread: self.config.thread, peer: key };
            peer.session.local_ice = session::fresh_credentials(owner, &mut self.random);
            let local = peer.session.local_ice.clone();
            peer.link.connection.restart_ice(local, negotiation.ice.clone());
            // It may come over another path from now on.
            peer.overflow = Default::default();
        }
        peer.session.negotiation = negotiation;
        peer.follow_session(now);
        for published in &peer.published {
            if let Some(track) = self.tracks.get_mut(published.track) {
                track.follow_codecs(published.codecs());
                self.relay.note_news(track);
            }
        }
    }

    /// Ends the tracks of sections that the latest offer does not send on.
    fn end_closed_tracks(&mut self, now: Instant, key: PeerKey) {
        while let Some(peer) = self.peers.get_mut(key) {
            let negotiation = &peer.session.negotiation;
            let closed = peer.published.iter().position(|p| p.is_closed_by(negotiation));
            let Some(closed) = closed else { break };
            let Published { track, .. } = peer.published.remove(closed);
            for Ssrc(ssrc) in peer.incoming.forget(closed) {
                peer.link.connection.retire_stream(ssrc);
                self.ssrcs.remove(ssrc, key);
            }
            self.silence_track(track);
            self.remove_track(now, track);
        }
    }

    fn switch_senders(&mut self, key: PeerKey, senders: &[Sender]) {
        let Some(peer) = self.peers.get(key) else { return };
        for sender in senders {
            let published = peer.published.iter().find(|published| published.mid == sender.mid);
            if let Some(track) = published.and_then(|p| self.tracks.get_mut(p.track)) {
                track.on = sender.on;
                self.relay.note_news(track);
            }
        }
    }

    /// Makes the tracks of new senders.
    fn publish(&mut self, now: Instant, key: PeerKey, senders: &[Sender]) -> Result<(), JoinError> {
        for sender in senders {
            let Some(peer) = self.peers.get_mut(key) else { break };
            let negotiation = &peer.session.negotiation;
            let Some(section) = session::sending_section(negotiation, sender.mid) else { continue };
            let track = self.tracks.vacant_key().ok_or(JoinError::Full)?;
            let published = Published::new(section, track);
            self.tracks.insert(Track::new(NewTrack {
                id: sender.track,
                room: peer.room,
                publisher: peer.id,
                source: sender.source,
                upstream: Upstream::Published(key),
                on: sender.on,
                layers: published.layer_names(),
                codecs: published.codecs(),
            }));
            let room = peer.room;
            peer.published.push(published);
            self.register_track(room, sender.track, track);
            self.export_track(track);
            // That nobody watches is worth knowing too.
            self.dirty.mark_wanted(key);
            let timer = Timer::Peer(key.index, PeerTimer::Wanted);
            self.timers.set_no_later_than(timer, now + FIRST_PROBES_END);
        }
        Ok(())
    }

    /// Makes a slot of every receive section that has none, where there was one whose section is gone for
    /// good, or a new one.
    fn open_slots(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let limit = self.config.limits.slots_per_kind;
        let negotiation = &peer.session.negotiation;
        for section in session::receiving_sections(negotiation, limit) {
            if peer.slots.iter().any(|slot| slot.mid == section.mid) {
                continue;
            }
            let gone = |slot: &Slot| slot.kind == section.kind && slot.is_gone_from(negotiation);
            let vacant = peer.slots.iter().position(gone);
            if vacant.is_none() && peer.slots.len() >= MAX_SLOTS {
                continue;
            }
            let media = draw_ssrc(&mut self.random, |ssrc| peer.sends_as(ssrc));
            let rtx = draw_ssrc(&mut self.random, |ssrc| ssrc == media || peer.sends_as(ssrc));
            let ssrcs = [media, rtx];
            let (mixed, seed) = (negotiation.extmap_allow_mixed, self.random.next_u64());
            let outgoing = Outgoing::new(section, ssrcs, mixed, seed);
            let hold = peer.vacant_hold;
            match vacant.and_then(|index| peer.slots.get_mut(index)) {
                Some(slot) => *slot = Slot::new(section, slot.pair(), hold, outgoing),
                None => {
                    let pair = peer.slots.iter().filter(|slot| slot.kind == section.kind).count();
                    peer.slots.push(Slot::new(section, pair, hold, outgoing));
                }
            }
        }
    }

    /// The answer to the latest offer of a peer, or the offer that it is to answer.
    pub(crate) fn answer(&mut self, key: PeerKey) -> Option<Joined> {
        let Peer { session, slots, speaker, .. } = self.peers.get_mut(key)?;
        let fingerprint = self.config.identity.fingerprint();
        let tracks = &self.tracks;
        let answer = session.answer(fingerprint, &self.config.candidates, |mid| {
            let slot = slots.iter().find(|slot| slot.mid == mid)?;
            let track = slot.track().and_then(|key| tracks.get(key));
            slot.describe(&speaker.cname, track)
        });
        let peer = self.peers.get(key)?;
        Some(Joined { answer, slots: peer.slot_states(), encodings: self.encodings_of(peer) })
    }

    fn encodings_of(&self, peer: &Peer) -> Vec<(TrackId, Vec<Rid>)> {
        let tracks = peer.published.iter().filter_map(|published| self.tracks.get(published.track));
        let named = tracks.map(|track| (track.id, track.names().flatten().collect::<Vec<_>>()));
        named.filter(|(_, names)| names.len() > 1).collect()
    }
}

/// An ssrc that nothing else bears which is sent to the same peer: with one key, an ssrc and an index make a
/// nonce, and no nonce may come twice (RFC 7714 section 8.1).
fn draw_ssrc(random: &mut Random, is_used: impl Fn(Ssrc) -> bool) -> Ssrc {
    loop {
        let ssrc = Ssrc(random.next_u32());
        if !is_used(ssrc) {
            return ssrc;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssrc_that_is_in_use_is_not_drawn_again() {
        let seed = [7; 32];
        let mut foreseen = Random::from_seed(seed);
        let [first, second, third] = std::array::from_fn(|_| Ssrc(foreseen.next_u32()));
        let used = |ssrc| ssrc == first || ssrc == second;
        assert_eq!(draw_ssrc(&mut Random::from_seed(seed), used), third);
    }
}
