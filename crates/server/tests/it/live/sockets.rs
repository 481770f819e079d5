//! Sockets: who may open one, and what closes it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parlor_server::config::Config;
use parlor_server::server::Server;
use parlor_server::socket::{MAX_FRAME_LEN, MAX_QUEUED_BYTES};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Client, PATIENCE, config, connect, join, metric, open, start, until_metric};

/// A socket may ask about this often for any length of time.
const TURN: Duration = Duration::from_millis(60);

async fn status(server: &Server, query: &str, origin: Option<&str>) -> u16 {
    match open(server.address(), query, origin).await {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_is_turned_away_unless_it_is_listed() {
    let origins = vec!["https://app.example".to_owned()];
    let server = Server::start(&Config { origins, ..config() }).await.unwrap();
    let own = format!("http://{}", server.address());
    assert_eq!(status(&server, "?vsn=2.0.0", Some(&own)).await, 101);
    assert_eq!(status(&server, "?vsn=2.0.0", Some("https://app.example")).await, 101);
    assert_eq!(status(&server, "?vsn=2.0.0", None).await, 101);
    assert_eq!(status(&server, "?vsn=2.0.0", Some("https://evil.example")).await, 403);
    assert_eq!(status(&server, "?vsn=2.0.0", Some("null")).await, 403);
    assert_eq!(metric(server.address(), "parlor_foreign_origins_total").await, 2.0);
    server.stop().await;
}

#[tokio::test]
async fn sockets_are_limited_and_one_that_closes_makes_room() {
    let server = Server::start(&Config { max_sockets: 2, ..config() }).await.unwrap();
    let first = connect(&server).await;
    let mut second = connect(&server).await;
    assert_eq!(status(&server, "?vsn=2.0.0", None).await, 503);
    assert_eq!(metric(server.address(), "parlor_sockets_refused_total").await, 1.0);
    assert_eq!(second.join("room:tea", join("Ann")).await["status"], "ok", "others go on");
    drop(first);
    until_metric(server.address(), "parlor_sockets", |value| value == 1.0).await;
    // The permit goes back a moment after the socket is counted as closed.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while status(&server, "?vsn=2.0.0", None).await != 101 {
        assert!(tokio::time::Instant::now() < deadline, "a closed socket makes no room");
    }
    server.stop().await;
}

#[tokio::test]
async fn another_serializer_is_refused() {
    let server = start().await;
    for query in ["", "?vsn=1.0.0", "?vsn=3.0.0", "?vsn="] {
        assert_eq!(status(&server, query, None).await, 400, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_heartbeat_is_answered_at_once() {
    let server = start().await;
    let mut client = connect(&server).await;
    client.send(json!([null, "7", "phoenix", "heartbeat", {}])).await;
    let reply = json!([null, "7", "phoenix", "phx_reply", {"status": "ok", "response": {}}]);
    assert_eq!(client.receive().await.unwrap(), reply);
    server.stop().await;
}

#[tokio::test]
async fn one_who_beat_quickly_and_falls_silent_is_gone_though_the_socket_stays_open() {
    let server = start().await;
    let mut ann = connect(&server).await;
    ann.join("room:tea", join("Ann")).await;
    let mut bo = connect(&server).await;
    let peer = bo.join("room:tea", join("Bo")).await["response"]["peer"].clone();
    for _ in 0..2 {
        bo.call(serde_json::Value::Null, "phoenix", "heartbeat", json!({})).await;
    }
    // Bo's media never comes up, and would be waited for longer than we do if Bo were heard.
    let left = json!([{"id": peer, "reason": "lost"}]);
    ann.expect(|frame| frame[3] == "presence" && frame[4]["left"] == left).await;
    assert_eq!(bo.event("ended").await[4]["reason"], "connection_failed");
    assert_eq!(bo.event("phx_close").await[1], "1");
    bo.call(serde_json::Value::Null, "phoenix", "heartbeat", json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_frame_closes_the_socket_with_a_status() {
    let server = start().await;
    for (message, code) in [
        (Message::binary(vec![0, 1, 2]), 1003),
        (Message::text("hello"), 1002),
        (Message::text(r#"["1","1","room:tea","phx_join"]"#), 1002),
        (Message::text("x".repeat(MAX_FRAME_LEN + 1)), 1009),
    ] {
        let mut client = connect(&server).await;
        // The server may close before a large frame is written whole.
        let _written = client.socket.send(message).await;
        assert_eq!(client.closed().await, Some(code));
    }
    let mut client = connect(&server).await;
    let long = format!(r#"[null,"1","phoenix","heartbeat",{{"x":"{}"}}]"#, "x".repeat(520_000));
    client.socket.send(Message::text(long)).await.unwrap();
    assert_eq!(client.receive().await.unwrap()[4]["status"], "ok", "a frame of full size passes");
    server.stop().await;
}

/// The beginning of a masked text frame of 100 KiB (RFC 6455 section 5.2): more than a socket may hold unasked.
fn unfinished() -> Vec<u8> {
    let mut part = vec![0x81, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0x90, 0, 0, 0, 0, 0];
    part.resize(20 * 1024, b'x');
    part
}

#[tokio::test]
async fn sockets_that_never_finish_their_frames_share_what_memory_they_may_hold() {
    let server = Server::start(&Config { max_socket_memory: 1, ..config() }).await.unwrap();
    let mut other = connect(&server).await;
    let mut holders = Vec::new();
    // A MiB has room for 64 of them. They are read in no order, so that any one may come too late.
    for _ in 0..=64 {
        let mut holder = connect(&server).await;
        holder.socket.get_mut().write_all(&unfinished()).await.unwrap();
        holders.push(holder);
    }
    until_metric(server.address(), "parlor_crowded_sockets_total", |value| value == 1.0).await;
    let reply = other.call(json!(null), "phoenix", "heartbeat", json!({})).await;
    assert_eq!(reply["status"], "ok", "others go on");
    let mut too_late = 0;
    for mut holder in holders {
        let closed = timeout(Duration::from_millis(20), holder.closed()).await;
        too_late += usize::from(closed == Ok(Some(1013)));
    }
    assert_eq!(too_late, 1);
    until_metric(server.address(), "parlor_sockets", |value| value == 1.0).await;
    let long = format!(r#"[null,"9","phoenix","heartbeat",{{"x":"{}"}}]"#, "x".repeat(520_000));
    other.socket.send(Message::text(long)).await.unwrap();
    other.expect(|frame| frame[1] == "9").await;
    server.stop().await;
}

#[tokio::test]
async fn what_others_hold_keeps_no_browser_from_joining() {
    let server = start().await;
    let mut holders = Vec::new();
    for _ in 0..600 {
        let mut holder = connect(&server).await;
        holder.socket.get_mut().write_all(&unfinished()).await.unwrap();
        holders.push(holder);
    }
    let mut browser = connect(&server).await;
    let mut join = join("Ann");
    join["offer"] = include_str!("../../../../rtc/tests/it/sdp/chromium_join.sdp").into();
    assert_eq!(browser.join("room:tea", join).await["status"], "ok");
    assert_eq!(metric(server.address(), "parlor_crowded_sockets_total").await, 0.0);
    server.stop().await;
}

#[tokio::test]
async fn a_socket_that_sends_pings_and_finishes_no_frame_is_closed_as_idle() {
    let server = start().await;
    let mut client = connect(&server).await;
    tokio::time::pause();
    let pings = async {
        for _ in 0..20 {
            sleep(Duration::from_secs(10)).await;
            if client.socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                return;
            }
        }
    };
    pings.await;
    tokio::time::resume();
    assert_eq!(client.closed().await, Some(1001));
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_closed_and_nobody_else_is_held_up() {
    let server = start().await;
    let mut slow = connect(&server).await;
    slow.join("room:tea", join("Slow")).await;
    let mut other = connect(&server).await;
    other.join("room:tea", join("Other")).await;
    // Replies carry the reference back, so asking without reading fills the way back.
    let reference = "r".repeat(120);
    let ask = json!(["1", reference, "room:none", "view", {"tracks": []}]).to_string();
    let enough = 20 * MAX_QUEUED_BYTES / ask.len();
    let flood = async {
        for _ in 0..enough {
            if slow.socket.send(Message::text(ask.clone())).await.is_err() {
                return;
            }
        }
    };
    let mut answers = 0;
    let chat = async {
        let mut turns = interval(TURN);
        loop {
            turns.tick().await;
            let asked = std::time::Instant::now();
            let reply = other.call(json!("1"), "room:tea", "view", json!({"tracks": []})).await;
            assert_eq!(reply["status"], "ok");
            assert!(asked.elapsed() < Duration::from_secs(5), "held up by another's slowness");
            answers += 1;
        }
    };
    let closed = until_metric(server.address(), "parlor_slow_readers_total", |value| value == 1.0);
    tokio::select! {
        (_flooded, ()) = async { tokio::join!(timeout(PATIENCE, flood), closed) } => {}
        () = chat => {}
    }
    assert!(answers > 0, "nobody else was there");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_closes_so_that_clients_come_back() {
    let server = start().await;
    let mut client = connect(&server).await;
    client.join("room:tea", join("Ann")).await;
    let stopping = tokio::spawn(server.stop());
    let ended = client.event("ended").await;
    assert_eq!(ended[4]["reason"], "server_stopping");
    assert_eq!(ended[0], "1", "it is for this join");
    assert_eq!(client.event("phx_close").await[1], "1");
    assert_eq!(client.closed().await, Some(1012));
    assert!(client.socket.next().await.is_none());
    timeout(Duration::from_secs(5), stopping).await.expect("within 5 s").unwrap();
}

#[tokio::test]
async fn a_client_that_speaks_protobuf_is_told_that_nobody_here_does() {
    let server = start().await;
    let url = format!("ws://{}/socket/peer/websocket", server.address());
    let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut client = Client { socket, next_ref: 0, kept: Vec::new() };
    let close = client.receive().await.unwrap_err().unwrap();
    assert_eq!(u16::from(close.code), 1003);
    assert!(close.reason.contains("/socket/websocket") && close.reason.len() <= 123);
    server.stop().await;
}
