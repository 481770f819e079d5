//! Pages, health and metrics.

use parlor_server::config::{Config, Tls};
use parlor_server::server::Server;

use super::{config, get, http, start};

#[tokio::test]
async fn the_app_is_served_at_the_root_and_at_room_links() {
    let server = start().await;
    for path in ["/", "/r/tea", "/r/tea?x=1"] {
        let (head, body) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
        assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"));
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(body.contains("<title>Parlor</title>"), "{path}");
    }
    let (head, _) = get(server.address(), "/example", "").await;
    assert!(head.contains("location: /example/"), "{head}");
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
    for name in
        ["parlor_rooms 0", "parlor_packets_in_total{thread=\"1\"} 0", "parlor_join_seconds_count 0"]
    {
        assert!(body.lines().any(|line| line == name), "{name} is not in\n{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn one_who_asks_an_encrypted_port_in_the_clear_is_sent_to_https() {
    let encrypted = Config { tls: Tls::SelfSigned, ..config() };
    let server = Server::start(&encrypted).await.unwrap();
    let request = "GET /r/tea?x=1 HTTP/1.1\r\nHost: box.local:4000\r\nConnection: close\r\n\r\n";
    let (head, _) = http(server.address(), request).await;
    assert!(head.starts_with("http/1.1 308"), "{head}");
    assert!(head.contains("location: https://box.local:4000/r/tea?x=1"), "{head}");
    assert!(server.introduction().contains("https://localhost:"), "{}", server.introduction());
    server.stop().await;
}
