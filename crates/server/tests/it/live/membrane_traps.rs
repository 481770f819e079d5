//! What trips pages of Membrane's over real sockets: those traps that are about more than the dialect as a value.

use std::collections::{BTreeMap, BTreeSet};

use parlor_server::server::Server;
use serde_json::{Value, json};

use super::membrane::{TOPIC, enter};
use super::{Client, connect, join, start};

/// A browser of simulation, for its offers alone.
fn browser() -> (parlor_sim::Client, std::time::Instant) {
    let now = std::time::Instant::now();
    (parlor_sim::Client::new(now, 1, "127.0.0.1:9".parse().unwrap()), now)
}

/// The mids of an offer, in their order.
fn mids(sdp: &str) -> Vec<String> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::to_owned).collect()
}

fn custom(kind: &str, data: Value) -> Value {
    json!({ "type": "custom", "data": { "type": kind, "data": data } })
}

impl Client {
    /// Offers as the library does once it was asked; returns the answer.
    async fn offer(&mut self, sdp: &str, mid_to_track_id: Value, metadata: Value) -> Value {
        let offer = json!({
            "sdpOffer": { "type": "offer", "sdp": sdp },
            "trackIdToTrackMetadata": metadata,
            "midToTrackId": mid_to_track_id,
        });
        self.say(custom("sdpOffer", offer)).await;
        self.media_event("sdpAnswer").await
    }

    /// Publishes a microphone and a camera; returns the answer.
    async fn publish(&mut self, own: &str, sdp: &str) -> Value {
        self.say(custom("renegotiateTracks", Value::Null)).await;
        self.media_event("offerData").await;
        let mids = mids(sdp);
        let [microphone, camera] = [format!("{own}:mic"), format!("{own}:cam")];
        let map = json!({ mids[0].clone(): microphone, mids[1].clone(): camera });
        self.offer(sdp, map, json!({})).await
    }

    /// The types of media events among what was kept.
    fn kept_media_events(&self) -> Vec<String> {
        let media = self.kept.iter().filter(|frame| frame[3] == "mediaEvent");
        media.map(|frame| frame[4]["data"].as_str().unwrap().to_owned()).collect()
    }
}

/// Somebody in the room by Membrane's dialect, and the id.
async fn entered(server: &Server, name: &str) -> (Client, String) {
    let mut client = enter(server, name).await;
    let id = client.media_event("connected").await["id"].as_str().unwrap().to_owned();
    (client, id)
}

/// The stream that each track of an answer is in.
fn streams(answer: &Value) -> BTreeMap<String, String> {
    let names = answer["midToTrackId"].as_object().unwrap();
    let sections = answer["sdp"].as_str().unwrap().split("\r\nm=");
    let of = |section: &str| {
        let line = |prefix: &str| section.lines().find_map(|line| line.strip_prefix(prefix));
        let stream = line("a=msid:")?.split(' ').next().unwrap().to_owned();
        Some((names[line("a=mid:")?].as_str().unwrap().to_owned(), stream))
    };
    sections.filter_map(of).collect()
}

/// What a page of this id offers: a microphone, and a camera in two sizes; and which section is which track's.
fn offer_of(own: &str) -> (parlor_sim::Client, String, Value) {
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 0);
    let mids = mids(&sdp);
    let map =
        json!({ mids[0].clone(): format!("{own}:mic"), mids[1].clone(): format!("{own}:cam") });
    (browser, sdp, map)
}

