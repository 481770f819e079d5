//! Simulated browsers that reach media threads through their TURN servers, on real sockets of loopback.

#![allow(clippy::disallowed_types)] // A client's socket waits for the answers to its requests.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parlor_engine::{Join, PeerId, RoomId, Source};
use parlor_media::poll::Poller;
use parlor_media::{Media, MediaConfig};
use parlor_rtc::MediaKind;
use parlor_rtc::stun::{Method, attribute};
use parlor_rtc::turn::Limits;
use parlor_sim::client::{self, Client, Datagram};

use crate::browser::{PATIENCE, senders_of};
use crate::task::block_on;

#[allow(dead_code)] // Some of it is for stories about the server itself.
#[path = "../../../rtc/tests/it/turn/world.rs"]
mod world;

/// Allocations that end while somebody is reached through them.
mod ended;

use world::{Add, Answer, Phone, UDP, channel_data};

const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];
const CHANNEL: u16 = 0x4000;

/// A simulated browser all of whose datagrams go through an allocation.
struct Browser {
    client: Client,
    phone: Phone,
    socket: UdpSocket,
    /// Where its media goes.
    peer: SocketAddr,
}

impl Browser {
    /// Asks the TURN server at `turn` for a way to `peer`, and joins a room.
    fn join(media: &Media, room: RoomId, number: u32, turn: SocketAddr, peer: SocketAddr) -> Self {
        let (socket, mut phone) = call(media, turn, &format!("p{number}"));
        let allocated = ask(&socket, &mut phone, Method::Allocate, &[UDP]);
        let relayed = allocated.address(attribute::XOR_RELAYED_ADDRESS).unwrap();
        let channel = [CHANNEL.to_be_bytes(), [0; 2]].concat();
        let wish = [Add::Raw(attribute::CHANNEL_NUMBER, &channel), Add::Peer(peer)];
        assert_eq!(ask(&socket, &mut phone, Method::ChannelBind, &wish).error(), None);
        socket.set_nonblocking(true).unwrap();

        let now = Instant::now();
        let mut client = Client::new(now, number, relayed);
        let kinds: Vec<_> = SOURCES.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(now, &kinds, 3);
        let senders = senders_of(&client, number, &SOURCES);
        let join = Join { senders, opening: offer.into(), ..whoever(room, number) };
        let joined = block_on(media.handle().join(join)).unwrap();
        client.accept(&joined.answer).unwrap();
        Browser { client, phone, socket, peer }
    }

    /// Two people in the first room: one through the thread that has it, the other through the other.
    fn join_through_both(media: &Media) -> [Browser; 2] {
        let handle = media.handle();
        let home = handle.threads_of(RoomId(1))[0];
        let threads = handle.candidates();
        [(1, threads[home]), (2, threads[1 - home])]
            .map(|(number, turn)| Browser::join(media, RoomId(1), number, turn, threads[home]))
    }

    fn run(&mut self) {
        let Browser { client, socket, peer, .. } = self;
        let say = |Datagram { bytes, .. }: Datagram| {
            socket.send(&channel_data(CHANNEL, &bytes)).unwrap();
        };
        client.run(Instant::now(), say).unwrap();
        let mut room = [0; 2048];
        while let Ok(len) = socket.recv(&mut room) {
            assert_eq!(room[..2], CHANNEL.to_be_bytes(), "all comes over the channel");
            client.receive(Instant::now(), *peer, &room[4..len]).unwrap();
        }
    }

    fn frames_of(&self, publisher: u32, kind: MediaKind) -> usize {
        self.client.frames_of(publisher, client::kind(kind)).len()
    }
}

/// Two media threads, each with a port of its own.
fn two_threads() -> Media {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    Media::start(MediaConfig { bind, threads: 2, ports: 2, ..MediaConfig::default() }).unwrap()
}

/// Somebody of this name who asks the TURN server at `turn`.
fn call(media: &Media, turn: SocketAddr, name: &str) -> (UdpSocket, Phone) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(turn).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut phone = Phone::udp(&socket.local_addr().unwrap().to_string());
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    phone.login = media.handle().turn_secret().issue(unix + 600, name);
    (socket, phone)
}

fn whoever(room: RoomId, number: u32) -> Join {
    Join {
        room,
        peer: PeerId(number.into()),
        opening: String::new().into(),
        senders: Vec::new(),
        receive: Default::default(),
    }
}

