//! Clients, links and one engine on a clock of their own: what people in it do.

mod invited;
mod labour;
mod pinned;
mod time;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parlor_engine::{
    Change, Config, ConnectionState, Engine, Join, JoinError, Joined, Limits, PeerId, Receive,
    RoomId, SendArena, Sender, Source, TrackId, View,
};
use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;
use parlor_rtc::{MediaKind, Mid, Path};
use str0m::format::Codec;

use crate::client::{self, Client};
use crate::link::{Link, LinkConfig};
use crate::remb::Feedback;
use crate::seat::{FIRST_PORT, Seat, client_address};
use crate::under_way::UnderWay;
use labour::Labour;

pub use labour::{Costs, ServerTurn};

/// The server's one address, from the block for documentation (RFC 5737).
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4000);
/// The room that [`World::join`] uses.
pub const ROOM: RoomId = RoomId(1);
/// 2026-01-01 as NTP seconds, so that reports carry a plausible time of day.
const NTP_AT_START: u64 = 3_976_214_400 << 32;

/// What a client publishes when it joins, in the order of its offer.
pub const MICROPHONE_AND_CAMERA: [Source; 2] = [Source::Microphone, Source::Camera];

/// An engine, its clients, and the time of day.
pub struct World {
    /// The SFU.
    pub engine: Engine,
    /// Everyone who ever joined, in order.
    pub seats: Vec<Seat>,
    /// Everything the engine said, with the time.
    pub changes: Vec<(Instant, Change)>,
    now: Instant,
    start: Instant,
    arena: SendArena,
    under_way: UnderWay,
    /// None: what the server does takes no time.
    labour: Option<Labour>,
    next_track: u64,
    seed: u64,
    next_look: Instant,
}

/// One certificate for all worlds of a test binary: making one takes longer than most worlds last.
fn identity() -> Arc<Identity> {
    static IDENTITY: OnceLock<Arc<Identity>> = OnceLock::new();
    let make = || Arc::new(Identity::generate().expect("a certificate can be made"));
    IDENTITY.get_or_init(make).clone()
}

impl World {
    /// A world with one room and nobody in it, whose luck is decided by `seed`.
    pub fn new(seed: u64) -> World {
        World::with_limits(seed, Limits::default())
    }

    /// The same with an engine that takes on more or less than usual.
    pub fn with_limits(seed: u64, limits: Limits) -> World {
        let now = simulated_start();
        let mut engine_seed = [0; 32];
        engine_seed[..8].copy_from_slice(&seed.to_be_bytes());
        let config = Config {
            identity: identity(),
            candidates: Candidates::over_udp(vec![SERVER]),
            thread: 0,
            seed: engine_seed,
            ntp_at_start: NTP_AT_START,
            limits,
        };
        let mut engine = Engine::new(now, config);
        engine.add_room(ROOM);
        World {
            engine,
            seats: Vec::new(),
            changes: Vec::new(),
            now,
            start: now,
            arena: SendArena::default(),
            under_way: UnderWay::default(),
            labour: None,
            next_track: 1,
            seed,
            next_look: now,
        }
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How long the world has been running.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// A client joins [`ROOM`] over perfect cables with microphone, camera and `slot_pairs` pairs of slots.
    ///
    /// Returns its seat: an index into [`World::seats`].
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join(&mut self, slot_pairs: usize) -> usize {
        self.join_as(ROOM, &MICROPHONE_AND_CAMERA, slot_pairs, LinkConfig::default())
    }

    /// A client joins a room, publishing `sources`, with the same cable in both directions.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join_as(
        &mut self,
        room: RoomId,
        sources: &[Source],
        slot_pairs: usize,
        link: LinkConfig,
    ) -> usize {
        let seat = self.seats.len();
        let number = seat as u32 + 1;
        let address = client_address(seat, 0);
        let mut client = Client::new(self.now, number, address);
        let kinds: Vec<_> = sources.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(self.now, &kinds, slot_pairs);
        self.seat(room, client, sources, offer, link)
    }

