//! Rooms as values, in simulated time.

mod doors;
mod invited;
mod joining;
mod limits;
mod liveness;
mod operations;
mod presence;
mod requests;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parlor_server::room::command::{
    Answer, Command, Effect, Heard, Invite, Join, Manner, MediaCommand, MediaNews, NamedSender,
    Push, Request, Response, SessionId,
};
use parlor_server::room::{RoomState, Token};
use parlor_wire::{
    Ended, IceServer, Joined, Kind, MoreSlots, PeerId, Presence, Reason, Refusal, Sender, Slot,
    Source, TrackId,
};

/// A room, its clock, and the media side that answers every offer.
struct World {
    room: RoomState,
    now: Instant,
    next_id: u64,
    /// What to answer the next offers with instead of an SDP answer.
    media_refuses: Option<Refusal>,
    /// The media side takes nobody new.
    is_busy: bool,
    effects: Vec<Effect>,
    /// The sessions that a room's task would hold.
    held: BTreeSet<SessionId>,
}

/// A client as the tests know it.
#[derive(Clone, Debug)]
struct Client {
    peer: PeerId,
    session: SessionId,
    token: String,
    joined: Joined,
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn slots() -> Vec<Slot> {
    vec![
        Slot { mid: "2".into(), kind: Kind::Audio, track: None },
        Slot { mid: "3".into(), kind: Kind::Video, track: None },
    ]
}

impl World {
    fn new() -> World {
        World::holding(64)
    }

    fn holding(max_peers: usize) -> World {
        World {
            room: RoomState::new(max_peers),
            now: Instant::now(),
            next_id: 0,
            media_refuses: None,
            is_busy: false,
            effects: Vec::new(),
            held: BTreeSet::new(),
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Applies a command, answers the offers that come of it, and keeps all effects.
    fn apply(&mut self, command: Command) {
        let mut waiting = vec![command];
        while let Some(command) = waiting.pop() {
            if let Command::Join(join) = &command {
                self.held.insert(join.session);
            }
            for effect in self.room.apply(command, self.now) {
                if let Effect::Media(MediaCommand::Join(offer) | MediaCommand::Offer(offer)) =
                    &effect
                {
                    let answer =
                        Answer { sdp: "answer".into(), slots: slots(), encodings: Vec::new() };
                    let busy = Refusal::for_now(Reason::ServerBusy, "The server is busy.", 5000);
                    let refusal = (self.is_busy && offer.is_new).then_some(busy);
                    let result = refusal.or(self.media_refuses.clone()).map_or(Ok(answer), Err);
                    let (peer, attempt) = (offer.peer, offer.attempt);
                    waiting.push(Command::Answered { peer, attempt, result });
                }
                if let Effect::Media(
                    MediaCommand::Invite(Invite { peer, attempt, .. })
                    | MediaCommand::Accept { peer, attempt, .. },
                ) = &effect
                {
                    let sdp = "described".to_owned();
                    let answer = Answer { sdp, slots: slots(), encodings: Vec::new() };
                    let result = self.media_refuses.clone().map_or(Ok(answer), Err);
                    waiting.push(Command::Answered { peer: *peer, attempt: *attempt, result });
                }
                if let Effect::Refuse { session, .. }
                | Effect::Close { session }
                | Effect::Forget { session } = &effect
                {
                    self.held.remove(session);
                }
                self.effects.push(effect);
            }
        }
    }

    /// Lets time pass, waking the room whenever it asked to be.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.room.deadline(self.now).filter(|at| *at <= end) {
            assert!(deadline >= self.now, "a deadline in the past");
            self.now = deadline;
            self.apply(Command::Tick);
        }
        self.now = end;
    }

    fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn request_to_join(&mut self, name: &str) -> Join {
        let (session, peer) = (SessionId(self.id()), PeerId(self.id()));
        let senders = [("0", Source::Microphone), ("1", Source::Camera)].map(|(mid, source)| {
            let sender = Sender { mid: mid.into(), source, kind: None, on: true };
            NamedSender { track: TrackId(self.id()), sender, about: Default::default() }
        });
        let mut token = [0; 16];
        token[..8].copy_from_slice(&peer.0.to_be_bytes());
        Join {
            session,
            reference: Some("1".into()),
            replaces: None,
            name: name.into(),
            offer: Some("offer".into()),
            senders: senders.into(),
            manner: Manner::Parlor,
            metadata: None,
            pins: None,
            resume: None,
            peer,
            token: Token::from_bytes(token),
            ice_servers: vec![turn_of(peer)],
        }
    }