#[tokio::test]
async fn trap_7_each_restart_of_ice_is_answered_with_new_credentials_and_the_same_certificate() {
    let server = start().await;
    let (mut ann, own) = entered(&server, "Ann").await;
    let (mut browser, sdp, map) = offer_of(&own);
    let mut answers = vec![ann.publish(&own, &sdp).await];
    for _ in 0..3 {
        browser.accept(answers.last().unwrap()["sdp"].as_str().unwrap()).unwrap();
        ann.say(custom("renegotiateTracks", Value::Null)).await;
        ann.media_event("offerData").await;
        answers.push(ann.offer(&browser.offer_ice_restart(), map.clone(), json!({})).await);
    }
    let all = |prefix: &str| -> BTreeSet<String> {
        let lines = answers.iter().flat_map(|answer| answer["sdp"].as_str().unwrap().lines());
        lines.filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    assert_eq!((all("a=ice-ufrag:").len(), all("a=ice-pwd:").len()), (4, 4));
    assert_eq!(all("a=fingerprint:").len(), 1);
    assert_eq!(all("a=setup:"), BTreeSet::from(["passive".to_owned()]));
    server.stop().await;
}

#[tokio::test]
async fn trap_9_an_answer_has_the_servers_candidates_and_none_are_trickled() {
    let server = start().await;
    let (mut ann, own) = entered(&server, "Ann").await;
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 0);
    let answer = ann.publish(&own, &sdp).await;
    let text = answer["sdp"].as_str().unwrap();
    let candidates = server.media().candidates();
    assert!(!candidates.is_empty());
    for candidate in candidates {
        let place = format!(" {} {} typ host", candidate.ip(), candidate.port());
        let named = text.lines().filter(|line| line.starts_with("a=candidate:"));
        assert!(named.into_iter().any(|line| line.contains(&place)), "{place}: {text}");
    }
    // What browsers say of theirs is passed over: an end, a second component, a foreign word.
    for line in
        ["candidate:1 1 UDP 1 192.0.2.1 9 typ host", "candidate:1 2 udp 1 ::1 9 typ relay", ""]
    {
        ann.say(custom("candidate", json!({ "candidate": line, "sdpMLineIndex": 0 }))).await;
    }
    ann.say(custom("renegotiateTracks", Value::Null)).await;
    ann.media_event("offerData").await;
    assert!(ann.kept_media_events().iter().all(|event| !event.contains("candidate\"")));
    server.stop().await;
}

#[tokio::test]
async fn trap_11_a_layer_that_is_disabled_126_times_is_told_to_others_once_and_costs_no_offer() {
    let server = start().await;
    let (mut bo, _) = entered(&server, "Bo").await;
    let (mut ann, own) = entered(&server, "Ann").await;
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 0);
    ann.publish(&own, &sdp).await;
    bo.media_event("tracksAdded").await;
    let camera = format!("{own}:cam");
    let disable =
        json!({ "type": "disableTrackEncoding", "data": { "trackId": camera, "encoding": "h" } });
    for _ in 0..126 {
        ann.say(disable.clone()).await;
    }
    let told = bo.media_event("trackEncodingDisabled").await;
    assert_eq!(told, json!({ "endpointId": own, "trackId": camera, "encoding": "h" }));
    for _ in 0..126 {
        ann.say(disable.clone()).await;
    }
    ann.say(custom("renegotiateTracks", Value::Null)).await;
    ann.media_event("offerData").await;
    // What comes after all of that is the first that others hear.
    let metadata = json!({ "displayName": "Ann!" });
    ann.say(json!({ "type": "updateEndpointMetadata", "data": { "metadata": metadata } })).await;
    bo.media_event("endpointUpdated").await;
    let rest = bo.kept_media_events();
    assert!(rest.iter().all(|event| !event.contains("trackEncoding")), "{rest:?}");
    server.stop().await;
}

