//! How a browser's connection through whole media threads ends.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use parlor_engine::{Join, PeerId, RoomId};
use parlor_media::poll::Poller;
use parlor_media::udp::{Buffers, ReceiveBatch, Socket, bind_group};
use parlor_media::{Media, MediaConfig};
use parlor_sim::client::Client;

use crate::browser::send;
use crate::task::block_on;

const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: RoomId = RoomId(1);
const PEER: PeerId = PeerId(1);

/// A simulated browser on a real socket.
struct Browser {
    client: Client,
    sockets: Vec<Socket>,
    poller: Poller,
    batch: ReceiveBatch,
}

impl Browser {
    /// A browser that is in the room and connected.
    fn connected(media: &Media) -> Browser {
        let sockets = bind_group((Ipv4Addr::LOCALHOST, 0).into(), 1, Buffers::default()).unwrap();
        let now = Instant::now();
        let mut client = Client::new(now, 1, sockets[0].local());
        let offer = client.offer(now, &[], 1);
        let join = Join {
            room: ROOM,
            peer: PEER,
            opening: offer.into(),
            senders: Vec::new(),
            receive: Default::default(),
        };
        let joined = block_on(media.handle().join(join)).unwrap();
        client.accept(&joined.answer).unwrap();
        let (poller, batch) = (Poller::new().unwrap(), ReceiveBatch::default());
        let mut browser = Browser { client, sockets, poller, batch };
        browser.run_until(|client| client.connected_at.is_some());
        browser
    }

    fn run_until(&mut self, holds: impl Fn(&Client) -> bool) {
        let Browser { client, sockets, poller, batch } = self;
        let give_up = Instant::now() + PATIENCE;
        loop {
            let now = Instant::now();
            assert!(now < give_up, "it does not come to that");
            let socket = &mut sockets[0];
            client.run(now, |datagram| send(socket, &datagram)).unwrap();
            if holds(client) {
                return;
            }
            let wait = client.deadline().min(give_up).saturating_duration_since(Instant::now());
            poller.wait(sockets, Some(wait)).unwrap();
            sockets[0].receive(batch).unwrap();
            for arrival in batch.arrivals() {
                client.receive(Instant::now(), arrival.path.remote, arrival.datagram).unwrap();
            }
        }
    }
}

/// A browser is told by media that its membership ends with `end`, which returns what still runs.
fn assert_told(end: impl FnOnce(Media) -> Option<Media>) {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let media = Media::start(MediaConfig { bind, threads: 2, ..MediaConfig::default() }).unwrap();
    let _events = block_on(media.handle().create_room(ROOM)).unwrap();
    let mut browser = Browser::connected(&media);
    let _running = end(media);
    browser.run_until(|client| client.closed_at.is_some());
}

#[test]
fn one_who_is_removed_is_told_by_media_too() {
    assert_told(|media| {
        block_on(media.handle().remove_peer(ROOM, PEER)).unwrap();
        Some(media)
    });
}

#[test]
fn everyone_is_told_by_media_too_that_their_room_has_ended() {
    assert_told(|media| {
        block_on(media.handle().remove_room(ROOM)).unwrap();
        Some(media)
    });
}

#[test]
fn everyone_is_told_by_media_too_that_the_server_stops() {
    assert_told(|media| {
        assert!(media.shutdown(PATIENCE));
        None
    });
}
