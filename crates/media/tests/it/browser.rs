//! Simulated browsers on real sockets of loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use parlor_engine::{Join, PeerId, RoomId, Sender, Source, TrackId};
use parlor_media::Media;
use parlor_media::poll::Poller;
use parlor_media::udp::{Buffers, Datagrams, Patience, ReceiveBatch, Socket, bind_group};
use parlor_rtc::MediaKind;
use parlor_rtc::path::UdpPath;
use parlor_sim::client::{self, Client, Datagram};

use crate::task::block_on;

/// How long a test waits for what it waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A simulated browser on a real socket.
pub(super) struct Browser {
    pub(super) client: Client,
    pub(super) senders: Vec<Sender>,
    socket: Socket,
    batch: ReceiveBatch,
    /// Where the server was written to last.
    server: Option<SocketAddr>,
}

impl Browser {
    /// Joins a room and is answered; [`Browser::run`] does the rest.
    pub(super) fn join(media: &Media, room: RoomId, number: u32, sources: &[Source]) -> Browser {
        let bound = bind_group((Ipv4Addr::LOCALHOST, 0).into(), 1, Buffers::default()).unwrap();
        let socket = bound.into_iter().next().unwrap();
        let now = Instant::now();
        let mut client = Client::new(now, number, socket.local());
        let kinds: Vec<_> = sources.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(now, &kinds, 3);
        let senders = senders_of(&client, number, sources);
        let peer = PeerId(number.into());
        let join = Join {
            room,
            peer,
            opening: offer.into(),
            senders: senders.clone(),
            receive: Default::default(),
        };
        let joined = block_on(media.handle().join(join)).unwrap();
        client.accept(&joined.answer).unwrap();
        Browser { client, senders, socket, batch: ReceiveBatch::default(), server: None }
    }

    /// Sends what is due and takes in what has come.
    pub(super) fn run(&mut self) {
        let Browser { client, socket, batch, server, .. } = self;
        let now = Instant::now();
        client
            .run(now, |datagram| {
                *server = Some(datagram.to);
                send(socket, &datagram);
            })
            .unwrap();
        // An error is that nothing is there.
        let _nothing = socket.receive(batch);
        for arrival in batch.arrivals() {
            client.receive(Instant::now(), arrival.path.remote, arrival.datagram).unwrap();
        }
    }

    /// Sends so many runs of datagrams that look like media and are not.
    pub(super) fn flood(&mut self, runs: usize) {
        const LEN: u16 = 1200;
        let Some(remote) = self.server else { return };
        // RTP of version 2 and of payload type 96.
        let mut bytes = vec![0x80; usize::from(LEN) * 40];
        bytes.chunks_mut(LEN.into()).for_each(|datagram| datagram[1] = 96);
        let path = UdpPath { remote, local: self.socket.local().ip() };
        let run = Datagrams { path, bytes: &bytes, segment: LEN };
        self.socket.send(std::iter::repeat_n(run, runs), &mut Patience::default());
    }

    /// Where the server was written to last.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.server
    }

    /// How many frames of a publisher's have come.
    pub(super) fn frames_of(&self, publisher: u32, kind: MediaKind) -> usize {
        self.client.frames_of(publisher, client::kind(kind)).len()
    }
}

/// What a client's sending sections are, in the order of its sources.
pub(super) fn senders_of(client: &Client, number: u32, sources: &[Source]) -> Vec<Sender> {
    let sections = sources.iter().zip(&client.senders).enumerate();
    let senders = sections.map(|(index, (source, sender))| Sender {
        mid: sender.mid.to_string().parse().unwrap(),
        track: TrackId(100 * u64::from(number) + index as u64),
        source: *source,
        on: true,
    });
    senders.collect()
}

/// Sends what a client says.
pub(super) fn send(socket: &mut Socket, Datagram { to, bytes }: &Datagram) {
    let path = UdpPath { remote: *to, local: socket.local().ip() };
    let datagram = Datagrams { path, bytes, segment: u16::MAX };
    socket.send(std::iter::once(datagram), &mut Patience::default());
}

/// Lets browsers run as long as something holds of them.
pub(super) fn run_while(browsers: &mut [Browser], holds: impl Fn(&[Browser]) -> bool) {
    let mut poller = Poller::new().unwrap();
    let give_up = Instant::now() + PATIENCE;
    while holds(browsers) {
        assert!(Instant::now() < give_up, "it does not come to that");
        browsers.iter_mut().for_each(Browser::run);
        poller.wait(&[], Some(Duration::from_millis(2))).unwrap();
    }
}
