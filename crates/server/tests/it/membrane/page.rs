//! A page with the client library in it, as far as that can fail: what throws there, panics here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use parlor_server::room::about::Metadata;
use parlor_wire::Kind;
use parlor_wire::membrane::{ClientEvent, CustomEvent, SdpOffer};
use serde_json::{Value, json};

/// A section of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) kind: Kind,
    /// Its own track; `None` if it receives there.
    pub(crate) sends: Option<String>,
    /// It has sent, and does no more.
    pub(crate) stopped: bool,
}

/// The client.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) id: String,
    /// It has been heard of since it last said `connect`.
    pub(crate) is_in: bool,
    /// How often it was told that it was removed itself.
    pub(crate) removals: usize,
    /// Whether it has a connection. One that it drops takes its sections with it.
    has_connection: bool,
    /// Its own tracks, oldest first: what a new connection is given.
    own: Vec<(String, Kind)>,
    /// It makes no offer when it is asked for fewer sections than it has, and that is no failure of the test: it has a
    /// connection of before.
    pub(crate) may_fail: bool,
    /// It has said `connect` again, and is told to forget whom it may not know.
    pub(crate) is_back: bool,
    /// How many offers it has made with its connection.
    offers: u64,
    pub(crate) endpoints: BTreeMap<String, BTreeSet<String>>,
    /// By track, whose it is.
    pub(crate) tracks: BTreeMap<String, String>,
    mid_to_track: BTreeMap<String, String>,
    pub(crate) sections: Vec<Section>,
    pub(crate) metadata: BTreeMap<String, Value>,
    /// The tracks whose media it has been given.
    pub(crate) ready: BTreeSet<String>,
    /// It waits for the answer to an offer.
    pub(crate) is_offering: bool,
    /// It thinks that a negotiation is under way, so that it begins none itself.
    pub(crate) is_negotiating: bool,
    /// What it was told, oldest first.
    pub(crate) heard: Vec<Value>,
    pub(crate) rounds: usize,
    /// The relays that it was told of: the library keeps them all.
    pub(crate) relays: usize,
    pub(crate) errors: Vec<String>,
}

impl Page {
    /// Hears a media event; returns what it says at once.
    pub(crate) fn hear(&mut self, event: Value) -> Vec<ClientEvent<Metadata>> {
        self.heard.push(event.clone());
        if event["type"] == "connected" {
            self.id = text(&event["data"]["id"]);
            self.is_in = true;
            for other in event["data"]["otherEndpoints"].as_array().unwrap() {
                let tracks = other["tracks"].as_object().expect("0.7 throws over a list");
                assert!(tracks.is_empty(), "0.5.3 loses these, and 0.7 has them twice");
                let before = self.endpoints.insert(text(&other["id"]), BTreeSet::new());
                let has_tracks = before.is_some_and(|tracks| !tracks.is_empty());
                assert!(!has_tracks, "those could be removed by nobody any more");
            }
            return Vec::new();
        }
        let is_harmless = event["type"] == "endpointRemoved";
        assert!(self.is_in || is_harmless, "nothing else may come before `connected`: {event}");
        self.dispatch(&event)
    }

