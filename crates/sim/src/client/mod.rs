//! A browser without a page: WebRTC by str0m, made-up frames out, a log of frames in.

mod offer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use str0m::change::SdpPendingOffer;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::SenderInfo;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

pub use crate::frame::SeenFrame;
use crate::frame::{Frame, FrameKind};
use crate::packets::Packets;
use crate::remb::{Feedback, ReceiverEstimate};
use crate::sender::Sender;

/// Loudness that a voice has: RFC 6464 counts in -dBov.
const VOICE_LEVEL: i8 = -30;
const SILENCE_LEVEL: i8 = -127;

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
    /// When the server said goodbye (DTLS `close_notify`).
    pub closed_at: Option<Instant>,
    /// Key frames that were asked of it.
    pub key_frames_asked: u32,
    /// What it does with packets, if it deals in those and not in frames.
    pub packets: Option<Packets>,
    /// What it makes of its arrivals, if it tells that by REMB.
    estimate: Option<ReceiverEstimate>,
    ice_state: Option<IceConnectionState>,
    slots: Vec<(Mid, MediaKind)>,
    pending: Option<SdpPendingOffer>,
    /// What datagrams have been answered with since the last [`Client::run`].
    answers: Vec<Datagram>,
    deadline: Instant,
}

impl Client {
    /// A browser that has not offered yet. `number` tells it from others in frames.
    pub fn new(now: Instant, number: u32, address: SocketAddr) -> Self {
        Client::with_codecs(now, number, address, &[Codec::Vp8])
    }

    /// The same for one that knows these codecs of pictures: VP8, AV1, or both.
    pub fn with_codecs(now: Instant, number: u32, address: SocketAddr, codecs: &[Codec]) -> Self {
        let rtc = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(codecs.contains(&Codec::Vp8))
            .enable_av1(codecs.contains(&Codec::Av1))
            .set_stats_interval(None)
            .build(now);
        Client::of(rtc, now, number, address)
    }

    /// The same for one that deals in packets.
    pub(crate) fn of_packets(
        now: Instant,
        number: u32,
        address: SocketAddr,
        packets: Packets,
    ) -> Self {
        let client = Client::of(packets.rtc(now), now, number, address);
        Client { packets: Some(packets), ..client }
    }

    fn of(mut rtc: Rtc, now: Instant, number: u32, address: SocketAddr) -> Self {
        let candidate = Candidate::host(address, "udp").expect("a socket address is a candidate");
        rtc.add_local_candidate(candidate);
        Client {
            rtc,
            number,
            address,
            senders: Vec::new(),
            seen: BTreeMap::new(),
            connected_at: None,
            closed_at: None,
            key_frames_asked: 0,
            packets: None,
            estimate: None,
            ice_state: None,
            slots: Vec::new(),
            pending: None,
            answers: Vec::new(),
            deadline: now,
        }
    }

