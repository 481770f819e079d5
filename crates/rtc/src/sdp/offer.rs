//! Reads an offer into one value per section, without deciding anything about it.

use std::collections::BTreeMap;
use std::fmt;

use super::attribute::{Attribute, Direction, Encoding, Msid, Setup};
use super::codec::Feedback;
use super::error::{SdpError, excerpt};
use super::limits::{MAX_EXTENSIONS, MAX_RIDS, MAX_SECTIONS, MAX_SSRCS};
use super::lines::{self, Line};
use crate::dtls::Fingerprint;
use crate::rtp::ExtensionKind;
use crate::{MediaKind, Mid, Rid};

/// A session description that a client offers (RFC 9429 section 5.2), read and not yet judged.
#[derive(Clone, PartialEq)]
pub struct Offer {
    /// Defaults for the sections (RFC 8866 section 5.13).
    pub(super) session: Common,
    /// In the order of the m-lines.
    pub(super) sections: Vec<OfferedSection>,
    /// The mids of the first `a=group:BUNDLE` (RFC 9143).
    pub(super) bundle: Option<Vec<Mid>>,
    /// How many lines there were.
    pub(super) lines: usize,
}

/// Something and the line it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// Attributes that may stand above all sections or inside one.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Common {
    pub(super) ice_ufrag: Option<Located<String>>,
    pub(super) ice_pwd: Option<Located<String>>,
    pub(super) ice_lite: Option<usize>,
    /// The first SHA-256 one; the others are not needed.
    pub(super) fingerprint: Option<Located<Fingerprint>>,
    pub(super) setup: Option<Located<Setup>>,
    pub(super) direction: Option<Direction>,
    pub(super) extmap_allow_mixed: bool,
    pub(super) extensions: Vec<OfferedExtension>,
}

/// One `a=extmap` that names an extension we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OfferedExtension {
    pub(super) line: usize,
    pub(super) id: u16,
    pub(super) direction: Direction,
    pub(super) kind: ExtensionKind,
}

/// What an m-line carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Media {
    Kind(MediaKind),
    /// Data channels and everything else that we refuse, by its name.
    Other(String),
}

/// One m-line and what stands below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OfferedSection {
    pub(super) line: usize,
    pub(super) media: Media,
    pub(super) port: u16,
    pub(super) protocol: String,
    /// The formats as they stand, for the m-line of a refusal.
    pub(super) formats: String,
    /// Payload types in the client's order; empty for other media.
    pub(super) payload_types: Vec<u8>,
    /// Its name. Audio and video have one once all is read: what the offer does not name is named by its number.
    pub(super) mid: Option<Mid>,
    /// Whether that is the client's.
    pub(super) is_named: bool,
    pub(super) common: Common,
    pub(super) bundle_only: bool,
    pub(super) rtcp_mux: bool,
    pub(super) rtcp_rsize: bool,
    /// By payload type.
    pub(super) codecs: BTreeMap<u8, OfferedCodec>,
    /// From `a=rtcp-fb:*`, for every codec.
    pub(super) feedback: Feedback,
    pub(super) send_rids: Vec<Rid>,
    pub(super) simulcast: Option<Vec<Encoding>>,
    pub(super) ssrcs: Vec<u32>,
    /// Pairs of `a=ssrc-group:FID`: media and its retransmissions.
    pub(super) rtx_ssrcs: Vec<(u32, u32)>,
    /// The streams of `a=ssrc-group:SIM`, lowest quality first.
    pub(super) simulcast_ssrcs: Vec<u32>,
    pub(super) msid: Option<Msid>,
}

