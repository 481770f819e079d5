//! A page, the dialect between it and its room, and a room of which the tests decide what it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_server::dialect::membrane::former::Past;
use parlor_server::dialect::membrane::{Ask, Dialect, Effect, REST};
use parlor_server::room::about::{About, Described, Entered, Metadata, Roster, TrackAbout};
use parlor_wire::membrane::ClientEvent;
use parlor_wire::membrane::server::TurnServer;
use parlor_wire::{
    Kind, Negotiated, OwnTrack, Peer, PeerId, PeerState, Refusal, Sender, Slot, Source, Speakers,
    Track, TrackId,
};
use serde_json::Value;

use super::page::Page;

pub(crate) const OWN: PeerId = PeerId(1);

/// What the media side does with a section.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hold {
    Free,
    Pinned(TrackId),
}

/// What an offer sends, and what is to be on its receive sections.
type Offered = (Vec<(Sender, TrackAbout)>, Vec<TrackId>);

/// A page in a room.
pub(crate) struct Call {
    pub(crate) now: Instant,
    pub(crate) page: Page,
    pub(crate) dialect: Dialect,
    pub(crate) people: BTreeMap<PeerId, Described>,
    /// Sections of the page that receive, as the media side has them.
    holds: BTreeMap<usize, Hold>,
    own: BTreeMap<String, TrackId>,
    next_id: u64,
    /// What the page has said and the server has not heard yet.
    pub(crate) to_server: VecDeque<ClientEvent<Metadata>>,
    /// An offer that the room has not answered yet.
    pub(crate) asked: Option<Offered>,
    pub(crate) requests: Vec<Ask>,
    pub(crate) failed: Option<String>,
    /// Tracks that the media side does not know yet.
    pub(crate) unknown_to_media: BTreeSet<TrackId>,
}

impl Call {
    /// Somebody who is in a room with these people.
    pub(crate) fn with(people: &[Described]) -> Call {
        Call::of(people, false)
    }

    pub(crate) fn of(people: &[Described], is_tutorial: bool) -> Call {
        let now = Instant::now();
        let mut call = Call {
            now,
            page: Page::default(),
            dialect: Dialect::new(is_tutorial),
            people: people.iter().map(|it| (it.peer.id, it.clone())).collect(),
            holds: BTreeMap::new(),
            own: BTreeMap::new(),
            next_id: 1000,
            to_server: VecDeque::new(),
            asked: None,
            requests: Vec::new(),
            failed: None,
            unknown_to_media: BTreeSet::new(),
        };
        call.enter(OWN);
        call
    }

    /// The page gets in.
    fn enter(&mut self, peer: PeerId) {
        let others = self.people.values().cloned().collect();
        let entered = Entered { peer, others, speakers: Speakers::default() };
        let turn = TurnServer {
            server_addr: "192.0.2.1".into(),
            server_port: 4000,
            transport: "udp",
            username: "1:p1".into(),
            password: "secret".into(),
        };
        self.dialect.entered(self.now, entered, vec![turn]);
        self.carry();
    }

    /// The page has lost its socket and says `connect` over another one, as somebody new of whom this is remembered.
    pub(crate) fn come_back(&mut self, peer: PeerId, past: Past) {
        (self.page.is_in, self.page.is_back) = (false, true);
        self.dialect = Dialect::new(false);
        self.dialect.recall(past);
        (self.holds, self.own) = (BTreeMap::new(), BTreeMap::new());
        self.to_server.clear();
        self.asked = None;
        self.enter(peer);
    }

    /// Brings what the dialect says to the page, and what it asks to the room.
    pub(crate) fn carry(&mut self) {
        for effect in self.dialect.poll() {
            match effect {
                Effect::Say(event) => {
                    let event = serde_json::to_value(event).unwrap();
                    let said = self.page.hear(event);
                    self.to_server.extend(said);
                }
                Effect::Ask(Ask::Offer { senders, pins, .. }) => {
                    assert!(self.asked.replace((senders, pins)).is_none(), "one at a time");
                }
                Effect::Ask(ask) => self.requests.push(ask),
                Effect::Fail(message) => self.failed = Some(message),
            }
        }
    }

