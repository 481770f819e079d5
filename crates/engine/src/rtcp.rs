//! RTCP in: what a peer says of what it sends and of what it receives.

use std::time::Instant;

use parlor_rtc::rtcp::{self, LostSequences, ReportBlocks, Rtcp, SenderInfo};
use parlor_rtc::rtp::Ssrc;

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::link::{Departure, Outlet};
use crate::outgoing::Request;
use crate::peer::PeerKey;
use crate::slot::Feed;

/// Most packets of one NACK that are sent again: more than a second of video loses at any rate that
/// could be repaired, and a bound on what one small datagram can make us send.
const MAX_NACKED: usize = 256;

impl Engine {
    /// Takes one RTCP datagram of a peer.
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Instant,
        key: PeerKey,
        compound: &[u8],
        out: &mut SendArena,
    ) {
        for packet in rtcp::parse(compound) {
            self.counters.rtcp_in += 1;
            match packet {
                Rtcp::SenderReport { ssrc, info, reports } => {
                    self.take_sender_info(now, key, ssrc, info);
                    self.take_reports(now, key, reports);
                }
                Rtcp::ReceiverReport { reports, .. } => self.take_reports(now, key, reports),
                Rtcp::SourceDescription(_) => {}
                Rtcp::Goodbye(streams) => streams.for_each(|ssrc| self.end_stream(key, ssrc)),
                Rtcp::Nack { media, lost } => self.send_again(key, media, lost, now, out),
                Rtcp::PictureLoss { media } => self.take_key_frame_request(key, media),
                Rtcp::FullIntraRequest(entries) => {
                    entries.for_each(|(media, _)| self.take_key_frame_request(key, media));
                }
                Rtcp::TransportFeedback(_) | Rtcp::ReceiverEstimate(_) => {
                    self.counters.bandwidth_feedback_in += 1;
                }
            }
        }
    }

    /// A publisher ties its media clock to its wall clock.
    fn take_sender_info(&mut self, now: Instant, key: PeerKey, ssrc: Ssrc, info: SenderInfo) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(media) = peer.incoming.media_by_ssrc(ssrc) else { return };
        peer.clock_difference.note(now, self.clock.ntp(now), info.ntp);
        media.take_sender_info(now, info);
    }

    /// A subscriber says how it receives what we send.
    fn take_reports(&mut self, now: Instant, key: PeerKey, reports: ReportBlocks<'_>) {
        let ntp = self.clock.ntp(now);
        let Some(peer) = self.peers.get_mut(key) else { return };
        for report in reports {
            if let Some(round_trip) = report.round_trip(ntp) {
                peer.round_trip = Some(round_trip);
            }
            let slot = peer.slots.iter_mut().find(|slot| slot.outgoing.headers.ssrc == report.ssrc);
            if let Some(slot) = slot {
                let lost = slot.outgoing.take_cumulative_loss(report.cumulative_lost);
                self.counters.packets_lost_out += u64::from(lost);
            }
        }
    }

    fn end_stream(&mut self, key: PeerKey, ssrc: Ssrc) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.incoming.end(ssrc);
            self.ssrcs.remove(ssrc.0, key);
        }
    }

    /// A subscriber needs a key frame of what a slot carries.
    fn take_key_frame_request(&mut self, key: PeerKey, media: Ssrc) {
        self.counters.key_frame_requests_in += 1;
        let Some(peer) = self.peers.get(key) else { return };
        let slot = peer.slots.iter().find(|slot| slot.outgoing.headers.ssrc == media);
        if let Some(slot) = slot
            && let Feed::Flowing(track) = slot.feed()
            && let Some(layer) = slot.outgoing.layer()
        {
            self.requests.push(track.key, layer);
        }
    }

    /// A subscriber asks for packets of a slot again.
    fn send_again(
        &mut self,
        key: PeerKey,
        media: Ssrc,
        lost: LostSequences<'_>,
        now: Instant,
        out: &mut SendArena,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(path) = peer.link.connection.path() else { return };
        let index = peer.slots.iter().position(|slot| slot.outgoing.headers.ssrc == media);
        let Some((index, slot)) = index.and_then(|i| Some((i, peer.slots.get_mut(i)?))) else {
            return;
        };
        let Some(track) = slot.feed().track().and_then(|track| self.tracks.get(track.key)) else {
            return;
        };
        let round_trip = peer.round_trip.unwrap_or_default();
        let departure = Departure { path, time: self.clock.abs_send_time(now) };
        let (link, counters) = (&mut peer.link, &mut self.counters);
        let mut outlet = Outlet { link, departure, arena: out, counters };
        for sequence in lost.take(MAX_NACKED) {
            outlet.counters.nacks_in += 1;
            let request = Request { now, slot: index as u16, sequence, round_trip };
            if slot.outgoing.send_again(request, track, &mut outlet).is_none() {
                outlet.counters.packets_not_retransmitted += 1;
            }
        }
    }
}
