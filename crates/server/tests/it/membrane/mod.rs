//! Membrane's dialect as a value, between a page that fails as the client library does and a room.

mod call;
mod churn;
mod page;
mod rounds;
mod telling;
mod tutorial;

use parlor_server::dialect::membrane::Ask;
use parlor_wire::membrane::{ClientEvent, CustomEvent};
use parlor_wire::{Kind, PeerId, Source, TrackId};
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
fn trap_1_every_offer_data_says_how_to_reach_a_relay() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.show(parlor(3));
    call.settle();
    for told in call.page.told("offerData") {
        let turn = json!({"serverAddr": "192.0.2.1", "serverPort": 4000, "transport": "udp",
                          "username": "1:p1", "password": "secret"});
        assert_eq!(told["integratedTurnServers"], json!([turn]));
    }
}

#[test]
fn trap_2_nobody_is_asked_for_fewer_sections_than_before() {
    let mut call = Call::with(&[parlor(2), parlor(3)]);
    call.settle();
    call.leave(PeerId(2));
    call.settle();
    call.leave(PeerId(3));
    call.settle();
    call.show(parlor(4));
    call.settle();
    let counts: Vec<u64> = (call.page.told("offerData").iter())
        .map(|told| told["tracksTypes"]["video"].as_u64().unwrap())
        .collect();
    assert!(counts.is_sorted(), "{counts:?}");
    call.assert_sees_everything();
}

#[test]
fn trap_3_after_tracks_came_or_went_an_offer_is_always_asked_for() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.leave(PeerId(2));
    let types: Vec<&str> = (call.page.heard.iter().rev().take(3))
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["custom", "endpointRemoved", "tracksRemoved"]);
    call.settle();
    assert!(!call.page.is_negotiating);
}

#[test]
fn trap_4_a_track_that_went_before_it_had_a_section_is_named_by_an_answer_before_it_is_removed() {
    let mut call = Call::with(&[parlor(2)]);
    let mut person = parlor(2);
    person.peer.tracks.truncate(1);
    call.show(person);
    call.settle();
    call.assert_sees_everything();
    assert_eq!(call.page.told("tracksRemoved").len(), 1);
}

#[test]
fn trap_5_an_answer_names_own_sections_and_those_of_others() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    let own = call.page.add_track(Kind::Video, metadata("camera", true));
    call.request_round();
    call.settle();
    let answers = call.page.told("sdpAnswer");
    let map = answers.last().unwrap()["midToTrackId"].as_object().unwrap();
    let named: Vec<&str> = map.values().map(|label| label.as_str().unwrap()).collect();
    assert!(named.len() == 3 && named.contains(&own.as_str()) && named.contains(&"p2:t21"));
}

#[test]
fn trap_6_while_an_offer_is_awaited_or_answered_nobody_is_asked_for_another() {
    let mut call = Call::with(&[parlor(2)]);
    call.show(parlor(3));
    call.request_round();
    assert!(call.listen());
    call.show(parlor(4));
    assert!(call.listen(), "it wants to offer");
    call.leave(PeerId(3));
    assert_eq!(call.page.rounds, 1);
    assert!(call.answer());
    call.settle();
    assert_eq!(call.page.rounds, 2, "what has gathered is the next");
    call.settle();
    call.assert_sees_everything();
}

#[test]
fn trap_7_each_round_keeps_the_sections_of_tracks_that_stay() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    let section = |call: &Call| {
        let answers = call.page.told("sdpAnswer");
        let map = answers.last().unwrap()["midToTrackId"].as_object().unwrap().clone();
        map.into_iter().find(|(_, label)| label == "p2:t21").unwrap().0
    };
    let before = section(&call);
    for id in 3..9 {
        call.show(parlor(id));
        call.settle();
        assert_eq!(section(&call), before);
    }
}

#[test]
fn trap_8_sections_carry_one_track_each_and_others_only_when_there_are_many() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    for id in 3..200 {
        call.swap(PeerId(id - 1), parlor(id));
        call.settle();
        call.assert_sees_everything();
    }
    let sections = call.page.told("offerData").last().unwrap()["tracksTypes"].clone();
    assert_eq!(sections, json!({ "audio": 56, "video": 56 }));
}

#[test]
fn trap_10_tracks_are_removed_by_name_although_metadata_was_updated() {
    let mut call = Call::with(&[membrane(2, json!({ "displayName": "Bo" }))]);
    call.settle();
    call.show(membrane(2, json!({ "displayName": "Bob" })));
    assert_eq!(call.page.told("endpointUpdated")[0]["metadata"], json!({ "displayName": "Bob" }));
    call.leave(PeerId(2));
    call.settle();
    let removed = call.page.told("tracksRemoved")[0]["trackIds"].as_array().unwrap().len();
    assert_eq!(removed, 2);
    call.assert_sees_everything();
}

#[test]
fn trap_11_layers_that_are_disabled_again_and_again_ask_for_nothing_but_that() {
    let mut call = Call::with(&[]);
    let own = call.page.add_track(Kind::Video, Value::Null);
    call.request_round();
    call.settle();
    call.requests.clear();
    for _ in 0..126 {
        let (track_id, encoding) = (own.clone(), "h".to_owned());
        call.say(ClientEvent::DisableTrackEncoding { track_id, encoding });
    }
    let is_switch = |ask: &Ask| matches!(ask, Ask::SwitchEncoding { on: false, .. });
    assert!(call.requests.len() == 126 && call.requests.iter().all(is_switch));
    assert_eq!(call.page.rounds, 1);
}

#[test]
fn trap_12_a_goodbye_is_acted_on() {
    let mut call = Call::with(&[]);
    call.say(ClientEvent::Disconnect);
    assert_eq!(call.requests, [Ask::Leave]);
}

#[test]
fn trap_14_who_leaves_during_a_round_goes_after_it() {
    let mut call = Call::with(&[parlor(2), parlor(3)]);
    assert!(call.listen(), "the offer arrives");
    call.leave(PeerId(2));
    assert!(
        call.page.told("endpointRemoved").is_empty() && call.page.told("tracksRemoved").is_empty()
    );
    call.settle();
    call.assert_sees_everything();
    let types: Vec<&str> =
        call.page.heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let at = |kind| types.iter().position(|it| *it == kind).unwrap();
    assert!(at("tracksRemoved") < at("endpointRemoved"));
}

#[test]
fn trap_17_who_publishes_while_others_come_is_asked_no_oftener_than_needed() {
    let mut call = Call::with(&[parlor(2)]);
    // It adds a track before it hears of those of others: its first offer has both.
    call.page.add_track(Kind::Video, metadata("camera", true));
    let offer = call.to_server.pop_front().unwrap();
    call.request_round();
    assert!(call.listen());
    let ClientEvent::Custom(CustomEvent::SdpOffer(_)) = offer else { panic!("{offer:?}") };
    call.page.is_offering = false;
    let again = call.page.heard.pop().unwrap();
    let said = call.page.hear(again);
    call.to_server.extend(said);
    call.settle();
    assert_eq!(call.page.told("sdpAnswer").len(), 1);
    call.assert_sees_everything();
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
fn tracks_under_somebody_elses_name_are_not_taken() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.page.id = "p2".into();
    call.page.add_track(Kind::Video, Value::Null);
    call.page.id = "p1".into();
    call.request_round();
    assert!(call.listen() && call.listen());
    assert!(call.asked.unwrap().0.is_empty());
}