    fn try_join(&mut self, join: Join) -> Result<Client, Refusal> {
        let session = join.session;
        let before = self.effects.len();
        self.apply(Command::Join(Box::new(join)));
        self.effects[before..]
            .iter()
            .find_map(|effect| match effect {
                Effect::Reply { session: to, reply: Ok(Response::Joined(joined)), .. }
                    if *to == session =>
                {
                    let joined = (**joined).clone();
                    let (peer, token) = (joined.peer, joined.resume.clone());
                    Some(Ok(Client { peer, session, token, joined }))
                }
                Effect::Refuse { session: to, refusal, .. } if *to == session => {
                    Some(Err(refusal.clone()))
                }
                _ => None,
            })
            .expect("a join is answered")
    }

    fn join(&mut self, name: &str) -> Client {
        let join = self.request_to_join(name);
        self.try_join(join).unwrap()
    }

    /// Joins, and brings media up.
    fn connect(&mut self, name: &str) -> Client {
        let client = self.join(name);
        self.hear(&client, Heard::Connected);
        client
    }

    /// The join that resumes `client`, with or without an offer.
    fn resume(&mut self, client: &Client, name: &str, with_offer: bool) -> Join {
        let mut join = self.request_to_join(name);
        join.resume = Some(Token::parse(&client.token).unwrap());
        if !with_offer {
            join.offer = None;
            join.senders.clear();
        }
        join
    }

    fn hear(&mut self, client: &Client, connection: Heard) {
        let wanted = MoreSlots { audio: 1, video: 1 };
        let news = MediaNews { connection, slots: slots(), wanted };
        self.apply(Command::Media { peer: client.peer, news });
    }

    fn fall_silent(&mut self, client: &Client) {
        let since = self.now;
        self.pass(secs(5));
        self.hear(client, Heard::Silent { since });
    }

    fn close_socket(&mut self, client: &Client) {
        self.apply(Command::SocketClosed { session: client.session });
    }

    /// Lets socket and media fail at once.
    fn vanish(&mut self, client: &Client) {
        self.close_socket(client);
        self.fall_silent(client);
    }

    fn request(&mut self, client: &Client, request: Request) {
        let (session, reference) = (client.session, Some("9".to_owned()));
        self.apply(Command::Request { session, reference, request });
    }

    fn reply_to(&mut self, client: &Client, request: Request) -> Result<Response, Refusal> {
        self.take();
        self.request(client, request);
        let mut replies = self.effects.iter().filter_map(|effect| match effect {
            Effect::Reply { session, reply, .. } if *session == client.session => Some(reply),
            _ => None,
        });
        replies.next_back().expect("a request is answered").clone()
    }

    /// Everything that `client` was told of presence since the last `take`.
    fn told(&self, client: &Client) -> Presence {
        let mut all = Presence::default();
        for effect in &self.effects {
            let presence = match effect {
                Effect::Broadcast { sessions, push: Push::Presence(presence) }
                    if sessions.contains(&client.session) =>
                {
                    presence
                }
                Effect::Push { session, push: Push::Presence(presence) }
                    if *session == client.session =>
                {
                    presence
                }
                _ => continue,
            };
            all.joined.extend(presence.joined.iter().cloned());
            all.changed.extend(presence.changed.iter().cloned());
            all.left.extend(presence.left.iter().cloned());
        }
        all
    }

    fn ended(&self, client: &Client) -> Option<Ended> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Push { session, push: Push::Ended(ended) } if *session == client.session => {
                Some(ended.clone())
            }
            _ => None,
        })
    }

    fn closed(&self, client: &Client) -> bool {
        self.effects.contains(&Effect::Close { session: client.session })
    }

    fn removed_from_media(&self, client: &Client) -> bool {
        let peer = client.peer;
        self.effects.contains(&Effect::Media(MediaCommand::Remove { peer }))
    }
}

/// What a peer is told of TURN.
fn turn_of(peer: PeerId) -> IceServer {
    let urls = vec!["turn:192.0.2.1:4000?transport=udp".to_owned()];
    IceServer { urls, username: format!("9:{peer}"), credential: "secret".into() }
}
