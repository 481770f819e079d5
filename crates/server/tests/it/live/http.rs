//! Pages, health and metrics.

use parlor_server::config::{Config, Tls};
use parlor_server::server::Server;

use super::{config, get, http, start};

#[tokio::test]
async fn the_app_is_served_at_the_root_and_at_room_links() {
    let server = start().await;
    for path in ["/", "/r/tea", "/r/tea/", "/r/tea?x=1"] {
        let (head, body) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
        assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"));
        assert!(head.contains("connect-src 'self' ws://x wss://x;"), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(body.contains("<title>Parlor</title>"), "{path}");
    }
    let (head, _) = get(server.address(), "/example", "").await;
    assert!(head.contains("location: /example/"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_even_one_that_says_no() {
    let server = start().await;
    for path in
        ["/", "/r/tea", "/example/", "/app/main.js", "/healthz", "/metrics", "/nothing", "/r"]
    {
        let (head, _) = get(server.address(), path, "").await;
        for field in [
            "content-security-policy: default-src 'none';",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            "permissions-policy: camera=(self), microphone=(self), ",
            "cross-origin-opener-policy: same-origin",
        ] {
            assert!(head.contains(field), "{path} has no {field}: {head}");
        }
        assert!(!head.contains("strict-transport-security"), "{path}: nothing is encrypted here");
    }
    server.stop().await;
}

#[tokio::test]
async fn files_have_types_and_tags_and_nothing_else_is_served() {
    let server = start().await;
    for (path, sort) in [
        ("/app/main.js", "text/javascript"),
        ("/style/base.css", "text/css"),
        ("/style/icon.svg", "image/svg+xml"),
        ("/example/", "text/html"),
    ] {
        let (head, _) = get(server.address(), path, "").await;
        assert!(head.contains(&format!("content-type: {sort}")), "{path}: {head}");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let known = format!("If-None-Match: W/{tag}\r\n");
        let (head, body) = get(server.address(), path, &known).await;
        assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{path}: {head}");
    }
    for path in [
        "/wire.d.ts",
        "/package.json",
        "/../Cargo.toml",
        "/app/..%2f..%2fCargo.toml",
        "/r/a/b",
        "/x",
    ] {
        let (head, _) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_mistypes_a_link_gets_a_page_with_a_way_on() {
    let server = start().await;
    let (head, page) = get(server.address(), "/tea", "Accept: text/html,*/*;q=0.8\r\n").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("vary: accept"), "the same address has two answers: {head}");
    assert!(page.contains("href=\"/\""), "{page}");
    let (_, text) = get(server.address(), "/tea", "").await;
    assert_eq!(text, "there is no such page\n", "programs are told in a line");
    for path in ["/r", "/r/"] {
        let (head, _) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 307") && head.contains("location: /\r"), "{head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn everywhere_is_ipv4_too() {
    let listen = "[::]:0".parse().unwrap();
    let server = Server::start(&Config { listen, ..config() }).await.unwrap();
    let address = ([127, 0, 0, 1], server.address().port()).into();
    let (head, _) = get(address, "/healthz", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn health_is_told_in_two_letters() {
    let server = start().await;
    let (head, body) = get(server.address(), "/healthz", "").await;
    assert!(head.starts_with("http/1.1 200") && body == "ok\n");
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let server = start().await;
    let (head, body) = get(server.address(), "/metrics", "").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("parlor_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    for name in [
        "parlor_rooms 0",
        "parlor_thread_peers{thread=\"1\"} 0",
        "parlor_packets_in_total{thread=\"1\"} 0",
        "parlor_datagrams_unsent_total{thread=\"1\"} 0",
        "parlor_join_seconds_count 0",
        "parlor_viewers{thread=\"1\",limited_by=\"loss\"} 0",
        "parlor_estimate_bytes_per_second_bucket{thread=\"1\",le=\"+Inf\"} 0",
        "parlor_probe_results_total{thread=\"1\",result=\"raised\"} 0",
    ] {
        assert!(body.lines().any(|line| line == name), "{name} is not in\n{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn one_who_asks_an_encrypted_port_in_the_clear_is_sent_to_https_and_not_for_ever() {
    let encrypted = Config { tls: Tls::SelfSigned, ..config() };
    let server = Server::start(&encrypted).await.unwrap();
    let request = "GET /r/tea?x=1 HTTP/1.1\r\nHost: box.local:4000\r\nConnection: close\r\n\r\n";
    let (head, _) = http(server.address(), request).await;
    assert!(head.starts_with("http/1.1 307"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(head.contains("location: https://box.local:4000/r/tea?x=1"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    assert!(!head.contains("strict-transport-security"), "it is not for answers in the clear");
    assert!(server.introduction().contains("https://localhost:"), "{}", server.introduction());
    server.stop().await;
}
