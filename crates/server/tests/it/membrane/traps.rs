//! The traps of these clients, each a test, named by the number that it has in `docs/membrane.md`: there is the list of
//! all of them, with the tests that are elsewhere.

use std::time::Duration;

use parlor_server::dialect::membrane::{Ask, Dialect};
use parlor_server::room::about::Roster;
use parlor_wire::membrane::{ClientEvent, CustomEvent};
use parlor_wire::{Kind, Network, PeerId, Quality, Speakers};
use serde_json::{Value, json};

use super::call::{Call, membrane, parlor};
use super::page::metadata;

#[test]
fn trap_1_the_first_offer_data_says_how_to_reach_a_relay_and_all_have_a_list() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.show(parlor(3));
    call.settle();
    let told = call.page.told("offerData");
    assert_eq!(told.len(), 2);
    let turn = json!({"serverAddr": "192.0.2.1", "serverPort": 4000, "transport": "udp",
                      "username": "1:p1", "password": "secret"});
    assert_eq!(told[0]["integratedTurnServers"], json!([turn]));
    assert_eq!(told[1]["integratedTurnServers"], json!([]), "without one they throw");
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
fn trap_9_candidates_of_a_client_ask_for_nothing_and_none_are_said_to_it() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.requests.clear();
    let heard = call.page.heard.len();
    for line in
        ["candidate:1 1 UDP 1 192.0.2.1 9 typ host", "candidate:1 2 udp 1 ::1 9 typ relay", ""]
    {
        call.say(ClientEvent::Custom(CustomEvent::Candidate { candidate: line.to_owned() }));
    }
    call.pass(Duration::from_secs(60));
    assert!(call.requests.is_empty() && call.failed.is_none());
    assert_eq!(call.page.heard.len(), heard);
    assert!(call.page.told("candidate").is_empty());
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
fn trap_15_before_connected_nothing_is_said_whatever_the_room_says() {
    let mut dialect = Dialect::new(false);
    let now = std::time::Instant::now();
    dialect.roster(now, &Roster { present: vec![parlor(2)], left: vec![PeerId(3)] });
    dialect.speakers(&Speakers { speaking: vec![PeerId(2)], dominant: Some(PeerId(2)) });
    let (network, estimate_bps) = (Network::Good, Some(1_000_000));
    dialect.quality(&Quality { network, estimate_bps, tracks: Vec::new() });
    dialect.heard(now, ClientEvent::Custom(CustomEvent::RenegotiateTracks));
    dialect.tick(now + Duration::from_secs(60));
    assert_eq!(dialect.poll(), []);
    assert_eq!(dialect.deadline(), None);
}

#[test]
fn trap_16_however_often_it_negotiates_a_client_is_told_of_the_relay_once() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    for id in 3..40 {
        call.pass(Duration::from_secs(3600));
        call.swap(PeerId(id - 1), parlor(id));
        call.settle();
        call.assert_sees_everything();
    }
    let told = call.page.told("offerData");
    assert!(told.len() > 37);
    // The library keeps all that it is told, for the connections that it makes later.
    assert_eq!(call.page.relays, 1);
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
