//! Connectivity checks through whole media threads: who answers, from where, and how datagrams that
//! landed on the wrong thread find the right one.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use parlor_engine::{Join, Joined};
use parlor_engine::{PeerId, RoomId};
use parlor_media::poll::Poller;
use parlor_media::udp::{Buffers, Datagrams, Patience, ReceiveBatch, Socket, bind_group};
use parlor_media::{Media, MediaConfig, MediaError, ThreadFacts};
use parlor_rtc::path::UdpPath;
use parlor_rtc::stun::{Class, Message, MessageWriter, TransactionId};

use crate::task::block_on;

const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: RoomId = RoomId(1);
const CLIENT_UFRAG: &str = "abcd";
const OFFER: &str = "v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=rtcp-mux
a=recvonly
a=rtpmap:111 opus/48000/2
";

/// A peer in a room of `media`, and what its checks need of the answer.
struct Client {
    server_ufrag: String,
    key: hmac::Key,
    port: u16,
}

impl Client {
    fn join(media: &Media, room: RoomId, peer: u64) -> Client {
        let handle = media.handle();
        let offer = OFFER.replace('\n', "\r\n");
        let join = Join {
            room,
            peer: PeerId(peer),
            opening: offer.into(),
            senders: Vec::new(),
            receive: Default::default(),
        };
        let Joined { answer, .. } = block_on(handle.join(join)).unwrap();
        let attribute = |name: &str| -> String {
            answer.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
        };
        let password = attribute("a=ice-pwd:");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        Client { server_ufrag: attribute("a=ice-ufrag:"), key, port: handle.local_port() }
    }

    /// Sends a check from `socket` to `ip`, and returns the answer and the way it came.
    fn check(&self, socket: &mut Socket, ip: IpAddr) -> (UdpPath, Vec<u8>) {
        let mut check = MessageWriter::new(Class::Request, TransactionId([9; 12]))
            .username(&self.server_ufrag, CLIENT_UFRAG)
            .priority(7)
            .controlling(1)
            .use_candidate()
            .integrity(&self.key);
        send(socket, SocketAddr::new(ip, self.port), check.finish().unwrap());
        receive(socket)
    }
}

fn send(socket: &mut Socket, to: SocketAddr, bytes: &[u8]) {
    let path = UdpPath { remote: to, local: socket.local().ip() };
    let messages = std::iter::once(Datagrams { path, bytes, segment: u16::MAX });
    socket.send(messages, &mut Patience::default());
}

fn receive(socket: &mut Socket) -> (UdpPath, Vec<u8>) {
    let mut poller = Poller::new().unwrap();
    let mut batch = ReceiveBatch::default();
    let give_up = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < give_up, "no answer came");
        poller.wait(std::slice::from_ref(socket), Some(PATIENCE)).unwrap();
        socket.receive(&mut batch).unwrap();
        if let Some(arrival) = batch.arrivals().next() {
            return (arrival.path, arrival.datagram.to_vec());
        }
    }
}

fn bind(address: &str) -> Socket {
    let sockets = bind_group(address.parse().unwrap(), 1, Buffers::default()).unwrap();
    sockets.into_iter().next().unwrap()
}

fn sum(facts: &[ThreadFacts], field: impl Fn(&ThreadFacts) -> u64) -> u64 {
    facts.iter().map(field).sum()
}

#[test]
fn a_check_is_answered_from_the_address_it_was_sent_to() {
    let media = Media::start(MediaConfig { threads: 1, ..MediaConfig::default() }).unwrap();
    let _events = block_on(media.handle().create_room(ROOM)).unwrap();
    let client = Client::join(&media, ROOM, 1);
    for ip in ["127.0.0.1", "127.0.0.2", "::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let mut socket = bind("[::]:0");
        let (path, answer) = client.check(&mut socket, ip);
        assert_eq!(path.remote, SocketAddr::new(ip, client.port));
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(answer.class(), Class::Success);
        assert!(answer.has_integrity(&client.key));
        let seen = answer.mapped_address().unwrap();
        assert_eq!(seen.port(), socket.local().port());
    }
}

