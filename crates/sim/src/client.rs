//! A browser without a page: WebRTC by str0m, made-up frames out, a log of frames in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{
    Direction, Frequency, MediaKind, MediaTime, Mid, Rid, Simulcast, SimulcastLayer,
};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::SenderInfo;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use crate::frame::{Frame, FrameKind};
use crate::recording::Recording;

/// Opus makes a packet each 20 ms unless told otherwise.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes of such a packet at 32 kbit/s.
const AUDIO_FRAME_LEN: usize = 80;
/// A key frame is this many times the size of another frame.
const KEY_FRAME_FACTOR: usize = 4;
/// Loudness that a voice has: RFC 6464 counts in -dBov.
const VOICE_LEVEL: i8 = -30;
const SILENCE_LEVEL: i8 = -127;

/// One media section that the client sends on.
#[derive(Debug)]
pub struct Sender {
    /// The section.
    pub mid: Mid,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Whether frames are being made now.
    pub on: bool,
    /// Sound: whether it is loud.
    pub voice: bool,
    /// Pictures: bits per second.
    pub bitrate_bps: u64,
    /// Sound: how much of it one packet holds, 20 to 120 ms.
    pub packet_time: Duration,
    /// Pictures a second, 1 to 60.
    pub frames_per_second: u32,
    /// The RTP time of the first frame, in ticks of its clock.
    pub first_ticks: u64,
    /// How many frames were made.
    pub frames_sent: u32,
    /// Simulcast: its encodings, the lowest first, each three times the bitrate of the one before; the
    /// highest has `bitrate_bps`. Empty without simulcast.
    pub rids: Vec<Rid>,
    /// Simulcast: how many encodings are being made now, the lowest first.
    pub active_layers: usize,
    /// Played instead of made-up frames.
    pub recording: Option<Recording>,
    /// The next frame of the recording; a key frame is asked for by starting again.
    position: usize,
    wants_key_frame: bool,
    next_at: Instant,
    started_at: Instant,
}

/// One frame as it came out of a receive section.
#[derive(Clone, Copy, Debug)]
pub struct SeenFrame {
    /// When it was whole.
    pub at: Instant,
    /// What it says of itself; `None` if its bytes are not one frame of ours.
    pub frame: Option<Frame>,
    /// Its RTP time in seconds, unwrapped by the receiver.
    pub media_time: f64,
    /// Its bytes.
    pub len: usize,
    /// When the sender's reports say that it was captured, in seconds of the sender's clock; `None`
    /// before the first report.
    pub captured: Option<f64>,
    /// No packet is missing between the frame before and this one.
    pub contiguous: bool,
}

/// A datagram that the client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Where it goes.
    pub to: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// A simulated browser.
pub struct Client {
    rtc: Rtc,
    /// Written into every frame it makes.
    pub number: u32,
    /// Its own address, as it knows it.
    pub address: SocketAddr,
    /// What it sends, in the order of the offer.
    pub senders: Vec<Sender>,
    /// Every frame received, by section.
    pub seen: BTreeMap<String, Vec<SeenFrame>>,
    /// When ICE and DTLS were up.
    pub connected_at: Option<Instant>,
    /// Key frames that were asked of it.
    pub key_frames_asked: u32,
    ice_state: Option<IceConnectionState>,
    slots: Vec<(Mid, MediaKind)>,
    pending: Option<SdpPendingOffer>,
    deadline: Instant,
}

impl Client {
    /// A browser that has not offered yet. `number` tells it from others in frames.
    pub fn new(now: Instant, number: u32, address: SocketAddr) -> Self {
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_stats_interval(None)
            .build(now);
        let candidate = Candidate::host(address, "udp").expect("a socket address is a candidate");
        rtc.add_local_candidate(candidate);
        Client {
            rtc,
            number,
            address,
            senders: Vec::new(),
            seen: BTreeMap::new(),
            connected_at: None,
            key_frames_asked: 0,
            ice_state: None,
            slots: Vec::new(),
            pending: None,
            deadline: now,
        }
    }

