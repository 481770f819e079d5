use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures_util::FutureExt;
use tokio::time::sleep;
use tower::ServiceExt;

use super::*;
use crate::config::Config;
use crate::http::router;
use crate::pool::Pool;
use crate::server::Server;

async fn start(max_sockets: usize) -> Server {
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = Config { listen, udp_port: 0, threads: 1, max_sockets, ..Config::default() };
    Server::start(&config).await.unwrap()
}

/// What the server says to a request from this address.
fn ask(
    server: &Server,
    from: IpAddr,
    request: Request<Body>,
) -> impl Future<Output = Response> + use<> {
    let client = Client::new(from, Pool::new(0));
    router(server.app()).layer(Extension(client)).oneshot(request).map(Result::unwrap)
}

/// What a publisher offers.
fn offer() -> Body {
    let now = Instant::now();
    let offer = parlor_sim::Client::new(now, 1, "127.0.0.1:9".parse().unwrap()).offer(now, &[], 1);
    Body::from(offer.replace("a=recvonly", "a=sendonly"))
}

/// A POST to the room `tea` by WHIP.
fn post(
    server: &Server,
    from: IpAddr,
    content_type: &str,
) -> impl Future<Output = Response> + use<> {
    let request = Request::post("/whip/tea").header("content-type", content_type);
    ask(server, from, request.body(offer()).unwrap())
}

#[tokio::test]
async fn an_address_that_comes_in_a_loop_is_told_to_slow_down_and_others_are_let_in() {
    let server = start(100).await;
    let (hasty, calm) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    let mut answers = Vec::new();
    while answers.last() != Some(&StatusCode::TOO_MANY_REQUESTS) && answers.len() < 1000 {
        answers.push(post(&server, hasty, "text/plain").await.status());
    }
    assert!((100..1000).contains(&answers.len()), "{}", answers.len());
    let refused = post(&server, hasty, SDP).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(post(&server, calm, SDP).await.status(), StatusCode::CREATED);
    server.stop().await;
}

#[tokio::test]
async fn who_hangs_up_while_the_room_decides_holds_a_place_until_it_is_out() {
    let server = start(1).await;
    let app = server.app();
    let somebody = IpAddr::from([192, 0, 2, 1]);
    let mut joining = Box::pin(post(&server, somebody, SDP));
    assert!(joining.as_mut().now_or_never().is_none(), "the room has not had its turn");
    drop(joining);
    assert!(app.sockets_room.take(somebody, 1).is_err(), "its join is with the room");
    let free = async {
        // The room counts its people when it is done with what it was told.
        while app.sockets_room.take(somebody, 1).is_err() || app.rooms.census().1.peers > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), free).await.expect("it is out long before 30 s are over");
    server.stop().await;
}

#[tokio::test]
async fn whatever_is_asked_admission_knows_door_room_name_and_token_first() {
    let server = start(100).await;
    let somebody = IpAddr::from([192, 0, 2, 1]);
    let request = |method: &str, path: &str, content_type: &str, body: Body| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", "Bearer secret");
        request.header("content-type", content_type).body(body).unwrap()
    };
    admission::ASKED.take();
    let coming = request("POST", "/whip/tea?name=Studio", SDP, offer());
    let made = ask(&server, somebody, coming).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let session = made.headers()[LOCATION].to_str().unwrap();
    for method in ["GET", "PATCH", "DELETE"] {
        let body = Body::from("a=end-of-candidates\r\n");
        let answer = ask(&server, somebody, request(method, session, FRAGMENT, body)).await;
        assert_ne!(answer.status(), StatusCode::NOT_FOUND, "{method}");
    }
    let visit = admission::visit(Manner::Whip, "tea", "Studio").unwrap();
    let expected = vec![(visit, Some("secret".to_owned())); 4];
    assert_eq!(admission::ASKED.take(), expected);
    server.stop().await;
}

#[tokio::test]
async fn what_a_patch_carries_counts_in_the_memory_of_all_while_it_is_read() {
    let server = start(100).await;
    let app = server.app();
    let (somebody, proxy) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([127, 0, 0, 1]));
    let coming = Request::post("/whep/tea").body(Body::empty()).unwrap();
    let made = ask(&server, somebody, coming).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let session = made.headers()[LOCATION].to_str().unwrap();
    let patch = |content_type: &str| {
        let request = Request::patch(session).header("content-type", content_type);
        let body = Body::from("a=end-of-candidates\r\n");
        ask(&server, somebody, request.body(body).unwrap()).map(|response| response.status())
    };
    let mut all = Vec::new();
    for amount in [1 << 20, 1 << 10, 1] {
        while let Ok(share) = app.memory.take(proxy, amount) {
            all.push(share);
        }
    }
    assert_eq!(patch(FRAGMENT).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(patch(SDP).await, StatusCode::SERVICE_UNAVAILABLE);
    all.clear();
    assert_eq!(patch(FRAGMENT).await, StatusCode::NO_CONTENT);
    assert_eq!(patch(SDP).await, StatusCode::BAD_REQUEST, "it is no answer");
    let left = |app: &App| app.memory.take(proxy, MAX_OFFER_LEN).is_ok();
    assert!(left(&app), "it is given back");
    server.stop().await;
}
