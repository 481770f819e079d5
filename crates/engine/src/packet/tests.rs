//! What subscribers get of redundant audio, from an engine whose clients seal and open by hand.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_rtc::congestion::Bitrate;
use parlor_rtc::demux::{Protocol, classify};
use parlor_rtc::dtls::Identity;
use parlor_rtc::rtcp::{self, CompoundWriter, Rtcp};
use parlor_rtc::rtp::{ColorSpace, RtpView, Ssrc};
use parlor_rtc::sdp::Candidates;
use parlor_rtc::srtp::{Inbound, Outbound, SRTCP_OVERHEAD, SRTP_OVERHEAD};
use parlor_rtc::stun::{Class, MessageWriter, TransactionId};
use parlor_rtc::{Path, fuzzing};

use crate::allocate::Given;
use crate::arena::SendArena;
use crate::command::{Join, Receive, Sender};
use crate::config::{Config, Limits};
use crate::engine::Engine;
use crate::forward::Forwarded;
use crate::id::{PeerId, RoomId, Source, TrackId};
use crate::measure::Quality;
use crate::peer::PeerKey;
use crate::session;
use crate::timer::{PeerTimer, Timer};

/// The formats of a browser that offers RED, with the numbers of Chromium.
const RED: [&str; 2] =
    ["111 63", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"];

/// The same under other numbers.
const RED_OTHERWISE: [&str; 2] =
    ["96 97", "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 red/48000/2\r\na=fmtp:97 96/96\r\n"];

/// One that has Opus alone, and asks for what is lost.
const OPUS: [&str; 2] = [
    "109 110",
    "a=rtpmap:109 opus/48000/2\r\na=rtcp-fb:109 nack\r\na=rtpmap:110 rtx/48000\r\na=fmtp:110 apt=109\r\n",
];

/// Pictures, with retransmissions.
const VP8: [&str; 2] = [
    "96 97",
    "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
];

const PUBLISHER: u32 = 77;

struct Person {
    key: PeerKey,
    path: Path,
    inbound: Inbound,
    outbound: Outbound,
    /// What it has been sent and has not looked at.
    heard: Vec<Heard>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    ssrc: Ssrc,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    color_space: Option<ColorSpace>,
    payload: Vec<u8>,
}

struct Call {
    now: Instant,
    engine: Engine,
    arena: SendArena,
    people: Vec<Person>,
}

impl Call {
    /// The first of them publishes, and all receive.
    fn new(formats: &[[&str; 2]]) -> Call {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let config = Config {
            identity: Arc::new(Identity::generate().unwrap()),
            candidates: Candidates::over_udp(vec![SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                4000,
            )]),
            thread: 0,
            seed: [1; 32],
            ntp_at_start: 0,
            limits: Limits::default(),
        };
        let mut engine = Engine::new(now, config);
        engine.add_room(RoomId(1));
        let mut call = Call { now, engine, arena: SendArena::default(), people: Vec::new() };
        for (number, formats) in (1..).zip(formats) {
            call.enter(number, *formats);
        }
        call
    }

    fn enter(&mut self, number: u64, formats: [&str; 2]) {
        let mid = "0".parse().unwrap();
        let source = if formats == VP8 { Source::Camera } else { Source::Microphone };
        let track = TrackId(number);
        let senders = vec![Sender { mid, track, source, on: number == 1 }];
        let join = Join {
            room: RoomId(1),
            peer: PeerId(number),
            opening: offer(formats).into(),
            senders,
            receive: Receive::Floating,
        };
        self.engine.join(self.now, join).unwrap();
        let key = self.engine.peer_keys[&PeerId(number)];
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let path = Path::udp(SocketAddr::new(local, 5_000 + number as u16), local);
        let peer = self.engine.peers.get(key).unwrap();
        let ice = &peer.session.local_ice;
        let mut check = MessageWriter::new(Class::Request, TransactionId([1; 12]))
            .username(ice.ufrag(), "user")
            .priority(1)
            .controlling(1)
            .use_candidate()
            .integrity(ice.key());
        let mut check = check.finish().unwrap().to_vec();
        self.engine.handle_datagram(self.now, path, &mut check, &mut self.arena);
        let connection = &mut self.engine.peers.get_mut(key).unwrap().link.connection;
        let (inbound, outbound) = fuzzing::end_handshake(self.now, connection, path);
        self.engine.follow_connection(self.now, key);
        self.people.push(Person { key, path, inbound, outbound, heard: Vec::new() });
        self.deliver();
    }

    /// The first one sends a packet, number `sequence`, and it goes where it goes.
    fn publish(&mut self, payload_type: u8, sequence: u16, payload: &[u8]) {
        self.send(0x90, payload_type, sequence, &[], payload);
    }

    /// The first one sends a packet that is padding and nothing else.
    fn pad(&mut self, payload_type: u8, sequence: u16) {
        self.send(0xB0, payload_type, sequence, &[], &[0, 0, 0, 4]);
    }

    /// The first one sends a picture in one packet, which says that it is of these colours.
    fn publish_in(&mut self, ColorSpace(value): ColorSpace, sequence: u16) {
        let told = [&[6 << 4 | 3][..], &value, &[0; 3]].concat();
        self.send(0x90, 0x80 | 96, sequence, &told, &picture(sequence));
    }

    fn send(&mut self, first: u8, payload_type: u8, sequence: u16, more: &[u8], payload: &[u8]) {
        self.now += Duration::from_millis(20);
        let mut packet = vec![first, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 960).to_be_bytes());
        packet.extend(PUBLISHER.to_be_bytes());
        // The mid of its section, which is 4 here, and the number over the whole transport, which is 5.
        let [high, low] = sequence.to_be_bytes();
        let words = 2 + (more.len() / 4) as u8;
        packet.extend([0xBE, 0xDE, 0, words, 4 << 4, b'0', 5 << 4 | 1, high, low, 0, 0, 0]);
        packet.extend(more);
        packet.extend(payload);
        let len = packet.len();
        packet.resize(len + SRTP_OVERHEAD, 0);
        let Person { outbound, path, .. } = &mut self.people[0];
        let len = outbound.seal_rtp(&mut packet, len, sequence.into()).unwrap();
        packet.truncate(len);
        self.engine.handle_datagram(self.now, *path, &mut packet, &mut self.arena);
        self.deliver();
    }

    /// Somebody asks for a packet again.
    fn ask_again(&mut self, who: usize, media: Ssrc, sequence: u16) {
        self.now += Duration::from_millis(50);
        let mut compound = vec![0; 200];
        let mut writer = CompoundWriter::new(&mut compound);
        writer.nack(Ssrc(1), media, [sequence]).unwrap();
        let len = writer.len();
        compound.truncate(len + SRTCP_OVERHEAD);
        let Person { outbound, path, .. } = &mut self.people[who];
        let len = outbound.seal_rtcp(&mut compound, len).unwrap();
        compound.truncate(len);
        self.engine.handle_datagram(self.now, *path, &mut compound, &mut self.arena);
        self.deliver();
    }

    /// Somebody is sent so much of what the first one publishes.
    fn give(&mut self, who: usize, quality: Quality) {
        let Engine { peers, tracks, track_keys, .. } = &mut self.engine;
        let track = tracks.get(track_keys[&TrackId(1)]).unwrap();
        let slots = &mut peers.get_mut(self.people[who].key).unwrap().slots;
        let slot = slots.iter_mut().find(|slot| slot.feed().track().is_some()).unwrap();
        slot.outgoing.choose(self.now, track, Given::Send(quality), Bitrate::from_kbps(1_000));
    }

    fn deliver(&mut self) {
        assert_eq!(self.engine.forward(self.now, &mut self.arena), Forwarded::Done);
        for message in self.arena.messages() {
            let person = self.people.iter_mut().find(|person| person.path == message.path);
            let Some(person) = person else { continue };
            let peer = self.engine.peers.get(person.key).unwrap();
            let extensions = session::incoming_extensions(&peer.session.negotiation);
            for datagram in message.segments() {
                if classify(datagram) == Some(Protocol::Srtp) {
                    let mut packet = datagram.to_vec();
                    let len = person.inbound.open_rtp(&mut packet).unwrap();
                    let view = RtpView::parse(&packet[..len], &extensions).unwrap();
                    let RtpView { ssrc, payload_type, sequence, timestamp, .. } = view;
                    let payload = view.payload.of(&packet).to_vec();
                    let color_space = view.extensions.color_space;
                    person.heard.push(Heard {
                        ssrc,
                        payload_type,
                        sequence,
                        timestamp,
                        color_space,
                        payload,
                    });
                }
            }
        }
        self.arena.clear();
    }

    /// What the first one is told of its packets: their numbers, and whether they came.
    fn told(&mut self) -> Vec<(u16, bool)> {
        self.now += Duration::from_millis(100);
        let (now, key) = (self.now, self.people[0].key);
        self.engine.send_transport_feedback(now, key, &mut self.arena);
        let mut told = Vec::new();
        for message in self.arena.messages() {
            for datagram in message.segments() {
                let mut packet = datagram.to_vec();
                let len = self.people[0].inbound.open_rtcp(&mut packet).unwrap();
                for report in rtcp::parse(&packet[..len]) {
                    let Rtcp::TransportFeedback(feedback) = report else { continue };
                    told.extend(feedback.statuses().map(|(sequence, at)| (sequence, at.is_some())));
                }
            }
        }
        self.arena.clear();
        told
    }

    fn take(&mut self, who: usize) -> Vec<Heard> {
        std::mem::take(&mut self.people[who].heard)
    }
}

