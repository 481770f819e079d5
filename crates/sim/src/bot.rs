//! A simulated person in a room of a real server: our dialect over a WebSocket, media over UDP.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::media::MediaKind;
use tungstenite::{Message, WebSocket};

use crate::client::Client;
use crate::link::{Link, LinkConfig};
use crate::recording::Recording;

/// As often as the SDK: well below the server's limit for silent sockets.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(2500);
/// A server that says nothing for this long answers no more.
const REPLY_PATIENCE: Duration = Duration::from_secs(5);
/// Longest time a bot looks only at its UDP socket.
const SOCKET_INTERVAL: Duration = Duration::from_millis(5);
/// An Ethernet frame's worth and more.
const MAX_DATAGRAM_LEN: usize = 2048;

/// What a bot is and where it goes.
#[derive(Clone, Debug)]
pub struct BotConfig {
    /// The server's HTTP address.
    pub server: SocketAddr,
    /// The room's id.
    pub room: String,
    /// What others see.
    pub name: String,
    /// Told apart from others in made-up frames.
    pub number: u32,
    /// What its camera shows; made-up frames otherwise.
    pub video: Option<Recording>,
    /// Pictures a second in `video`.
    pub frames_per_second: u32,
    /// What its microphone hears; made-up frames otherwise.
    pub audio: Option<Recording>,
    /// Pairs of receive sections that it offers.
    pub slot_pairs: usize,
    /// Share of its datagrams that are lost, each way, 0 to 1.
    pub loss: f64,
}

/// A simulated person who is in the room.
pub struct Bot {
    config: BotConfig,
    client: Client,
    udp: UdpSocket,
    up: Link,
    down: Link,
    socket: WebSocket<TcpStream>,
    next_ref: u64,
    next_heartbeat: Instant,
    /// The request whose answer is waited for, and the time of it.
    offered: Option<String>,
    /// What its sending sections are, said with every offer.
    senders: Value,
    ended: Option<String>,
}