#[tokio::test]
async fn trap_13_ones_sound_and_picture_come_in_one_stream_whatever_its_offer_says_of_streams() {
    let server = start().await;
    let mut publishers = Vec::new();
    let rewrites: [fn(&str) -> String; 4] = [
        |line| line.to_owned(),
        |line| format!("a=msid:- {}", line.rsplit(' ').next().unwrap()),
        |_| String::new(),
        |line| format!("a=msid:stream-of-{0} {0}", line.rsplit(' ').next().unwrap()),
    ];
    for rewrite in rewrites {
        let (mut client, own) = entered(&server, "Somebody").await;
        let (mut browser, now) = browser();
        let sdp = browser.offer_camera(now, &["l", "h"], 0);
        let rewritten = |line: &str| match line.starts_with("a=msid:") {
            true => Some(rewrite(line)).filter(|line| !line.is_empty()),
            false => Some(line.to_owned()).filter(|line| !line.contains("msid")),
        };
        let sdp: String =
            sdp.lines().filter_map(rewritten).map(|line| format!("{line}\r\n")).collect();
        client.publish(&own, &sdp).await;
        publishers.push((client, own));
    }
    let mut ours = connect(&server).await;
    let (mut browser, now) = self::browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 1);
    let mids = mids(&sdp);
    let senders = json!([
        { "mid": mids[0], "source": "microphone", "on": true },
        { "mid": mids[1], "source": "camera", "on": true },
    ]);
    let wish = json!({ "protocol": "parlor", "version": 1, "name": "Cy", "offer": sdp, "senders": senders });
    let joined = ours.join(TOPIC, wish).await;
    assert_eq!(joined["status"], "ok", "{joined}");
    let cy = joined["response"]["peer"].as_str().unwrap().to_owned();

    let (mut bo, _) = entered(&server, "Bo").await;
    bo.media_event("offerData").await;
    let (mut browser, now) = self::browser();
    let sdp = browser.offer(now, &[], publishers.len() + 1);
    let streams = streams(&bo.offer(&sdp, json!({}), json!({})).await);
    assert_eq!(streams.len(), 2 * (publishers.len() + 1), "{streams:?}");
    let mut all = BTreeSet::new();
    for id in publishers.iter().map(|(_, id)| id).chain([&cy]) {
        let own = format!("{id}:");
        let own: BTreeSet<&String> = streams
            .iter()
            .filter(|(label, _)| label.starts_with(&own))
            .map(|(_, stream)| stream)
            .collect();
        assert_eq!(own.len(), 1, "one stream of {id}: {streams:?}");
        all.extend(own);
    }
    assert_eq!(all.len(), publishers.len() + 1, "and nobody else's");
    server.stop().await;
}

#[tokio::test]
async fn trap_15_whatever_happens_in_the_room_nothing_is_said_before_connected() {
    let server = start().await;
    let mut bo = connect(&server).await;
    bo.join(TOPIC, json!({})).await;
    let (mut ann, own) = entered(&server, "Ann").await;
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 0);
    ann.publish(&own, &sdp).await;
    let metadata = json!({ "displayName": "Ann!" });
    ann.say(json!({ "type": "updateEndpointMetadata", "data": { "metadata": metadata } })).await;
    let mut cy = connect(&server).await;
    cy.join(TOPIC, join("Cy")).await;
    ann.media_event("endpointAdded").await;
    bo.say(json!({ "type": "connect", "data": { "metadata": { "displayName": "Bo" } } })).await;
    cy.call(Value::Null, TOPIC, "phx_leave", json!({})).await;
    bo.media_event("connected").await;
    let before: Vec<&Value> = bo.kept.iter().map(|frame| &frame[3]).collect();
    assert_eq!(before, ["simulcastConfig"], "{:?}", bo.kept);
    server.stop().await;
}

