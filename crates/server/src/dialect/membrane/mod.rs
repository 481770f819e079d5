//! Membrane's media events, as a value: what a client says and what its room says go in, what to say and what to ask
//! of the room come out.
//!
//! The rules that it keeps, with their reasons, are in `docs/membrane.md`. Each client has at most one negotiation under
//! way ([`round`]); whatever happens meanwhile is gathered for the next.

mod anew;
mod changes;
pub mod channel;
mod describe;
pub mod former;
mod offer;
mod pending;
mod quality;
mod round;
pub mod stats;
pub mod voice;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use parlor_wire::membrane::server::{Endpoint, ServerCustom, TurnServer};
use parlor_wire::membrane::tutorial::TutorialEvent;
use parlor_wire::membrane::{ClientEvent, CustomEvent, ServerEvent};
use parlor_wire::{Negotiated, PeerId, Quality, Refusal, Sender, Speakers, TrackId};
use serde::Serialize;

use crate::admission;
use crate::room::about::{Described, Entered, MAX_SHOWN_LEN, Metadata, Roster, TrackAbout};
use describe::Shown;
use former::Past;
pub use round::REST;
use round::Round;

/// What endpoints of ours are to these clients.
const WEBRTC: &str = "webrtc";

/// Something to be done for a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the client.
    Say(Event),
    /// Ask its room.
    Ask(Ask),
    /// Tell the client that it cannot go on, for this reason, and let it go.
    Fail(String),
}

/// A media event under the names that the client knows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// From 0.5 on.
    Current(ServerEvent<Metadata>),
    /// Up to 0.4.
    Tutorial(TutorialEvent<Metadata>),
}

/// What is asked of the room.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// To answer an offer. [`Dialect::answered`] has the answer.
    Offer {
        /// The SDP.
        offer: String,
        /// What each section sends, and what the client says of it.
        senders: Vec<(Sender, TrackAbout)>,
        /// What is to be on its receive sections.
        pins: Vec<TrackId>,
    },
    /// To send no better encoding of a track.
    Cap {
        /// Which track.
        track: TrackId,
        /// The rid.
        up_to: String,
    },
    /// To show others this of the client.
    Describe {
        /// What to call it.
        name: String,
        /// The rest.
        metadata: Metadata,
    },
    /// To show others this of one of its tracks.
    DescribeTrack {
        /// Which one.
        track: TrackId,
        /// That.
        metadata: Metadata,
        /// Whether it is on, if that says so.
        on: Option<bool>,
    },
    /// To tell others that it sends an encoding no more, or again.
    SwitchEncoding {
        /// Of which of its tracks.
        track: TrackId,
        /// The rid.
        encoding: String,
        /// Which of the two.
        on: bool,
    },
    /// To let it go.
    Leave,
}

/// Which names the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generation {
    Current,
    Tutorial,
}

/// One client's membership in this dialect.
#[derive(Debug)]
pub struct Dialect {
    generation: Generation,
    turn: Vec<TurnServer>,
    /// Its own id, once it is in.
    peer: Option<PeerId>,
    /// Everybody else as they are.
    others: BTreeMap<PeerId, Described>,
    /// Everybody else as the client knows them.
    known: BTreeMap<PeerId, Known>,
    /// Its own tracks, by its names for them.
    own: BTreeMap<String, TrackId>,
    speakers: Speakers,
    /// The microphones that it was told somebody speaks into.
    voices: BTreeSet<String>,
    /// What the way to it was last said to carry, in bits per second.
    estimate_bps: Option<u32>,
    round: Round,
    /// What its page may have of memberships before.
    past: Past,
    /// It was told to drop what it had, and everything else anew.
    has_begun_anew: bool,
    effects: Vec<Effect>,
}

/// Somebody else as the client knows them.
#[derive(Debug)]
struct Known {
    metadata: Metadata,
    tracks: BTreeMap<String, KnownTrack>,
}