#[test]
fn every_path_of_a_peer_finds_its_thread_whichever_it_lands_on() {
    let media = Media::start(MediaConfig { threads: 4, ..MediaConfig::default() }).unwrap();
    let handle = media.handle();
    let _events = block_on(handle.create_room(ROOM)).unwrap();
    let localhost: IpAddr = "127.0.0.1".parse().unwrap();
    let mut paths = 0;
    for peer in 1..=8 {
        let client = Client::join(&media, ROOM, peer);
        for _ in 0..4 {
            let mut socket = bind("127.0.0.1:0");
            let (path, _) = client.check(&mut socket, localhost);
            assert_eq!(path.remote, SocketAddr::new(localhost, client.port));
            // Neither a check nor media: only the path says whose it is. The check that
            // follows is answered after it.
            send(&mut socket, path.remote, &[22, 254, 253, 0]);
            client.check(&mut socket, localhost);
            paths += 1;
        }
    }
    assert!(media.shutdown(PATIENCE));
    let facts = handle.facts();
    let given = sum(&facts, |facts| facts.handover.given);
    let taken = sum(&facts, |facts| facts.handover.taken);
    assert_eq!(sum(&facts, |facts| facts.received.datagrams), 3 * paths);
    assert_eq!(sum(&facts, |facts| facts.engine.datagrams_in), 3 * paths);
    assert_eq!(sum(&facts, |facts| facts.strangers), 0);
    assert_eq!(sum(&facts, |facts| facts.handover.dropped), 0);
    assert!(given > 0 && given % 3 == 0, "{given} datagrams were handed over");
    assert_eq!(taken, given);
}

#[test]
fn paths_find_their_thread_however_often_it_has_panicked() {
    const DEATHS: u64 = 8;
    let media = Media::start(MediaConfig { threads: 2, ..MediaConfig::default() }).unwrap();
    let handle = media.handle();
    for round in 1..=DEATHS {
        let room = RoomId(round);
        let _events = block_on(handle.create_room(room)).unwrap();
        let client = Client::join(&media, room, round);
        for _ in 0..8 {
            let (_, answer) = client.check(&mut bind("127.0.0.1:0"), "127.0.0.1".parse().unwrap());
            assert_eq!(Message::parse(&answer).unwrap().class(), Class::Success);
        }
        let died = block_on(handle.panic_thread(handle.threads_of(room)[0]));
        assert_eq!(died, Err(MediaError::ThreadDied));
    }
    assert!(media.shutdown(PATIENCE));
    let facts = handle.facts();
    let given = sum(&facts, |facts| facts.handover.given);
    assert!(given > 0, "no datagram was handed over");
    assert_eq!(sum(&facts, |facts| facts.handover.taken), given);
    assert_eq!(sum(&facts, |facts| facts.deaths), DEATHS);
}

#[test]
fn a_path_that_has_not_proved_itself_stays_a_stranger() {
    let media = Media::start(MediaConfig { threads: 4, ..MediaConfig::default() }).unwrap();
    let handle = media.handle();
    let _events = block_on(handle.create_room(ROOM)).unwrap();
    let client = Client::join(&media, ROOM, 1);
    let forger = Client { key: hmac::Key::new(client.key.algorithm(), b"guessed"), ..client };
    let localhost: IpAddr = "127.0.0.1".parse().unwrap();
    for _ in 0..16 {
        let mut socket = bind("127.0.0.1:0");
        let (path, answer) = forger.check(&mut socket, localhost);
        assert_eq!(Message::parse(&answer).unwrap().class(), Class::Error);
        send(&mut socket, path.remote, &[22, 254, 253, 0]);
        forger.check(&mut socket, localhost);
    }
    assert!(media.shutdown(PATIENCE));
    let facts = handle.facts();
    assert_eq!(sum(&facts, |facts| facts.strangers), 16);
    assert_eq!(sum(&facts, |facts| facts.engine.datagrams_in), 32);
}

#[test]
fn media_that_nobody_knows_is_counted_once_however_many_threads_it_is_shown_to() {
    const STRAYS: u64 = 10;
    let media = Media::start(MediaConfig { threads: 4, ..MediaConfig::default() }).unwrap();
    let handle = media.handle();
    let _events = block_on(handle.create_room(ROOM)).unwrap();
    let client = Client::join(&media, ROOM, 1);
    let mut socket = bind("127.0.0.1:0");
    let to = SocketAddr::new("127.0.0.1".parse().unwrap(), client.port);
    for _ in 0..STRAYS {
        send(&mut socket, to, &[128; 20]);
    }
    // What comes along the same way and is answered was looked at after it.
    client.check(&mut socket, to.ip());
    assert!(media.shutdown(PATIENCE));
    let facts = handle.facts();
    assert_eq!(sum(&facts, |facts| facts.received.datagrams), STRAYS + 1);
    assert_eq!(sum(&facts, |facts| facts.handover.shown), STRAYS);
    assert_eq!(sum(&facts, |facts| facts.strangers), 0);
    assert_eq!(sum(&facts, |facts| facts.engine.datagrams_in), 1);
}
