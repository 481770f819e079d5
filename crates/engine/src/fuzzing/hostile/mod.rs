//! A client that sends whatever a script says: packets near enough to right ones to be looked into.

mod stream;

use std::fmt::Write;

use parlor_rtc::rtcp::{CompoundWriter, NoRoom, ReportBlock, SenderInfo};
use parlor_rtc::rtp::{NtpTime, Ssrc};
use parlor_rtc::{MediaKind, Mid};

use crate::command::Sender;
use crate::id::{Source, TrackId};
use stream::{PICTURES, REPAIRS, SOUND, Stream, block, elements, head, some_payload};

/// Pairs of slots that each client offers.
pub(super) const PAIRS: usize = 2;

/// What each client may publish: plain sound, a camera in three encodings named by rid, and a screen
/// whose streams the offer announces.
pub(super) const SOURCES: [Source; 3] = [Source::Microphone, Source::Camera, Source::Screen];

const RIDS: [&str; 3] = ["l", "m", "h"];

const OPUS_FORMAT: &str = "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n";
const RED_FORMAT: &str = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
const PICTURE_FORMATS: &str = "a=rtpmap:96 VP8/90000\r\na=rtpmap:98 VP9/90000\r\n\
     a=fmtp:98 profile-id=0\r\na=rtpmap:102 H264/90000\r\n\
     a=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:45 AV1/90000\r\n\
     a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
     a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\n\
     a=rtcp-fb:* nack\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:* ccm fir\r\na=rtcp-fb:* transport-cc\r\n";
const EXTENSIONS: &str = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
     a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
     a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
     a=extmap:5 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n\
     a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n\
     a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
     a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n";

/// A script, read from its beginning; behind its end are zeros.
pub(super) struct Script<'a>(pub(super) &'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A few bytes, as the next one says, or as there are.
    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte() % 16).min(self.0.len());
        self.0.split_off(..len).unwrap_or_default()
    }
}

/// What a client sends, but for its numbers.
pub(super) struct Client {
    number: u64,
    /// Which of [`SOURCES`] the latest offer sends, and as which tracks.
    tracks: [Option<TrackId>; SOURCES.len()],
    tracks_so_far: u64,
    /// The sections it receives on, and which of them is stopped.
    slots: [usize; 2 * PAIRS],
    stopped: Option<usize>,
    streams: Vec<Stream>,
}

impl Client {
    pub(super) fn new(number: u64) -> Client {
        let plain = |section, is_repair| (section, None, is_repair);
        let layers = |is_repair| RIDS.map(|rid| (1, Some(rid), is_repair));
        let shapes = [plain(0, false), plain(2, false), plain(2, true)];
        let shapes = shapes.into_iter().chain(layers(false)).chain(layers(true));
        let streams = shapes.enumerate().map(|(index, (section, rid, is_repair))| Stream {
            section,
            rid,
            is_repair,
            ssrc: number as u32 * 1_000 + index as u32,
            // Near their ends, so that they wrap.
            sequence: u16::MAX - 20,
            timestamp: u32::MAX - 9_000,
        });
        let mut client = Client {
            number,
            tracks: [None; SOURCES.len()],
            tracks_so_far: 0,
            slots: std::array::from_fn(|index| SOURCES.len() + index),
            stopped: None,
            streams: streams.collect(),
        };
        (0..SOURCES.len()).for_each(|section| client.toggle(section));
        client
    }

    /// Ends a section's track, or begins a new one.
    pub(super) fn toggle(&mut self, section: usize) {
        self.tracks_so_far += 1;
        let fresh = TrackId(self.number * 1_000_000 + self.tracks_so_far);
        self.tracks[section] =
            self.tracks[section].xor(Some(fresh)).filter(|track| *track == fresh);
    }

    /// Stops a section that it receives on: the next offer says so.
    pub(super) fn stop(&mut self, slot: usize) {
        self.stopped = Some(slot % self.slots.len());
    }

    /// Puts a new section of the same kind in the place of the one that is stopped.
    pub(super) fn recycle(&mut self) {
        let next = self.slots.iter().max().map_or(0, |mid| mid + 1);
        if let Some(slot) = self.stopped.take() {
            self.slots[slot] = next;
        }
    }

    pub(super) fn tracks(&self) -> impl Iterator<Item = TrackId> {
        self.tracks.iter().flatten().copied()
    }