    /// The same for a client that publishes a microphone, and a camera in encodings with these names, the lowest
    /// first. It makes those of them that somebody wants.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join_with_simulcast(
        &mut self,
        rids: &[&str],
        slot_pairs: usize,
        link: LinkConfig,
    ) -> usize {
        let seat = self.seats.len();
        let mut client = Client::new(self.now, seat as u32 + 1, client_address(seat, 0));
        let offer = client.offer_camera(self.now, rids, slot_pairs);
        self.seat(ROOM, client, &MICROPHONE_AND_CAMERA, offer, link)
    }

    /// A client joins [`ROOM`] that publishes nothing, and tells this of what it receives.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join_with_feedback(
        &mut self,
        feedback: Feedback,
        slot_pairs: usize,
        link: LinkConfig,
    ) -> usize {
        let seat = self.seats.len();
        let mut client = Client::new(self.now, seat as u32 + 1, client_address(seat, 0));
        client.tells(self.now, feedback);
        let offer = feedback.offered(&client.offer(self.now, &[], slot_pairs));
        self.seat(ROOM, client, &[], offer, link)
    }

    /// A client joins [`ROOM`] over perfect cables that knows these codecs of pictures; it sends in the first.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join_with_codecs(
        &mut self,
        codecs: &[Codec],
        sources: &[Source],
        slot_pairs: usize,
    ) -> usize {
        let seat = self.seats.len();
        let (number, address) = (seat as u32 + 1, client_address(seat, 0));
        let mut client = Client::with_codecs(self.now, number, address, codecs);
        let kinds: Vec<_> = sources.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(self.now, &kinds, slot_pairs);
        let pictures = client.senders.iter_mut().filter(|sender| sender.codec != Codec::Opus);
        pictures.zip(codecs.first().into_iter().cycle()).for_each(|(it, first)| it.codec = *first);
        self.seat(ROOM, client, sources, offer, LinkConfig::default())
    }

    /// Lets a client join with an offer that it has made.
    pub(crate) fn seat(
        &mut self,
        room: RoomId,
        client: Client,
        sources: &[Source],
        offer: String,
        link: LinkConfig,
    ) -> usize {
        self.seat_receiving(room, client, sources, (offer, Receive::Floating), link).0
    }

    /// The same, with slots as `receive` says; returns what the engine said, too.
    pub fn seat_receiving(
        &mut self,
        room: RoomId,
        mut client: Client,
        sources: &[Source],
        (offer, receive): (String, Receive),
        link: LinkConfig,
    ) -> (usize, Joined) {
        let named = self.name_tracks(&client, sources);
        let peer = PeerId(u64::from(client.number));
        let join = Join { room, peer, opening: offer.into(), senders: named.clone(), receive };
        let joined = self.engine.join(self.now, join).expect("the engine takes the peer");
        client.accept(&joined.answer).expect("str0m takes the answer");
        let seat = self.sit(room, client, named, link);
        (seat, joined)
    }

    /// Gives a client that has joined a seat, and its links.
    fn sit(
        &mut self,
        room: RoomId,
        mut client: Client,
        named: Vec<Sender>,
        link: LinkConfig,
    ) -> usize {
        let seat = self.seats.len();
        let (number, address) = (client.number, client.address);
        let peer = PeerId(u64::from(number));
        let seed = self.seed.wrapping_mul(1_000_003) + u64::from(number) * 2;
        client.draw_phases(seed);
        self.seats.push(Seat {
            client,
            peer,
            room,
            named,
            up: Link::new(link, seed),
            down: Link::new(link, seed + 1),
            behind: None,
            messages: None,
            state: None,
            public: address,
            present: true,
        });
        seat
    }

    fn name_tracks(&mut self, client: &Client, sources: &[Source]) -> Vec<Sender> {
        let senders = client.senders.iter().zip(sources);
        senders.map(|(sender, source)| self.name_track(sender.mid, *source, sender.on)).collect()
    }

    fn name_track(&mut self, mid: str0m::media::Mid, source: Source, on: bool) -> Sender {
        let track = TrackId(self.next_track);
        self.next_track += 1;
        Sender { mid: engine_mid(mid), track, source, on }
    }

    /// A client offers again: more slots, or with `restart_ice` fresh ICE credentials.
    ///
    /// # Errors
    /// What the engine has against it.
    pub fn reoffer(
        &mut self,
        seat: usize,
        more_pairs: usize,
        restart_ice: bool,
    ) -> Result<Joined, JoinError> {
        let client = &mut self.seats[seat].client;
        let offer = match restart_ice {
            true => client.offer_ice_restart(),
            false => client.offer(self.now, &[], more_pairs),
        };
        self.negotiate(seat, &offer)
    }

    /// A client publishes one more track, the last of its senders.
    ///
    /// # Errors
    /// What the engine has against it.
    pub fn publish(&mut self, seat: usize, source: Source) -> Result<Joined, JoinError> {
        let client = &mut self.seats[seat].client;
        let offer = client.offer(self.now, &[client::kind(source.kind())], 0);
        let mid = client.senders.last().expect("it was added just now").mid;
        let named = self.name_track(mid, source, true);
        self.seats[seat].named.push(named);
        self.negotiate(seat, &offer)
    }

    /// A client sends no more on the section of one of its senders; those behind it move up.
    ///
    /// # Errors
    /// What the engine has against it.
    pub fn unpublish(&mut self, seat: usize, sender: usize) -> Result<Joined, JoinError> {
        let Seat { client, named, .. } = &mut self.seats[seat];
        let offer = client.offer_without(sender);
        named.remove(sender);
        self.negotiate(seat, &offer)
    }

    fn negotiate(&mut self, seat: usize, offer: &str) -> Result<Joined, JoinError> {
        self.negotiate_pinned(seat, offer, &[])
    }

    fn negotiate_pinned(
        &mut self,
        seat: usize,
        offer: &str,
        pins: &[TrackId],
    ) -> Result<Joined, JoinError> {
        let Seat { client, peer, named, .. } = &mut self.seats[seat];
        let joined = self.engine.reoffer(self.now, *peer, offer, named, pins)?;
        client.accept(&joined.answer).expect("str0m takes the answer");
        Ok(joined)
    }

    /// A client leaves, and its browser is closed.
    pub fn leave(&mut self, seat: usize) {
        self.engine.remove_peer(self.now, self.seats[seat].peer, &mut self.arena);
        self.seats[seat].present = false;
    }

    /// A client's browser dies without a word: it sends and hears nothing any more.
    pub fn kill(&mut self, seat: usize) {
        self.seats[seat].present = false;
    }

    /// Switches one of a client's senders, as the page and the room would.
    pub fn switch(&mut self, seat: usize, sender: usize, on: bool) {
        let now = self.now;
        let Seat { client, named, .. } = &mut self.seats[seat];
        client.switch(now, sender, on);
        named[sender].on = on;
        self.engine.switch_track(now, named[sender].track, on);
    }

    /// A client shows these cameras and screens of others, and no more.
    pub fn view(&mut self, seat: usize, tracks: &[TrackId]) {
        let view = |track: &TrackId| View { track: *track, width: 640, height: 360, priority: 0 };
        let tracks = tracks.iter().map(view).collect();
        self.engine.view(self.now, self.seats[seat].peer, tracks);
    }

    /// A client's NAT forgets it: from now on it appears under another address, and what is sent to the
    /// old one is lost.
    pub fn rebind(&mut self, seat: usize) {
        let port = self.seats[seat].public.port();
        self.seats[seat].public = client_address(seat, port - FIRST_PORT + 1);
    }

    /// A datagram reaches the server from any address, whoever made it.
    pub fn inject(&mut self, from: SocketAddr, mut datagram: Vec<u8>) {
        let path = Path::udp(from, SERVER.ip());
        self.engine.handle_datagram(self.now, path, &mut datagram, &mut self.arena);
    }

    /// A client's address as the server sees it.
    pub fn address(&self, seat: usize) -> SocketAddr {
        self.seats[seat].public
    }

    /// Both directions of a client's cable.
    pub fn set_link(&mut self, seat: usize, link: LinkConfig) {
        self.seats[seat].up.set_config(link);
        self.seats[seat].down.set_config(link);
    }

    /// The frames of one publisher's kind that a viewer saw.
    pub fn seen(&self, viewer: usize, publisher: usize, kind: MediaKind) -> Vec<client::SeenFrame> {
        let number = self.seats[publisher].client.number;
        self.seats[viewer].client.frames_of(number, client::kind(kind))
    }

    /// What the engine last said of a client's connection.
    pub fn connection(&self, seat: usize) -> Option<ConnectionState> {
        self.seats[seat].state.as_ref().map(|state| state.connection)
    }
}

/// The one moment of real time: `Instant` has no other beginning. Nothing depends on its value.
fn simulated_start() -> Instant {
    Instant::now()
}

fn engine_mid(mid: str0m::media::Mid) -> Mid {
    mid.to_string().parse().expect("str0m's mids are short")
}