    /// The server hears the next thing that the page said.
    pub(crate) fn listen(&mut self) -> bool {
        let Some(event) = self.to_server.pop_front() else { return false };
        self.say(event);
        true
    }

    /// The page says something, and is heard at once.
    pub(crate) fn say(&mut self, event: ClientEvent<Metadata>) {
        self.dialect.heard(self.now, event);
        self.carry();
    }

    pub(crate) fn request_round(&mut self) {
        use parlor_wire::membrane::CustomEvent::RenegotiateTracks;
        self.to_server.push_back(ClientEvent::Custom(RenegotiateTracks));
    }

    /// The room answers the offer that it was asked to.
    pub(crate) fn answer(&mut self) -> bool {
        let Some((senders, pins)) = self.asked.take() else { return false };
        let receiving = self.page.sections.iter().enumerate();
        let receiving = receiving.filter(|(_, section)| section.sends.is_none());
        let mids: Vec<(usize, Kind)> = receiving.map(|(mid, it)| (mid, it.kind)).collect();
        self.pin(&mids, &pins);
        let slots: Vec<Slot> = mids.iter().map(|(mid, kind)| self.slot(*mid, *kind)).collect();
        let sent: Vec<&str> =
            slots.iter().filter(|slot| slot.track.is_some()).map(|slot| &*slot.mid).collect();
        let answer = sent.join(" ");
        let tracks = senders.into_iter().map(|(sender, about)| self.own_track(&sender, about));
        let tracks = tracks.collect();
        self.dialect.answered(self.now, Ok(Negotiated { answer, tracks, slots }));
        self.carry();
        true
    }

    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.asked.take().expect("there is an offer");
        self.dialect.answered(self.now, Err(refusal));
        self.carry();
    }

    fn own_track(&mut self, sender: &Sender, about: TrackAbout) -> OwnTrack {
        let label = about.label.unwrap();
        let new = TrackId(self.next_id + self.own.len() as u64);
        let id = *self.own.entry(label).or_insert(new);
        let kind = match sender.source {
            Source::Microphone | Source::ScreenAudio => Kind::Audio,
            Source::Camera | Source::Screen => Kind::Video,
            Source::Custom => sender.kind.unwrap(),
        };
        let Sender { source, on, .. } = *sender;
        OwnTrack { id, source, kind, on, mid: sender.mid.clone() }
    }

    /// As the engine does: what was on a section last time leaves it empty for one answer.
    fn pin(&mut self, mids: &[(usize, Kind)], pins: &[TrackId]) {
        let free: Vec<usize> = mids
            .iter()
            .map(|(mid, _)| *mid)
            .filter(|mid| self.holds.get(mid).is_none_or(|hold| *hold == Hold::Free))
            .collect();
        let is_there = |track: &TrackId| self.kind_of(*track).is_some();
        let pins: Vec<TrackId> = pins.iter().copied().filter(is_there).collect();
        for hold in self.holds.values_mut() {
            if matches!(hold, Hold::Pinned(track) if !pins.contains(track)) {
                *hold = Hold::Free;
            }
        }
        let mut free: Vec<(usize, Kind)> =
            mids.iter().copied().filter(|(mid, _)| free.contains(mid)).collect();
        free.sort_by_key(|(mid, _)| self.holds.contains_key(mid));
        for pin in pins {
            let kind = self.kind_of(pin);
            let is_placed = self.holds.values().any(|hold| *hold == Hold::Pinned(pin));
            let at = free.iter().position(|(_, of)| Some(*of) == kind);
            if let Some(at) = at.filter(|_| !is_placed) {
                self.holds.insert(free.remove(at).0, Hold::Pinned(pin));
            }
        }
    }

    fn kind_of(&self, id: TrackId) -> Option<Kind> {
        let tracks = self.people.values().flat_map(|it| &it.peer.tracks);
        let known = tracks.filter(|track| !self.unknown_to_media.contains(&track.id));
        known.into_iter().find(|track| track.id == id).map(|track| track.kind)
    }

    fn slot(&self, mid: usize, kind: Kind) -> Slot {
        let track = match self.holds.get(&mid) {
            Some(Hold::Pinned(track)) => Some(*track),
            _ => None,
        };
        Slot { mid: mid.to_string(), kind, track }
    }

    /// Everything goes to and fro until nobody has anything to say, nor anything to begin after a rest.
    pub(crate) fn settle(&mut self) {
        let mut rested = self.now + REST;
        for _ in 0..1000 {
            if self.listen() || self.answer() {
                rested = self.now + REST;
                continue;
            }
            let Some(at) = self.dialect.deadline().filter(|at| *at <= rested) else { return };
            self.now = at;
            self.dialect.tick(at);
            self.carry();
        }
        panic!("they never stop");
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.dialect.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.dialect.tick(self.now);
            self.carry();
            self.settle();
        }
        self.now = end;
    }

    /// Somebody is there, or is there with other tracks or words than before.
    pub(crate) fn show(&mut self, person: Described) {
        self.people.insert(person.peer.id, person.clone());
        let roster = Roster { present: vec![person], left: Vec::new() };
        self.dialect.roster(self.now, &roster);
        self.carry();
    }

    /// One goes and another comes, and the room tells both at once.
    pub(crate) fn swap(&mut self, gone: PeerId, new: Described) {
        self.people.remove(&gone);
        self.people.insert(new.peer.id, new.clone());
        let roster = Roster { present: vec![new], left: vec![gone] };
        self.dialect.roster(self.now, &roster);
        self.carry();
    }

    /// All go and others come, and the room tells that at once.
    pub(crate) fn replace_all(&mut self, present: Vec<Described>) {
        let left = self.people.keys().copied().collect();
        self.people = present.iter().map(|it| (it.peer.id, it.clone())).collect();
        self.dialect.roster(self.now, &Roster { present, left });
        self.carry();
    }

    /// Whether the media side has a track on a section.
    pub(crate) fn has_section(&self, id: TrackId) -> bool {
        self.holds.values().any(|hold| *hold == Hold::Pinned(id))
    }

    pub(crate) fn leave(&mut self, id: PeerId) {
        self.people.remove(&id);
        let roster = Roster { present: Vec::new(), left: vec![id] };
        self.dialect.roster(self.now, &roster);
        self.carry();
    }

    /// The tracks whose media the page has, in the words of the server.
    pub(crate) fn assert_sees_everything(&self) {
        let shown: BTreeSet<String> = self
            .people
            .values()
            .flat_map(|person| person.peer.tracks.iter().map(move |track| (person, track)))
            .map(|(person, track)| match person.about.tracks.get(&track.id) {
                Some(TrackAbout { label: Some(label), .. }) => label.clone(),
                _ => format!("{}:{}", person.peer.id, track.id),
            })
            .collect();
        assert_eq!(self.page.ready, shown);
        assert_eq!(self.page.tracks.keys().cloned().collect::<BTreeSet<_>>(), shown);
        assert!(!self.page.is_negotiating, "it could never add a track again");
        let ids: Vec<String> = self.people.keys().map(PeerId::to_string).collect();
        assert!(self.page.endpoints.keys().eq(&ids));
    }
}

/// Somebody who speaks our own dialect, with a microphone and a camera.
pub(crate) fn parlor(id: u64) -> Described {
    let track =
        |number, source, kind| Track { id: TrackId(10 * id + number), source, kind, on: true };
    let tracks =
        vec![track(0, Source::Microphone, Kind::Audio), track(1, Source::Camera, Kind::Video)];
    let state = PeerState::Connected;
    let peer = Peer { id: PeerId(id), name: format!("Person {id}"), state, tracks };
    Described { peer, about: Arc::default() }
}

/// Somebody who speaks Membrane's, with the same.
pub(crate) fn membrane(id: u64, metadata: Value) -> Described {
    let person = parlor(id);
    let label = |track: &Track| TrackAbout {
        label: Some(format!("{}:x{}", PeerId(id), track.id)),
        metadata: Some(serde_json::json!({ "of": id }).into()),
        ..TrackAbout::default()
    };
    let tracks = person.peer.tracks.iter().map(|track| (track.id, label(track))).collect();
    Described { about: Arc::new(About { metadata: Some(metadata.into()), tracks }), ..person }
}