impl Bot {
    /// Connects to the server and asks to join; [`Bot::run`] goes on from there.
    ///
    /// # Errors
    /// When the server cannot be reached or speaks no WebSocket.
    pub fn enter(config: BotConfig) -> Result<Bot, Box<dyn Error>> {
        let now = Instant::now();
        let stream = TcpStream::connect(config.server)?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}/socket/websocket?vsn=2.0.0", config.server);
        let (socket, _) = tungstenite::client(url, stream)?;
        socket.get_ref().set_nonblocking(true)?;
        let local = socket.get_ref().local_addr()?.ip();
        let udp = UdpSocket::bind((local, 0))?;
        let client = Client::new(now, config.number, udp.local_addr()?);
        let cable = LinkConfig { loss: config.loss, ..LinkConfig::default() };
        let seed = u64::from(config.number) * 2;
        let mut bot = Bot {
            config,
            client,
            udp,
            up: Link::new(cable, seed),
            down: Link::new(cable, seed + 1),
            socket,
            next_ref: 1,
            next_heartbeat: now + HEARTBEAT_INTERVAL,
            offered: None,
            senders: Value::Null,
            ended: None,
        };
        bot.ask_to_join(now)?;
        Ok(bot)
    }

    fn ask_to_join(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        let kinds = [MediaKind::Audio, MediaKind::Video];
        let offer = self.client.offer(now, &kinds, self.config.slot_pairs);
        let [microphone, camera] = &mut self.client.senders[..] else {
            return Err("an offer of two senders has two".into());
        };
        microphone.recording = self.config.audio.clone();
        camera.recording = self.config.video.clone();
        camera.frames_per_second = self.config.frames_per_second;
        self.senders = json!([
            {"mid": microphone.mid.to_string(), "source": "microphone", "on": true},
            {"mid": camera.mid.to_string(), "source": "camera", "on": true},
        ]);
        let join = json!({
            "protocol": "parlor", "version": 1, "name": self.config.name, "offer": offer,
            "senders": self.senders,
        });
        self.offered = Some(self.request("phx_join", join)?);
        Ok(())
    }

    /// Takes part until `stop` is set, then leaves.
    ///
    /// # Errors
    /// When the server refuses or ends the membership, or the connection to it breaks.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), Box<dyn Error>> {
        let mut datagram = [0; MAX_DATAGRAM_LEN];
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let (udp, up) = (&self.udp, &mut self.up);
            self.client.run(now, |out| {
                for _ in up.carry(now, out.bytes.len()) {
                    // A datagram that cannot be sent is a lost one.
                    let _ = udp.send_to(&out.bytes, out.to);
                }
            })?;
            self.hear_socket(now)?;
            if let Some(reason) = &self.ended {
                return Err(reason.clone().into());
            }
            let wait = self.client.deadline().saturating_duration_since(Instant::now());
            let wait = wait.clamp(Duration::from_micros(100), SOCKET_INTERVAL);
            self.udp.set_read_timeout(Some(wait))?;
            match self.udp.recv_from(&mut datagram) {
                Ok((len, from)) => {
                    let heard = datagram.get(..len).unwrap_or_default();
                    let now = Instant::now();
                    for _ in self.down.carry(now, len) {
                        self.client.receive(now, from, heard)?;
                    }
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let leave = self.request("phx_leave", json!({}))?;
        self.await_reply(&leave)
    }

    /// Reads until a request is answered: a socket that is closed with something unread is reset, and what it
    /// sent last may be lost with it.
    fn await_reply(&mut self, reference: &str) -> Result<(), Box<dyn Error>> {
        let stream = self.socket.get_ref();
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(REPLY_PATIENCE))?;
        loop {
            if let Message::Text(text) = self.socket.read()? {
                let frame: Value = serde_json::from_str(&text)?;
                if frame[1].as_str() == Some(reference) && frame[3] == "phx_reply" {
                    return Ok(());
                }
            }
        }
    }

    /// How many frames of sound or pictures it has received whole.
    pub fn frames_received(&self) -> usize {
        self.client.seen.values().map(Vec::len).sum()
    }

    /// How many sounds of another bot, of those between the first and the last that came, did not come. Of
    /// pictures the server may leave some out.
    pub fn sounds_missed(&self, publisher: u32) -> usize {
        let seen = self.client.frames_of(publisher, MediaKind::Audio);
        let numbers: BTreeSet<u32> =
            seen.iter().filter_map(|seen| seen.frame).map(|frame| frame.number).collect();
        let span = numbers.last().zip(numbers.first());
        span.map_or(0, |(last, first)| (last - first + 1) as usize - numbers.len())
    }

    /// How many pictures of another bot came.
    pub fn pictures_of(&self, publisher: u32) -> usize {
        self.client.frames_of(publisher, MediaKind::Video).len()
    }

    fn hear_socket(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + HEARTBEAT_INTERVAL;
            self.send(json!([null, "heartbeat", "phoenix", "heartbeat", {}]))?;
        }
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.hear(now, &serde_json::from_str(&text)?)?,
                Ok(Message::Close(_)) => return Err("the server closed the socket".into()),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_timeout(error.kind()) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn hear(&mut self, now: Instant, frame: &Value) -> Result<(), Box<dyn Error>> {
        let payload = &frame[4];
        match frame[3].as_str() {
            Some("phx_reply") if frame[1].as_str() == self.offered.as_deref() => {
                self.offered = None;
                let response = &payload["response"];
                let answer = response["answer"].as_str().ok_or_else(|| response.to_string())?;
                self.client.accept(answer)?;
            }
            Some("more_slots") if self.offered.is_none() => self.offer_more(now, payload)?,
            Some("ended") => self.ended = Some(payload.to_string()),
            _ => {}
        }
        Ok(())
    }

    fn offer_more(&mut self, now: Instant, wanted: &Value) -> Result<(), Box<dyn Error>> {
        let wanted = wanted["audio"].as_u64().max(wanted["video"].as_u64()).unwrap_or(0) as usize;
        let have = self.client.slots().len() / 2;
        if wanted <= have {
            return Ok(());
        }
        let offer = self.client.offer(now, &[], wanted - have);
        self.offered =
            Some(self.request("offer", json!({"offer": offer, "senders": self.senders}))?);
        Ok(())
    }

    fn request(&mut self, event: &str, payload: Value) -> Result<String, Box<dyn Error>> {
        let reference = self.next_ref.to_string();
        self.next_ref += 1;
        let topic = format!("room:{}", self.config.room);
        self.send(json!(["1", reference, topic, event, payload]))?;
        Ok(reference)
    }

    fn send(&mut self, frame: Value) -> Result<(), Box<dyn Error>> {
        match self.socket.send(Message::text(frame.to_string())) {
            Err(tungstenite::Error::Io(error)) if is_timeout(error.kind()) => Ok(()),
            sent => Ok(sent?),
        }
    }
}

/// A blocking read that found nothing in time says one or the other, depending on the system.
fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
