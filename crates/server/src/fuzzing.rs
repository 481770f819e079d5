//! Bodies of fuzz targets, run as property tests too.

use std::time::{Duration, Instant};

use parlor_wire::membrane::ClientEvent;
use parlor_wire::{
    Ended, Join as WireJoin, MoreSlots, Negotiated, Offer, PeerId, Reason, Refusal, Sender, Source,
    Speakers, SwitchTrack, TrackId, View,
};

use crate::admission;
use crate::channel::{parse_frame, parse_payload};
use crate::dialect::membrane::{self as dialect, Ask, Dialect};
use crate::http::whip::fragment::{self, Fragment};
use crate::room::about::{Entered, Metadata};
use crate::room::command::{
    Answer, Command, Effect, Heard, Invite, Join, Manner, MediaCommand, MediaNews, NamedSender,
    Request, Response, SessionId,
};
use crate::room::{RoomState, Token, Watch};

/// One text frame as a client may send it: read, and its payload read as each message there is.
pub fn channel_frame(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(frame) = parse_frame(text) else { return };
    if let (Ok(room), Ok(join)) =
        (admission::room_name(&frame.2), parse_payload::<WireJoin>(frame.4))
    {
        let _either = admission::check(room, join);
    }
    let _either = parse_payload::<SwitchTrack>(frame.4);
    let _either = parse_payload::<View>(frame.4);
    if let Ok(offer) = parse_payload::<Offer>(frame.4) {
        let _either = admission::check_senders(&offer.senders);
    }
}

/// What a PATCH of WHIP carries, as anybody may send it: read, and put into an offer, it adds no line to that.
pub fn sdpfrag(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _told = fragment::of_answer(text);
    let Ok(Fragment { ice: Some(ice) }) = Fragment::parse(text) else { return };
    let offer = "v=0\r\na=ice-ufrag:old1\r\na=ice-pwd:old\r\na=mid:0\r\n";
    let changed = fragment::with_credentials(offer, &ice, usize::MAX).expect("it may be that long");
    assert_eq!(changed.lines().count(), offer.lines().count());
    assert_eq!(fragment::ufrag_of(&changed), Some(ice.ufrag()));
    assert_eq!(Fragment::parse(&changed), Ok(Fragment { ice: Some(ice) }));
}

/// Media events of Membrane's clients, one in each line, as anybody may send them: whatever they say, no more than one
/// offer is asked for or answered at a time.
pub fn media_events(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut dialect = Dialect::new(false);
    let mut now = Instant::now();
    let entered = Entered { peer: PeerId(1), others: Vec::new(), speakers: Speakers::default() };
    dialect.entered(now, entered, Vec::new());
    let mut asked = 0_u32;
    for line in text.lines() {
        match serde_json::from_str::<ClientEvent<Metadata>>(line) {
            Ok(event) => dialect.heard(now, event),
            // Anything else: the room answers, or time passes.
            Err(_) if asked > 0 => {
                asked -= 1;
                let (answer, tracks, slots) = (String::new(), Vec::new(), Vec::new());
                dialect.answered(now, Ok(Negotiated { answer, tracks, slots }));
            }
            Err(_) => {
                now += Duration::from_secs(20);
                dialect.tick(now);
            }
        }
        let offers = dialect.poll().into_iter();
        asked += offers.filter(|it| matches!(it, dialect::Effect::Ask(Ask::Offer { .. }))).count()
            as u32;
        assert!(asked <= 1, "two offers are being answered");
    }
}

/// Operations on one room, one for each pair of bytes: whatever happens, what the room says is
/// consistent, and an hour of silence empties it.
pub fn room_operations(bytes: &[u8]) {
    let start = Instant::now();
    let mut world = World {
        room: RoomState::new(4),
        now: start,
        next: 0,
        sessions: Vec::new(),
        peers: Vec::new(),
        tokens: Vec::new(),
        offers: Vec::new(),
    };
    for pair in bytes.chunks_exact(2) {
        let &[operation, argument] = pair else { return };
        world.step(operation, usize::from(argument));
        world.check();
    }
    for session in std::mem::take(&mut world.sessions) {
        world.apply(Command::SocketClosed { session });
    }
    for peer in world.peers.clone() {
        world.hear(peer, Heard::Silent { since: world.now });
    }
    world.now += Duration::from_secs(3600);
    // One tick takes the members, and a later one the tokens that outlived them.
    world.apply(Command::Tick);
    world.now += Duration::from_secs(3600);
    world.apply(Command::Tick);
    assert!(world.room.is_over(), "an hour of silence empties a room");
    assert_eq!(world.room.census().tracks, 0);
}

