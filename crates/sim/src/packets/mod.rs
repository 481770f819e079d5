//! A browser below its frames: packets that it makes of every codec, and a log of all that came.
//!
//! Every packet says in its payload what it is, so that whoever receives it can be asked what is true,
//! and whether it was told so.

mod descriptor;
mod encoding;
mod mark;
mod payload;

use std::fmt;
use std::time::Instant;

use parlor_engine::Source;
use parlor_rtc::fuzzing::scalable::Mode;
use str0m::format::Codec;
use str0m::media::{MediaKind, Rid};
use str0m::rtp::rtcp::{Rtcp, SenderInfo};
use str0m::rtp::{ExtensionValues, RawPacket, RtpPacket, RtpWrite, Ssrc};
use str0m::{Event, Rtc};

use crate::client::Client;
use crate::link::LinkConfig;
use crate::seat::client_address;
use crate::sender::Sender;
use crate::world::{MICROPHONE_AND_CAMERA, ROOM, World};
use descriptor::Descriptor;
use encoding::{Encoding, Made, Moment};
pub use mark::Mark;

/// 20 ms of stereo Opus in full band (RFC 6716 section 3.1).
const OPUS_TOC: u8 = 0xfc;
/// The profile that every browser has: constrained baseline (RFC 6184 section 8.1).
const H264_PROFILE: u32 = 0x42_e01f;
/// Where the id of the dependency descriptor is in Chromium's offers.
const DESCRIPTOR_ID: u8 = 12;
/// How long after its clock began a microphone's timestamps wrap, in ticks.
const MICROPHONE_WRAPS_AFTER: u32 = 48_000 * 11;

/// What carries pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Temporal layers are told by its payload descriptor.
    Vp8,
    /// It has no layers.
    H264,
    /// All layers are told by its payload descriptor.
    Vp9,
    /// All layers are told by the dependency descriptor.
    Av1,
}

/// What a camera makes of its pictures.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// The codec.
    pub carrier: Carrier,
    /// The layers inside each encoding.
    pub mode: Mode,
    /// The names of the encodings, the lowest first; empty without simulcast.
    pub rids: &'static [&'static str],
}

/// One packet that arrived.
#[derive(Clone)]
pub struct Arrived {
    /// When.
    pub at: Instant,
    /// Its stream.
    pub ssrc: u32,
    /// Its sequence number, extended.
    pub sequence: u64,
    /// Its timestamp, extended.
    pub timestamp: u64,
    /// The last of its picture.
    pub marker: bool,
    /// What it really is; `None` for what is not of ours, or broken.
    pub mark: Option<Mark>,
    /// It is sound.
    pub is_audio: bool,
    /// All of its payload.
    pub payload: Vec<u8>,
    /// Its dependency descriptor; empty if there is none.
    pub descriptor: Vec<u8>,
}

impl fmt::Debug for Arrived {
    /// Without the bytes, of which there are many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Arrived { at, ssrc, sequence, timestamp, marker, ref mark, .. } = self;
        write!(f, "{ssrc}: {sequence} for {timestamp} at {at:?}, marker {marker}, {mark:?}")
    }
}

/// A sender report that arrived: what the clock of a stream showed at a time of day.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// When.
    pub at: Instant,
    /// Whose.
    pub ssrc: u32,
    /// The time of day, in seconds.
    pub seconds: f64,
    /// The RTP timestamp at that time.
    pub timestamp: u32,
}

/// A key frame that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct KeyFrameAsked {
    /// When.
    pub at: Instant,
    /// Of which stream.
    pub ssrc: u32,
}

/// What a client does with packets.
#[derive(Debug)]
pub struct Packets {
    camera: Option<Camera>,
    encodings: Vec<Encoding>,
    sound: u64,
    /// How many packets of pictures it has made.
    pub pictures_made: u64,
    /// Everything that arrived, sent again or not, in order of arrival.
    pub arrived: Vec<Arrived>,
    /// Every sender report.
    pub reports: Vec<Report>,
    /// Every request for a key frame.
    pub key_frames_asked: Vec<KeyFrameAsked>,
}

