//! RTCP in: what a peer says of what it sends and of what it receives.

use std::time::Instant;

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::{Bitrate, CongestionControl, Reported};
use parlor_rtc::rtcp::{self, LostSequences, ReportBlocks, Rtcp, SenderInfo};
use parlor_rtc::rtp::Ssrc;

use crate::arena::SendArena;
use crate::engine::Engine;
use crate::link::{Departure, Outlet};
use crate::outgoing::Request;
use crate::peer::PeerKey;
use crate::slot::{Feed, Slot};

/// Most packets of one NACK that are sent again: more than a second of video loses at any rate that
/// could be repaired, and a bound on what one small datagram can make us send.
const MAX_NACKED: usize = 256;

/// When a packet goes out again for this time, its publisher is asked for a key frame as well: what is sent since cannot be
/// decoded without it, and browsers ask ten times and then wait for three seconds before they ask for a key frame.
const IN_VAIN: u8 = 4;

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
                Rtcp::Goodbye(streams) => streams.for_each(|ssrc| self.pause_stream(key, ssrc)),
                Rtcp::Nack { media, lost } => self.send_again(key, media, lost, now, out),
                Rtcp::PictureLoss { media } => self.take_key_frame_request(key, media),
                Rtcp::FullIntraRequest(entries) => {
                    entries.for_each(|(media, _)| self.take_key_frame_request(key, media));
                }
                Rtcp::TransportFeedback(feedback) => {
                    self.tell_congestion(now, key, |control| {
                        control.handle_feedback(now, &feedback)
                    });
                }
                Rtcp::ReceiverEstimate(estimate) => {
                    let rate = Bitrate::from_bps(estimate.bitrate_bps);
                    self.tell_congestion(now, key, |control| control.handle_remb(now, rate));
                }
            }
        }
    }

    /// A publisher ties its media clock to its wall clock.
    fn take_sender_info(&mut self, now: Instant, key: PeerKey, ssrc: Ssrc, info: SenderInfo) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(media) = peer.incoming.media_by_ssrc(ssrc) else { return };
        peer.clock_difference.note(now, self.clock.ntp(now), info.ntp);
        let is_first = media.clock.is_none();
        media.take_sender_info(now, info);
        let published = peer.incoming.published(ssrc).and_then(|at| peer.published.get(at));
        let Some(track) = published.map(|published| published.track) else { return };
        self.tell_clock(track);
        if is_first {
            self.report_to_subscribers(now, track);
        }
    }

    /// A subscriber says how it receives what we send.
    fn take_reports(&mut self, now: Instant, key: PeerKey, reports: ReportBlocks<'_>) {
        let ntp = self.clock.ntp(now);
        let Some(peer) = self.peers.get_mut(key) else { return };
        // All of ours together; a report of none of ours says nothing of the path.
        let mut reported: Option<Reported> = None;
        let mut new_round_trip = None;
        for report in reports {
            let round_trip = report.round_trip(ntp);
            peer.round_trip = round_trip.or(peer.round_trip);
            let slot = peer.slots.iter_mut().find(|slot| slot.outgoing.headers.ssrc == report.ssrc);
            if let Some(slot) = slot {
                if slot.outgoing.is_new_answer(&report) {
                    new_round_trip = round_trip.or(new_round_trip);
                }
                let of_slot = slot.outgoing.take_report(&report);
                self.counters.packets_lost_out += u64::from(of_slot.lost);
                let of_slot = of_slot.with_repaired(slot.outgoing.take_repaired());
                reported = Some(reported.unwrap_or_default().plus(of_slot));
            }
        }
        if let Some(reported) = reported {
            peer.link.congestion.handle_report(now, reported, new_round_trip);
            self.follow_path(now, key);
        }
    }

    /// A subscriber says what its path carries.
    fn tell_congestion(
        &mut self,
        now: Instant,
        key: PeerKey,
        tell: impl FnOnce(&mut CongestionControl),
    ) {
        self.counters.bandwidth_feedback_in += 1;
        let Some(peer) = self.peers.get_mut(key) else { return };
        tell(&mut peer.link.congestion);
        self.follow_path(now, key);
    }

    /// Has it decided anew what a subscriber is sent, if its path was just found to carry more or less.
    fn follow_path(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        if peer.link.has_changed() && peer.link.is_measured(now) {
            self.review_soon(now, key);
        }
        self.set_congestion_timer(key);
    }

    /// A publisher has stopped sending a stream, for now: browsers say goodbye when a track is muted and
    /// go on with the same ssrc and numbers afterwards. So its numbers are kept, as they are when another
    /// ssrc takes its place.
    fn pause_stream(&mut self, key: PeerKey, ssrc: Ssrc) {
        let Some(peer) = self.peers.get(key) else { return };
        let published = peer.incoming.published(ssrc).and_then(|at| peer.published.get(at));
        if let Some(track) = published.map(|published| published.track) {
            self.silence_track(track);
        }
    }

    /// A subscriber needs a key frame of what a slot carries.
    fn take_key_frame_request(&mut self, key: PeerKey, media: Ssrc) {
        self.counters.key_frame_requests_in += 1;
        self.ask_for_key_frame(key, media);
    }

    fn ask_for_key_frame(&mut self, key: PeerKey, media: Ssrc) {
        let Some(peer) = self.peers.get(key) else { return };
        let slot = peer.slots.iter().find(|slot| slot.outgoing.headers.ssrc == media);
        if let Some(slot) = slot
            && let Feed::Flowing(track) = slot.feed()
            && let Some(layer) = slot.outgoing.reading().layer()
        {
            self.requests.push(track.key, layer);
        }
    }

    /// A subscriber asks for packets of a slot again: of the track that it carries, or of one that it
    /// carried before. Of that one the last packets are asked for when those of the next have come.
    fn send_again(
        &mut self,
        key: PeerKey,
        media: Ssrc,
        lost: LostSequences<'_>,
        now: Instant,
        out: &mut SendArena,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(path) = peer.link.media_path() else { return };
        let (room, round_trip) = (peer.room, peer.round_trip.unwrap_or_default());
        let mut slots = peer.slots.iter_mut().enumerate();
        let slot = slots.find(|(_, slot)| slot.outgoing.headers.ssrc == media);
        let Some((index, Slot { outgoing, kind, .. })) = slot else { return };
        let departure = Departure { path, now, time: self.clock.abs_send_time(now), probe: None };
        let (link, counters) = (&mut peer.link, &mut self.counters);
        let mut outlet = Outlet { link, departure, arena: out, counters };
        let mut waits_in_vain = false;
        for sequence in lost.take(MAX_NACKED) {
            outlet.counters.nacks_in += 1;
            let sent = outgoing.original(sequence).and_then(|original| {
                let track = self.tracks.get(*self.track_keys.get(&original.layer.track)?)?;
                let slot = index as u16;
                let request = Request { now, slot, sequence, original, round_trip };
                let may_receive = track.room == room;
                may_receive.then(|| outgoing.send_again(request, track, &mut outlet))?
            });
            let Some(sent) = sent else {
                outlet.counters.packets_not_retransmitted += 1;
                continue;
            };
            outgoing.note_repaired();
            waits_in_vain |= sent.is_built_on && sent.times == IN_VAIN;
        }
        if waits_in_vain && *kind == MediaKind::Video {
            self.ask_for_key_frame(key, media);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use parlor_rtc::dtls::Identity;
    use parlor_rtc::sdp::Candidates;

    use super::*;
    use crate::command::{Join, Sender};
    use crate::config::{Config, Limits};
    use crate::id::{PeerId, RoomId, Source, TrackId};
    use crate::ring::Read;
    use crate::track::{Subscriber, TrackKey};

    /// Somebody who publishes a microphone, to a listener whose slot does not matter here.
    struct Talk {
        now: Instant,
        engine: Engine,
        out: SendArena,
        publisher: PeerKey,
        track: TrackKey,
    }

    impl Talk {
        fn new() -> Talk {
            Talk::of(Source::Microphone, offer())
        }

        fn of(source: Source, offer: String) -> Talk {
            // Nothing depends on which instant this is.
            #[allow(clippy::disallowed_methods)]
            let now = Instant::now();
            let config = Config {
                identity: Arc::new(Identity::generate().unwrap()),
                candidates: Candidates::over_udp(vec![SocketAddr::from(([192, 0, 2, 1], 4000))]),
                thread: 0,
                seed: [1; 32],
                ntp_at_start: 0,
                limits: Limits::default(),
            };
            let mut engine = Engine::new(now, config);
            engine.add_room(RoomId(1));
            let (mid, track) = ("0".parse().unwrap(), TrackId(1));
            let senders = vec![Sender { mid, track, source, on: true }];
            let join = Join {
                room: RoomId(1),
                peer: PeerId(1),
                opening: offer.into(),
                senders,
                receive: Default::default(),
            };
            engine.join(now, join).unwrap();
            let (publisher, track) = (engine.peer_keys[&PeerId(1)], engine.track_keys[&track]);
            let listener = Subscriber { peer: publisher, slot: 0 };
            engine.tracks.get_mut(track).unwrap().subscribers.push(listener);
            Talk { now, engine, out: SendArena::default(), publisher, track }
        }

        /// Lets one packet come; says at which place in the track's one history it is kept.
        fn hear(&mut self, ssrc: u32, sequence: u16) -> u64 {
            let end = self.engine.tracks.get(self.track).unwrap().ring(0).unwrap().end();
            let mut packet = vec![0x90, 111];
            packet.extend(sequence.to_be_bytes());
            packet.extend(960_u32.wrapping_mul(sequence.into()).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend([0xBE, 0xDE, 0, 1, 4 << 4, b'0', 0, 0]);
            packet.extend(*b"sound");
            self.engine.handle_rtp(self.now, self.publisher, &packet);
            let ring = self.engine.tracks.get(self.track).unwrap().ring(0).unwrap();
            let Read::Packet(stored) = ring.read(end) else { panic!("{sequence} was not kept") };
            stored.facts.sequence
        }

        fn goodbye(&mut self, ssrc: u32) {
            let mut compound = vec![0x81, 203, 0, 1];
            compound.extend(ssrc.to_be_bytes());
            self.engine.handle_rtcp(self.now, self.publisher, &compound, &mut self.out);
        }
    }

    fn offer() -> String {
        let fingerprint = ["AB"; 32].join(":");
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
             a=ice-ufrag:user0\r\na=ice-pwd:password-of-user-00000000\r\na=rtcp-mux\r\n\
             a=sendonly\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=rtpmap:111 opus/48000/2\r\n"
        )
    }

    #[test]
    fn who_mutes_after_a_long_talk_and_speaks_again_goes_on_where_it_was() {
        let mut talk = Talk::new();
        let mut last = 0;
        for sequence in (0..=65_000).step_by(100).chain((0..=2_000).step_by(100)) {
            last = talk.hear(7, sequence);
        }
        talk.goodbye(7);
        assert_eq!(talk.hear(7, 2_001), last + 1, "browsers keep ssrc and numbers");
        talk.goodbye(7);
        assert_eq!(talk.hear(8, 40_000), last + 2, "or take another ssrc");
    }

    #[test]
    fn what_a_publisher_without_repair_streams_loses_makes_nobody_wait_longer() {
        let pictures = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n";
        let offer =
            offer().replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 96");
        let offer = offer.replace("a=rtpmap:111 opus/48000/2\r\n", pictures);
        let mut talk = Talk::of(Source::Camera, offer);
        let picture = |sequence: u16| {
            let mut packet = vec![0x90, 96];
            packet.extend(sequence.to_be_bytes());
            packet.extend([0, 0, 0, 0, 0, 0, 0, 7, 0xBE, 0xDE, 0, 1, 4 << 4, b'0', 0, 0]);
            packet.extend([0x10, 0x00, 0x00, 0x00]);
            packet
        };
        for sequence in [1, 2, 4] {
            talk.engine.handle_rtp(talk.now, talk.publisher, &picture(sequence));
        }
        for _ in 0..12 {
            talk.now += Duration::from_millis(100);
            talk.engine.send_nacks(talk.now, talk.publisher, &mut talk.out);
        }
        assert!(talk.engine.counters().nacks_out > 1, "it was asked for");
        let peer = talk.engine.peers.get(talk.publisher).unwrap();
        assert_eq!(peer.reply_time.expected(), None);
    }
}