/// What is said of one payload type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OfferedCodec {
    /// The line of its `a=rtpmap`.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) clock_rate: u32,
    pub(super) channels: Option<u8>,
    pub(super) fmtp: String,
    pub(super) feedback: Feedback,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// The first line that is malformed or goes beyond a limit, and what was expected there.
    pub fn parse(text: &str) -> Result<Offer, SdpError> {
        let mut offer =
            Offer { session: Common::default(), sections: Vec::new(), bundle: None, lines: 0 };
        for line in lines::read(text)? {
            let line = line?;
            offer.take(line)?;
            offer.lines = line.number;
        }
        if offer.lines == 0 {
            return Err(SdpError::new(1, "expected v=0, found an empty offer"));
        }
        let named = offer.mids()?;
        offer.name_sections(&named);
        Ok(offer)
    }

    /// RFC 9429 section 5.10: a section need not have a name, since one that is alone needs no bundle. Ours for it is the
    /// same each time the same is offered: its place, or the next number that is free.
    ///
    /// `named` are the names that the client has given. Numbers are only ever gone up through, so that all is linear in how
    /// many sections there are: this is done on a media thread.
    fn name_sections(&mut self, named: &BTreeMap<Mid, usize>) {
        let mut next = 0;
        for (place, section) in self.sections.iter_mut().enumerate() {
            if section.mid.is_some() || !matches!(section.media, Media::Kind(_)) {
                continue;
            }
            next = place.max(next);
            let mut name = Mid::numbered(next);
            while named.contains_key(&name) {
                next += 1;
                name = Mid::numbered(next);
            }
            section.mid = Some(name);
            next += 1;
        }
    }

    fn take(&mut self, line: Line<'_>) -> Result<(), SdpError> {
        if self.lines == 0 && (line.kind, line.value) != (b'v', "0") {
            let what = format!("expected v=0, found {}={}", line.kind as char, excerpt(line.value));
            return Err(SdpError::new(line.number, what));
        }
        match line.kind {
            b'm' if self.sections.len() == MAX_SECTIONS => {
                let what = format!("an offer has at most {MAX_SECTIONS} media sections");
                Err(SdpError::new(line.number, what))
            }
            b'm' => {
                self.sections.push(OfferedSection::parse(line)?);
                Ok(())
            }
            b'a' => {
                let attribute = Attribute::parse(line.value)
                    .map_err(|what| SdpError::new(line.number, what))?;
                self.take_attribute(line.number, attribute)
            }
            _ => Ok(()),
        }
    }

    fn take_attribute(&mut self, line: usize, attribute: Attribute<'_>) -> Result<(), SdpError> {
        let taken = match (self.sections.last_mut(), attribute) {
            (None, Attribute::Bundle(mids)) => {
                self.bundle.get_or_insert(mids);
                Ok(())
            }
            (None, attribute) => self.session.take(line, &attribute),
            (Some(section), attribute) => section.take(line, attribute),
        };
        taken.map_err(|what| SdpError::new(line, what))
    }

    /// The names that the client has given, and the line of each section. RFC 8843 section 7.1 and RFC 5888 section 4:
    /// sections are told apart by unique mids.
    fn mids(&self) -> Result<BTreeMap<Mid, usize>, SdpError> {
        let mut seen = BTreeMap::new();
        for section in &self.sections {
            let Some(mid) = section.mid else { continue };
            if let Some(line) = seen.insert(mid, section.line) {
                let what = format!("mid {mid} is already the section of line {line}");
                return Err(SdpError::new(section.line, what));
            }
        }
        Ok(seen)
    }
}

impl fmt::Debug for Offer {
    /// Shows its size alone: an ICE password is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Offer");
        shown.field("sections", &self.sections.len()).field("lines", &self.lines);
        shown.finish_non_exhaustive()
    }
}

impl Common {
    fn take(&mut self, line: usize, attribute: &Attribute<'_>) -> Result<(), String> {
        let located = |value: &str| Some(Located { line, value: value.to_owned() });
        match *attribute {
            Attribute::IceUfrag(ufrag) => self.ice_ufrag = located(ufrag),
            Attribute::IcePwd(pwd) => self.ice_pwd = located(pwd),
            Attribute::IceLite => self.ice_lite = Some(line),
            Attribute::Sha256(value) => {
                self.fingerprint.get_or_insert(Located { line, value });
            }
            Attribute::Setup(value) => self.setup = Some(Located { line, value }),
            Attribute::Direction(direction) => self.direction = Some(direction),
            Attribute::ExtmapAllowMixed => self.extmap_allow_mixed = true,
            Attribute::Extmap { id, direction, uri } => {
                let Some(kind) = ExtensionKind::from_uri(uri) else { return Ok(()) };
                if self.extensions.len() == MAX_EXTENSIONS {
                    return Err(format!(
                        "a section has at most {MAX_EXTENSIONS} header extensions"
                    ));
                }
                self.extensions.push(OfferedExtension { line, id, direction, kind });
            }
            _ => {}
        }
        Ok(())
    }
}

impl OfferedSection {
    fn parse(line: Line<'_>) -> Result<OfferedSection, SdpError> {
        let what = || {
            let found = excerpt(line.value);
            format!("expected m=<media> <port> <protocol> <formats>, found m={found}")
        };
        OfferedSection::from_words(line).ok_or_else(|| SdpError::new(line.number, what()))
    }

