//! Peers to whom the server offers: what comes of their answers.

use std::time::Instant;

use parlor_rtc::sdp::Offer;

use crate::change::ConnectionState;
use crate::command::{JoinError, Joined};
use crate::engine::Engine;
use crate::id::PeerId;
use crate::link::Link;
use crate::timer::{PeerTimer, Timer};

impl Engine {
    /// The answer of a peer that has [joined](Engine::join) by the server's offer. Only now is it known who it is, so it can
    /// connect, with the ICE credentials of ours that it was offered. What is returned tells what has been agreed on as
    /// if the client had offered it, and what it says of us is what the offer has said.
    ///
    /// # Errors
    /// Why it cannot be used; nothing has changed then, and another answer may come.
    pub fn accept(
        &mut self,
        now: Instant,
        peer: PeerId,
        answer: &str,
    ) -> Result<Joined, JoinError> {
        let key = *self.peer_keys.get(&peer).ok_or(JoinError::UnknownPeer(peer))?;
        let invited = self.peers.get(key).ok_or(JoinError::UnknownPeer(peer))?;
        // An offer does not hold for ever: whoever has not answered in time is closed, and stays so.
        if !invited.session.is_unanswered() || invited.state != ConnectionState::Connecting {
            return Err(JoinError::NothingToAnswer);
        }
        let accepted = invited.session.negotiation.accept(Offer::parse(answer)?)?;

        let invited = self.peers.get_mut(key).ok_or(JoinError::UnknownPeer(peer))?;
        invited.session.accept(accepted);
        let session = &self.peers.get(key).ok_or(JoinError::UnknownPeer(peer))?.session;
        let (connection, feedback) = (self.connection_of(now, session), session.feedback());
        let invited = self.peers.get_mut(key).ok_or(JoinError::UnknownPeer(peer))?;
        // Nothing has come along the link before: nobody knew the credentials that it had.
        invited.link = Link::new(now, connection, feedback);
        invited.follow_session(now);
        self.timers.set(Timer::Peer(key.index, PeerTimer::Connection), Some(now));
        self.reassign_peer(now, key);
        self.answer(key).ok_or(JoinError::UnknownPeer(peer))
    }
}
