//! The whole server on real ports, spoken to as clients do.

mod acme;
mod addresses;
mod channels;
mod encoders;
mod http;
mod meeting;
mod membrane;
mod membrane_traps;
mod offers;
mod one_port;
mod process;
mod sharing;
mod sockets;
mod tls;
mod whip;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parlor_server::config::Config;
use parlor_server::server::Server;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Config {
    Config { listen: "127.0.0.1:0".parse().unwrap(), udp_port: 0, threads: 2, ..Config::default() }
}

async fn start() -> Server {
    Server::start(&config()).await.unwrap()
}

/// A WebSocket client.
struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_ref: u64,
    /// What came while something else was waited for.
    kept: Vec<Value>,
}

async fn open(address: SocketAddr, query: &str, origin: Option<&str>) -> Result<Client, Error> {
    let url = format!("ws://{address}/socket/websocket{query}");
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let (socket, _) = connect_async(request).await?;
    Ok(Client { socket, next_ref: 0, kept: Vec::new() })
}

async fn connect(server: &Server) -> Client {
    open(server.address(), "?vsn=2.0.0", None).await.unwrap()
}

impl Client {
    async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame, or how the server closed.
    async fn receive(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something comes in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(close))) => return Err(close),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next frame that fits, keeping the others.
    async fn expect(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.kept.iter().position(&fits) {
            return self.kept.remove(index);
        }
        loop {
            let frame = self.receive().await.expect("the socket stays open");
            if fits(&frame) {
                return frame;
            }
            self.kept.push(frame);
        }
    }

    async fn event(&mut self, name: &str) -> Value {
        self.expect(|frame| frame[3] == name).await
    }

    /// Sends a request and returns the payload of its reply.
    async fn call(&mut self, join_ref: Value, topic: &str, event: &str, payload: Value) -> Value {
        self.next_ref += 1;
        let reference = self.next_ref.to_string();
        self.send(json!([join_ref, reference, topic, event, payload])).await;
        self.expect(|frame| frame[1] == reference.as_str() && frame[3] == "phx_reply").await[4]
            .clone()
    }

    /// Joins with `join_ref` equal to the reference, as Phoenix clients do.
    async fn join(&mut self, topic: &str, payload: Value) -> Value {
        let join_ref = (self.next_ref + 1).to_string();
        self.call(json!(join_ref), topic, "phx_join", payload).await
    }

    /// How the server closed the socket.
    async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.receive().await {
                Ok(_) => {}
                Err(close) => return close.map(|close| close.code.into()),
            }
        }
    }
}

/// A join of a client that receives one pair and sends nothing.
fn join(name: &str) -> Value {
    json!({"protocol": "parlor", "version": 1, "name": name, "offer": offer(), "senders": []})
}

/// The offer of a simulated browser.
fn offer() -> String {
    let now = std::time::Instant::now();
    parlor_sim::Client::new(now, 1, "127.0.0.1:9".parse().unwrap()).offer(now, &[], 1)
}

/// One HTTP/1.1 exchange; returns the head in lower case, and the body.
async fn http(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

async fn get(address: SocketAddr, path: &str, fields: &str) -> (String, String) {
    http(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n"))
        .await
}

/// A metric, summed over its labels.
async fn metric(address: SocketAddr, name: &str) -> f64 {
    let (_, text) = get(address, "/metrics", "").await;
    let belongs =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    let values = text.lines().filter(belongs).map(|line| line.rsplit(' ').next().unwrap());
    values.map(|value| value.parse::<f64>().unwrap()).sum()
}

/// Waits until a metric has a value.
async fn until_metric(address: SocketAddr, name: &str, fits: impl Fn(f64) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !fits(metric(address, name).await) {
        assert!(Instant::now() < deadline, "{name} is {}", metric(address, name).await);
        sleep(Duration::from_millis(20)).await;
    }
}