    pub(super) fn senders(&self) -> Vec<Sender> {
        let named = self.tracks.iter().zip(SOURCES).enumerate();
        let named = named.filter_map(|(index, (track, source))| Some((index, (*track)?, source)));
        named
            .map(|(index, track, source)| Sender { mid: mid(index), track, source, on: true })
            .collect()
    }

    /// What a browser would offer.
    pub(super) fn offer(&self) -> String {
        let mut sdp =
            String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
        let open = self.slots.iter().enumerate().filter(|(slot, _)| Some(*slot) != self.stopped);
        for mid in (0..SOURCES.len()).chain(open.map(|(_, mid)| *mid)) {
            // Writing to a string cannot fail.
            let _ = write!(sdp, " {mid}");
        }
        let fingerprint = ["AB"; 32].join(":");
        let _ = write!(sdp, "\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n");
        for (index, (source, track)) in SOURCES.into_iter().zip(self.tracks).enumerate() {
            let direction = if track.is_some() { "sendonly" } else { "inactive" };
            let formats = [SOUND.len(), PICTURES.len()];
            write_section(&mut sdp, index, (source.kind(), direction), formats, 9);
            match source {
                Source::Camera => {
                    for rid in RIDS {
                        let _ = write!(sdp, "a=rid:{rid} send\r\n");
                    }
                    let _ = write!(sdp, "a=simulcast:send {}\r\n", RIDS.join(";"));
                }
                Source::Screen => self.announce(index, &mut sdp),
                _ => {}
            }
        }
        for (slot, mid) in self.slots.iter().enumerate() {
            let kind = if slot % 2 == 0 { MediaKind::Video } else { MediaKind::Audio };
            // The first one decodes VP8 alone, the second one does without RED.
            let formats = match self.number {
                1 => [SOUND.len(), 1],
                2 => [1, PICTURES.len()],
                _ => [SOUND.len(), PICTURES.len()],
            };
            let (direction, port) =
                if self.stopped == Some(slot) { ("inactive", 0) } else { ("recvonly", 9) };
            write_section(&mut sdp, *mid, (kind, direction), formats, port);
        }
        sdp
    }

    fn announce(&self, section: usize, sdp: &mut String) {
        let ssrcs =
            self.streams.iter().filter(|s| s.section == section).map(|s| s.ssrc.to_string());
        let ssrcs: Vec<String> = ssrcs.collect();
        let _ = write!(sdp, "a=ssrc-group:FID {}\r\n", ssrcs.join(" "));
        for ssrc in ssrcs {
            let _ = write!(sdp, "a=ssrc:{ssrc} cname:c\r\n");
        }
    }

    /// One RTP packet of one of the streams, as odd as the script wants.
    pub(super) fn rtp(&mut self, script: &mut Script<'_>) -> Vec<u8> {
        let choice = usize::from(script.byte()) % self.streams.len();
        let stream = &mut self.streams[choice];
        let (flags, step) = (script.byte(), script.byte());
        stream.sequence = match step {
            0..=149 => stream.sequence.wrapping_add(1),
            // Some are lost, some are late, some come twice, and some are of another life.
            150..=199 => stream.sequence.wrapping_add(u16::from(step - 148)),
            200..=229 => stream.sequence.wrapping_sub(u16::from(step - 199)),
            230..=254 => stream.sequence,
            255 => script.word(),
        };
        stream.timestamp = stream.timestamp.wrapping_add(u32::from(script.byte()) * 100);
        if flags == 0xFF {
            stream.ssrc = stream.ssrc.wrapping_add(100_000);
        }
        let payload_type = stream.payload_type(script.byte());
        let elements = elements(stream, flags, script);
        let mut payload = match stream.is_repair {
            true => stream.sequence.wrapping_sub(script.byte().into()).to_be_bytes().to_vec(),
            false => Vec::new(),
        };
        payload.extend(some_payload(payload_type, script));
        stream.packet(flags & 1 != 0, payload_type, &block(&elements, flags & 64 != 0), &payload)
    }