/// One section that sends and one that receives.
fn offer([types, formats]: [&str; 2]) -> String {
    let fingerprint = ["AB"; 32].join(":");
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n"
    );
    let kind = if formats == VP8[1] { "video" } else { "audio" };
    for (mid, direction) in ["sendonly", "recvonly"].iter().enumerate() {
        write!(
            sdp,
            "m={kind} 9 UDP/TLS/RTP/SAVPF {types}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
             a=ice-ufrag:user\r\na=ice-pwd:password-of-user-00000000\r\na=rtcp-mux\r\n\
             a=rtcp-rsize\r\na={direction}\r\n{formats}\
             a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
             a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n"
        )
        .unwrap();
    }
    sdp
}

/// A frame of Opus, made up.
fn frame(number: u16) -> Vec<u8> {
    vec![number as u8; 20 + usize::from(number % 5)]
}

/// A frame behind a copy of the one before, 960 ticks earlier, with Opus under `opus`.
fn wrapped(opus: u8, number: u16) -> Vec<u8> {
    let copy = frame(number - 1);
    let [_, a, b, c] = (960_u32 << 10 | copy.len() as u32).to_be_bytes();
    [&[0x80 | opus, a, b, c, opus][..], &copy, &frame(number)].concat()
}

#[test]
fn red_goes_to_who_negotiated_it_under_their_numbers_and_opus_to_the_others() {
    let mut call = Call::new(&[RED, RED_OTHERWISE, OPUS]);
    for number in 10..30 {
        call.publish(63, number, &wrapped(111, number));
    }
    let (with_red, plain) = (call.take(1), call.take(2));
    assert_eq!((with_red.len(), plain.len()), (20, 20));
    for (number, (red, opus)) in (10..).zip(with_red.iter().zip(&plain)) {
        assert_eq!((red.payload_type, &red.payload), (97, &wrapped(96, number)));
        assert_eq!((opus.payload_type, &opus.payload), (109, &frame(number)));
    }
    for heard in [with_red, plain] {
        for pair in heard.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(960));
        }
    }
}