#[tokio::test]
async fn trap_16_the_first_offer_data_alone_has_credentials_and_those_are_good_for_weeks() {
    let server = start().await;
    let (mut ann, own) = entered(&server, "Ann").await;
    let (_, sdp, map) = offer_of(&own);
    let mut told = Vec::new();
    for _ in 0..4 {
        ann.say(custom("renegotiateTracks", Value::Null)).await;
        told.push(ann.media_event("offerData").await["integratedTurnServers"].clone());
        ann.offer(&sdp, map.clone(), json!({})).await;
    }
    assert!(told[1..].iter().all(|servers| *servers == json!([])), "a page reads the first alone");
    let servers = told[0].as_array().unwrap();
    assert!(!servers.is_empty());
    let week = 7 * 24 * 3600;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for server in servers {
        let (until, peer) = server["username"].as_str().unwrap().split_once(':').unwrap();
        assert!(until.parse::<u64>().unwrap() > now.as_secs() + week, "{server}");
        assert_eq!(peer, own);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_other_events_costs_a_page_neither_its_offer_nor_its_goodbye() {
    let server = start().await;
    let (mut bo, _) = entered(&server, "Bo").await;
    let (mut ann, own) = entered(&server, "Ann").await;
    let flood = async |ann: &mut Client| {
        for number in 0..3000 {
            let label = format!("{own}:{number}");
            let data = json!({ "trackId": label, "encoding": "h" });
            ann.say(json!({ "type": "disableTrackEncoding", "data": data })).await;
        }
    };
    flood(&mut ann).await;
    ann.say(custom("renegotiateTracks", Value::Null)).await;
    ann.media_event("offerData").await;
    flood(&mut ann).await;
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 0);
    let mids = mids(&sdp);
    let answer = ann.offer(&sdp, json!({ mids[1].clone(): format!("{own}:cam") }), json!({})).await;
    assert_eq!(answer["midToTrackId"].as_object().unwrap().len(), 1);
    flood(&mut ann).await;
    ann.say(json!({ "type": "disconnect" })).await;
    assert_eq!(bo.media_event("endpointRemoved").await["id"], own.as_str());
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_comes_back_over_another_socket_is_told_to_begin_anew_and_nobody_else_is() {
    let server = start().await;
    let (bo, bo_id) = entered(&server, "Bo").await;
    let (ann, own) = entered(&server, "Ann").await;
    drop((ann, bo));
    let (cy, cy_id) = entered(&server, "Cy").await;
    assert!(cy.kept_media_events().is_empty(), "{:?}", cy.kept);
    let mut ann = enter(&server, "Ann").await;
    for id in [bo_id, cy_id, own] {
        assert_eq!(ann.media_event("endpointRemoved").await["id"], id.as_str());
    }
    ann.media_event("connected").await;
    assert_eq!(ann.media_event("offerData").await["tracksTypes"]["audio"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_numbers_its_frames_on_from_another_socket_begins_anew_if_its_connection_is_old()
 {
    let server = start().await;
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "h"], 0);
    for (version, is_old) in [("2", false), ("3", true)] {
        let mut ann = connect(&server).await;
        ann.next_ref = 40;
        ann.join(TOPIC, json!({})).await;
        ann.say(json!({ "type": "connect", "data": { "metadata": version } })).await;
        let own = ann.media_event("connected").await["id"].as_str().unwrap().to_owned();
        let types = ann.media_event("offerData").await["tracksTypes"].clone();
        assert_eq!(types, json!({ "audio": 8, "video": 8 }), "whatever it has");
        ann.kept.clear(); // whom it may have known is removed before
        let line = |line: &str| match line.starts_with("o=") {
            true => format!("o=- 1 {version} IN IP4 0.0.0.0\r\n"),
            false => format!("{line}\r\n"),
        };
        let sdp: String = sdp.lines().map(line).collect();
        let offer = json!({ "sdpOffer": { "sdp": sdp }, "midToTrackId": {} });
        ann.say(custom("sdpOffer", offer)).await;
        if is_old {
            assert_eq!(ann.media_event("endpointRemoved").await["id"], own.as_str());
            assert_eq!(ann.media_event("connected").await["id"], own.as_str());
            let types = ann.media_event("offerData").await["tracksTypes"].clone();
            assert_eq!(types, json!({ "audio": 1, "video": 0 }), "of another connection");
            let sdp = sdp.replace("o=- 1 3 ", "o=- 1 2 ");
            ann.offer(&sdp, json!({}), json!({})).await;
        } else {
            ann.media_event("sdpAnswer").await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn in_a_room_without_simulcast_a_page_that_offers_several_encodings_sends_the_best_alone() {
    let server = start().await;
    let mut bo = connect(&server).await;
    bo.join(TOPIC, json!({ "isSimulcastOn": false })).await;
    bo.say(json!({ "type": "connect", "data": { "metadata": { "displayName": "Bo" } } })).await;
    bo.media_event("connected").await;
    let (mut ann, own) = entered(&server, "Ann").await;
    assert_eq!(ann.event("simulcastConfig").await[4], json!({ "data": false }));
    let (mut browser, now) = browser();
    let sdp = browser.offer_camera(now, &["l", "m", "h"], 0);
    let answer = ann.publish(&own, &sdp).await;
    assert_eq!(answer["midToTrackId"].as_object().unwrap().len(), 2, "nothing is refused");
    let text = answer["sdp"].as_str().unwrap();
    let simulcast: Vec<&str> =
        text.lines().filter(|line| line.starts_with("a=simulcast:")).collect();
    let rids: Vec<&str> = text.lines().filter(|line| line.starts_with("a=rid:")).collect();
    assert_eq!((simulcast, rids), (vec!["a=simulcast:recv h"], vec!["a=rid:h recv"]));
    let added = bo.media_event("tracksAdded").await;
    let config = &added["tracks"][format!("{own}:cam")]["simulcastConfig"];
    assert_eq!(config["enabled"], false, "{config}");
    server.stop().await;
}
