//! Our dialect over a WebSocket, from the client's side: joining a room, and what the server says after that.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::offer::Shape;
use crate::stream::{Server, Stream};
use crate::transport::IceServer;

/// A server that says nothing for this long while somebody joins answers no more.
const REPLY_PATIENCE: Duration = Duration::from_secs(15);
/// Everything before the seat in a name.
const NAME: &str = "Load ";
/// As large as the server's frames get: presence of a thousand people.
const MAX_FRAME: usize = 16 << 20;

/// What people are called, so that others know their seats.
pub fn name(seat: u32) -> String {
    format!("{NAME}{seat}")
}

/// One membership of one room.
pub struct Channel {
    socket: WebSocket<Stream>,
    topic: String,
    next_ref: u64,
}

/// What joining brought.
pub struct Joined {
    /// The membership.
    pub channel: Channel,
    /// The server's SDP.
    pub answer: String,
    /// What it says of others and of slots, and what came before its reply.
    pub news: Vec<News>,
    /// Own tracks of pictures, to be told from others' where it says what is wanted.
    pub own_video: Option<String>,
    /// The server's TURN.
    pub ice_servers: Vec<IceServer>,
}

/// What the server says.
#[derive(Debug)]
pub enum News {
    /// A track and the seat of its publisher.
    Track {
        /// Its id.
        track: String,
        /// Who publishes it.
        seat: u32,
    },
    /// A slot carries this track now, or none.
    Slot {
        /// The number of its section.
        slot: u32,
        /// The track.
        track: Option<String>,
    },
    /// The encodings of one's pictures that somebody has a use for.
    Wanted {
        /// The track.
        track: String,
        /// Their rids; one without is "".
        rids: Vec<String>,
    },
    /// The membership is over, and why.
    Ended(String),
    /// It is over as we wanted.
    Left,
}

#[derive(Deserialize)]
struct Peer {
    name: String,
    tracks: Vec<Track>,
}

#[derive(Deserialize)]
struct Track {
    id: String,
    kind: String,
}

#[derive(Deserialize)]
struct Slot {
    mid: String,
    track: Option<String>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    status: String,
    #[serde(borrow)]
    response: &'a RawValue,
}

#[derive(Deserialize)]
struct Welcome {
    answer: String,
    tracks: Vec<Track>,
    peers: Vec<Peer>,
    slots: Vec<Slot>,
    #[serde(default)]
    ice_servers: Vec<IceServer>,
}

#[derive(Deserialize)]
struct Presence {
    joined: Vec<Peer>,
    changed: Vec<Peer>,
}

#[derive(Deserialize)]
struct Slots {
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
struct Wanted {
    tracks: Vec<WantedTrack>,
}

#[derive(Deserialize)]
struct WantedTrack {
    track: String,
    layers: Vec<String>,
}

impl Channel {
    /// Connects, joins a room, and waits for the reply.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses, with its words.
    pub fn join(
        server: &Server,
        room: &str,
        seat: u32,
        shape: &Shape,
        offer: &str,
    ) -> Result<Joined, String> {
        let reached = |error: io::Error| format!("cannot reach {}: {error}", server.host);
        let stream = Stream::connect(server).map_err(reached)?;
        stream.tcp().set_read_timeout(Some(REPLY_PATIENCE)).map_err(reached)?;
        let scheme = if server.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}/socket/websocket?vsn=2.0.0", server.host);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME))
            // Most people hear little: buffers of the library's size would be most of their memory.
            .read_buffer_size(4096)
            .write_buffer_size(0);
        let (socket, _) = tungstenite::client::client_with_config(url, stream, Some(config))
            .map_err(|error| format!("no WebSocket at {}: {error}", server.host))?;
        let mut channel = Channel { socket, topic: format!("room:{room}"), next_ref: 1 };
        let payload = json!({
            "protocol": "parlor", "version": 1, "name": name(seat), "offer": offer,
            "senders": senders(shape),
        });
        channel.request("phx_join", &payload)?;
        channel.await_welcome()
    }

