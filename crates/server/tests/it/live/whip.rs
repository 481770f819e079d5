//! WHIP and WHEP over HTTP, as their documents have them.

use std::net::SocketAddr;

use parlor_engine::RoomId;
use parlor_media::strain::Level;
use parlor_server::config::Config;
use parlor_server::server::Server;
use serde_json::{Value, json};

use super::{config, connect, http, join, metric, offer, start, until_metric};

pub(super) const SDP: &str = "application/sdp";
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// A head in lower case, and a body.
pub(super) type Answer = (String, String);

pub(super) async fn send(
    at: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let fields: String =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: parlor.example\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    http(at, &request).await
}

pub(super) async fn post(at: SocketAddr, path: &str, body: &str) -> Answer {
    send(at, "POST", path, &[("Content-Type", SDP)], body).await
}

pub(super) fn status((head, _): &Answer) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

pub(super) fn field<'a>((head, _): &'a Answer, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
}

/// The reason of a problem, which says whose fault it is.
pub(super) fn problem(answer: &Answer) -> String {
    assert_eq!(field(answer, "content-type"), Some("application/problem+json"), "{answer:?}");
    let body: Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!(body["status"], status(answer));
    let fault = if status(answer) >= 500 { "server" } else { "client" };
    assert_eq!(body["fault"], fault, "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 5), "{body}");
    body["reason"].as_str().unwrap().to_owned()
}

/// What a simulated browser offers that sends sound and a picture.
pub(super) fn publication() -> String {
    offer().replace("a=recvonly", "a=sendonly")
}

/// A PATCH with the credentials of an ICE session of this name.
pub(super) fn fragment(name: &str) -> String {
    format!("a=ice-ufrag:{name}\r\na=ice-pwd:a-password-of-enough-characters\r\n")
}

/// The credentials of an offer, as a fragment.
pub(super) fn fragment_of(offer: &str) -> String {
    let line = |name| offer.lines().find(|line| line.starts_with(name)).unwrap();
    format!("{}\r\n{}\r\na=end-of-candidates\r\n", line("a=ice-ufrag:"), line("a=ice-pwd:"))
}

/// The path of a session that was made; `http` gives heads in lower case, which no id or room here minds.
pub(super) fn location(answer: &Answer) -> String {
    assert_eq!(status(answer), 201, "{answer:?}");
    field(answer, "location").unwrap().to_owned()
}

#[tokio::test]
async fn a_publisher_gets_an_answer_its_session_and_where_turn_is() {
    let server = start().await;
    let mut watcher = connect(&server).await;
    watcher.join("room:tea", join("Watcher")).await;
    let made = post(server.address(), "/whip/tea?name=Studio%201", &publication()).await;
    let session = location(&made);
    assert!(session.starts_with("/whip/tea/") && session.len() == "/whip/tea/".len() + 32);
    assert_eq!(field(&made, "content-type"), Some(SDP));
    assert_eq!(field(&made, "accept-patch"), Some(FRAGMENT));
    assert!(field(&made, "etag").is_some_and(|tag| tag.starts_with('"') && tag.len() > 10));
    let link = field(&made, "link").unwrap();
    assert!(link.starts_with("<turn:") && link.contains("rel=\"ice-server\""), "{link}");
    assert!(link.contains("username=\"") && link.contains("credential=\""), "{link}");
    assert_eq!(made.1.matches("a=recvonly\r\n").count(), 2, "{}", made.1);
    assert!(made.1.contains("a=candidate:") && made.1.contains("a=ice-lite\r\n"));
    let told = watcher
        .expect(|frame| frame[3] == "presence" && frame[4]["joined"][0]["name"] == "Studio 1")
        .await;
    let tracks = &told[4]["joined"][0]["tracks"];
    assert_eq!(
        (&tracks[0]["source"], &tracks[1]["source"]),
        (&json!("microphone"), &json!("camera"))
    );

    let (path, none) = (session.as_str(), &[][..]);
    assert_eq!(status(&send(server.address(), "GET", path, none, "").await), 204);
    assert_eq!(status(&send(server.address(), "DELETE", path, none, "").await), 200);
    watcher.expect(|frame| frame[4]["left"][0]["reason"] == "left").await;
    assert_eq!(problem(&send(server.address(), "DELETE", path, none, "").await), "unknown_session");
    server.stop().await;
}

#[tokio::test]
async fn patch_follows_the_rules_of_entity_tags() {
    let server = start().await;
    let at = server.address();
    let offer = publication();
    let made = post(at, "/whip/tea", &offer).await;
    let session = location(&made);
    // Tags have upper-case letters, which `http` does not keep.
    let ufrag = made.1.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    let etag = format!("\"{ufrag}\"");
    let patch = async |if_match: Option<&str>, body: &str| {
        let mut fields = vec![("Content-Type", FRAGMENT)];
        fields.extend(if_match.map(|value| ("If-Match", value)));
        send(at, "PATCH", &session, &fields, body).await
    };
    let known = fragment_of(&offer);
    let trickled = patch(Some(&etag), &known).await;
    assert_eq!((status(&trickled), field(&trickled, "etag")), (204, None));
    assert_eq!(status(&patch(Some("\"other\", \"and\""), &known).await), 412);
    assert_eq!(problem(&patch(None, &known).await), "etag_missing");
    assert_eq!(status(&patch(None, &fragment("new1")).await), 428);
    assert_eq!(status(&patch(Some(&etag), "{}").await), 400);
    let wrong = send(at, "PATCH", &session, &[("Content-Type", SDP)], &known).await;
    assert_eq!((status(&wrong), field(&wrong, "accept-patch")), (415, Some(FRAGMENT)));
    let long = "a=x\r\n".repeat(10_000);
    assert_eq!(status(&patch(Some(&etag), &long).await), 413);

    let restarted = patch(Some("*"), &fragment("new1")).await;
    assert_eq!(status(&restarted), 200, "{restarted:?}");
    assert_eq!(field(&restarted, "content-type"), Some(FRAGMENT));
    let fresh = restarted.1.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    assert_ne!(fresh, ufrag);
    assert!(restarted.1.starts_with("a=ice-lite\r\n") && restarted.1.contains("a=candidate:"));
    let fresh = format!("\"{fresh}\"");
    assert_eq!(field(&restarted, "etag"), Some(fresh.to_lowercase().as_str()));
    assert_eq!(status(&patch(Some(&etag), &known).await), 412, "that ICE session is over");
    assert_eq!(status(&patch(Some(&fresh), &fragment("new1")).await), 204);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_a_problem_that_says_whose_fault_it_is() {
    let server = Server::start(&Config { max_peers_per_room: 2, ..config() }).await.unwrap();
    let at = server.address();
    let json = send(at, "POST", "/whip/tea", &[("Content-Type", "application/json")], "{}").await;
    assert_eq!((status(&json), problem(&json).as_str()), (415, "unsupported_media_type"));
    let cases = [
        ("/whip/tea", "hello", 400, "bad_offer"),
        ("/whip/tea", "", 400, "bad_offer"),
        ("/whip/tea", "v=0\r\n", 422, "bad_offer"),
        ("/whip/tea", &offer(), 422, "bad_offer"),
        ("/whep/tea", &publication(), 422, "bad_offer"),
        ("/whip/te%20a", &publication(), 400, "bad_room_id"),
        ("/whip/tea?name=%20", &publication(), 400, "bad_name"),
        ("/whep/tea?peer=x", &offer(), 400, "bad_request"),
        ("/whep/tea?peer=p1&track=t1", &offer(), 400, "bad_request"),
        ("/whep/tea?peer=p4711", &offer(), 404, "unknown_track"),
    ];
    for (path, body, expected, reason) in cases {
        let answer = post(at, path, body).await;
        assert_eq!((status(&answer), problem(&answer).as_str()), (expected, reason), "{path}");
    }
    let huge = format!("v=0\r\n{}", "a=x\r\n".repeat(40_000));
    assert_eq!(problem(&post(at, "/whip/tea", &huge).await), "too_large");
    for _ in 0..2 {
        location(&post(at, "/whip/full", &publication()).await);
    }
    let full = post(at, "/whip/full", &publication()).await;
    assert_eq!((status(&full), problem(&full).as_str()), (503, "room_full"));
    assert_eq!(field(&full, "retry-after"), Some("10"));
    assert!(metric(at, "parlor_refusals_total").await > 0.0);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_busy_says_when_to_come_again() {
    let server = Server::start(&Config { threads: 1, ..config() }).await.unwrap();
    location(&post(server.address(), "/whip/tea", &publication()).await);
    // Rooms are numbered as they open.
    server.media().set_level_of(RoomId(1), Level::Over(1));
    for path in ["/whip/tea", "/whep/tea", "/whip/coffee"] {
        let body = if path.starts_with("/whep") { offer() } else { publication() };
        let busy = post(server.address(), path, &body).await;
        assert_eq!((status(&busy), problem(&busy).as_str()), (503, "server_busy"), "{path}");
        assert_eq!(field(&busy, "retry-after"), Some("15"));
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_any_origin_may_publish_and_other_methods_are_kept_for_later() {
    let server = start().await;
    let at = server.address();
    for (path, accepts) in [("/whip/tea", "accept-post"), ("/whep/tea/x", "accept-patch")] {
        let asked = [
            ("Origin", "https://studio.example"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type,if-match"),
        ];
        let answer = send(at, "OPTIONS", path, &asked, "").await;
        assert_eq!(status(&answer), 200);
        assert_eq!(field(&answer, "access-control-allow-origin"), Some("*"));
        let allowed = field(&answer, "access-control-allow-headers").unwrap();
        assert!(["authorization", "content-type", "if-match"].iter().all(|h| allowed.contains(h)));
        assert!(field(&answer, accepts).is_some(), "{answer:?}");
        let put = send(at, "PUT", path, &[], "").await;
        assert_eq!((status(&put), problem(&put).as_str()), (405, "method_not_allowed"));
        assert!(field(&put, "allow").is_some());
    }
    for method in ["GET", "HEAD"] {
        assert_eq!(status(&send(at, method, "/whip/tea", &[], "").await), 204, "{method}");
        assert_eq!(status(&send(at, method, "/whip/tea/x", &[], "").await), 404, "{method}");
    }
    let made = post(at, "/whip/tea", &publication()).await;
    let exposed = field(&made, "access-control-expose-headers").unwrap();
    assert!(["location", "etag", "link"].iter().all(|name| exposed.contains(name)), "{exposed}");
    server.stop().await;
}

#[tokio::test]
async fn a_viewer_is_answered_before_anybody_publishes_and_is_seen_by_nobody() {
    let server = start().await;
    let at = server.address();
    let both_ways = offer().replace("a=recvonly", "a=sendrecv");
    let made = post(at, "/whep/tea", &both_ways).await;
    let session = location(&made);
    assert!(session.starts_with("/whep/tea/"));
    assert_eq!(made.1.matches("a=sendonly\r\n").count(), 2, "{}", made.1);
    let streams: Vec<&str> =
        made.1.lines().filter_map(|line| line.strip_prefix("a=msid:")?.split(' ').next()).collect();
    assert!(streams.len() == 2 && streams[0] == streams[1], "one stream: {streams:?}");
    let mut watcher = connect(&server).await;
    let joined = watcher.join("room:tea", join("Watcher")).await;
    assert_eq!(joined["response"]["peers_total"], 0);
    until_metric(at, "parlor_peers", |peers| peers == 2.0).await;

    // Players that do not keep the tag of their session are taken by their credentials.
    let fields = [("Content-Type", FRAGMENT)];
    assert_eq!(status(&send(at, "PATCH", &session, &fields, &fragment_of(&both_ways)).await), 204);
    assert_eq!(status(&send(at, "PATCH", &session, &fields, &fragment("new1")).await), 428);
    assert_eq!(status(&send(at, "DELETE", &session, &[], "").await), 200);
    until_metric(at, "parlor_peers", |peers| peers == 1.0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_viewer_of_one_peer_has_its_tracks_by_name_and_the_rest_inactive() {
    let server = start().await;
    let at = server.address();
    let mut watcher = connect(&server).await;
    watcher.join("room:tea", join("Watcher")).await;
    let published = location(&post(at, "/whip/tea?name=Studio", &publication()).await);
    let told = watcher.expect(|frame| frame[4]["joined"][0]["name"] == "Studio").await;
    let studio = &told[4]["joined"][0];
    let (peer, picture) = (studio["id"].as_str().unwrap(), &studio["tracks"][1]["id"]);
    let picture = picture.as_str().unwrap();
    let whole = post(at, &format!("/whep/tea?peer={peer}"), &offer()).await;
    location(&whole);
    assert_eq!(whole.1.matches("a=sendonly\r\n").count(), 2, "{}", whole.1);
    let one = post(at, &format!("/whep/tea?track={picture}"), &offer()).await;
    let session = location(&one);
    let ways = |kind| one.1.split("m=").find(|section| section.starts_with(kind)).unwrap();
    assert!(ways("audio").contains("a=inactive"), "{}", one.1);
    assert!(
        ways("video").contains("a=sendonly") && ways("video").contains(&format!(" {picture}\r\n"))
    );
    let fields = [("Content-Type", FRAGMENT), ("If-Match", "*")];
    assert_eq!(status(&send(at, "PATCH", &session, &fields, &fragment("new1")).await), 200);
    assert_eq!(status(&send(at, "DELETE", &published, &[], "").await), 200);
    let gone = post(at, &format!("/whep/tea?peer={peer}"), &offer()).await;
    assert_eq!(problem(&gone), "unknown_track");
    server.stop().await;
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_a_problem_like_any_other() {
    let server = start().await;
    let at = server.address();
    for path in ["/whep/tea?peer=p1&peer=p2", "/whip/tea?name=a&name=b", "/whip/%FF"] {
        let answer = post(at, path, &publication()).await;
        assert_eq!((status(&answer), problem(&answer).as_str()), (400, "bad_request"), "{path}");
        assert_eq!(field(&answer, "access-control-allow-origin"), Some("*"));
    }
    for method in ["DELETE", "GET", "PATCH"] {
        let answer = send(at, method, "/whip/tea/%FF", &[], "").await;
        assert_eq!((status(&answer), problem(&answer).as_str()), (400, "bad_request"), "{method}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_publisher_is_sent_nothing_whatever_it_offers_to_receive() {
    let server = start().await;
    let at = server.address();
    location(&post(at, "/whip/tea", &publication()).await);
    let now = std::time::Instant::now();
    let offer = parlor_sim::Client::new(now, 2, "127.0.0.1:9".parse().unwrap()).offer(now, &[], 2);
    let made = post(at, "/whip/tea", &offer.replacen("a=recvonly", "a=sendonly", 2)).await;
    let session = location(&made);
    let count = |text: &str| made.1.matches(text).count();
    let ways = (count("a=recvonly\r\n"), count("a=inactive\r\n"), count("a=sendonly\r\n"));
    assert_eq!(ways, (2, 2, 0), "{}", made.1);
    let fields = [("Content-Type", FRAGMENT), ("If-Match", "*")];
    assert_eq!(status(&send(at, "PATCH", &session, &fields, &fragment("new1")).await), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_session_is_found_at_its_own_door_and_in_its_own_room_alone() {
    let server = start().await;
    let at = server.address();
    let session = location(&post(at, "/whip/tea", &publication()).await);
    let id = session.rsplit('/').next().unwrap();
    for elsewhere in ["/whep/tea", "/whip/other", "/whep/other", "/whip/te%20a"] {
        let path = format!("{elsewhere}/{id}");
        for method in ["DELETE", "GET", "PATCH"] {
            let fields = [("Content-Type", FRAGMENT), ("If-Match", "*")];
            let answer = send(at, method, &path, &fields, &fragment("new1")).await;
            assert_eq!(status(&answer), 404, "{method} {path}");
        }
    }
    assert_eq!(status(&send(at, "GET", &session, &[], "").await), 204);
    server.stop().await;
}
