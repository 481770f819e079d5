//! WHEP where the server makes the offer: asked for by a POST without a body, or in the place of one that is of no use.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use parlor_rtc::MediaKind::{Audio, Video};
use parlor_server::server::Server;
use parlor_sim::Client;
use parlor_sim::client::kind;

use super::meeting::{enter, part};
use super::whip::{
    Answer, FRAGMENT, SDP, field, fragment, fragment_of, location, post, problem, publication,
    send, status,
};
use super::{connect, http, join, offer, start, until_metric};

const EITHER: &str = "application/sdp, application/trickle-ice-sdpfrag";

/// How long media may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks for an offer as draft-murillo-whep-01 has it.
async fn ask(at: SocketAddr, path: &str) -> Answer {
    send(at, "POST", path, &[("Accept", SDP)], "").await
}

async fn patch(at: SocketAddr, path: &str, media_type: &str, body: &str) -> Answer {
    send(at, "PATCH", path, &[("Content-Type", media_type)], body).await
}

/// What each section of a description carries, and which way.
fn sections(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').next()).collect()
}

/// A client of its own socket.
struct Player {
    client: Client,
    udp: UdpSocket,
}

impl Player {
    fn new() -> Player {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let client = Client::new(Instant::now(), 9, udp.local_addr().unwrap());
        Player { client, udp }
    }