    fn await_welcome(mut self) -> Result<Joined, String> {
        let mut news = Vec::new();
        loop {
            let text = match self.socket.read().map_err(|error| lost(&error))? {
                Message::Text(text) => text,
                Message::Close(_) => return Err("the server closed the socket".into()),
                _ => continue,
            };
            let (event, payload) = split(&text)?;
            if event != "phx_reply" {
                hear(&event, payload, &mut news)?;
                continue;
            }
            let reply: Reply<'_> = parse(payload)?;
            if reply.status != "ok" {
                let refusal: Value = parse(reply.response)?;
                let words = refusal["message"].as_str().unwrap_or_default();
                let reason = refusal["reason"].as_str().unwrap_or("refused");
                return Err(format!("{reason}: {words}"));
            }
            let welcome: Welcome = parse(reply.response)?;
            news.extend(welcome.peers.into_iter().flat_map(tracks));
            news.extend(welcome.slots.into_iter().filter_map(slot));
            let own_video = welcome.tracks.into_iter().find(|track| track.kind == "video");
            let own_video = own_video.map(|track| track.id);
            self.socket.get_ref().tcp().set_nonblocking(true).map_err(|error| error.to_string())?;
            let Welcome { answer, ice_servers, .. } = welcome;
            return Ok(Joined { channel: self, answer, news, own_video, ice_servers });
        }
    }

    /// What is polled for reading.
    pub fn stream(&self) -> &Stream {
        self.socket.get_ref()
    }

    /// What has come, without waiting.
    ///
    /// # Errors
    /// When the socket is lost.
    pub fn hear(&mut self) -> Result<Vec<News>, String> {
        let mut news = Vec::new();
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let (event, payload) = split(&text)?;
                    hear(&event, payload, &mut news)?;
                }
                Ok(Message::Close(_)) => return Err("the server closed the socket".into()),
                Ok(_) => {}
                Err(error) if would_block(&error) => return Ok(news),
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    /// Says that we are there.
    ///
    /// # Errors
    /// When the socket is lost.
    pub fn beat(&mut self) -> Result<(), String> {
        self.send(&json!([null, "heartbeat", "phoenix", "heartbeat", {}]))
    }

    /// Leaves the room.
    pub fn leave(&mut self) {
        // Who is gone already need not leave.
        let _gone_anyway = self.request("phx_leave", &json!({}));
        let _gone_anyway = self.socket.flush();
    }

    fn request(&mut self, event: &str, payload: &Value) -> Result<(), String> {
        let reference = self.next_ref.to_string();
        self.next_ref += 1;
        let frame = json!(["1", reference, self.topic, event, payload]);
        self.send(&frame)
    }

    fn send(&mut self, frame: &Value) -> Result<(), String> {
        match self.socket.send(Message::text(frame.to_string())) {
            Err(error) if !would_block(&error) => Err(lost(&error)),
            // What is not written yet is, with what comes next.
            _ => Ok(()),
        }
    }
}

fn senders(shape: &Shape) -> Value {
    let sender = |(mid, source): (Option<usize>, &str)| {
        mid.map(|mid| json!({"mid": mid.to_string(), "source": source, "on": true}))
    };
    let all = [(shape.microphone(), "microphone"), (shape.camera(), "camera")];
    all.into_iter().filter_map(sender).collect()
}

fn split(text: &str) -> Result<(String, &RawValue), String> {
    let frame: (Option<&str>, Option<&str>, &str, String, &RawValue) =
        serde_json::from_str(text).map_err(|error| format!("the server's frame: {error}"))?;
    Ok((frame.3, frame.4))
}

fn parse<'a, T: Deserialize<'a>>(payload: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(payload.get()).map_err(|error| format!("the server's frame: {error}"))
}

fn hear(event: &str, payload: &RawValue, news: &mut Vec<News>) -> Result<(), String> {
    match event {
        "presence" => {
            let presence: Presence = parse(payload)?;
            news.extend(presence.joined.into_iter().chain(presence.changed).flat_map(tracks));
        }
        "slots" => {
            let slots: Slots = parse(payload)?;
            news.extend(slots.slots.into_iter().filter_map(slot));
        }
        "wanted" => {
            let wanted: Wanted = parse(payload)?;
            news.extend(
                wanted
                    .tracks
                    .into_iter()
                    .map(|WantedTrack { track, layers }| News::Wanted { track, rids: layers }),
            );
        }
        "phx_close" => news.push(News::Left),
        "ended" => news.push(News::Ended(payload.get().to_owned())),
        _ => {}
    }
    Ok(())
}

/// The tracks of somebody of this load.
fn tracks(peer: Peer) -> Vec<News> {
    let seat = peer.name.strip_prefix(NAME).and_then(|seat| seat.parse().ok());
    let Some(seat) = seat else { return Vec::new() };
    peer.tracks.into_iter().map(|track| News::Track { track: track.id, seat }).collect()
}

fn slot(slot: Slot) -> Option<News> {
    Some(News::Slot { slot: slot.mid.parse().ok()?, track: slot.track })
}

fn would_block(error: &tungstenite::Error) -> bool {
    matches!(error, tungstenite::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn lost(error: &tungstenite::Error) -> String {
    format!("the socket was lost: {error}")
}