struct World {
    room: RoomState,
    now: Instant,
    next: u64,
    sessions: Vec<SessionId>,
    peers: Vec<PeerId>,
    tokens: Vec<Token>,
    /// Offers that the media side has not answered.
    offers: Vec<(PeerId, u64)>,
}

fn pick<T: Clone>(from: &[T], index: usize) -> Option<T> {
    from.get(index.checked_rem(from.len())?).cloned()
}

impl World {
    fn step(&mut self, operation: u8, argument: usize) {
        let session = pick(&self.sessions, argument);
        let peer = pick(&self.peers, argument);
        match operation % 18 {
            0 => self.join(None, true),
            1 => self.join(pick(&self.tokens, argument), true),
            2 => self.join(pick(&self.tokens, argument), false),
            3 => self.answer(argument.is_multiple_of(3)),
            4 => {
                if let Some(session) = session {
                    self.sessions.retain(|known| *known != session);
                    self.apply(Command::SocketClosed { session });
                }
            }
            5 => self.request(session, Request::Leave),
            6 => {
                let track = TrackId(argument as u64);
                self.request(
                    session,
                    Request::SwitchTrack { track, on: argument.is_multiple_of(2) },
                );
            }
            7 => {
                let senders = self.senders();
                let pins = (0..argument as u64 % 8).map(TrackId).collect();
                self.request(session, Request::Offer { offer: String::new(), senders, pins });
            }
            8 => self.news(peer, argument),
            9 => {
                let speaking = peer.into_iter().collect();
                self.apply(Command::Speaking(Speakers { speaking, dominant: peer }));
            }
            10 => {
                self.now += Duration::from_millis(argument as u64 * 100);
                self.apply(Command::Tick);
            }
            11 => {
                if let Some(session) = session {
                    self.apply(Command::SocketQuiet { session, since: self.now });
                }
            }
            12 => {
                if let Some(session) = session {
                    self.apply(Command::SocketHeard { session });
                }
            }
            13 if argument == 0 => {
                let message = String::new();
                self.apply(Command::End(Ended { reason: Reason::ServerStopping, message }));
            }
            13 if argument.is_multiple_of(2) => {
                self.request(session, Request::Answer { answer: String::new() });
            }
            13 => self.request(session, Request::View(Vec::new())),
            _ => self.describe(operation % 18, session, argument),
        }
    }

