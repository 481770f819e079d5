//! What a client is told of pictures, voices, encodings and its path.

use std::collections::BTreeSet;
use std::sync::Arc;

use parlor_server::dialect::membrane::Ask;
use parlor_server::room::about::Described;
use parlor_wire::membrane::{ClientEvent, CustomEvent};
use parlor_wire::{Network, PeerId, Quality, Speakers, TrackId, TrackQuality, TrackState};
use serde_json::json;

use super::call::{Call, membrane};

const CAMERA: &str = "p2:xt21";

/// Somebody whose camera comes in three encodings.
fn simulcast() -> Described {
    let mut person = membrane(2, json!({}));
    let about = Arc::make_mut(&mut person.about).tracks.get_mut(&TrackId(21)).unwrap();
    about.encodings = ["l", "m", "h"].map(str::to_owned).into();
    person
}

fn quality(layer: Option<&str>, estimate_bps: u32) -> Quality {
    let track = TrackQuality {
        track: TrackId(21),
        state: if layer.is_some() { TrackState::Live } else { TrackState::Paused },
        reason: None,
        layer: layer.map(str::to_owned),
        spatial: 0,
        temporal: 0,
        width: None,
        height: None,
        frames_per_second: None,
    };
    Quality { network: Network::Good, estimate_bps: Some(estimate_bps), tracks: vec![track] }
}

fn in_call() -> Call {
    let mut call = Call::with(&[simulcast()]);
    call.settle();
    call
}

fn tell(call: &mut Call, quality: &Quality) {
    call.dialect.quality(quality);
    call.carry();
}

#[test]
fn encodings_are_announced_with_the_track() {
    let call = in_call();
    let config = &call.page.told("tracksAdded")[0]["tracks"][CAMERA]["simulcastConfig"];
    let expected =
        json!({"enabled": true, "activeEncodings": ["l", "m", "h"], "disabledEncodings": []});
    assert_eq!(*config, expected);
    let plain = &call.page.told("tracksAdded")[0]["tracks"]["p2:xt20"]["simulcastConfig"];
    assert_eq!(*plain, json!({"enabled": false, "activeEncodings": [], "disabledEncodings": []}));
}

#[test]
fn each_switch_of_encodings_is_told_once_with_its_reason() {
    let mut call = in_call();
    tell(&mut call, &quality(Some("l"), 1));
    tell(&mut call, &quality(Some("h"), 1));
    tell(&mut call, &quality(Some("h"), 1));
    tell(&mut call, &quality(Some("m"), 1));
    let (track_id, variant) = (CAMERA.to_owned(), "l".to_owned());
    call.say(ClientEvent::Custom(CustomEvent::SetTargetTrackVariant { track_id, variant }));
    assert_eq!(call.requests, [Ask::Cap { track: TrackId(21), up_to: "l".into() }]);
    tell(&mut call, &quality(Some("l"), 1));
    tell(&mut call, &quality(None, 1));
    tell(&mut call, &quality(Some("l"), 1));
    let told: Vec<(String, String)> = (call.page.told("encodingSwitched").iter())
        .map(|it| (super::page::text(&it["encoding"]), super::page::text(&it["reason"])))
        .collect();
    let expected = [
        ("l", "automatic_selection"),
        ("h", "automatic_selection"),
        ("m", "low_bandwidth"),
        ("l", "target_variant_selected"),
        ("l", "variant_unmuted"),
    ];
    assert_eq!(told, expected.map(|(encoding, reason)| (encoding.to_owned(), reason.to_owned())));
}

#[test]
fn an_encoding_that_its_publisher_stops_is_told_and_is_the_reason_for_the_switch() {
    let mut call = in_call();
    tell(&mut call, &quality(Some("h"), 1));
    let mut person = simulcast();
    let about = Arc::make_mut(&mut person.about).tracks.get_mut(&TrackId(21)).unwrap();
    about.disabled = BTreeSet::from(["h".to_owned()]);
    call.show(person);
    let told = &call.page.told("trackEncodingDisabled")[0];
    assert_eq!(*told, json!({"endpointId": "p2", "trackId": CAMERA, "encoding": "h"}));
    tell(&mut call, &quality(Some("m"), 1));
    assert_eq!(call.page.told("encodingSwitched")[1]["reason"], "encoding_inactive");
    call.show(simulcast());
    assert_eq!(call.page.told("trackEncodingEnabled")[0]["encoding"], "h");
    assert_eq!(call.page.rounds, 1, "none of this is a negotiation");
}