    fn dispatch(&mut self, event: &Value) -> Vec<ClientEvent<Metadata>> {
        let data = &event["data"];
        let endpoint = || text(&data["endpointId"]);
        let track = || text(&data["trackId"]);
        match event["type"].as_str().unwrap() {
            "custom" => return self.dispatch(data),
            "offerData" => return self.offer(data),
            "sdpAnswer" => self.take_answer(data),
            "endpointAdded" => {
                let tracks = BTreeSet::new();
                let before = self.endpoints.insert(text(&data["id"]), tracks);
                assert!(before.is_none(), "twice");
            }
            "endpointRemoved" if text(&data["id"]) == self.id && !self.id.is_empty() => {
                self.removals += 1;
                self.drop_connection();
            }
            "endpointRemoved" => {
                let known = self.endpoints.remove(&text(&data["id"]));
                let Some(tracks) = known else {
                    assert!(!self.is_in || self.is_back, "it was there");
                    return Vec::new();
                };
                for track in tracks {
                    self.tracks.remove(&track);
                    self.ready.remove(&track);
                    self.mid_to_track.retain(|_, it| *it != track);
                }
            }
            "endpointUpdated" => {
                // The library empties its map here, so that nothing may count on that.
                self.endpoints.get_mut(&text(&data["id"])).expect("it is known").clear();
            }
            "tracksAdded" => {
                self.is_negotiating = true;
                let known = self.endpoints.get_mut(&endpoint()).expect("its owner is known");
                let tracks = data["tracks"].as_object().unwrap();
                let old = data["trackIdToMetadata"].as_object().unwrap();
                assert!(tracks.keys().eq(old.keys()), "old and new clients are told the same");
                for (label, track) in tracks {
                    assert!(track["simulcastConfig"]["activeEncodings"].is_array());
                    known.insert(label.clone());
                    let before = self.tracks.insert(label.clone(), endpoint());
                    assert!(before.is_none(), "twice");
                }
            }
            "tracksRemoved" => {
                self.is_negotiating = true;
                for label in data["trackIds"].as_array().unwrap().iter().map(text) {
                    assert_eq!(self.tracks.remove(&label), Some(endpoint()), "it is known");
                    let named = self.mid_to_track.iter().find(|(_, it)| **it == label);
                    let mid = named.map(|(mid, _)| mid.clone()).expect("the last answer names it");
                    self.mid_to_track.remove(&mid);
                    let owner = self.endpoints.get_mut(&endpoint());
                    owner.expect("its owner is known").remove(&label);
                    self.ready.remove(&label);
                }
            }
            "trackUpdated" | "trackEncodingDisabled" | "trackEncodingEnabled" => {
                assert!(self.endpoints.contains_key(&endpoint()));
                assert!(self.tracks.contains_key(&track()), "{event}");
            }
            "encodingSwitched" | "vadNotification" => assert!(self.tracks.contains_key(&track())),
            "bandwidthEstimation" => assert!(data["estimation"].is_f64()),
            "error" => self.errors.push(text(&data["message"])),
            other => panic!("{other} is nothing that it knows"),
        }
        Vec::new()
    }

    fn offer(&mut self, data: &Value) -> Vec<ClientEvent<Metadata>> {
        assert!(!self.is_offering, "two offers at a time: the browser makes neither");
        let turn = data["integratedTurnServers"].as_array().expect("it is read, be it empty");
        self.relays += turn.len();
        assert!(self.relays > 0, "without a relay it never connects");
        if !std::mem::replace(&mut self.has_connection, true) {
            let own = self.own.iter().cloned();
            let section = |(label, kind)| Section { kind, sends: Some(label), stopped: false };
            self.sections = own.map(section).collect();
        }
        for (name, kind) in [("audio", Kind::Audio), ("video", Kind::Video)] {
            let wanted = data["tracksTypes"][name].as_u64().unwrap() as usize;
            let has = self.receiving(kind);
            if self.may_fail && wanted < has {
                return Vec::new();
            }
            assert!(wanted >= has, "RangeError: {wanted} {name} sections of {has}");
            let section = Section { kind, sends: None, stopped: false };
            self.sections.extend(std::iter::repeat_n(section, wanted - has));
        }
        self.is_offering = true;
        self.rounds += 1;
        self.offers += 1;
        let own = self.sections.iter().enumerate();
        let own = own.filter(|(_, section)| !section.stopped);
        let mid_to_track_id = own
            .filter_map(|(mid, section)| Some((mid.to_string(), section.sends.clone()?)))
            .collect();
        vec![ClientEvent::Custom(CustomEvent::SdpOffer(SdpOffer {
            sdp_offer: parlor_wire::membrane::client::Description { sdp: self.sdp() },
            track_id_to_track_metadata: self.shown(),
            mid_to_track_id,
        }))]
    }