    /// What only clients of Membrane's dialect say.
    fn describe(&mut self, operation: u8, session: Option<SessionId>, argument: usize) {
        let track = TrackId(argument as u64);
        let metadata: Metadata = serde_json::json!("x".repeat(argument * 16)).into();
        let (encoding, on) = ("h".to_owned(), argument.is_multiple_of(2));
        let request = match operation {
            14 => Request::Describe { name: "Bo".to_owned(), metadata: Some(metadata) },
            15 => Request::DescribeTrack { track, metadata, on: Some(on) },
            16 => Request::SwitchEncoding { track, encoding, on },
            _ => Request::Cap { track, up_to: on.then_some(encoding) },
        };
        self.request(session, request);
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn senders(&mut self) -> Vec<NamedSender> {
        let sources = [("0", Source::Microphone), ("1", Source::Camera)];
        let name = |(mid, source): (&str, Source)| {
            let sender = Sender { mid: mid.to_owned(), source, kind: None, on: true };
            NamedSender { track: TrackId(self.id()), sender, about: Default::default() }
        };
        sources.map(name).into()
    }

    fn join(&mut self, resume: Option<Token>, with_offer: bool) {
        if resume.is_none() && !with_offer {
            return;
        }
        let session = SessionId(self.id());
        let mut token = [0; 16];
        let peer = PeerId(self.id());
        token.iter_mut().zip(peer.0.to_be_bytes()).for_each(|(to, from)| *to = from);
        let manner = match peer.0 % 5 {
            _ if resume.is_some() => Manner::Parlor,
            1 => Manner::Whip,
            2 => Manner::Whep(Watch::Everything),
            3 => Manner::Whep(Watch::Peer(PeerId(peer.0 / 2))),
            4 => Manner::Membrane,
            _ => Manner::Parlor,
        };
        // Those offer later, if at all.
        let with_offer = with_offer && manner != Manner::Membrane;
        // Some of who watches have the server offer.
        let asks = matches!(manner, Manner::Whep(_)) && session.0.is_multiple_of(3);
        let join = Join {
            session,
            reference: None,
            replaces: pick(&self.sessions, peer.0 as usize).filter(|_| peer.0.is_multiple_of(3)),
            name: "Ann".to_owned(),
            offer: (with_offer && !asks).then(String::new),
            senders: if with_offer { self.senders() } else { Vec::new() },
            manner,
            metadata: None,
            pins: None,
            resume,
            peer,
            token: Token::from_bytes(token),
            ice_servers: Vec::new(),
        };
        self.sessions.push(session);
        self.apply(Command::Join(Box::new(join)));
    }

    fn answer(&mut self, refused: bool) {
        let Some((peer, attempt)) = self.offers.pop() else { return };
        let result = if refused {
            Err(Refusal::new(Reason::BadOffer, ""))
        } else {
            let encodings = vec![(TrackId(attempt), vec!["l".to_owned(), "h".to_owned()])];
            Ok(Answer { sdp: String::new(), slots: Vec::new(), encodings })
        };
        self.apply(Command::Answered { peer, attempt, result });
    }

    fn request(&mut self, session: Option<SessionId>, request: Request) {
        if let Some(session) = session {
            self.apply(Command::Request { session, reference: None, request });
        }
    }

    fn news(&mut self, peer: Option<PeerId>, argument: usize) {
        let heard = match argument % 5 {
            0 => Heard::Connecting,
            1 | 2 => Heard::Connected,
            3 => Heard::ClosedByClient,
            _ => Heard::Failed(String::new()),
        };
        if let Some(peer) = peer {
            self.hear(peer, heard);
        }
    }

    fn hear(&mut self, peer: PeerId, connection: Heard) {
        let wanted = MoreSlots { audio: 1, video: 1 };
        let news = MediaNews { connection, slots: Vec::new(), wanted };
        self.apply(Command::Media { peer, news });
    }

    fn apply(&mut self, command: Command) {
        for effect in self.room.apply(command, self.now) {
            match effect {
                Effect::Media(MediaCommand::Join(offer) | MediaCommand::Offer(offer)) => {
                    self.offers.push((offer.peer, offer.attempt));
                }
                Effect::Media(
                    MediaCommand::Invite(Invite { peer, attempt, .. })
                    | MediaCommand::Accept { peer, attempt, .. },
                ) => self.offers.push((peer, attempt)),
                Effect::Reply { reply: Ok(Response::Joined(joined)), .. } => {
                    self.peers.push(joined.peer);
                    self.tokens.extend(Token::parse(&joined.resume));
                }
                Effect::Reply { reply: Ok(Response::Entered(entered)), session, .. } => {
                    let is_known = entered.others.iter().any(|other| other.peer.id == entered.peer);
                    assert!(!is_known, "nobody is somebody else to itself");
                    assert!(self.sessions.contains(&session));
                    self.peers.push(entered.peer);
                }
                Effect::Refuse { session, .. }
                | Effect::Close { session }
                | Effect::Forget { session } => {
                    self.sessions.retain(|known| *known != session);
                }
                Effect::Reply { .. }
                | Effect::Push { .. }
                | Effect::Broadcast { .. }
                | Effect::Media(_) => {}
            }
        }
    }

    fn check(&mut self) {
        assert!(self.room.census().peers <= 4, "no more people than the room holds");
        let is_due =
            |world: &World| world.room.deadline(world.now).is_some_and(|at| at <= world.now);
        if is_due(self) {
            self.apply(Command::Tick);
        }
        assert!(!is_due(self), "a deadline that no tick does away with");
    }
}