/// A track of somebody else as the client knows it.
#[derive(Debug)]
struct KnownTrack {
    shown: Shown,
    /// Where the last answer has it. Clients fail over the removal of a track that no answer has named.
    mid: Option<String>,
    /// The rid that it was last told arrives.
    encoding: Option<String>,
    /// Nothing of it arrived when that was last looked at.
    was_paused: bool,
    /// The rid that it asked for.
    target: Option<String>,
    /// The rid that it had until its publisher sent that no more.
    lost: Option<String>,
}

impl Dialect {
    /// Of a client that has just said that it wants in. `is_tutorial`: in the words of the 0.3 generation.
    pub fn new(is_tutorial: bool) -> Dialect {
        let generation = if is_tutorial { Generation::Tutorial } else { Generation::Current };
        Dialect {
            generation,
            turn: Vec::new(),
            peer: None,
            others: BTreeMap::new(),
            known: BTreeMap::new(),
            own: BTreeMap::new(),
            speakers: Speakers::default(),
            voices: BTreeSet::new(),
            estimate_bps: None,
            round: Round::default(),
            past: Past::default(),
            has_begun_anew: false,
            effects: Vec::new(),
        }
    }

    /// It is in. `turn` is how it is to reach the server for as long as it stays.
    pub fn entered(&mut self, now: Instant, entered: Entered, turn: Vec<TurnServer>) {
        let Entered { peer, others, speakers } = entered;
        (self.peer, self.turn, self.speakers) = (Some(peer), turn, speakers);
        self.others = others.into_iter().map(|other| (other.peer.id, other)).collect();
        self.tell_of_past(peer);
        self.introduce(now, peer);
    }

    /// Says that the client is in, and who else is.
    fn introduce(&mut self, now: Instant, own: PeerId) {
        // Their tracks follow, once: those that this event names, 0.5.3 loses, and 0.7 keeps twice.
        let endpoint = |(id, other): (&PeerId, &Described)| Endpoint {
            id: id.to_string(),
            kind: WEBRTC,
            metadata: describe::metadata_of(other),
            tracks: BTreeMap::new(),
            track_id_to_metadata: BTreeMap::new(),
        };
        let other_endpoints: Vec<_> = self.others.iter().map(endpoint).collect();
        for (id, endpoint) in self.others.keys().zip(&other_endpoints) {
            let metadata = endpoint.metadata.clone();
            self.known.insert(*id, Known { metadata, tracks: BTreeMap::new() });
        }
        self.say(ServerEvent::Connected { id: own.to_string(), other_endpoints });
        self.advance(now);
    }

    /// People and their tracks have changed.
    pub fn roster(&mut self, now: Instant, roster: &Roster) {
        for present in &roster.present {
            if Some(present.peer.id) != self.peer {
                if self.has_back(present) {
                    self.round.try_again(now);
                }
                self.others.insert(present.peer.id, present.clone());
            }
        }
        for left in &roster.left {
            self.others.remove(left);
        }
        self.advance(now);
    }

    /// Who is speaking, complete.
    pub fn speakers(&mut self, speakers: &Speakers) {
        self.speakers.clone_from(speakers);
        self.tell_voices();
    }

    /// What the client gets of others, complete. Of no use to one that is not in yet.
    pub fn quality(&mut self, quality: &Quality) {
        if self.peer.is_some() {
            self.tell_quality(quality);
        }
    }

    /// The room's answer to the last [`Ask::Offer`].
    pub fn answered(&mut self, now: Instant, answer: Result<Negotiated, Refusal>) {
        match answer {
            Ok(negotiated) => self.tell_answer(now, negotiated),
            // Such clients have no way on from a refused offer.
            Err(refusal) => self.effects.push(Effect::Fail(refusal.message)),
        }
    }

    /// An error as the client wants it told. One of 0.3 that is not in yet has another word for that.
    pub fn error(&self, message: String) -> Event {
        let event = ServerEvent::Error { message };
        match self.generation {
            Generation::Current => Event::Current(event),
            Generation::Tutorial if self.peer.is_none() => {
                Event::Tutorial(TutorialEvent::PeerDenied)
            }
            Generation::Tutorial => TutorialEvent::of(event)
                .map_or(Event::Tutorial(TutorialEvent::PeerDenied), Event::Tutorial),
        }
    }

