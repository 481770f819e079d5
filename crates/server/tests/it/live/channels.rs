//! Channels: Phoenix's rules, and ours.

use parlor_engine::RoomId;
use parlor_media::strain::Level;
use parlor_server::channel::MAX_CHANNELS;
use parlor_server::config::Config;
use parlor_server::server::Server;
use serde_json::{Value, json};

use super::{config, connect, get, join, metric, start, until_metric};

fn reason(reply: &Value) -> &str {
    assert_eq!(reply["status"], "error", "{reply}");
    reply["response"]["reason"].as_str().unwrap()
}

#[tokio::test]
async fn a_topic_that_there_is_not_is_unmatched() {
    let server = start().await;
    let mut client = connect(&server).await;
    assert_eq!(reason(&client.join("lobby", json!({})).await), "unmatched topic");
    let view = json!({"tracks": []});
    assert_eq!(
        reason(&client.call(json!("1"), "room:tea", "view", view).await),
        "unmatched topic",
        "not joined"
    );
    assert_eq!(
        reason(&client.call(Value::Null, "phoenix", "x", json!({})).await),
        "unmatched topic"
    );
    let left = client.call(json!("1"), "room:tea", "phx_leave", json!({})).await;
    assert_eq!(left, json!({"status": "ok", "response": {}}), "one who is out is out");
    server.stop().await;
}