impl Packets {
    /// The browser for it.
    pub(crate) fn rtc(&self, now: Instant) -> Rtc {
        let mut builder = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, false)
            .set_stats_interval(None)
            .set_rtp_mode(true)
            .enable_raw_packets(true);
        let carrier = self.camera.map(|camera| camera.carrier);
        let has = |it: Carrier| carrier.is_none_or(|carrier| carrier == it);
        builder = builder
            .enable_vp8(has(Carrier::Vp8))
            .enable_h264(has(Carrier::H264))
            .enable_vp9(has(Carrier::Vp9))
            .enable_av1(has(Carrier::Av1));
        if has(Carrier::Av1) {
            builder = builder.set_extension(DESCRIPTOR_ID, descriptor::extension());
        }
        builder.build(now)
    }

    fn new(camera: Option<Camera>) -> Packets {
        let encodings = camera.map(|Camera { carrier, mode, rids }| {
            let names: Vec<Option<Rid>> = match rids {
                [] => vec![None],
                rids => rids.iter().map(|rid| Some(Rid::from(*rid))).collect(),
            };
            let last = names.len() as u8 - 1;
            (0..)
                .zip(names)
                .map(|(n, rid)| Encoding::new((rid, n, last - n), carrier, mode))
                .collect()
        });
        Packets {
            camera,
            encodings: encodings.unwrap_or_default(),
            sound: 0,
            pictures_made: 0,
            arrived: Vec::new(),
            reports: Vec::new(),
            key_frames_asked: Vec::new(),
        }
    }

    /// Takes note of what concerns packets.
    pub(crate) fn note(&mut self, now: Instant, event: Event) {
        match event {
            Event::RtpPacket(packet) => self.arrived.push(arrived(now, &packet)),
            Event::RawPacket(raw) => match *raw {
                RawPacket::RtcpRx(Rtcp::SenderReport(report)) => {
                    self.reports.push(reported(now, &report.sender_info));
                }
                RawPacket::RtcpRx(Rtcp::Pli(pli)) => self.note_asked(now, pli.ssrc),
                RawPacket::RtcpRx(Rtcp::Fir(fir)) => {
                    fir.reports.iter().for_each(|entry| self.note_asked(now, entry.ssrc));
                }
                _ => {}
            },
            Event::KeyframeRequest(request) => {
                let asked = self.encodings.iter_mut().filter(|it| it.rid == request.rid);
                asked.for_each(|encoding| encoding.wants_key_frame = true);
            }
            _ => {}
        }
    }

    fn note_asked(&mut self, at: Instant, ssrc: Ssrc) {
        self.key_frames_asked.push(KeyFrameAsked { at, ssrc: *ssrc });
    }

    /// Makes what is due on a section.
    pub(crate) fn make(&mut self, rtc: &mut Rtc, sender: &mut Sender, publisher: u32) {
        let at = sender.next_at;
        sender.next_at += sender.interval();
        sender.frames_sent += 1;
        let captured_us = (at - sender.started_at).as_micros() as u64;
        match sender.kind {
            MediaKind::Audio => self.make_sound(rtc, sender, (at, captured_us), publisher),
            MediaKind::Video => self.make_pictures(rtc, sender, (at, captured_us), publisher),
        }
    }

    fn make_sound(
        &mut self,
        rtc: &mut Rtc,
        sender: &Sender,
        (at, captured_us): (Instant, u64),
        publisher: u32,
    ) {
        let frame = self.sound;
        self.sound += 1;
        let mark = Mark {
            publisher,
            encoding: 0,
            frame,
            picture: frame,
            spatial: 0,
            temporal: 0,
            part: (0, 1),
            captured_us,
            references: Vec::new(),
        };
        let payload = [&[OPUS_TOC][..], &mark.write()].concat();
        let made = Made { payload, descriptor: None, marker: false };
        let clock = (u32::MAX - MICROPHONE_WRAPS_AFTER, 48_000);
        write(rtc, sender, (None, Codec::Opus), (frame, ticks(clock, captured_us), at), made);
    }

    fn make_pictures(
        &mut self,
        rtc: &mut Rtc,
        sender: &mut Sender,
        (at, captured_us): (Instant, u64),
        publisher: u32,
    ) {
        let codec = match self.camera.map(|camera| camera.carrier) {
            Some(Carrier::Vp8) => Codec::Vp8,
            Some(Carrier::H264) => Codec::H264,
            Some(Carrier::Vp9) => Codec::Vp9,
            Some(Carrier::Av1) => Codec::Av1,
            None => return,
        };
        let begins = std::mem::take(&mut sender.wants_key_frame);
        let active = sender.active_layers.max(1);
        let rids: Vec<Rid> =
            sender.rids.iter().filter(|rid| sender.may_make(rid)).copied().collect();
        for (below, encoding) in (0..).zip(self.encodings.iter_mut().rev()) {
            let is_active = active + below >= sender.rids.len().max(1);
            let is_wanted = encoding.rid.is_none_or(|rid| rids.contains(&rid));
            encoding.limit(sender.spatial);
            encoding.wants_key_frame |= begins;
            if !is_active || !is_wanted {
                encoding.wants_key_frame = true;
                continue;
            }
            let moment = Moment {
                publisher,
                captured_us,
                bitrate_bps: sender.bitrate_bps / 3_u64.pow(below as u32),
                frames_per_second: sender.frames_per_second,
            };
            let timestamp = ticks((encoding.first_ticks, 90_000), captured_us);
            for made in encoding.picture(moment) {
                let number = encoding.sequence;
                encoding.sequence += 1;
                self.pictures_made += 1;
                write(rtc, sender, (encoding.rid, codec), (number, timestamp, at), made);
            }
        }
    }
}