    /// Makes an offer with these sections more than before: senders by kind, then pairs of receive sections.
    ///
    /// # Panics
    /// If there is nothing to offer.
    pub fn offer(&mut self, now: Instant, senders: &[MediaKind], slot_pairs: usize) -> String {
        let mut changes = self.rtc.sdp_api();
        let mut mids = Vec::new();
        for &kind in senders {
            mids.push((kind, changes.add_media(kind, Direction::SendOnly, None, None, None)));
        }
        for _ in 0..slot_pairs {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                let mid = changes.add_media(kind, Direction::RecvOnly, None, None, None);
                self.slots.push((mid, kind));
            }
        }
        let (offer, pending) = changes.apply().expect("new sections need an offer");
        self.pending = Some(pending);
        self.senders.extend(mids.into_iter().map(|(kind, mid)| Sender::new(mid, kind, now)));
        offer.to_sdp_string()
    }

    /// Makes an offer with one more section, that sends pictures in these encodings, the lowest first.
    ///
    /// # Panics
    /// If there is no encoding.
    pub fn offer_simulcast(&mut self, now: Instant, rids: &[&str]) -> String {
        assert!(!rids.is_empty(), "simulcast has encodings");
        let mut changes = self.rtc.sdp_api();
        let mut simulcast = Simulcast::new();
        for rid in rids {
            simulcast.add_send_layer(SimulcastLayer::new(rid));
        }
        let (kind, direction) = (MediaKind::Video, Direction::SendOnly);
        let mid = changes.add_media(kind, direction, None, None, Some(simulcast));
        let (offer, pending) = changes.apply().expect("new sections need an offer");
        self.pending = Some(pending);
        let rids: Vec<Rid> = rids.iter().map(|rid| Rid::from(*rid)).collect();
        let active_layers = rids.len();
        self.senders.push(Sender { rids, active_layers, ..Sender::new(mid, kind, now) });
        offer.to_sdp_string()
    }

    /// Makes an offer with fresh ICE credentials and nothing else new.
    ///
    /// # Panics
    /// If there was no offer before.
    pub fn offer_ice_restart(&mut self) -> String {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an ICE restart needs an offer");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Takes the server's answer to the last offer.
    ///
    /// # Errors
    /// What str0m finds wrong with it.
    pub fn accept(&mut self, answer: &str) -> Result<(), String> {
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|error| error.to_string())?;
        let pending = self.pending.take().ok_or("no offer is waiting for an answer")?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| error.to_string())
    }

    /// Its receive sections, in the order of the offer.
    pub fn slots(&self) -> &[(Mid, MediaKind)] {
        &self.slots
    }

    /// Hears a datagram.
    ///
    /// # Errors
    /// What str0m finds wrong with it; the client is of no use afterwards.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(), String> {
        let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, bytes) else {
            return Ok(());
        };
        self.rtc.handle_input(Input::Receive(now, receive)).map_err(|error| error.to_string())?;
        self.deadline = now;
        Ok(())
    }

    /// When [`Client::run`] has to be called again at the latest.
    pub fn deadline(&self) -> Instant {
        let media = self.senders.iter().filter(|sender| sender.on).map(|sender| sender.next_at);
        let connected = self.connected_at.is_some();
        media.filter(|_| connected).min().map_or(self.deadline, |at| at.min(self.deadline))
    }

    /// Lets time pass up to `now`: makes the frames that are due, and hands over what is to be sent.
    ///
    /// # Errors
    /// What str0m reports; the client is of no use afterwards.
    pub fn run(&mut self, now: Instant, mut send: impl FnMut(Datagram)) -> Result<(), String> {
        self.rtc.handle_input(Input::Timeout(now)).map_err(|error| error.to_string())?;
        self.drain(now, &mut send)?;
        if self.connected_at.is_some() {
            self.make_frames(now)?;
            self.drain(now, &mut send)?;
        }
        Ok(())
    }

    /// Switches a sender on or off; switched on, it starts with a key frame.
    ///
    /// # Panics
    /// If there is no such sender.
    pub fn switch(&mut self, now: Instant, sender: usize, on: bool) {
        let sender = &mut self.senders[sender];
        if on && !sender.on {
            sender.next_at = now;
            sender.wants_key_frame = true;
        }
        sender.on = on;
    }

    /// Frames seen in one section.
    pub fn frames(&self, mid: Mid) -> &[SeenFrame] {
        self.seen.get(&mid.to_string()).map_or(&[], Vec::as_slice)
    }

    /// All frames of one publisher and kind, in whatever section they came, in order of arrival.
    pub fn frames_of(&self, publisher: u32, kind: MediaKind) -> Vec<SeenFrame> {
        let audio = kind == MediaKind::Audio;
        let mut frames: Vec<SeenFrame> = self
            .seen
            .values()
            .flatten()
            .filter(|seen| {
                seen.frame.is_some_and(|frame| {
                    frame.publisher == publisher && (frame.kind == FrameKind::Audio) == audio
                })
            })
            .copied()
            .collect();
        frames.sort_by_key(|seen| seen.at);
        frames
    }

    /// Whether ICE holds the connection for alive.
    pub fn is_connected(&self) -> bool {
        self.ice_state.is_some_and(|state| state.is_connected())
    }

    fn drain(&mut self, now: Instant, send: &mut impl FnMut(Datagram)) -> Result<(), String> {
        loop {
            match self.rtc.poll_output().map_err(|error| error.to_string())? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    send(Datagram { to: transmit.destination, bytes: transmit.contents.to_vec() });
                }
                Output::Event(event) => self.note(now, event),
            }
        }
    }

    fn note(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => {
                self.connected_at = Some(now);
                for sender in &mut self.senders {
                    sender.next_at = now;
                    sender.started_at = now;
                }
            }
            Event::IceConnectionStateChange(state) => self.ice_state = Some(state),
            Event::KeyframeRequest(request) => {
                self.key_frames_asked += 1;
                if let Some(sender) = self.senders.iter_mut().find(|s| s.mid == request.mid) {
                    sender.wants_key_frame = true;
                }
            }
            Event::MediaData(data) => {
                let seen = SeenFrame {
                    at: now,
                    frame: Frame::decode(&data.data),
                    media_time: data.time.as_micros() as f64 / 1e6,
                    len: data.data.len(),
                    captured: data.last_sender_info.map(|info| captured(&info, data.time)),
                    contiguous: data.contiguous,
                };
                self.seen.entry(data.mid.to_string()).or_default().push(seen);
            }
            _ => {}
        }
    }

    fn make_frames(&mut self, now: Instant) -> Result<(), String> {
        for index in 0..self.senders.len() {
            while self.senders[index].on && self.senders[index].next_at <= now {
                self.make_frame(index)?;
            }
        }
        Ok(())
    }

    fn make_frame(&mut self, index: usize) -> Result<(), String> {
        let sender = &mut self.senders[index];
        let at = sender.next_at;
        let (bytes, clock) = sender.next_frame(self.number);
        let layers = sender.layers(bytes);
        let Some(writer) = self.rtc.writer(sender.mid) else {
            return Ok(());
        };
        let wanted = if sender.kind == MediaKind::Audio { Codec::Opus } else { Codec::Vp8 };
        let payload_type =
            writer.payload_params().find(|p| p.spec().codec == wanted).map(|p| p.pt());
        let Some(payload_type) = payload_type else {
            return Ok(());
        };
        let ticks = (at - sender.started_at).as_nanos() * u128::from(clock.get()) / 1_000_000_000;
        let time = MediaTime::new(sender.first_ticks + ticks as u64, clock);
        let (mid, kind, voice) = (sender.mid, sender.kind, sender.voice);
        for (rid, bytes) in layers {
            let Some(writer) = self.rtc.writer(mid) else { break };
            let writer = match kind {
                MediaKind::Audio if voice => writer.audio_level(VOICE_LEVEL, true),
                MediaKind::Audio => writer.audio_level(SILENCE_LEVEL, false),
                MediaKind::Video => writer,
            };
            let writer = if let Some(rid) = rid { writer.rid(rid) } else { writer };
            writer.write(payload_type, at, time, bytes).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// When a frame was captured, in seconds of the clock of its sender's reports.
fn captured(info: &SenderInfo, time: MediaTime) -> f64 {
    let reported = info.ntp_time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Both are extended by themselves; what travels is the low 32 bits.
    let ticks = (time.numer() as u32).wrapping_sub(info.rtp_time.numer() as u32) as i32;
    reported.as_secs_f64() + f64::from(ticks) / f64::from(time.frequency().get())
}

impl Sender {
    fn new(mid: Mid, kind: MediaKind, now: Instant) -> Self {
        Sender {
            mid,
            kind,
            on: true,
            voice: true,
            bitrate_bps: 500_000,
            packet_time: AUDIO_INTERVAL,
            frames_per_second: 30,
            first_ticks: 0,
            frames_sent: 0,
            rids: Vec::new(),
            active_layers: 0,
            recording: None,
            position: 0,
            wants_key_frame: true,
            next_at: now,
            started_at: now,
        }
    }

    /// A frame in each encoding that is being made.
    fn layers(&self, bytes: Vec<u8>) -> Vec<(Option<Rid>, Vec<u8>)> {
        if self.rids.is_empty() {
            return vec![(None, bytes)];
        }
        let frame = Frame::decode(&bytes);
        let encode = |len| frame.map_or_else(|| bytes.clone(), |frame| frame.encode(len));
        let sizes = (0..self.rids.len() as u32).rev().map(|below| bytes.len() / 3_usize.pow(below));
        let rids = self.rids.iter().zip(sizes).take(self.active_layers);
        rids.map(|(rid, len)| (Some(*rid), encode(len))).collect()
    }

    /// The bytes of the next frame and the clock its RTP time counts in.
    fn next_frame(&mut self, publisher: u32) -> (Vec<u8>, Frequency) {
        let number = self.frames_sent;
        self.frames_sent += 1;
        if self.recording.is_some() {
            return self.next_recorded_frame();
        }
        match self.kind {
            MediaKind::Audio => {
                self.next_at += self.packet_time;
                let frame = Frame { kind: FrameKind::Audio, publisher, number };
                (frame.encode(AUDIO_FRAME_LEN), Frequency::FORTY_EIGHT_KHZ)
            }
            MediaKind::Video => {
                self.next_at += Duration::from_secs(1) / self.frames_per_second;
                let usual = (self.bitrate_bps / 8 / u64::from(self.frames_per_second)) as usize;
                let key = std::mem::take(&mut self.wants_key_frame);
                let (kind, len) = match key {
                    true => (FrameKind::Key, usual * KEY_FRAME_FACTOR),
                    false => (FrameKind::Delta, usual),
                };
                (Frame { kind, publisher, number }.encode(len), Frequency::NINETY_KHZ)
            }
        }
    }

    fn next_recorded_frame(&mut self) -> (Vec<u8>, Frequency) {
        if std::mem::take(&mut self.wants_key_frame) {
            self.position = 0;
        }
        let frame = self.recording.as_ref().map_or(&[][..], |it| it.frame(self.position)).to_vec();
        self.position += 1;
        match self.kind {
            MediaKind::Audio => {
                self.next_at += self.packet_time;
                (frame, Frequency::FORTY_EIGHT_KHZ)
            }
            MediaKind::Video => {
                self.next_at += Duration::from_secs(1) / self.frames_per_second;
                (frame, Frequency::NINETY_KHZ)
            }
        }
    }
}

/// A kind of media as str0m names it.
pub fn kind(kind: parlor_rtc::MediaKind) -> MediaKind {
    match kind {
        parlor_rtc::MediaKind::Audio => MediaKind::Audio,
        parlor_rtc::MediaKind::Video => MediaKind::Video,
    }
}
