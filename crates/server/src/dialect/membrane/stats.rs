//! The channel `stats`: every second the numbers of the rooms that a socket is in, under Membrane's labels.

use std::time::Duration;

use futures_util::future::join_all;
use parlor_wire::Empty;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::room::RoomHandle;
use crate::room::command::{Response, SessionId};
use crate::room::report::{Endpoint, Published, Received, Report};
use crate::session::Session;

/// The topic.
pub const TOPIC: &str = "stats";

/// The event.
const METRICS: &str = "metrics";

/// From one report to the next, as Membrane's videoroom has it.
const PERIOD: Duration = Duration::from_secs(1);

/// Most members that one report is of, in all rooms of its socket; each room reports of the socket's own at least. Large
/// rooms would make reports of megabytes, which nobody reads every second.
const MAX_ENDPOINTS: usize = 64;

/// The rooms that a socket is in, and as whom.
type Places = Vec<(SessionId, RoomHandle)>;

/// One client's channel of numbers. Dropping it ends the reports.
pub struct StatsChannel {
    session: Session,
    places: watch::Sender<Places>,
    reports: AbortHandle,
}

impl StatsChannel {
    /// Answers a join, and reports from then on.
    pub fn join(session: Session, reference: Option<&str>) -> StatsChannel {
        session.reply(reference, Ok(Response::Empty(Empty {})));
        let (places, known) = watch::channel(Places::new());
        let reports = tokio::spawn(report(session.clone(), known)).abort_handle();
        StatsChannel { session, places, reports }
    }

    /// The way back to the client.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The rooms that the socket is in from now on.
    pub fn rooms_are(&self, places: Places) {
        self.places.send_replace(places);
    }

    /// Closes the channel.
    pub fn leave(&self, reference: Option<&str>) {
        self.reports.abort();
        self.session.reply(reference, Ok(Response::Empty(Empty {})));
        self.session.close();
    }
}

impl Drop for StatsChannel {
    fn drop(&mut self) {
        self.reports.abort();
    }
}

/// Asks the rooms and tells the client, until it is aborted.
async fn report(session: Session, places: watch::Receiver<Places>) {
    let mut ticks = interval_at(Instant::now() + PERIOD, PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let places = places.borrow().clone();
        let share = (MAX_ENDPOINTS / places.len().max(1)).max(1);
        // A room that is slow to answer holds up no other's numbers.
        let asked = places.iter().map(|(id, room)| timeout(PERIOD, room.report(*id, share)));
        let reports: Vec<Report> =
            join_all(asked).await.into_iter().filter_map(|report| report.ok()?).collect();
        if !session.is_over() {
            session.offer_event(METRICS, &json!({ "stats": stats_of(&reports) }));
        }
    }
}

/// What rooms say, nested by label.
fn stats_of(reports: &[Report]) -> Value {
    let rooms = reports.iter().map(|report| {
        let endpoints = report.endpoints.iter().map(|endpoint| {
            let received = if endpoint.id == report.to { &*report.received } else { &[] };
            (format!("endpoint_id={}", endpoint.id), endpoint_of(endpoint, received))
        });
        (format!("room_id={}", report.room), endpoints.collect::<Value>())
    });
    rooms.collect()
}

/// A member's numbers; with its own tracks by encoding, and those of others, as Membrane has it, without.
fn endpoint_of(endpoint: &Endpoint, received: &[Received]) -> Value {
    let mut numbers = known([
        ("connection", Some(json!(endpoint.state))),
        ("network", endpoint.network.map(|network| json!(network))),
        ("bandwidth.estimation", endpoint.estimate_bps.map(Value::from)),
    ]);
    for published in &endpoint.tracks {
        let label = published.about.label.clone();
        let label = label.unwrap_or_else(|| format!("{}:{}", endpoint.id, published.track.id));
        let only = [String::new()];
        let encodings = &*published.about.encodings;
        for rid in if encodings.is_empty() { &only } else { encodings } {
            numbers.insert(format!("track_id={label}:{rid}"), published_of(published, rid));
        }
    }
    for Received { of, label, quality } in received {
        let label = label.clone().unwrap_or_else(|| format!("{of}:{}", quality.track));
        let picture = known([
            ("outbound-rtp.variant", quality.layer.clone().map(Value::from)),
            ("paused", quality.reason.map(|reason| json!(reason))),
            ("frame.width", quality.width.map(Value::from)),
            ("frame.height", quality.height.map(Value::from)),
            ("frames-per-second", quality.frames_per_second.map(Value::from)),
        ]);
        numbers.insert(format!("track_id={label}"), picture.into());
    }
    numbers.into()
}

