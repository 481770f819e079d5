//! Membrane's dialect as a value, between a page that fails as the client library does and a room.

mod anew;
mod call;
mod churn;
mod page;
mod rounds;
mod telling;
mod traps;
mod tutorial;

use parlor_wire::{Kind, Source, TrackId};
use serde_json::{Value, json};

use call::{Call, membrane, parlor};
use page::metadata;

#[test]
fn a_newcomer_is_in_first_then_hears_of_tracks_then_offers() {
    let mut call = Call::with(&[parlor(2), membrane(3, json!({ "displayName": "Bo" }))]);
    let types: Vec<&str> =
        call.page.heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["connected", "tracksAdded", "tracksAdded", "custom"]);
    let connected = &call.page.told("connected")[0];
    assert_eq!(connected["id"], "p1");
    assert_eq!(connected["otherEndpoints"][0]["metadata"], json!({ "displayName": "Person 2" }));
    assert_eq!(connected["otherEndpoints"][1]["metadata"], json!({ "displayName": "Bo" }));
    assert_eq!(connected["otherEndpoints"][1]["type"], "webrtc");
    call.settle();
    call.assert_sees_everything();
    assert_eq!(call.page.rounds, 1);
}

#[test]
fn somebody_alone_is_in_without_a_negotiation() {
    let call = Call::with(&[]);
    assert_eq!(call.page.told("connected").len(), 1);
    assert_eq!(call.page.rounds, 0);
}

#[test]
fn a_person_of_ours_has_tracks_as_the_videoroom_names_them() {
    let call = Call::with(&[parlor(2)]);
    let added = &call.page.told("tracksAdded")[0];
    assert_eq!(added["endpointId"], "p2");
    assert_eq!(added["tracks"]["p2:t20"]["metadata"], metadata("audio", true));
    assert_eq!(added["tracks"]["p2:t21"]["metadata"], metadata("camera", true));
    assert_eq!(added["trackIdToMetadata"]["p2:t21"], metadata("camera", true));
}

#[test]
fn a_screen_of_ours_is_there_while_it_is_on_and_a_camera_always() {
    let mut person = parlor(2);
    person.peer.tracks[1].on = false;
    let mut screen = person.peer.tracks[1].clone();
    (screen.id, screen.source) = (TrackId(22), Source::Screen);
    person.peer.tracks.push(screen);
    let mut call = Call::with(&[person.clone()]);
    call.settle();
    assert!(call.page.tracks.keys().eq(["p2:t20", "p2:t21"]));
    person.peer.tracks[2].on = true;
    call.show(person.clone());
    call.settle();
    assert!(call.page.ready.contains("p2:t22"));
    let added = &call.page.told("tracksAdded")[1];
    assert_eq!(added["tracks"]["p2:t22"]["metadata"], metadata("screensharing", true));
    person.peer.tracks[1].on = true;
    call.show(person.clone());
    assert_eq!(call.page.told("trackUpdated")[0]["metadata"], metadata("camera", true));
    person.peer.tracks[2].on = false;
    call.show(person);
    call.settle();
    assert!(!call.page.tracks.contains_key("p2:t22") && !call.page.is_negotiating);
}

#[test]
fn what_a_client_sends_has_a_source_that_our_pages_know() {
    let mut call = Call::with(&[]);
    for (kind, metadata) in [
        (Kind::Audio, metadata("audio", false)),
        (Kind::Video, metadata("camera", true)),
        (Kind::Video, metadata("screensharing", true)),
        (Kind::Video, json!({ "active": false })),
        (Kind::Audio, Value::Null),
    ] {
        call.page.add_track(kind, metadata);
    }
    call.request_round();
    assert!(call.listen() && call.listen());
    let senders = call.asked.clone().unwrap().0;
    let sources: Vec<(Source, bool)> = senders.iter().map(|(it, _)| (it.source, it.on)).collect();
    let expected = [
        (Source::Microphone, false),
        (Source::Camera, true),
        (Source::Screen, true),
        (Source::Custom, true),
        (Source::Custom, true),
    ];
    assert_eq!(sources, expected, "one of each is a person's, and others' words are theirs");
}

#[test]
fn of_too_many_tracks_those_stay_that_are_there_already() {
    let mut call = Call::with(&[]);
    for _ in 0..16 {
        call.page.add_track(Kind::Video, Value::Null);
    }
    call.request_round();
    call.settle();
    let published = |call: &Call| {
        let answers = call.page.told("sdpAnswer");
        let map = answers.last().unwrap()["midToTrackId"].as_object().unwrap().clone();
        map.into_iter().map(|(_, label)| page::text(&label)).collect::<Vec<_>>()
    };
    let mut before = published(&call);
    before.sort();
    call.page.add_track(Kind::Video, Value::Null);
    call.request_round();
    assert!(call.listen() && call.listen());
    let senders = call.asked.clone().unwrap().0;
    let mut labels: Vec<_> = senders.into_iter().map(|(_, it)| it.label.unwrap()).collect();
    labels.sort();
    assert_eq!(labels, before);
}

#[test]
fn tracks_under_somebody_elses_name_are_shown_to_others_under_ones_own() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.page.id = "p2".into();
    let label = call.page.add_track(Kind::Video, Value::Null);
    call.page.id = "p1".into();
    call.request_round();
    assert!(call.listen() && call.listen());
    let shown = call.asked.clone().unwrap().0.remove(0).1.label;
    assert_eq!((label.as_str(), shown.as_deref()), ("p2:0", Some("p1:0")));
    call.settle();
    call.assert_sees_everything();
}