    /// Lets its media flow until this many frames of each kind are there that `publisher` has made.
    fn watch(&mut self, publisher: u32, frames: usize) {
        let until = Instant::now() + PATIENCE;
        let mut datagram = [0; 2048];
        loop {
            let now = Instant::now();
            let send = |out: parlor_sim::client::Datagram| {
                let _ = self.udp.send_to(&out.bytes, out.to);
            };
            self.client.run(now, send).unwrap();
            if let Ok((len, from)) = self.udp.recv_from(&mut datagram) {
                self.client.receive(Instant::now(), from, &datagram[..len]).unwrap();
            }
            let seen = [Audio, Video].map(|it| self.client.frames_of(publisher, kind(it)).len());
            if seen.iter().all(|seen| *seen >= frames) {
                return;
            }
            assert!(now < until, "{seen:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_asks_for_an_offer_is_sent_what_there_is_once_it_has_answered() {
    let server = start().await;
    let at = server.address();
    let ann = enter(&server, "tea", 1);
    until_metric(at, "parlor_tracks", |tracks| tracks == 2.0).await;
    let made = ask(at, "/whep/tea").await;
    let session = location(&made);
    assert_eq!(
        (field(&made, "content-type"), field(&made, "accept-patch")),
        (Some(SDP), Some(EITHER))
    );
    assert!(field(&made, "expires").is_some_and(|at| at.ends_with(" gmt")), "{}", made.0);
    assert!(field(&made, "etag").is_some() && field(&made, "link").is_some(), "{}", made.0);
    let mut player = Player::new();
    let answer = player.client.answer(&made.1).unwrap();
    // Candidates may be gathered, and told, before the answer is.
    let early = patch(at, &session, FRAGMENT, &fragment_of(&answer)).await;
    assert_eq!(status(&early), 204);
    let taken = patch(at, &session, SDP, &answer).await;
    assert_eq!((status(&taken), field(&taken, "etag")), (204, field(&made, "etag")), "{taken:?}");
    assert_eq!(status(&patch(at, &session, SDP, &answer).await), 204, "it may not have heard so");
    let other = patch(at, &session, SDP, &answer.replace("a=ice-ufrag:", "a=ice-ufrag:x")).await;
    assert_eq!((status(&other), problem(&other).as_str()), (409, "already_answered"));
    let late = patch(at, &session, FRAGMENT, &fragment_of(&answer)).await;
    assert_eq!(status(&late), 204);
    let player = tokio::task::spawn_blocking(move || {
        player.watch(1, 20);
        player
    });
    let player = player.await.unwrap();
    assert!(player.client.is_connected());

    let fields = [("Content-Type", FRAGMENT), ("If-Match", "*")];
    let restarted = send(at, "PATCH", &session, &fields, &fragment("new1")).await;
    assert_eq!(status(&restarted), 200, "{restarted:?}");
    assert!(restarted.1.contains("a=candidate:") && restarted.1.contains("a=ice-ufrag:"));
    assert_eq!(status(&send(at, "DELETE", &session, &[], "").await), 200);
    until_metric(at, "parlor_peers", |peers| peers == 1.0).await;
    part(ann).await;
    server.stop().await;
}

/// A server with a publisher, and its id and those of its two tracks.
async fn studio() -> (Server, String, [String; 2]) {
    let server = start().await;
    let mut watcher = connect(&server).await;
    watcher.join("room:tea", join("Watcher")).await;
    location(&post(server.address(), "/whip/tea?name=Studio", &publication()).await);
    let told = watcher.expect(|frame| frame[4]["joined"][0]["name"] == "Studio").await;
    let studio = &told[4]["joined"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let tracks = [0, 1].map(|index| text(&studio["tracks"][index]["id"]));
    (server, text(&studio["id"]), tracks)
}

#[tokio::test]
async fn an_offer_has_one_section_for_each_track_that_was_asked_for() {
    let (server, peer, [sound, picture]) = studio().await;
    let at = server.address();
    for (query, kinds, tracks) in [
        (format!("?peer={peer}"), vec!["audio", "video"], vec![&sound, &picture]),
        (format!("?track={picture}"), vec!["video"], vec![&picture]),
        (format!("?track={sound}"), vec!["audio"], vec![&sound]),
        (String::new(), vec!["audio", "video"], vec![]),
    ] {
        let made = ask(at, &format!("/whep/tea{query}")).await;
        location(&made);
        assert_eq!(sections(&made.1), kinds, "{query}");
        assert_eq!(made.1.matches("a=sendonly\r\n").count(), kinds.len(), "{query}");
        for track in tracks {
            assert!(made.1.contains(&format!("a=msid:{peer} {track}\r\n")), "{query}: {}", made.1);
        }
    }
    // A body that is called an offer and is none asks for one as well: a browser's player sends that.
    let called = post(at, "/whep/tea", "").await;
    assert_eq!((status(&called), sections(&called.1)), (201, vec!["audio", "video"]));

    // Nobody has come yet who could be played: there is a section of each kind for who does.
    let early = ask(at, "/whep/empty").await;
    assert_eq!((status(&early), sections(&early.1)), (201, vec!["audio", "video"]));
    assert_eq!(problem(&ask(at, "/whep/tea?peer=p4711").await), "unknown_track");
    let mut silent = connect(&server).await;
    let joined = silent.join("room:tea", join("Silent")).await;
    let silent = joined["response"]["peer"].as_str().unwrap();
    let nothing = ask(at, &format!("/whep/tea?peer={silent}")).await;
    assert_eq!((status(&nothing), problem(&nothing).as_str()), (409, "unknown_track"));
    assert_eq!(field(&nothing, "retry-after"), Some("5"));
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_answer_to_the_offer_is_a_problem_and_another_one_may_come() {
    let (server, ..) = studio().await;
    let at = server.address();
    let made = ask(at, "/whep/tea").await;
    let session = location(&made);
    let answer = Player::new().client.answer(&made.1).unwrap();
    for (text, expected, reason) in [
        ("hello", 400, "bad_answer"),
        ("", 400, "bad_answer"),
        (made.1.as_str(), 422, "bad_answer"),
        (&answer.replace("a=recvonly", "a=sendonly"), 422, "bad_answer"),
        (answer.split("m=video").next().unwrap(), 422, "bad_answer"),
    ] {
        let refused = patch(at, &session, SDP, text).await;
        assert_eq!((status(&refused), problem(&refused).as_str()), (expected, reason), "{text}");
        assert!(refused.1.contains("line "), "it says where: {}", refused.1);
    }
    let wrong = patch(at, &session, "application/json", "{}").await;
    assert_eq!((status(&wrong), field(&wrong, "accept-patch")), (415, Some(EITHER)));
    let fields = [("Content-Type", SDP), ("If-Match", "\"other\"")];
    assert_eq!(status(&send(at, "PATCH", &session, &fields, &answer).await), 412);
    let long = format!("{answer}{}", "a=x\r\n".repeat(40_000));
    assert_eq!(problem(&patch(at, &session, SDP, &long).await), "too_large");
    let both_ways = answer.replace("a=recvonly", "a=sendrecv");
    assert_eq!(status(&patch(at, &session, SDP, &both_ways).await), 204);

    // Who has offered has nothing to answer.
    let offered = location(&post(at, "/whep/tea", &offer()).await);
    assert_eq!(status(&patch(at, &offered, SDP, &answer).await), 415);
    server.stop().await;
}

#[tokio::test]
async fn an_offer_with_no_section_for_what_was_asked_for_is_answered_by_another_offer() {
    let (server, peer, [sound, picture]) = studio().await;
    let at = server.address();
    let whole = offer();
    let (session_part, audio) = whole.split_once("m=audio").unwrap();
    let audio = audio.split("m=video").next().unwrap();
    let group = session_part.lines().find(|line| line.starts_with("a=group:BUNDLE")).unwrap();
    let first = group.split(' ').nth(1).unwrap();
    let head = session_part.replace(group, &format!("a=group:BUNDLE {first}"));
    let only_sound = format!("{head}m=audio{audio}");
    let countered = post(at, &format!("/whep/tea?track={picture}"), &only_sound).await;
    assert_eq!((status(&countered), sections(&countered.1)), (406, vec!["video"]));
    let said = field(&countered, "content-type").unwrap();
    assert!(
        said.starts_with("application/sdp; valid-until=\"") && said.ends_with(" gmt\""),
        "{said}"
    );
    assert_eq!(field(&countered, "accept-patch"), Some(EITHER));
    let session = field(&countered, "location").unwrap();
    let answer = Player::new().client.answer(&countered.1).unwrap();
    assert_eq!(status(&patch(at, session, SDP, &answer).await), 204);
    // The viewer that could see nothing has left.
    until_metric(at, "parlor_peers", |peers| peers == 3.0).await;

    // Whatever else is played of what was asked for, is played.
    for query in [format!("?track={sound}"), format!("?peer={peer}"), String::new()] {
        let made = post(at, &format!("/whep/tea{query}"), &only_sound).await;
        assert_eq!((status(&made), sections(&made.1)), (201, vec!["audio"]), "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_post_that_has_a_body_and_does_not_say_what_it_is_asks_for_nothing() {
    let server = start().await;
    let at = server.address();
    let request = "POST /whep/tea HTTP/1.1\r\nHost: parlor.example\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(status(&http(at, request).await), 415);
    let typed = send(at, "POST", "/whep/tea", &[("Content-Type", "application/json")], "").await;
    assert_eq!(problem(&typed), "unsupported_media_type");
    assert_eq!(problem(&send(at, "POST", "/whip/tea", &[], "").await), "unsupported_media_type");
    server.stop().await;
}

#[tokio::test]
async fn a_session_that_is_answered_or_restarted_in_a_loop_is_told_to_slow_down_and_goes_on() {
    let (server, ..) = studio().await;
    let at = server.address();
    let made = ask(at, "/whep/tea").await;
    let session = location(&made);
    let answer = Player::new().client.answer(&made.1).unwrap();
    assert_eq!(status(&patch(at, &session, SDP, &answer).await), 204);
    let slow_down = async |media_type: &str| {
        for number in 0..100 {
            let ice = fragment(&format!("new{number}"));
            let body = if media_type == SDP { &answer } else { &ice };
            let fields = [("Content-Type", media_type), ("If-Match", "*")];
            let said = send(at, "PATCH", &session, &fields, body).await;
            if status(&said) == 429 {
                return said;
            }
        }
        panic!("nobody is told to slow down");
    };
    for media_type in [FRAGMENT, SDP] {
        let refused = slow_down(media_type).await;
        assert_eq!(problem(&refused), "too_many_requests", "{media_type}");
        assert_eq!(field(&refused, "retry-after"), Some("1"), "{media_type}");
        assert_eq!(field(&refused, "content-type"), Some("application/problem+json"));
    }
    // Candidates are told meanwhile, and other sessions are other clients'.
    let candidate = patch(at, &session, FRAGMENT, "a=end-of-candidates\r\n").await;
    assert_eq!(status(&candidate), 204);
    let other = ask(at, "/whep/tea").await;
    let answer = Player::new().client.answer(&other.1).unwrap();
    assert_eq!(status(&patch(at, &location(&other), SDP, &answer).await), 204);
    server.stop().await;
}

#[tokio::test]
async fn ice_cannot_restart_before_the_answer_is_there() {
    let (server, ..) = studio().await;
    let at = server.address();
    let made = ask(at, "/whep/tea").await;
    let session = location(&made);
    let fields = [("Content-Type", FRAGMENT), ("If-Match", "*")];
    let early = send(at, "PATCH", &session, &fields, &fragment("new1")).await;
    assert_eq!((status(&early), problem(&early).as_str()), (409, "not_answered"));
    let candidates = send(at, "PATCH", &session, &fields, "a=end-of-candidates\r\n").await;
    assert_eq!(status(&candidates), 204);
    let answer = Player::new().client.answer(&made.1).unwrap();
    assert_eq!(status(&patch(at, &session, SDP, &answer).await), 204);
    let restarted = send(at, "PATCH", &session, &fields, &fragment("new1")).await;
    assert_eq!(status(&restarted), 200);
    let again = patch(at, &session, SDP, &answer).await;
    assert_eq!(problem(&again), "already_answered", "it is not what the session has now");
    server.stop().await;
}

#[tokio::test]
async fn credentials_that_would_make_a_description_longer_than_it_may_be_do_not_restart_ice() {
    let server = start().await;
    let at = server.address();
    let offer = offer();
    let ufrag = offer.lines().find(|line| line.starts_with("a=ice-ufrag:")).unwrap();
    let many = format!("{ufrag}\r\n").repeat(3000);
    let long = offer.replacen(&format!("{ufrag}\r\n"), &many, 1);
    let session = location(&post(at, "/whep/tea", &long).await);
    let fields = [("Content-Type", FRAGMENT), ("If-Match", "*")];
    let refused = send(at, "PATCH", &session, &fields, &fragment(&"x".repeat(256))).await;
    assert_eq!((status(&refused), problem(&refused).as_str()), (413, "too_large"));
    assert_eq!(status(&send(at, "PATCH", &session, &fields, &fragment("new1")).await), 200);
    server.stop().await;
}