fn published_of(published: &Published, rid: &String) -> Value {
    let wanted = published.wanted.as_ref().map(|wanted| wanted.contains(rid));
    let numbers = known([
        ("track.kind", Some(json!(published.track.kind))),
        ("track.active", Some(published.track.on.into())),
        ("encoding.enabled", Some((!published.about.disabled.contains(rid)).into())),
        ("encoding.wanted", wanted.map(Value::from)),
    ]);
    numbers.into()
}

fn known<const N: usize>(numbers: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let known = numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use parlor_wire::{
        Kind, Network, PauseReason, PeerId, PeerState, Source, Track, TrackId, TrackQuality,
        TrackState,
    };

    use super::*;
    use crate::room::about::TrackAbout;

    fn camera(id: u64, label: Option<&str>, encodings: &[&str]) -> Published {
        let track = Track { id: TrackId(id), source: Source::Camera, kind: Kind::Video, on: true };
        let about = TrackAbout {
            label: label.map(str::to_owned),
            encodings: encodings.iter().map(|rid| (*rid).to_owned()).collect(),
            disabled: BTreeSet::from(["h".to_owned()]),
            ..TrackAbout::default()
        };
        Published { track, about, wanted: Some(vec!["l".to_owned()]) }
    }

    fn endpoint(id: u64, tracks: Vec<Published>) -> Endpoint {
        let (network, estimate_bps) = (Some(Network::Fair), Some(700_000));
        Endpoint { id: PeerId(id), state: PeerState::Connected, network, estimate_bps, tracks }
    }

    fn received(layer: Option<&str>, reason: Option<PauseReason>) -> TrackQuality {
        let picture = layer.is_some();
        TrackQuality {
            track: TrackId(8),
            state: if picture { TrackState::Live } else { TrackState::Paused },
            reason,
            layer: layer.map(str::to_owned),
            spatial: 0,
            temporal: 0,
            width: picture.then_some(640),
            height: picture.then_some(360),
            frames_per_second: picture.then_some(30),
        }
    }

    #[test]
    fn numbers_are_nested_by_room_endpoint_and_track_and_what_is_received_is_the_receivers() {
        let own = endpoint(1, vec![camera(7, Some("p1:cam"), &["l", "h"])]);
        let other = Endpoint {
            network: None,
            estimate_bps: None,
            ..endpoint(2, vec![Published { wanted: None, ..camera(8, None, &[]) }])
        };
        let live = Received { of: PeerId(2), label: None, quality: received(Some("l"), None) };
        let report = Report {
            room: "tea".parse().unwrap(),
            to: PeerId(1),
            endpoints: vec![own, other],
            received: vec![live],
        };
        let expected = json!({ "room_id=tea": {
            "endpoint_id=p1": {
                "connection": "connected",
                "network": "fair",
                "bandwidth.estimation": 700_000,
                "track_id=p1:cam:l": {
                    "track.kind": "video", "track.active": true,
                    "encoding.enabled": true, "encoding.wanted": true,
                },
                "track_id=p1:cam:h": {
                    "track.kind": "video", "track.active": true,
                    "encoding.enabled": false, "encoding.wanted": false,
                },
                "track_id=p2:t8": {
                    "outbound-rtp.variant": "l",
                    "frame.width": 640, "frame.height": 360, "frames-per-second": 30,
                },
            },
            "endpoint_id=p2": {
                "connection": "connected",
                "track_id=p2:t8:": {
                    "track.kind": "video", "track.active": true, "encoding.enabled": true,
                },
            },
        }});
        assert_eq!(stats_of(&[report]), expected);
    }

    #[test]
    fn a_picture_that_is_left_out_says_why_and_no_room_is_an_empty_map() {
        let quality = received(None, Some(PauseReason::Bandwidth));
        let received = Received { of: PeerId(2), label: Some("p2:cam".to_owned()), quality };
        let told = endpoint_of(&endpoint(1, Vec::new()), &[received]);
        assert_eq!(told["track_id=p2:cam"], json!({ "paused": "bandwidth" }));
        assert_eq!(stats_of(&[]), json!({}));
    }
}