#[test]
fn a_target_that_the_track_does_not_have_is_passed_over() {
    let mut call = in_call();
    for (track, variant) in [(CAMERA, "x"), ("p2:xt20", "l"), ("nothing", "l")] {
        let (track_id, variant) = (track.to_owned(), variant.to_owned());
        call.say(ClientEvent::Custom(CustomEvent::SetTargetTrackVariant { track_id, variant }));
    }
    assert!(call.requests.is_empty());
}

#[test]
fn the_estimate_is_told_when_it_changes() {
    let mut call = in_call();
    for estimate in [500_000, 500_000, 900_000] {
        tell(&mut call, &quality(Some("l"), estimate));
    }
    let told: Vec<f64> = (call.page.told("bandwidthEstimation").iter())
        .map(|it| it["estimation"].as_f64().unwrap())
        .collect();
    assert_eq!(told, [500_000.0, 900_000.0]);
}

#[test]
fn who_speaks_is_told_by_their_microphone() {
    let mut call = in_call();
    for speaking in [vec![PeerId(2)], vec![PeerId(2), PeerId(9)], vec![]] {
        call.dialect.speakers(&Speakers { speaking, dominant: None });
        call.carry();
    }
    let told = call.page.told("vadNotification");
    let expected = |status| json!({ "trackId": "p2:xt20", "status": status });
    assert_eq!(told, [expected("speech"), expected("silence")]);
}

#[test]
fn an_encoding_that_its_publisher_sends_again_is_resumed() {
    let mut call = in_call();
    tell(&mut call, &quality(Some("h"), 1));
    let mut person = simulcast();
    let switch = |person: &mut Described, off: bool| {
        let about = Arc::make_mut(&mut person.about).tracks.get_mut(&TrackId(21)).unwrap();
        about.disabled = off.then(|| "h".to_owned()).into_iter().collect();
    };
    switch(&mut person, true);
    call.show(person.clone());
    tell(&mut call, &quality(Some("m"), 1));
    tell(&mut call, &quality(Some("l"), 1));
    switch(&mut person, false);
    call.show(person);
    tell(&mut call, &quality(Some("h"), 1));
    tell(&mut call, &quality(Some("m"), 1));
    tell(&mut call, &quality(Some("h"), 1));
    let told = call.page.told("encodingSwitched");
    let reasons: Vec<String> = told.iter().map(|it| super::page::text(&it["reason"])).collect();
    let expected = [
        "automatic_selection",
        "encoding_inactive",
        "low_bandwidth",
        "variant_resumed",
        "low_bandwidth",
        "automatic_selection",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn what_is_shown_of_oneself_and_of_ones_tracks_is_passed_on() {
    let mut call = Call::with(&[]);
    let own = call.page.add_track(parlor_wire::Kind::Audio, super::metadata("audio", true));
    call.request_round();
    call.settle();
    let metadata = Some(json!({ "displayName": " Ann " }).into());
    call.say(ClientEvent::UpdateEndpointMetadata { metadata: metadata.clone() });
    let track_metadata = Some(super::metadata("audio", false).into());
    call.say(ClientEvent::UpdateTrackMetadata { track_id: own, track_metadata });
    let large = Some(json!("x".repeat(100_000)).into());
    call.say(ClientEvent::UpdateEndpointMetadata { metadata: large });
    let [Ask::Describe { name, metadata: passed }, Ask::DescribeTrack { on, .. }] =
        call.requests.as_slice()
    else {
        panic!("{:?}", call.requests)
    };
    assert_eq!((name.as_str(), Some(passed), *on), ("Ann", metadata.as_ref(), Some(false)));
}