    fn from_words(line: Line<'_>) -> Option<OfferedSection> {
        let mut words = line.value.splitn(4, ' ');
        let media = match words.next()? {
            "audio" => Media::Kind(MediaKind::Audio),
            "video" => Media::Kind(MediaKind::Video),
            "" => return None,
            other => Media::Other(other.to_owned()),
        };
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next().filter(|protocol| !protocol.is_empty())?.to_owned();
        let formats = words.next().map(str::trim).filter(|formats| !formats.is_empty())?;
        let payload_types = match media {
            Media::Kind(_) => payload_types(formats)?,
            Media::Other(_) => Vec::new(),
        };
        Some(OfferedSection {
            line: line.number,
            media,
            port,
            protocol,
            formats: formats.to_owned(),
            payload_types,
            mid: None,
            is_named: false,
            common: Common::default(),
            bundle_only: false,
            rtcp_mux: false,
            rtcp_rsize: false,
            codecs: BTreeMap::new(),
            feedback: Feedback::default(),
            send_rids: Vec::new(),
            simulcast: None,
            ssrcs: Vec::new(),
            rtx_ssrcs: Vec::new(),
            simulcast_ssrcs: Vec::new(),
            msid: None,
        })
    }

    fn take(&mut self, line: usize, attribute: Attribute<'_>) -> Result<(), String> {
        match attribute {
            Attribute::Mid(mid) => (self.mid, self.is_named) = (Some(mid), true),
            Attribute::RtcpMux => self.rtcp_mux = true,
            Attribute::RtcpRsize => self.rtcp_rsize = true,
            Attribute::BundleOnly => self.bundle_only = true,
            Attribute::Msid(msid) => {
                self.msid.get_or_insert(msid);
            }
            Attribute::SimulcastSend(encodings) => self.simulcast = Some(encodings),
            Attribute::SendRid(_) if self.send_rids.len() == MAX_RIDS => {
                return Err(format!("a section has at most {MAX_RIDS} rids"));
            }
            Attribute::SendRid(rid) if self.send_rids.contains(&rid) => {
                return Err(format!("rid {rid} is already there"));
            }
            Attribute::SendRid(rid) => self.send_rids.push(rid),
            Attribute::Ssrc(ssrc) => return self.take_ssrc(ssrc),
            Attribute::SsrcGroup { semantics, ssrcs } => self.take_ssrc_group(semantics, ssrcs),
            Attribute::Rtpmap { .. } | Attribute::Fmtp { .. } | Attribute::RtcpFb { .. } => {
                return self.take_codec(line, &attribute);
            }
            other => return self.common.take(line, &other),
        }
        Ok(())
    }

    fn take_ssrc(&mut self, ssrc: u32) -> Result<(), String> {
        if self.ssrcs.contains(&ssrc) {
            return Ok(());
        }
        if self.ssrcs.len() == MAX_SSRCS {
            return Err(format!("a section has at most {MAX_SSRCS} ssrcs"));
        }
        self.ssrcs.push(ssrc);
        Ok(())
    }

    fn take_ssrc_group(&mut self, semantics: &str, ssrcs: Vec<u32>) {
        match (semantics, ssrcs.as_slice()) {
            ("FID", &[media, rtx]) if self.rtx_ssrcs.len() < MAX_SSRCS => {
                self.rtx_ssrcs.push((media, rtx));
            }
            ("SIM", _) => self.simulcast_ssrcs = ssrcs,
            _ => {}
        }
    }

    fn take_codec(&mut self, line: usize, attribute: &Attribute<'_>) -> Result<(), String> {
        match *attribute {
            Attribute::Rtpmap { payload_type, name, clock_rate, channels } => {
                let codec = self.codecs.entry(payload_type).or_default();
                if !codec.name.is_empty() {
                    return Err(format!(
                        "payload type {payload_type} already has the a=rtpmap of line {}",
                        codec.line
                    ));
                }
                codec.line = line;
                codec.name = name.to_owned();
                codec.clock_rate = clock_rate;
                codec.channels = channels;
            }
            Attribute::Fmtp { payload_type, parameters } => {
                self.codecs.entry(payload_type).or_default().fmtp = parameters.to_owned();
            }
            Attribute::RtcpFb { payload_type: Some(payload_type), kind } => {
                self.codecs.entry(payload_type).or_default().feedback.add(kind);
            }
            Attribute::RtcpFb { payload_type: None, kind } => self.feedback.add(kind),
            _ => {}
        }
        Ok(())
    }

    /// Whether the client itself does not want the section: port 0, unless that only says that
    /// the section needs a bundle (RFC 9143 section 6).
    pub(super) fn is_rejected(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }
}

/// The payload types of an m-line: seven bits, each at most once.
fn payload_types(formats: &str) -> Option<Vec<u8>> {
    let mut seen = [false; 128];
    let mut list = Vec::new();
    for format in formats.split_ascii_whitespace() {
        let number: u8 = format.parse().ok()?;
        let seen = seen.get_mut(usize::from(number)).filter(|seen| !**seen)?;
        *seen = true;
        list.push(number);
    }
    Some(list)
}
