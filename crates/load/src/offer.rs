//! What a simulated person offers in SDP, and what it needs to know of the answer.

use std::fmt::Write;
use std::net::SocketAddr;

use parlor_rtc::dtls::Fingerprint;
use parlor_rtc::ice::Credentials;
use parlor_rtc::rtp::{ExtensionKind, ExtensionMap};

use crate::codec::{Codec, OPUS};

/// The extensions that are offered, and their ids.
pub const EXTENSIONS: [(u8, ExtensionKind); 5] = [
    (1, ExtensionKind::AudioLevel),
    (3, ExtensionKind::TransportSequence),
    (4, ExtensionKind::Mid),
    (10, ExtensionKind::Rid),
    (11, ExtensionKind::RepairedRid),
];

/// The same as a map.
pub fn extension_map() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in EXTENSIONS {
        // The ids above are distinct and usable.
        let _inserted = map.insert(id, kind);
    }
    map
}

/// What somebody sends and is ready to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Offers a microphone.
    pub audio: bool,
    /// Offers a camera with so many encodings: none, one without a rid, or several with.
    pub encodings: usize,
    /// Pairs of sections to receive with.
    pub slot_pairs: usize,
    /// What pictures are sent and received as.
    pub codec: Codec,
}

/// The names of encodings, from the smallest.
pub const RIDS: [&str; 3] = ["l", "m", "h"];

impl Shape {
    /// The section of the microphone.
    pub fn microphone(&self) -> Option<usize> {
        self.audio.then_some(0)
    }

    /// The section of the camera.
    pub fn camera(&self) -> Option<usize> {
        (self.encodings > 0).then_some(usize::from(self.audio))
    }

    /// How many sections send; those that receive come after them.
    pub fn senders(&self) -> usize {
        usize::from(self.audio) + usize::from(self.encodings > 0)
    }

    /// The names of its encodings, from the smallest.
    pub fn rids(&self) -> &'static [&'static str] {
        match self.encodings {
            0 | 1 => &[],
            count => RIDS.get(..count).unwrap_or(&RIDS),
        }
    }

    /// The offer.
    pub fn offer(&self, ice: &Credentials, fingerprint: Fingerprint) -> String {
        let sections = self.senders() + 2 * self.slot_pairs;
        let mids: Vec<String> = (0..sections).map(|mid| mid.to_string()).collect();
        let mut sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n",
            mids.join(" ")
        );
        for index in 0..sections {
            let receives = index >= self.senders();
            let is_audio = match receives {
                true => (index - self.senders()).is_multiple_of(2),
                false => self.microphone() == Some(index),
            };
            let codec = (!is_audio).then_some(self.codec);
            section(&mut sdp, index, codec, ice, fingerprint);
            sdp.push_str(if receives { "a=recvonly\r\n" } else { "a=sendonly\r\n" });
            if !receives && !is_audio && self.encodings > 1 {
                for rid in self.rids() {
                    sdp.push_str(&format!("a=rid:{rid} send\r\n"));
                }
                sdp.push_str(&format!("a=simulcast:send {}\r\n", self.rids().join(";")));
            }
        }
        sdp
    }
}

fn section(
    sdp: &mut String,
    mid: usize,
    codec: Option<Codec>,
    ice: &Credentials,
    fingerprint: Fingerprint,
) {
    let is_audio = codec.is_none();
    let (line, codecs) = match codec {
        None => (
            format!("m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}"),
            format!(
                "a=rtpmap:{OPUS} opus/48000/2\r\na=rtcp-fb:{OPUS} transport-cc\r\n\
                 a=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
            ),
        ),
        Some(codec) => (
            format!("m=video 9 UDP/TLS/RTP/SAVPF {} {}", codec.payload_type(), codec.repair_type()),
            codec.lines(),
        ),
    };
    let (ufrag, password) = (ice.ufrag(), ice.password());
    // Writing to a string does not fail.
    let _ = write!(
        sdp,
        "{line}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n\
         a=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
         a=rtcp-mux\r\na=rtcp-rsize\r\n{codecs}"
    );
    for (id, kind) in EXTENSIONS {
        let fits = match kind {
            ExtensionKind::AudioLevel => is_audio,
            ExtensionKind::Rid | ExtensionKind::RepairedRid => !is_audio,
            _ => true,
        };
        if fits {
            let _ = write!(sdp, "a=extmap:{id} {}\r\n", kind.uri());
        }
    }
}

/// What an answer says of the server.
#[derive(Debug)]
pub struct Answer {
    /// Its ICE credentials.
    pub ice: Credentials,
    /// The hash of its certificate.
    pub fingerprint: Fingerprint,
    /// Where it can be reached by UDP, best first.
    pub udp: Vec<SocketAddr>,
    /// The same of TCP.
    pub tcp: Vec<SocketAddr>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// When something is missing in it, which is named.
    pub fn read(sdp: &str) -> Result<Answer, String> {
        let value = |name: &str| {
            let found = sdp.lines().find_map(|line| line.strip_prefix(name));
            found.map(str::trim).ok_or_else(|| format!("the answer has no {name}"))
        };
        let ice = Credentials::new(value("a=ice-ufrag:")?, value("a=ice-pwd:")?)
            .map_err(|error| format!("the answer's ICE credentials: {error}"))?;
        let fingerprint = value("a=fingerprint:sha-256 ")?
            .parse()
            .map_err(|error| format!("the answer's fingerprint: {error}"))?;
        let lines = || sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let udp = lines().filter_map(|line| candidate(line, "udp")).collect();
        let tcp = lines().filter_map(|line| candidate(line, "tcp")).collect();
        Ok(Answer { ice, fingerprint, udp, tcp })
    }
}

/// foundation component transport priority address port typ … (RFC 8839 section 5.1).
fn candidate(text: &str, transport: &str) -> Option<SocketAddr> {
    let mut words = text.split_ascii_whitespace();
    let (_foundation, _component) = (words.next()?, words.next()?);
    if !words.next()?.eq_ignore_ascii_case(transport) {
        return None;
    }
    let _priority = words.next()?;
    Some(SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use parlor_rtc::MediaKind;
    use parlor_rtc::sdp::{Offer, negotiate};

    use super::*;

    #[test]
    fn every_offer_is_one_that_the_server_takes_whole() {
        let ice = Credentials::new("user", "password-of-user-00000000").unwrap();
        let fingerprint = Fingerprint::from_bytes([7; 32]);
        for (audio, encodings, slot_pairs) in
            [(true, 1, 0), (false, 3, 2), (true, 2, 49), (true, 0, 1), (false, 0, 1)]
        {
            for codec in Codec::ALL {
                let shape = Shape { audio, encodings, slot_pairs, codec };
                let offer = Offer::parse(&shape.offer(&ice, fingerprint)).unwrap();
                let negotiation = negotiate(&offer, None).unwrap();
                let sections = shape.senders() + 2 * slot_pairs;
                assert_eq!(negotiation.media().count(), sections, "{shape:?}");
                let pictures = negotiation.media().filter(|it| it.kind == MediaKind::Video);
                for media in pictures {
                    assert_eq!(media.codecs.len(), 1, "{shape:?}");
                    assert_eq!(media.codecs[0].payload_type, codec.payload_type());
                    assert_eq!(media.codecs[0].rtx_payload_type, Some(codec.repair_type()));
                }
            }
        }
    }
}