    /// A run of packets of one of the streams as a browser would send them, all key frames or none.
    pub(super) fn run(&mut self, script: &mut Script<'_>) -> Vec<Vec<u8>> {
        let choice = usize::from(script.byte()) % self.streams.len();
        let stream = &mut self.streams[choice];
        let (shape, count) = (script.byte(), script.byte() % 64);
        let payload_type = stream.payload_type(shape >> 4);
        let packets = (0..count).map(|number| {
            stream.sequence = stream.sequence.wrapping_add(1);
            stream.timestamp = stream.timestamp.wrapping_add(3_000);
            let original = stream.sequence.wrapping_sub(count.into()).to_be_bytes();
            let mut payload = if stream.is_repair { original.to_vec() } else { Vec::new() };
            payload.extend(head(payload_type, shape & 1 != 0, number));
            payload.resize(payload.len() + usize::from(shape) * 4, number);
            let elements = elements(stream, 0, &mut Script(&[]));
            stream.packet(true, payload_type, &block(&elements, false), &payload)
        });
        packets.collect()
    }

    /// One compound. `heard` is where the latest packets are that the client has received.
    pub(super) fn rtcp(&self, heard: &[(Ssrc, u16)], script: &mut Script<'_>) -> Vec<u8> {
        let mut bytes = vec![0; 1_200];
        let mut out = CompoundWriter::new(&mut bytes);
        for _ in 0..=script.byte() % 4 {
            if self.write_rtcp(&mut out, heard, script).is_err() {
                break;
            }
        }
        let len = out.len();
        bytes.truncate(len);
        // And something that no writer writes.
        bytes.extend(script.bytes());
        bytes
    }

    fn write_rtcp(
        &self,
        out: &mut CompoundWriter<'_>,
        heard: &[(Ssrc, u16)],
        script: &mut Script<'_>,
    ) -> Result<(), NoRoom> {
        let own = Ssrc(self.streams[usize::from(script.byte()) % self.streams.len()].ssrc);
        let behind = usize::from(script.byte()) % heard.len().max(1);
        let (media, sequence) = heard.iter().rev().nth(behind).copied().unwrap_or((own, 0));
        match script.byte() % 8 {
            0 | 1 => {
                let mask = script.word();
                let lost = (0..16).filter(|bit| mask >> bit & 1 != 0);
                out.nack(own, media, lost.map(|bit| sequence.wrapping_add(bit)))
            }
            2 => out.picture_loss(own, media),
            3 => out.full_intra_request(own, media, 0),
            4 => out.sender_report(own, sender_info(script), &[report(media, script)]),
            5 => out.receiver_report(own, &[report(media, script)]),
            6 => out.goodbye(&[own]),
            _ => out.receiver_estimate(own, u64::from(script.word()) << 16, &[media]),
        }
    }
}

fn write_section(
    sdp: &mut String,
    mid: usize,
    (kind, direction): (MediaKind, &str),
    [sounds, pictures]: [usize; 2],
    port: u16,
) {
    let types: Vec<String> = match kind {
        MediaKind::Audio => SOUND.iter().take(sounds).map(u8::to_string).collect(),
        MediaKind::Video => {
            let types = PICTURES.iter().take(pictures).chain(REPAIRS.iter().take(pictures));
            types.map(u8::to_string).collect()
        }
    };
    let red = if sounds > 1 { RED_FORMAT } else { "" };
    let formats = match kind {
        MediaKind::Audio => [OPUS_FORMAT, red].concat(),
        MediaKind::Video => PICTURE_FORMATS.to_owned(),
    };
    let _ = write!(
        sdp,
        "m={kind} {port} UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
         a=ice-ufrag:user\r\na=ice-pwd:password-of-user-00000000\r\na=rtcp-mux\r\n\
         a=rtcp-rsize\r\na={direction}\r\n{formats}{EXTENSIONS}",
        types.join(" ")
    );
}

fn sender_info(script: &mut Script<'_>) -> SenderInfo {
    let mut half = || u64::from(script.word()) << 16;
    let ntp = NtpTime(half() << 32 | half());
    let rtp_timestamp = half() as u32;
    SenderInfo { ntp, rtp_timestamp, packets: 0, octets: 0 }
}

fn report(ssrc: Ssrc, script: &mut Script<'_>) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: script.byte(),
        cumulative_lost: i32::from(script.word() as i16),
        highest_sequence: script.word().into(),
        jitter: script.byte().into(),
        last_sr: u32::from(script.word()) << 16,
        delay_since_last_sr: script.word().into(),
    }
}

/// The name of a section.
fn mid(index: usize) -> Mid {
    index.to_string().parse().expect("a number is a name")
}