    /// As the library does on `disconnect()`, and when it was removed itself.
    pub(crate) fn drop_connection(&mut self) {
        (self.has_connection, self.is_offering, self.offers) = (false, false, 0);
        self.sections.clear();
    }

    fn shown(&self) -> BTreeMap<String, Metadata> {
        self.metadata.iter().map(|(label, shown)| (label.clone(), shown.into())).collect()
    }

    fn receiving(&self, kind: Kind) -> usize {
        self.sections.iter().filter(|it| it.kind == kind && it.sends.is_none()).count()
    }

    fn take_answer(&mut self, data: &Value) {
        assert!(std::mem::take(&mut self.is_offering), "it has not offered");
        self.is_negotiating = false;
        assert_eq!(data["type"], "answer");
        let map = data["midToTrackId"].as_object().unwrap();
        self.mid_to_track = map.iter().map(|(mid, label)| (mid.clone(), text(label))).collect();
        // The answer of these tests names the sections that are sent on.
        for mid in data["sdp"].as_str().unwrap().split_whitespace() {
            let label = self.mid_to_track.get(mid).expect("every section that is sent on is named");
            assert!(self.tracks.contains_key(label), "{label} was announced before");
            self.ready.insert(label.clone());
        }
        for (mid, section) in self.sections.iter().enumerate() {
            if let Some(own) = section.sends.as_ref().filter(|_| !section.stopped) {
                assert_eq!(self.mid_to_track.get(&mid.to_string()), Some(own), "own ones, too");
            }
        }
    }

    /// Adds a track, as `addTrack` does; returns its name.
    pub(crate) fn add_track(&mut self, kind: Kind, metadata: Value) -> String {
        let label = format!("{}:{}", self.id, self.metadata.len());
        self.metadata.insert(label.clone(), metadata);
        self.own.push((label.clone(), kind));
        if !self.has_connection {
            return label;
        }
        self.sections.push(Section { kind, sends: Some(label.clone()), stopped: false });
        label
    }

    /// The same after it came back, with a track that it has already: the library calls both by the first name.
    pub(crate) fn add_again(&mut self, label: &str, kind: Kind) {
        self.own.push((label.to_owned(), kind));
    }

    pub(crate) fn remove_track(&mut self, label: &str) {
        self.own.retain(|(own, _)| own != label);
        let section = self.sections.iter_mut().find(|it| it.sends.as_deref() == Some(label));
        section.expect("it is there").stopped = true;
    }

    fn sdp(&self) -> String {
        let fingerprint = ["AB"; 32].join(":");
        let mut sdp = format!(
            "v=0\r\no=- 1 {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=group:BUNDLE",
            1 + self.offers
        );
        (0..self.sections.len()).for_each(|mid| write!(sdp, " {mid}").unwrap());
        sdp.push_str("\r\n");
        for (mid, section) in self.sections.iter().enumerate() {
            let direction = match &section.sends {
                None => "recvonly",
                Some(_) if section.stopped => "inactive",
                Some(_) => "sendonly",
            };
            let (media, number, codec) = match section.kind {
                Kind::Audio => ("audio", 111, "opus/48000/2"),
                Kind::Video => ("video", 96, "VP8/90000"),
            };
            write!(
                sdp,
                "m={media} 9 UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
                 a=ice-ufrag:user0\r\na=ice-pwd:password-of-user-00000000\r\na=rtcp-mux\r\n\
                 a={direction}\r\na=rtpmap:{number} {codec}\r\n"
            )
            .unwrap();
        }
        sdp
    }

    /// Everything it was told of a type, wrapped or not.
    pub(crate) fn told(&self, kind: &str) -> Vec<Value> {
        let unwrap = |event: &Value| match &event["type"] {
            wrapped if wrapped == "custom" => event["data"].clone(),
            _ => event.clone(),
        };
        let told = self.heard.iter().map(unwrap).filter(|event| event["type"] == kind);
        told.map(|event| event["data"].clone()).collect()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn metadata(kind: &str, active: bool) -> Value {
    json!({ "type": kind, "active": active })
}
