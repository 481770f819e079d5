//! What publishers are told while they send: what is missing, and when packets arrived.

use std::time::{Duration, Instant};

use parlor_rtc::rtp::Ssrc;

use crate::arena::SendArena;
use crate::compound::Compound;
use crate::engine::Engine;
use crate::peer::{Peer, PeerKey};
use crate::published::Published;
use crate::timer::{PeerTimer, Timer};

/// The round trip to a publisher that has neither answered nor reported yet.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(60);

/// Most feedback packets at a time: what one window of arrivals needs. What is left comes with the
/// next batch.
const MAX_FEEDBACKS: usize = 8;

impl Engine {
    /// Asks a publisher for what is missing, and for key frames where something never came.
    pub(crate) fn send_nacks(&mut self, now: Instant, key: PeerKey, out: &mut SendArena) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let round_trip = peer.round_trip.unwrap_or(USUAL_ROUND_TRIP);
        let Peer { incoming, published, speaker, link, reply_time, overflow, .. } = peer;
        if overflow.settles(now) {
            incoming.all_media().for_each(|(media, _)| media.receiver.give_up());
        }
        if let Some(at) = overflow.holds_requests_until(now) {
            self.timers.set(Timer::Peer(key.index, PeerTimer::Nack), Some(at));
            return;
        }
        let is_limited = overflow.limit_bps().is_some();
        let expected = reply_time.expected().unwrap_or(round_trip);
        let mut compound = Compound::new();
        let mut next: Option<Instant> = None;
        for (media, name) in incoming.all_media() {
            let track = published.get(name.published).and_then(|p| self.tracks.get(p.track));
            if is_limited && track.is_some_and(|track| track.is_unread(name.layer)) {
                media.receiver.give_up();
            }
            let requests = media.receiver.requests(now, expected);
            // Where answers cannot be told from late packets, nothing is known of how long they take.
            if let Some(unanswered) = media.receiver.take_reply()
                && published.get(name.published).is_some_and(Published::repeats_apart)
            {
                reply_time.note(unanswered);
            }
            let lost = requests.as_slice();
            if !lost.is_empty() {
                self.counters.nacks_out += lost.len() as u64;
                compound.add(speaker, link, out, |writer| {
                    writer.nack(speaker.ssrc, name.ssrc, lost.iter().copied())
                });
            }
            if media.receiver.take_given_up()
                && let Some(track) = published.get(name.published).map(|p| p.track)
                && self.tracks.get(track).is_some_and(|t| t.wants_key_frame_of(name.layer))
            {
                self.requests.push(track, name.layer);
            }
            next = [next, media.receiver.deadline()].into_iter().flatten().min();
        }
        compound.flush(link, out);
        self.timers.set(Timer::Peer(key.index, PeerTimer::Nack), next);
    }

    /// Tells a peer when its packets arrived, from which it estimates what its link takes.
    pub(crate) fn send_transport_feedback(
        &mut self,
        now: Instant,
        key: PeerKey,
        out: &mut SendArena,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Peer { arrivals: Some(arrivals), overflow, rests, incoming, speaker, link, .. } = peer
        else {
            return;
        };
        // If it does, the browser is not to be told what was lost: it would send all of it again, in front of the
        // pictures that it makes now.
        if let Some(at) = overflow.doubts_until(now) {
            self.timers.set(Timer::Peer(key.index, PeerTimer::Feedback), Some(at));
            return;
        }
        // And of who rests, some that have come are left out.
        arrivals.hide_losses(overflow.settles(now) || *rests);
        let media = incoming.ssrcs().next().unwrap_or(Ssrc(0));
        let mut compound = Compound::new();
        for _ in 0..MAX_FEEDBACKS {
            if arrivals.deadline().is_none_or(|at| now < at) {
                break;
            }
            compound
                .add(speaker, link, out, |writer| arrivals.write(now, speaker.ssrc, media, writer));
        }
        if let Some(limit_bps) = overflow.limit_bps() {
            // With each feedback, since any may be lost.
            compound.add(speaker, link, out, |writer| {
                writer.receiver_estimate(speaker.ssrc, limit_bps, &[media])
            });
        }
        compound.flush(link, out);
        let at = arrivals.deadline();
        self.timers.set(Timer::Peer(key.index, PeerTimer::Feedback), at);
    }
}