/// Asks as a client does, which learns from the first refusal how to prove who it is.
fn ask(socket: &UdpSocket, phone: &mut Phone, method: Method, wish: &[Add<'_>]) -> Answer {
    let mut room = [0; 2048];
    loop {
        socket.send(&phone.request(method, wish)).unwrap();
        let len = socket.recv(&mut room).unwrap();
        let answer = Answer { bytes: room[..len].to_vec() };
        match answer.error() {
            Some(401) if phone.nonce.is_none() => phone.nonce = answer.get(attribute::NONCE),
            _ => return answer,
        }
    }
}

#[test]
fn people_meet_through_turn_whichever_thread_has_their_room() {
    let media = two_threads();
    let handle = media.handle();
    let _events = block_on(handle.create_room(RoomId(1))).unwrap();
    let home = handle.threads_of(RoomId(1))[0];
    let mut browsers = Browser::join_through_both(&media);
    let (mut poller, give_up) = (Poller::new().unwrap(), Instant::now() + PATIENCE);
    let is_waiting = |browsers: &[Browser]| {
        [(0, 2), (1, 1)].iter().any(|(viewer, publisher)| {
            let kinds = [MediaKind::Audio, MediaKind::Video];
            kinds.iter().any(|kind| browsers[*viewer].frames_of(*publisher, *kind) < 60)
        })
    };
    while is_waiting(&browsers) {
        assert!(Instant::now() < give_up, "they do not meet");
        browsers.iter_mut().for_each(Browser::run);
        poller.wait(&[], Some(Duration::from_millis(1))).unwrap();
    }
    let facts = |thread: usize| handle.facts().swap_remove(thread);
    while facts(home).turn.allocations != 1 || facts(1 - home).turn.allocations != 1 {
        assert!(Instant::now() < give_up, "each has one");
        poller.wait(&[], Some(Duration::from_millis(10))).unwrap();
    }
    assert!(facts(home).handover.given > 60, "what is for the other allocation goes by the other");
}

#[test]
fn a_peer_has_one_share_whichever_threads_have_its_allocations() {
    let media = two_threads();
    let handle = media.handle();
    let threads = handle.candidates();
    let allocate = |thread: usize, name: &str| {
        let (socket, mut phone) = call(&media, threads[thread], name);
        let refused = ask(&socket, &mut phone, Method::Allocate, &[UDP]).error();
        (socket, phone, refused)
    };
    let most = Limits::PER_PEER as usize;
    let mut had: Vec<_> = (0..most).map(|number| allocate(number % 2, "ann")).collect();
    assert!(had.iter().all(|(_, _, refused)| refused.is_none()));
    for thread in [0, 1] {
        assert_eq!(allocate(thread, "ann").2, Some(486));
        assert_eq!(allocate(thread, "bo").2, None, "others have theirs");
    }
    // What ends on one thread makes room on the other.
    let (socket, phone, _) = &mut had[0];
    let end = [Add::Raw(attribute::LIFETIME, &[0; 4])];
    assert_eq!(ask(socket, phone, Method::Refresh, &end).error(), None);
    assert_eq!(allocate(1, "ann").2, None);
    assert_eq!(allocate(0, "ann").2, Some(486));
    assert!(media.shutdown(PATIENCE));
}

#[test]
fn each_port_of_media_is_a_destination_of_turn_at_each_port_and_no_other_is() {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let config = MediaConfig { bind, threads: 3, ports: 2, ..MediaConfig::default() };
    let media = Media::start(config).unwrap();
    let handle = media.handle();
    let ports = handle.candidates();
    assert_eq!(ports.len(), 2);
    for turn in ports {
        let (socket, mut phone) = call(&media, *turn, "ann");
        assert_eq!(ask(&socket, &mut phone, Method::Allocate, &[UDP]).error(), None);
        for (number, port) in (CHANNEL..).zip(ports) {
            let mut bind = |peer| {
                let number = [number.to_be_bytes(), [0; 2]].concat();
                let wish = [Add::Raw(attribute::CHANNEL_NUMBER, &number), Add::Peer(peer)];
                ask(&socket, &mut phone, Method::ChannelBind, &wish).error()
            };
            assert_eq!(bind(*port), None);
            let mut beside = *port;
            while ports.contains(&beside) {
                beside.set_port(beside.port().wrapping_add(1));
            }
            assert_eq!(bind(beside), Some(403));
        }
    }
    assert!(media.shutdown(PATIENCE));
}