    /// The client says something.
    pub fn heard(&mut self, now: Instant, event: ClientEvent<Metadata>) {
        match event {
            // It is in, or will be.
            ClientEvent::Connect { .. } | ClientEvent::Join { .. } => {}
            ClientEvent::Disconnect | ClientEvent::Leave => self.ask(Ask::Leave),
            ClientEvent::UpdateEndpointMetadata { metadata }
            | ClientEvent::UpdatePeerMetadata { metadata } => {
                let metadata = metadata.unwrap_or_default();
                if is_small(&metadata) {
                    let name = admission::name_in(Some(&metadata));
                    self.ask(Ask::Describe { name, metadata });
                }
            }
            ClientEvent::UpdateTrackMetadata { track_id, track_metadata } => {
                let metadata = track_metadata.unwrap_or_default();
                if let Some(&track) = self.own.get(&track_id).filter(|_| is_small(&metadata)) {
                    let on = describe::says_on(&metadata);
                    self.ask(Ask::DescribeTrack { track, metadata, on });
                }
            }
            ClientEvent::DisableTrackEncoding { track_id, encoding } => {
                self.switch_encoding(&track_id, encoding, false);
            }
            ClientEvent::EnableTrackEncoding { track_id, encoding } => {
                self.switch_encoding(&track_id, encoding, true);
            }
            ClientEvent::Custom(event) => self.heard_custom(now, event),
        }
    }

    fn heard_custom(&mut self, now: Instant, event: CustomEvent<Metadata>) {
        match event {
            CustomEvent::RenegotiateTracks => {
                self.round.request();
                self.advance(now);
            }
            CustomEvent::SdpOffer(offer) if self.is_of_before(&offer) => {
                self.begin_anew(now, self.former_in(&offer));
            }
            CustomEvent::SdpOffer(offer) if self.is_too_late(&offer) => {}
            CustomEvent::SdpOffer(offer) => self.take_offer(offer),
            CustomEvent::SetTargetTrackVariant { track_id, variant: encoding }
            | CustomEvent::SelectEncoding { track_id, encoding } => {
                self.set_target(&track_id, encoding);
            }
            // Paths prove themselves by checks, and what is sent is measured.
            CustomEvent::Candidate { .. } | CustomEvent::TrackVariantBitrates { .. } => {}
        }
    }

    /// Clients repeat themselves without end here, so the room looks whether it is news.
    fn switch_encoding(&mut self, label: &str, encoding: String, on: bool) {
        if let Some(&track) = self.own.get(label) {
            self.ask(Ask::SwitchEncoding { track, encoding, on });
        }
    }

    fn set_target(&mut self, label: &str, encoding: String) {
        let track = self.known.values_mut().find_map(|known| known.tracks.get_mut(label));
        if let Some(track) =
            track.filter(|track| track.shown.config.active_encodings.contains(&encoding))
        {
            let id = track.shown.track;
            track.target = Some(encoding.clone());
            track.lost = None;
            self.ask(Ask::Cap { track: id, up_to: encoding });
        }
    }

    /// When [`Dialect::tick`] is due, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        self.round.deadline()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.round.tick(now) {
            if self.may_begin_anew() {
                return self.begin_anew(now, None);
            }
            let message = "Your browser has made no offer for 30 seconds.".to_owned();
            return self.effects.push(Effect::Fail(message));
        }
        self.advance(now);
    }

    /// What is to be done now, in this order.
    pub fn poll(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn say(&mut self, event: ServerEvent<Metadata>) {
        let event = match self.generation {
            Generation::Current => Some(Event::Current(event)),
            Generation::Tutorial => TutorialEvent::of(event).map(Event::Tutorial),
        };
        self.effects.extend(event.map(Effect::Say));
    }

    fn say_custom(&mut self, event: ServerCustom) {
        self.say(ServerEvent::Custom(event));
    }

    fn ask(&mut self, ask: Ask) {
        self.effects.push(Effect::Ask(ask));
    }
}

/// Whether metadata may go to everybody, if its owner says nothing else; the room looks at all together.
pub fn is_small(metadata: &Metadata) -> bool {
    metadata.shown_len() <= MAX_SHOWN_LEN
}
