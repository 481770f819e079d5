//! Membrane's dialect over real sockets.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Client, PATIENCE, connect, join, start, until_metric};

pub(super) const TOPIC: &str = "room:tea";

impl Client {
    /// Says a media event, as the library wraps it.
    pub(super) async fn say(&mut self, event: Value) {
        self.next_ref += 1;
        let reference = self.next_ref.to_string();
        let payload = json!({ "data": event.to_string() });
        self.send(json!([null, reference, TOPIC, "mediaEvent", payload])).await;
    }

    /// The next media event of a type.
    pub(super) async fn media_event(&mut self, kind: &str) -> Value {
        self.one_of(&[kind]).await["data"].clone()
    }

    /// The next media event of one of these kinds, without what it may be wrapped in.
    pub(super) async fn one_of(&mut self, kinds: &[&str]) -> Value {
        let unwrap = |frame: &Value| -> Option<Value> {
            let text = frame[4]["data"].as_str().filter(|_| frame[3] == "mediaEvent")?;
            let event: Value = serde_json::from_str(text).unwrap();
            let inner = if event["type"] == "custom" { event["data"].clone() } else { event };
            kinds.iter().any(|kind| inner["type"] == *kind).then_some(inner)
        };
        let frame = self.expect(|frame| unwrap(frame).is_some()).await;
        unwrap(&frame).unwrap()
    }
}

pub(super) async fn enter(server: &parlor_server::server::Server, name: &str) -> Client {
    let mut client = connect(server).await;
    let reply = client.join(TOPIC, json!({ "isSimulcastOn": true })).await;
    assert_eq!(reply, json!({ "status": "ok", "response": {} }));
    client.say(json!({"type": "connect", "data": {"metadata": {"displayName": name}}})).await;
    client
}

#[tokio::test]
async fn a_join_is_answered_then_the_config_then_who_is_there() {
    let server = start().await;
    let mut ours = connect(&server).await;
    let peer = ours.join(TOPIC, join("Ann")).await["response"]["peer"].clone();
    let mut bo = enter(&server, "Bo").await;
    let config = bo.event("simulcastConfig").await;
    assert_eq!(config, json!(["1", null, TOPIC, "simulcastConfig", { "data": true }]));
    let connected = bo.media_event("connected").await;
    assert_eq!(connected["otherEndpoints"][0]["id"], peer);
    assert_eq!(connected["otherEndpoints"][0]["metadata"]["displayName"], "Ann");
    let presence = loop {
        let presence = ours.event("presence").await;
        let others = presence[4]["joined"].as_array().unwrap();
        if let Some(bo) = others.iter().find(|it| it["id"] != peer) {
            break bo.clone();
        }
    };
    assert_eq!(presence["name"], "Bo");
    assert_eq!(presence["id"], connected["id"]);
    assert_eq!(presence["state"], "connected");
    server.stop().await;
}

#[tokio::test]
async fn the_first_one_decides_whether_several_encodings_are_sent() {
    let server = start().await;
    let _ann = enter(&server, "Ann").await.media_event("connected").await;
    let mut ann = enter(&server, "Ann").await;
    ann.media_event("connected").await;
    let mut bo = connect(&server).await;
    bo.join(TOPIC, json!({})).await;
    assert_eq!(bo.event("simulcastConfig").await[4], json!({ "data": true }));
    let mut cy = connect(&server).await;
    cy.join("room:empty", json!({})).await;
    assert_eq!(cy.event("simulcastConfig").await[4], json!({ "data": null }));
    server.stop().await;
}