#[test]
fn a_publisher_may_change_between_red_and_opus_and_nobody_notices() {
    let mut call = Call::new(&[RED, OPUS]);
    for number in 10..30 {
        match number % 2 {
            0 => call.publish(63, number, &wrapped(111, number)),
            _ => call.publish(111, number, &frame(number)),
        }
    }
    let heard = call.take(1);
    let payloads: Vec<_> = heard.iter().map(|heard| heard.payload.clone()).collect();
    assert_eq!(payloads, (10..30).map(frame).collect::<Vec<_>>());
    assert!(heard.iter().all(|heard| heard.payload_type == 109));
}

#[test]
fn what_is_sent_again_is_what_was_sent() {
    let mut call = Call::new(&[RED, OPUS]);
    for number in 10..20 {
        call.publish(63, number, &wrapped(111, number));
    }
    let lost = call.take(1)[4].clone();
    call.ask_again(1, lost.ssrc, lost.sequence);
    let [again] = &call.take(1)[..] else { panic!("it comes once") };
    assert_eq!((again.payload_type, again.timestamp), (110, lost.timestamp));
    assert_eq!(again.payload, [&lost.sequence.to_be_bytes()[..], &lost.payload].concat());
}

/// A picture of one packet; the first is a key frame (RFC 7741 section 4.3, RFC 6386 section 9.1).
fn picture(number: u16) -> Vec<u8> {
    let size = [0x9D, 0x01, 0x2A, 64, 1, 180, 0];
    let is_key = number == 10;
    let tag = [u8::from(!is_key), 0, 0];
    [&[0x10][..], &tag, if is_key { &size } else { &[] }, &[0; 40]].concat()
}