/// What a clock shows that showed `first` when the publisher was connected.
fn ticks((first, rate): (u32, u64), captured_us: u64) -> u32 {
    first.wrapping_add((captured_us * rate / 1_000_000) as u32)
}

fn write(
    rtc: &mut Rtc,
    sender: &Sender,
    (rid, codec): (Option<Rid>, Codec),
    (sequence, timestamp, at): (u64, u32, Instant),
    made: Made,
) {
    let is_it = |params: &&str0m::format::PayloadParams| {
        let spec = params.spec();
        let is_profile = spec.format.profile_level_id.is_none_or(|it| it == H264_PROFILE);
        let is_mode = spec.format.packetization_mode.is_none_or(|it| it == 1);
        spec.codec == codec && is_profile && is_mode
    };
    let Some(payload_type) = rtc.codec_config().params().iter().find(is_it).map(|it| it.pt())
    else {
        return;
    };
    let mut values = ExtensionValues::default();
    if let Some(descriptor) = made.descriptor {
        values.user_values.set(Descriptor(descriptor));
    }
    let mut direct = rtc.direct_api();
    let Some(stream) = direct.stream_tx_by_mid(sender.mid, rid) else { return };
    let packet = RtpWrite::new(payload_type, sequence.into(), timestamp, at, made.payload);
    stream.write_rtp(packet.marker(made.marker).ext_vals(values).nackable(true));
}

fn arrived(at: Instant, packet: &RtpPacket) -> Arrived {
    let descriptor = packet.header.ext_vals.user_values.get::<Descriptor>();
    Arrived {
        at,
        ssrc: *packet.header.ssrc,
        sequence: *packet.seq_no,
        timestamp: packet.time.numer(),
        marker: packet.header.marker,
        mark: Mark::read(&packet.payload),
        is_audio: packet.time.denom() == 48_000,
        payload: packet.payload.to_vec(),
        descriptor: descriptor.map(|Descriptor(value)| value.clone()).unwrap_or_default(),
    }
}

fn reported(at: Instant, info: &SenderInfo) -> Report {
    let seconds = info.ntp_time.duration_since(std::time::SystemTime::UNIX_EPOCH);
    Report {
        at,
        ssrc: *info.ssrc,
        seconds: seconds.unwrap_or_default().as_secs_f64(),
        timestamp: info.rtp_time.numer() as u32,
    }
}

impl World {
    /// A client joins [`ROOM`] that deals in packets: with a microphone and a camera, or with pairs of slots alone.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join_with_packets(
        &mut self,
        camera: Option<Camera>,
        slot_pairs: usize,
        link: LinkConfig,
    ) -> usize {
        let seat = self.seats.len();
        let (number, address) = (seat as u32 + 1, client_address(seat, 0));
        let packets = Packets::new(camera);
        let mut client = Client::of_packets(self.now(), number, address, packets);
        let (audio, video) = (MediaKind::Audio, MediaKind::Video);
        let (sources, offer): (&[Source], String) = match camera {
            None => (&[], client.offer(self.now(), &[], slot_pairs)),
            Some(Camera { rids: [], .. }) => {
                (&MICROPHONE_AND_CAMERA, client.offer(self.now(), &[audio, video], slot_pairs))
            }
            Some(Camera { rids, .. }) => {
                (&MICROPHONE_AND_CAMERA, client.offer_camera(self.now(), rids, slot_pairs))
            }
        };
        self.seat(ROOM, client, sources, offer, link)
    }

    /// What a client that deals in packets has made and received.
    ///
    /// # Panics
    /// If it is another kind of client.
    pub fn packets(&self, seat: usize) -> &Packets {
        self.seats[seat].client.packets.as_ref().expect("it deals in packets")
    }
}