#[tokio::test]
async fn whoever_leaves_by_whatever_way_is_gone_at_once() {
    let server = start().await;
    let mut watcher = enter(&server, "Watcher").await;
    watcher.media_event("connected").await;
    for way in ["disconnect", "leave", "socket"] {
        let mut client = enter(&server, way).await;
        let id = client.media_event("connected").await["id"].clone();
        assert_eq!(watcher.media_event("endpointAdded").await["id"], id);
        match way {
            "disconnect" => client.say(json!({ "type": "disconnect" })).await,
            "leave" => {
                let left = client.call(json!("1"), TOPIC, "phx_leave", json!({})).await;
                assert_eq!(left, json!({ "status": "ok", "response": {} }));
                let closed = client.event("phx_close").await;
                assert_eq!(closed, json!(["1", "1", TOPIC, "phx_close", {}]));
            }
            _ => client.socket.close(None).await.unwrap(),
        }
        assert_eq!(watcher.media_event("endpointRemoved").await["id"], id, "{way}");
        if way == "disconnect" {
            client.say(json!({ "type": "connect", "data": {} })).await;
            let again = client.media_event("connected").await["id"].clone();
            assert_ne!(again, id, "the channel is still there, and it may come again");
            assert_eq!(watcher.media_event("endpointAdded").await["id"], again);
            drop(client);
            assert_eq!(watcher.media_event("endpointRemoved").await["id"], again);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_is_put_out_and_has_said_already_that_it_comes_again_leaves_nobody_behind() {
    let server = start().await;
    let mut ann = connect(&server).await;
    ann.send(json!(["1", "1", TOPIC, "phx_join", {}])).await;
    let sdp = json!({ "type": "offer", "sdp": "v=0" });
    let offer = json!({ "sdpOffer": sdp, "midToTrackId": {}, "trackIdToTrackMetadata": {} });
    for event in [
        json!({ "type": "connect", "data": {} }),
        json!({ "type": "custom", "data": { "type": "sdpOffer", "data": offer } }),
        json!({ "type": "disconnect" }),
        json!({ "type": "connect", "data": {} }),
    ] {
        ann.say(event).await;
    }
    ann.event("phx_close").await;
    ann.join("room:coffee", json!({})).await;
    until_metric(server.address(), "parlor_rooms", |value| value == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn who_enters_again_and_again_is_told_to_slow_down_and_may_enter_later() {
    let server = start().await;
    let mut ann = connect(&server).await;
    ann.join(TOPIC, json!({})).await;
    for _ in 0..130 {
        ann.say(json!({ "type": "connect", "data": {} })).await;
        ann.say(json!({ "type": "disconnect" })).await;
    }
    let message = ann.media_event("error").await["message"].clone();
    assert_eq!(message, "That was too much at once; slow down.");
    ann.join("room:coffee", json!({})).await;
    let entered = ann.kept.iter().filter(|frame| frame[4].to_string().contains("connected"));
    assert!(entered.count() <= 120, "a join each");
    ann.kept.clear();
    // A join is there again within a fifth of a second.
    let deadline = Instant::now() + PATIENCE;
    loop {
        ann.say(json!({ "type": "connect", "data": {} })).await;
        if ann.one_of(&["connected", "error"]).await["type"] == "connected" {
            break;
        }
        assert!(Instant::now() < deadline, "nobody is let in any more");
    }
    assert!(ann.kept.iter().all(|frame| frame[3] != "phx_close"), "the channel is still there");
    server.stop().await;
}

#[tokio::test]
async fn a_member_without_media_is_nothing_that_falls_silent() {
    let server = start().await;
    let mut ann = enter(&server, "Ann").await;
    ann.media_event("connected").await;
    until_metric(server.address(), "parlor_peers", |value| value == 1.0).await;
    drop(ann);
    until_metric(server.address(), "parlor_rooms", |value| value == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn whoever_is_told_that_the_server_stops_hears_it_as_an_error_and_a_close() {
    let server = start().await;
    let mut ann = enter(&server, "Ann").await;
    ann.media_event("connected").await;
    let stopping = tokio::spawn(async move { server.stop().await });
    let message = ann.media_event("error").await["message"].clone();
    assert_eq!(message, "The server is restarting.");
    assert_eq!(ann.event("error").await[4]["message"], message);
    ann.event("phx_close").await;
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_passed_over() {
    let server = start().await;
    let mut ann = connect(&server).await;
    ann.join(TOPIC, json!({})).await;
    for payload in [json!({}), json!({"data": 1}), json!({"data": "{"}), json!({"data": "[]"})] {
        ann.send(json!(["1", "7", TOPIC, "mediaEvent", payload])).await;
    }
    ann.say(json!({ "type": "custom", "data": { "type": "renegotiateTracks" } })).await;
    ann.say(json!({ "type": "whatever" })).await;
    ann.say(json!({ "type": "connect" , "data": {}})).await;
    assert_eq!(ann.media_event("connected").await["otherEndpoints"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn another_join_of_the_topic_closes_the_first_with_its_own_join_ref() {
    let server = start().await;
    let mut ann = enter(&server, "Ann").await;
    ann.media_event("connected").await;
    ann.join(TOPIC, json!({})).await;
    assert_eq!(ann.event("phx_close").await[0], "1");
    let ours = ann.join(TOPIC, join("Ann")).await;
    assert_eq!(ours["status"], "ok", "and one may change the dialect: {ours}");
    ann.join(TOPIC, json!({})).await;
    until_metric(server.address(), "parlor_rooms", |value| value == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_section_that_an_offer_names_no_more_has_ended_though_it_still_says_that_it_sends() {
    let server = start().await;
    let mut bo = enter(&server, "Bo").await;
    bo.media_event("connected").await;
    let mut ann = enter(&server, "Ann").await;
    let own = ann.media_event("connected").await["id"].as_str().unwrap().to_owned();
    let camera = format!("{own}:cam");
    let now = std::time::Instant::now();
    let mut browser = parlor_sim::Client::new(now, 1, "127.0.0.1:9".parse().unwrap());
    let sdp = browser.offer_simulcast(now, &["l", "h"]);
    let mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap();
    for map in [json!({ mid: camera }), json!({})] {
        ann.say(json!({ "type": "custom", "data": { "type": "renegotiateTracks" } })).await;
        ann.media_event("offerData").await;
        let offer = json!({
            "sdpOffer": { "type": "offer", "sdp": sdp },
            "trackIdToTrackMetadata": {},
            "midToTrackId": map,
        });
        ann.say(json!({ "type": "custom", "data": { "type": "sdpOffer", "data": offer } })).await;
        assert_eq!(ann.media_event("sdpAnswer").await["midToTrackId"], map);
    }
    assert!(bo.media_event("tracksAdded").await["tracks"][&camera].is_object());
    server.stop().await;
}

/// The `stats` of the next report that fits.
async fn stats(client: &mut Client, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let frame = client.event("metrics").await;
        assert_eq!((&frame[1], &frame[2]), (&Value::Null, &json!("stats")));
        let stats = frame[4]["stats"].clone();
        if fits(&stats) {
            return stats;
        }
    }
}

#[tokio::test]
async fn every_second_a_socket_is_told_the_numbers_of_the_rooms_that_it_is_in_itself() {
    let server = start().await;
    let mut ann = enter(&server, "Ann").await;
    let own = ann.media_event("connected").await["id"].as_str().unwrap().to_owned();
    ann.say(json!({ "type": "custom", "data": { "type": "renegotiateTracks" } })).await;
    ann.media_event("offerData").await;
    let now = std::time::Instant::now();
    let mut browser = parlor_sim::Client::new(now, 1, "127.0.0.1:9".parse().unwrap());
    let sdp = browser.offer_simulcast(now, &["l", "h"]);
    let mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap();
    let camera = format!("{own}:cam");
    let offer = json!({
        "sdpOffer": { "type": "offer", "sdp": sdp },
        "trackIdToTrackMetadata": { camera.clone(): {} },
        "midToTrackId": { mid: camera },
    });
    ann.say(json!({ "type": "custom", "data": { "type": "sdpOffer", "data": offer } })).await;
    ann.media_event("sdpAnswer").await;
    let mut bo = connect(&server).await;
    let peer = bo.join(TOPIC, join("Bo")).await["response"]["peer"].as_str().unwrap().to_owned();
    let mut stranger = connect(&server).await;
    for client in [&mut ann, &mut bo, &mut stranger] {
        let joined = client.join("stats", json!({})).await;
        assert_eq!(joined, json!({ "status": "ok", "response": {} }));
    }

    let bo_id = format!("endpoint_id={peer}");
    let told = stats(&mut ann, |stats| stats["room_id=tea"][&bo_id].is_object()).await;
    let told = &told["room_id=tea"][format!("endpoint_id={own}")];
    assert_eq!(told["connection"], "connecting");
    for rid in ["l", "h"] {
        let encoding = &told[format!("track_id={camera}:{rid}")];
        assert_eq!(encoding["track.kind"], "video", "{told}");
        assert_eq!(encoding["encoding.enabled"], true, "{told}");
    }
    stats(&mut bo, |stats| stats["room_id=tea"][&bo_id].is_object()).await;
    for _ in 0..2 {
        assert_eq!(stats(&mut stranger, |_| true).await, json!({}), "it is in no room");
    }

    bo.call(Value::Null, TOPIC, "phx_leave", json!({})).await;
    stats(&mut bo, |stats| *stats == json!({})).await;
    let refused = bo.call(Value::Null, "stats", "view", json!({})).await;
    assert_eq!(refused["response"]["reason"], "unknown_event");
    bo.join("stats", json!({})).await;
    let replaced = bo.event("phx_close").await;
    assert_eq!(replaced[2], TOPIC);
    assert_eq!(bo.event("phx_close").await[2], "stats", "one channel per topic");
    stats(&mut bo, |_| true).await;
    let left = bo.call(Value::Null, "stats", "phx_leave", json!({})).await;
    assert_eq!(left, json!({ "status": "ok", "response": {} }));
    assert_eq!(bo.event("phx_close").await[2], "stats");
    assert_eq!(bo.call(Value::Null, "phoenix", "heartbeat", json!({})).await["status"], "ok");
    server.stop().await;
}
