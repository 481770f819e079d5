//! Between a room and a client of this dialect: feeds the value with what the room says, and carries out what it wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use parlor_wire::membrane::ClientEvent;
use parlor_wire::membrane::event::{ERROR, MEDIA_EVENT};
use parlor_wire::membrane::server::TurnServer;
use parlor_wire::{PeerId, Refusal};
use serde_json::json;

use super::former::{Place, Visitor};
use super::offer::with_best_encodings;
use super::{Ask, Dialect, Effect, Event};
use crate::ice_servers::{IceServer, IceServers, Transport};
use crate::room::about::Metadata;
use crate::room::command::{Push, Request, Response};
use crate::room::{Asked, Interpreter, Rooms};
use crate::session::Session;

/// What a reply to an offer refers to.
const OFFER: &str = "offer";

/// A client of this dialect as its room talks to it.
#[derive(Debug)]
pub struct MembraneVoice {
    session: Session,
    dialect: Dialect,
    /// Who it may have been before.
    visitor: Visitor,
    /// Where it is remembered, once it is in.
    place: Option<Place>,
    ice_servers: IceServers,
    /// The name by which the client reached the server.
    host: Option<String>,
    /// It has gone and may come again over the same channel.
    left: Arc<AtomicBool>,
    is_leaving: bool,
}

impl MembraneVoice {
    /// A client that wants in over `session`. `left` is set once it has gone again.
    pub fn new(
        session: Session,
        is_tutorial: bool,
        visitor: Visitor,
        (ice_servers, host): (IceServers, Option<String>),
        left: Arc<AtomicBool>,
    ) -> MembraneVoice {
        let dialect = Dialect::new(is_tutorial);
        MembraneVoice {
            session,
            dialect,
            visitor,
            place: None,
            ice_servers,
            host,
            left,
            is_leaving: false,
        }
    }
}

impl Interpreter for MembraneVoice {
    fn reply(&mut self, reference: Option<&str>, reply: Result<Response, Refusal>) {
        let now = Instant::now();
        match (reply, reference) {
            (Ok(Response::Entered(entered)), _) => {
                let turn = self.turn_servers(entered.peer);
                self.dialect.recall(self.visitor.past(now));
                let place = self.place.insert(self.visitor.enters(now, entered.peer));
                place.meets(entered.others.iter().map(|other| other.peer.id));
                self.dialect.entered(now, entered, turn);
            }
            (Ok(Response::Negotiated(negotiated)), _) => {
                self.dialect.answered(now, Ok(negotiated));
            }
            (Err(refusal), Some(OFFER)) => self.dialect.answered(now, Err(refusal)),
            (Ok(response), Some(reference)) => self.session.reply(Some(reference), Ok(response)),
            (Ok(_) | Err(_), _) => {}
        }
    }

    /// The room does not let it in. One that may try again later does so over the same channel.
    fn refuse(&self, refusal: Refusal) {
        self.left.store(true, Ordering::Relaxed);
        self.fail(refusal.message);
        if refusal.retry_after_ms.is_none() {
            self.session.close();
        }
    }

    /// Whether its channel was closed, be it by an earlier membership of the same channel.
    fn is_over(&self) -> bool {
        self.session.is_over()
    }

    fn push(&mut self, push: &Push) {
        match push {
            Push::Roster(roster) => {
                if let Some(place) = &self.place {
                    place.meets(roster.present.iter().map(|other| other.peer.id));
                }
                self.dialect.roster(Instant::now(), roster);
            }
            Push::Speakers(speakers) => self.dialect.speakers(speakers),
            Push::Quality(quality) => self.dialect.quality(quality),
            Push::Ended(ended) => self.fail(ended.message.clone()),
            // Others' presence comes with more in it, slots come with answers, and such clients send all they have.
            Push::Presence(_) | Push::Slots(_) | Push::MoreSlots(_) | Push::Wanted(_) => {}
        }
    }

    fn heard(&mut self, event: ClientEvent<Metadata>) {
        self.dialect.heard(Instant::now(), event);
    }

    fn deadline(&self) -> Option<Instant> {
        self.dialect.deadline()
    }

    fn tick(&mut self, now: Instant) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.dialect.tick(now);
        }
    }

    /// The room has let it go. One that said goodbye by a media event may come again over its channel.
    fn close(&self) {
        self.left.store(true, Ordering::Relaxed);
        if !self.is_leaving {
            self.session.close();
        }
    }

    fn poll(&mut self, rooms: &Rooms) -> Vec<Asked> {
        let mut asked = Vec::new();
        for effect in self.dialect.poll() {
            match effect {
                Effect::Say(event) => self.say(&event),
                Effect::Fail(message) => {
                    self.fail(message);
                    asked.push((None, Request::Leave));
                }
                Effect::Ask(ask) => {
                    if ask == Ask::Leave {
                        self.is_leaving = true;
                        self.place.iter().for_each(Place::said_goodbye);
                    }
                    asked.push(self.request_of(rooms, ask));
                }
            }
        }
        asked
    }
}

impl MembraneVoice {
    fn request_of(&self, rooms: &Rooms, ask: Ask) -> Asked {
        match ask {
            Ask::Offer { offer, senders, pins } => {
                let senders = rooms.name_described_tracks(senders);
                // In a room of which the first one said so, nobody who comes this way sends several encodings.
                let is_plain = rooms.simulcast(self.visitor.room(), None) == Some(false);
                let offer = if is_plain { with_best_encodings(offer) } else { offer };
                (Some(OFFER.to_owned()), Request::Offer { offer, senders, pins })
            }
            Ask::Cap { track, up_to } => (None, Request::Cap { track, up_to: Some(up_to) }),
            Ask::Describe { name, metadata } => {
                (None, Request::Describe { name, metadata: Some(metadata) })
            }
            Ask::DescribeTrack { track, metadata, on } => {
                (None, Request::DescribeTrack { track, metadata, on })
            }
            Ask::SwitchEncoding { track, encoding, on } => {
                (None, Request::SwitchEncoding { track, encoding, on })
            }
            Ask::Leave => (None, Request::Leave),
        }
    }

    fn fail(&self, message: String) {
        self.say(&self.dialect.error(message.clone()));
        self.session.push_event(ERROR, &json!({ "message": message }));
    }

    fn say(&self, event: &Event) {
        match serde_json::to_string(event) {
            Ok(text) => self.session.push_event(MEDIA_EVENT, &json!({ "data": text })),
            Err(error) => tracing::error!(%error, "a media event cannot be written"),
        }
    }

    fn turn_servers(&self, peer: PeerId) -> Vec<TurnServer> {
        let host = self.host.as_deref();
        let servers = self.ice_servers.for_session(&peer.to_string(), host, SystemTime::now());
        servers.into_iter().map(turn_server_of).collect()
    }
}

fn turn_server_of(server: IceServer) -> TurnServer {
    let IceServer { host, port, transport, username, password } = server;
    let transport = match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
    };
    let server_addr = if host.contains(':') { format!("[{host}]") } else { host };
    TurnServer { server_addr, server_port: port, transport, username, password }
}