#[test]
fn the_colours_of_a_picture_go_with_the_packet_that_tells_them_and_again_with_what_is_sent_again() {
    let mut call = Call::new(&[VP8, VP8]);
    let colours = ColorSpace([6, 6, 6, 0x10]);
    call.publish_in(colours, 10);
    call.publish(96, 11, &picture(11));
    let seen = call.take(1);
    let told: Vec<_> = seen.iter().map(|seen| seen.color_space).collect();
    assert_eq!(told, [Some(colours), None]);
    call.ask_again(1, seen[0].ssrc, seen[0].sequence);
    let [again] = &call.take(1)[..] else { panic!("it comes once") };
    assert_eq!((again.payload_type, again.color_space), (97, Some(colours)));
}

#[test]
fn what_is_sent_again_four_times_in_vain_is_followed_by_a_key_frame() {
    let mut call = Call::new(&[VP8, VP8]);
    for number in 10..60 {
        call.publish(96, number, &picture(number));
    }
    let lost = call.take(1)[4].clone();
    let before = call.engine.counters.key_frame_requests_out;
    for times in 1..=5 {
        call.ask_again(1, lost.ssrc, lost.sequence);
        assert_eq!(call.take(1).len(), 1, "it comes again");
        let asked = call.engine.counters.key_frame_requests_out - before;
        assert_eq!(asked, u64::from(times >= 4), "{times} times");
    }
}

#[test]
fn a_missing_packet_that_turns_out_to_be_left_out_has_its_number_filled() {
    let mut call = Call::new(&[VP8, VP8]);
    // Every other picture is of the higher frame rate, and has no number of its own.
    let picture = |number: u16| {
        let temporal = (number % 2) as u8;
        [&[0x90, 0x20, temporal << 6][..], &picture(number)[1..]].concat()
    };
    call.publish(96, 10, &picture(10));
    call.give(1, Quality { layer: 0, spatial: 0, temporal: 0 });
    for number in [11, 12, 14, 16] {
        call.publish(96, number, &picture(number));
    }
    let seen = call.take(1);
    let numbers: Vec<u16> =
        seen.iter().map(|it| it.sequence.wrapping_sub(seen[0].sequence)).collect();
    assert_eq!(numbers, [0, 1, 3, 5], "two are missing, of which nothing is known");
    call.publish(96, 13, &picture(13));
    assert_eq!(call.take(1), [], "it is of those that are left out");
    let missing = seen[0].sequence.wrapping_add(2);
    call.ask_again(1, seen[0].ssrc, missing);
    let [filler] = &call.take(1)[..] else { panic!("one packet") };
    assert_eq!(filler.payload, missing.to_be_bytes(), "nothing but the number that it fills");
}

#[test]
fn blocks_of_something_else_than_opus_are_not_forwarded() {
    let mut call = Call::new(&[RED, RED_OTHERWISE, OPUS]);
    let refused = call.engine.counters.packets_refused;
    call.publish(63, 10, &wrapped(13, 10));
    // Its copy is longer than the packet.
    call.publish(63, 11, &[0x80 | 111, 0, 3, 0xFF, 111, 1, 2, 3]);
    assert_eq!(call.engine.counters.packets_refused, refused + 2);
    assert_eq!((call.take(1), call.take(2)), (Vec::new(), Vec::new()));
}

#[test]
fn whose_video_nobody_watches_is_not_told_of_padding_and_not_that_it_was_lost() {
    let mut call = Call::new(&[RED, OPUS]);
    let probe = |call: &mut Call, from: u16| {
        call.publish(111, from, &frame(from));
        call.pad(111, from + 1);
        call.publish(111, from + 2, &frame(from + 2));
        call.told()
    };
    assert_eq!(probe(&mut call, 10), [(10, true), (11, true), (12, true)]);
    let key = call.people[0].key;
    let looks_at = call.engine.timers.at(Timer::Peer(key.index, PeerTimer::Wanted));
    call.now = looks_at.expect("it is looked at whether anybody watches");
    call.engine.review_wanted(call.now, key);
    assert_eq!(probe(&mut call, 13), [(13, true), (15, true)]);
    // That much missing would be a path that overflows.
    (16..46).for_each(|number| call.pad(111, number));
    call.publish(111, 46, &frame(46));
    assert_eq!(call.told(), [(46, true)]);
    let peer = call.engine.peers.get(key).unwrap();
    assert_eq!(peer.overflow.limit_bps(), None);
}