    /// Hears a datagram.
    ///
    /// # Errors
    /// What str0m finds wrong with it; the client is of no use afterwards.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(), String> {
        let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, bytes) else {
            return Ok(());
        };
        if let Some(estimate) = &mut self.estimate {
            estimate.note(now, bytes);
        }
        self.rtc.handle_input(Input::Receive(now, receive)).map_err(|error| error.to_string())?;
        // The keys that one datagram brings are there for the next only after this.
        self.rtc.handle_input(Input::Timeout(now)).map_err(|error| error.to_string())?;
        let mut answers = std::mem::take(&mut self.answers);
        let drained = self.drain(now, &mut |datagram| answers.push(datagram));
        self.answers = answers;
        self.deadline = now;
        drained
    }

    /// When [`Client::run`] has to be called again at the latest.
    pub fn deadline(&self) -> Instant {
        let media =
            self.senders.iter().filter(|sender| sender.is_busy()).map(|sender| sender.next_at);
        let sends = self.sends();
        let estimate = self.estimate.as_ref().and_then(ReceiverEstimate::deadline);
        media.filter(|_| sends).chain(estimate).fold(self.deadline, Instant::min)
    }

    /// Lets time pass up to `now`: makes the frames that are due, and hands over what is to be sent.
    ///
    /// # Errors
    /// What str0m reports; the client is of no use afterwards.
    pub fn run(&mut self, now: Instant, mut send: impl FnMut(Datagram)) -> Result<(), String> {
        self.answers.drain(..).for_each(&mut send);
        self.tell_estimate(now);
        self.rtc.handle_input(Input::Timeout(now)).map_err(|error| error.to_string())?;
        self.drain(now, &mut send)?;
        if self.sends() {
            self.make_frames(now)?;
            self.drain(now, &mut send)?;
        }
        Ok(())
    }

    /// Draws when its senders make their frames: devices of different people know nothing of each other.
    pub(crate) fn draw_phases(&mut self, seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for sender in &mut self.senders {
            sender.phase = f64::from(random.next_u32()) / f64::from(u32::MAX);
        }
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

    /// Sends from now on as what its offer has under a payload type, if that is another codec, and begins with a
    /// key frame.
    pub(crate) fn fall_back(&mut self, sender: usize, payload_type: u8) {
        let Some(sender) = self.senders.get_mut(sender) else { return };
        let Some(writer) = self.rtc.writer(sender.mid) else { return };
        let mut known = writer.payload_params();
        let asked = known.find(|known| *known.pt() == payload_type).map(|p| p.spec().codec);
        if let Some(codec) = asked.filter(|asked| *asked != sender.codec) {
            sender.codec = codec;
            sender.wants_key_frame = true;
        }
    }

    /// Asks for a key frame of everything that it sees.
    pub fn ask_for_key_frames(&mut self) {
        for (mid, _) in self.slots.iter().filter(|(_, kind)| kind.is_video()) {
            if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(*mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    /// What it tells of the packets that it receives, from its first offer on.
    pub(crate) fn tells(&mut self, now: Instant, feedback: Feedback) {
        self.estimate = (feedback == Feedback::Remb).then(|| ReceiverEstimate::new(now));
    }

    /// What it last told by REMB, in bits per second.
    pub fn told_bps(&self) -> Option<u64> {
        self.estimate.as_ref()?.told_bps()
    }

    /// Tells what it makes of its arrivals, if that is due: over a section of pictures, for all of them.
    fn tell_estimate(&mut self, now: Instant) {
        let Some(bps) = self.estimate.as_mut().and_then(|estimate| estimate.poll(now)) else {
            return;
        };
        let mut api = self.rtc.direct_api();
        let videos = self.slots.iter().filter(|(_, kind)| kind.is_video());
        for (mid, _) in videos {
            if let Some(stream) = api.stream_rx_by_mid(*mid, None) {
                stream.request_remb(bps.into());
                return;
            }
        }
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

    /// Whether there is a connection to send frames over.
    fn sends(&self) -> bool {
        self.connected_at.is_some() && self.closed_at.is_none()
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
                self.senders.iter_mut().for_each(|sender| sender.start(now));
            }
            Event::Closed => self.closed_at = Some(now),
            Event::IceConnectionStateChange(state) => self.ice_state = Some(state),
            event if let Some(packets) = &mut self.packets => packets.note(now, event),
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
                    codec: data.params.spec().codec,
                };
                self.seen.entry(data.mid.to_string()).or_default().push(seen);
            }
            _ => {}
        }
    }

    fn make_frames(&mut self, now: Instant) -> Result<(), String> {
        for index in 0..self.senders.len() {
            while self.senders[index].is_busy() && self.senders[index].next_at <= now {
                self.make_frame(index)?;
            }
        }
        Ok(())
    }

    fn make_frame(&mut self, index: usize) -> Result<(), String> {
        let sender = &mut self.senders[index];
        if let Some(packets) = &mut self.packets {
            packets.make(&mut self.rtc, sender, self.number);
            return Ok(());
        }
        let at = sender.next_at;
        let (bytes, clock) = sender.next_frame(self.number);
        let layers = sender.layers(bytes);
        let Some(writer) = self.rtc.writer(sender.mid) else {
            return Ok(());
        };
        let codec = sender.codec;
        let payload_type =
            writer.payload_params().find(|p| p.spec().codec == codec).map(|p| p.pt());
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

/// A kind of media as str0m names it.
pub fn kind(kind: parlor_rtc::MediaKind) -> MediaKind {
    match kind {
        parlor_rtc::MediaKind::Audio => MediaKind::Audio,
        parlor_rtc::MediaKind::Video => MediaKind::Video,
    }
}