#[tokio::test]
async fn a_join_is_answered_and_a_leave_closes() {
    let server = start().await;
    let mut client = connect(&server).await;
    let reply = client.join("room:tea", join("Ann")).await;
    assert_eq!(reply["status"], "ok", "{reply}");
    let response = &reply["response"];
    assert!(response["peer"].as_str().unwrap().starts_with('p'));
    assert!(response["answer"].as_str().unwrap().starts_with("v=0"));
    assert_eq!(response["peers_total"], 0);
    assert_eq!(response["slots"].as_array().unwrap().len(), 2);
    let left = client.call(json!("1"), "room:tea", "phx_leave", json!({})).await;
    assert_eq!(left["status"], "ok");
    let close = client.event("phx_close").await;
    assert_eq!(close, json!(["1", "1", "room:tea", "phx_close", {}]));
    until_metric(server.address(), "parlor_rooms", |value| value == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn joins_that_are_not_in_order_are_refused_by_the_name_of_the_field() {
    let server = start().await;
    let mut client = connect(&server).await;
    for (topic, payload, expected, names) in [
        ("room:", join("Ann"), "bad_room_id", "A room's name"),
        ("room:a/b", join("Ann"), "bad_room_id", "A room's name"),
        (&format!("room:{}", "x".repeat(900)), join("Ann"), "bad_room_id", "A room's name"),
        ("room:tea", json!({"protocol": "parlor"}), "bad_request", "payload: missing field `name`"),
        ("room:tea", json!({"isSimulcastOn": "yes"}), "bad_request", "isSimulcastOn: invalid type"),
        ("room:a/b", json!({}), "bad_room_id", "A room's name"),
        ("room:tea", json!([]), "bad_request", "payload"),
        ("room:tea", json!({"protocol": null}), "bad_request", "protocol: invalid type"),
        ("room:tea", json!({"name": "Ann"}), "unsupported_protocol", "protocol"),
        ("room:tea", join(" "), "bad_name", "This name cannot be shown"),
        (
            "room:tea",
            json!({"protocol": "parlor", "version": 1, "name": "Ann", "offer": "hello"}),
            "bad_offer",
            "offer",
        ),
        (
            "room:tea",
            json!({"protocol": "parlor", "version": 1, "name": "Ann", "resume": "00"}),
            "resume_unknown",
            "The token",
        ),
    ] {
        let reply = client.join(topic, payload).await;
        assert_eq!(reason(&reply), expected);
        let message = reply["response"]["message"].as_str().unwrap();
        assert!(message.starts_with(names), "{message}");
    }
    until_metric(server.address(), "parlor_rooms", |value| value == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_second_join_of_a_topic_closes_the_first_with_its_own_join_ref() {
    let server = start().await;
    let mut client = connect(&server).await;
    let first = client.join("room:tea", join("Ann")).await;
    client.send(json!(["2", "2", "room:tea", "phx_join", join("Ann")])).await;
    let close = client.expect(|frame| frame[3] != "presence").await;
    assert_eq!(close, json!(["1", "1", "room:tea", "phx_close", {}]));
    let reply = client.expect(|frame| frame[3] != "presence").await;
    assert_eq!(
        (&reply[0], &reply[1], &reply[4]["status"]),
        (&json!("2"), &json!("2"), &json!("ok"))
    );
    assert_ne!(first["response"]["peer"], reply[4]["response"]["peer"]);
    assert_eq!(metric(server.address(), "parlor_peers").await, 1.0);
    server.stop().await;
}

#[tokio::test]
async fn a_message_of_an_earlier_join_is_ignored() {
    let server = start().await;
    let mut client = connect(&server).await;
    client.join("room:tea", join("Ann")).await;
    client.send(json!(["0", "98", "room:tea", "view", {"tracks": []}])).await;
    client.send(json!([null, "99", "room:tea", "view", {"tracks": []}])).await;
    let reply = client.event("phx_reply").await;
    assert_eq!(reply[1], "99", "the stale one has no answer");
    server.stop().await;
}

#[tokio::test]
async fn unknown_events_and_tracks_are_refused() {
    let server = start().await;
    let mut client = connect(&server).await;
    client.join("room:tea", join("Ann")).await;
    let unknown = client.call(json!("1"), "room:tea", "dance", json!({})).await;
    assert_eq!(reason(&unknown), "unknown_event");
    let track = json!({"track": "t999", "on": true});
    let unknown = client.call(json!("1"), "room:tea", "track", track).await;
    assert_eq!(reason(&unknown), "unknown_track");
    let wrong = client.call(json!("1"), "room:tea", "track", json!({"track": 9, "on": true})).await;
    assert_eq!(reason(&wrong), "bad_request");
    assert!(wrong["response"]["message"].as_str().unwrap().starts_with("track: "), "{wrong}");
    server.stop().await;
}

#[tokio::test]
async fn more_channels_than_a_socket_may_have_are_refused() {
    let server = start().await;
    let mut client = connect(&server).await;
    for index in 0..MAX_CHANNELS {
        let reply = client.join(&format!("room:tea-{index}"), join("Ann")).await;
        assert_eq!(reply["status"], "ok", "a socket may join as many at once: {reply}");
    }
    let reply = client.join("room:one-more", join("Ann")).await;
    assert_eq!(reason(&reply), "too many channels joined");
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_asks_too_much_is_told_to_slow_down() {
    let server = start().await;
    let mut client = connect(&server).await;
    client.join("room:tea", join("Ann")).await;
    for index in 0..200 {
        client.send(json!(["1", format!("r{index}"), "room:tea", "view", {"tracks": []}])).await;
    }
    let refused = client.expect(|frame| frame[4]["status"] == "error").await;
    assert_eq!(reason(&refused[4]), "too_many_requests");
    assert!(refused[4]["response"]["retry_after_ms"].as_u64().is_some());
    server.stop().await;
}

#[tokio::test]
async fn a_full_room_and_a_full_server_say_so() {
    let limits = Config { max_peers_per_room: 2, max_rooms: 1, ..config() };
    let server = Server::start(&limits).await.unwrap();
    let mut clients = Vec::new();
    for name in ["Ann", "Bo"] {
        let mut client = connect(&server).await;
        assert_eq!(client.join("room:tea", join(name)).await["status"], "ok");
        clients.push(client);
    }
    let mut late = connect(&server).await;
    assert_eq!(reason(&late.join("room:tea", join("Cy")).await), "room_full");
    assert_eq!(reason(&late.join("room:coffee", join("Cy")).await), "server_full");
    server.stop().await;
}

#[tokio::test]
async fn who_comes_to_a_busy_thread_is_on_another_and_where_all_are_busy_hears_when_to_come_again()
{
    let server = start().await;
    let mut ann = connect(&server).await;
    let first = ann.join("room:tea", join("Ann")).await["response"].clone();
    // Rooms are numbered as they open.
    let tea = RoomId(1);
    server.media().set_level_of(tea, Level::Near);
    let mut bo = connect(&server).await;
    assert_eq!(bo.join("room:tea", join("Bo")).await["status"], "ok");
    assert_eq!(server.media().threads_of(tea).len(), 2);

    server.media().set_level_of(tea, Level::Over(1));
    let mut cy = connect(&server).await;
    let refused = cy.join("room:tea", join("Cy")).await;
    assert_eq!(reason(&refused), "server_busy");
    assert_eq!(refused["response"]["retry_after_ms"], 15_000);
    assert_eq!(reason(&cy.join("room:cake", join("Cy")).await), "server_busy", "no thread is left");
    let mut back = join("Ann");
    back["resume"] = first["resume"].clone();
    let mut ann = connect(&server).await;
    assert_eq!(ann.join("room:tea", back).await["response"]["peer"], first["peer"]);

    server.media().set_level_of(tea, Level::Easy);
    assert_eq!(cy.join("room:cake", join("Cy")).await["status"], "ok");
    let (_, text) = get(server.address(), "/metrics", "").await;
    assert!(text.contains("parlor_refusals_total{reason=\"server_busy\"} 2"), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn people_come_and_go_and_nothing_is_left() {
    let server = start().await;
    let mut watcher = connect(&server).await;
    watcher.join("room:tea", join("Watcher")).await;
    for round in 0..20 {
        let mut client = connect(&server).await;
        let reply = client.join("room:tea", join(&format!("Guest {round}"))).await;
        assert_eq!(reply["status"], "ok", "{reply}");
        match round % 2 {
            0 => {
                client.call(json!("1"), "room:tea", "phx_leave", json!({})).await;
            }
            // Gone without a word, before media came up.
            _ => drop(client),
        }
    }
    until_metric(server.address(), "parlor_peers", |value| value == 1.0).await;
    watcher.call(json!("1"), "room:tea", "phx_leave", json!({})).await;
    drop(watcher);
    for name in ["parlor_peers", "parlor_tracks", "parlor_slots", "parlor_sockets"] {
        until_metric(server.address(), name, |value| value == 0.0).await;
    }
    until_metric(server.address(), "parlor_thread_peers", |value| value == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_token_opens_no_room() {
    let server = Server::start(&Config { max_rooms: 1, ..config() }).await.unwrap();
    let mut ann = connect(&server).await;
    assert_eq!(ann.join("room:tea", join("Ann")).await["status"], "ok");
    let mut stray = join("Bo");
    stray["resume"] = json!("0".repeat(32));
    let mut bo = connect(&server).await;
    let reply = bo.join("room:coffee", stray).await;
    // Opening it would have been refused with server_full.
    assert_eq!(reason(&reply), "resume_unknown");
    server.stop().await;
}

#[tokio::test]
async fn a_lost_socket_is_resumed_as_the_same_peer() {
    let server = start().await;
    let mut client = connect(&server).await;
    let first = client.join("room:tea", join("Ann")).await["response"].clone();
    drop(client);
    until_metric(server.address(), "parlor_sockets", |value| value == 0.0).await;
    let mut client = connect(&server).await;
    let mut payload = join("Ann");
    payload["resume"] = first["resume"].clone();
    payload.as_object_mut().unwrap().remove("offer");
    let again = client.join("room:tea", payload).await["response"].clone();
    assert_eq!(again["peer"], first["peer"]);
    assert_eq!(again["answer"], Value::Null);
    assert_eq!(again["slots"], first["slots"]);
    server.stop().await;
}
