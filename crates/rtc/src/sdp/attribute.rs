//! The value of each `a=` line that an answer depends on.

use std::str::FromStr;

use super::error::excerpt;
use super::limits::{MAX_SECTIONS, MAX_SSRCS, MAX_TOKEN_BYTES};
use crate::dtls::Fingerprint;
use crate::{Mid, Rid};

/// Which way media, or a header extension, may go, seen from who wrote the line (RFC 8866 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// Which side opens the DTLS handshake (RFC 8842 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// Either, the answerer chooses.
    ActPass,
    /// Who wrote the line.
    Active,
    /// The other side.
    Passive,
    /// Nobody for now.
    HoldConn,
}

/// One encoding of `a=simulcast:send` (RFC 8853 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Its name in `a=rid` and in packets.
    pub rid: Rid,
    /// Marked by `~`: it exists, and the client does not send it for now.
    pub paused: bool,
}

/// A media stream and the track in it (RFC 8830).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Msid {
    /// Tracks of one stream are played in sync; `-` is no stream.
    pub stream: String,
    /// The track; empty when the offer does not name it.
    pub track: String,
}

/// One understood attribute; borrowed where its text is kept as it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Attribute<'a> {
    Mid(Mid),
    Bundle(Vec<Mid>),
    Direction(Direction),
    IceUfrag(&'a str),
    IcePwd(&'a str),
    IceLite,
    Sha256(Fingerprint),
    Setup(Setup),
    RtcpMux,
    RtcpRsize,
    BundleOnly,
    ExtmapAllowMixed,
    Extmap {
        id: u16,
        direction: Direction,
        uri: &'a str,
    },
    Rtpmap {
        payload_type: u8,
        name: &'a str,
        clock_rate: u32,
        channels: Option<u8>,
    },
    Fmtp {
        payload_type: u8,
        parameters: &'a str,
    },
    RtcpFb {
        payload_type: Option<u8>,
        kind: &'a str,
    },
    SendRid(Rid),
    SimulcastSend(Vec<Encoding>),
    Ssrc(u32),
    SsrcGroup {
        semantics: &'a str,
        ssrcs: Vec<u32>,
    },
    Msid(Msid),
    /// Of no use to us: candidates (a lite agent sends no checks), other hashes, and the rest.
    Other,
}

/// Why an attribute is malformed: what was expected.
pub(super) type Malformed = String;

impl<'a> Attribute<'a> {
    /// Reads what follows `a=`.
    pub(super) fn parse(text: &'a str) -> Result<Attribute<'a>, Malformed> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let parsed = match name {
            "mid" => value.parse().ok().map(Attribute::Mid),
            "group" => bundle(value),
            "sendrecv" | "sendonly" | "recvonly" | "inactive" => {
                direction(name).map(Attribute::Direction)
            }
            "ice-ufrag" => ice_text(value, 4).map(Attribute::IceUfrag),
            "ice-pwd" => ice_text(value, 22).map(Attribute::IcePwd),
            "ice-lite" => Some(Attribute::IceLite),
            "fingerprint" => fingerprint(value),
            "setup" => setup(value).map(Attribute::Setup),
            "rtcp-mux" | "rtcp-mux-only" => Some(Attribute::RtcpMux),
            "rtcp-rsize" => Some(Attribute::RtcpRsize),
            "bundle-only" => Some(Attribute::BundleOnly),
            "extmap-allow-mixed" => Some(Attribute::ExtmapAllowMixed),
            "extmap" => extmap(value),
            "rtpmap" => rtpmap(value),
            "fmtp" => fmtp(value),
            "rtcp-fb" => rtcp_fb(value),
            "rid" => rid(value),
            "simulcast" => simulcast(value),
            "ssrc" => ssrc(value),
            "ssrc-group" => ssrc_group(value),
            "msid" => msid(value).map(Attribute::Msid),
            _ => Some(Attribute::Other),
        };
        parsed.ok_or_else(|| format!("expected {}, found a={}", form(name), excerpt(text)))
    }
}

/// How the attribute `name` should look.
fn form(name: &str) -> &'static str {
    match name {
        "mid" => "a=mid:<1 to 16 characters>",
        "group" => "a=group:BUNDLE <mid> <mid> ...",
        "ice-ufrag" => "a=ice-ufrag:<4 to 256 characters without spaces and colons>",
        "ice-pwd" => "a=ice-pwd:<22 to 256 characters without spaces and colons>",
        "fingerprint" => "a=fingerprint:sha-256 <32 bytes in hexadecimal, separated by colons>",
        "setup" => "a=setup:actpass",
        "extmap" => "a=extmap:<id>[/<direction>] <uri>",
        "rtpmap" => "a=rtpmap:<payload type> <codec>/<clock rate>[/<channels>]",
        "fmtp" => "a=fmtp:<payload type> <parameters>",
        "rtcp-fb" => "a=rtcp-fb:<payload type or *> <feedback>",
        "rid" => "a=rid:<id> send|recv [restrictions]",
        "simulcast" => "a=simulcast:send <rid>;<rid>;...",
        "ssrc" => "a=ssrc:<number> <attribute>",
        "ssrc-group" => "a=ssrc-group:<semantics> <ssrc> <ssrc> ...",
        "msid" => "a=msid:<stream id> <track id>",
        _ => "another value",
    }
}

fn bundle(value: &str) -> Option<Attribute<'_>> {
    let mut words = value.split_ascii_whitespace();
    if words.next()? != "BUNDLE" {
        return Some(Attribute::Other);
    }
    let mids = words.map(Mid::from_str).collect::<Result<Vec<Mid>, _>>().ok()?;
    (mids.len() <= MAX_SECTIONS).then_some(Attribute::Bundle(mids))
}

fn direction(value: &str) -> Option<Direction> {
    match value {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// RFC 8839 section 5.4 allows letters, digits, `+` and `/`; clients are known to use more. A colon
/// would make the STUN user name ambiguous.
fn ice_text(value: &str, at_least: usize) -> Option<&str> {
    let is_ice_char = |b: u8| b.is_ascii_graphic() && b != b':';
    let fits = (at_least..=256).contains(&value.len());
    (fits && value.bytes().all(is_ice_char)).then_some(value)
}

fn fingerprint(value: &str) -> Option<Attribute<'_>> {
    let (hash, digits) = value.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return Some(Attribute::Other);
    }
    digits.trim_end().parse().ok().map(Attribute::Sha256)
}

fn setup(value: &str) -> Option<Setup> {
    match value {
        "actpass" => Some(Setup::ActPass),
        "active" => Some(Setup::Active),
        "passive" => Some(Setup::Passive),
        "holdconn" => Some(Setup::HoldConn),
        _ => None,
    }
}

fn extmap(value: &str) -> Option<Attribute<'_>> {
    let mut words = value.split_ascii_whitespace();
    let (id, way) = match words.next()? {
        word if word.contains('/') => {
            let (id, way) = word.split_once('/')?;
            (id, direction(way)?)
        }
        word => (word, Direction::SendRecv),
    };
    let id = id.parse().ok().filter(|id| *id > 0)?;
    Some(Attribute::Extmap { id, direction: way, uri: words.next()? })
}

/// A payload type is seven bits (RFC 3550 section 5.1).
fn payload_type(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| *number < 128)
}

fn rtpmap(value: &str) -> Option<Attribute<'_>> {
    let (number, encoding) = value.split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    let channels = match parts.next() {
        Some(channels) => Some(channels.parse().ok()?),
        None => None,
    };
    Some(Attribute::Rtpmap { payload_type: payload_type(number)?, name, clock_rate, channels })
}

fn fmtp(value: &str) -> Option<Attribute<'_>> {
    let (number, parameters) = value.split_once(' ')?;
    Some(Attribute::Fmtp { payload_type: payload_type(number)?, parameters: parameters.trim() })
}

fn rtcp_fb(value: &str) -> Option<Attribute<'_>> {
    let (number, kind) = value.split_once(' ')?;
    let payload_type = match number {
        "*" => None,
        number => Some(payload_type(number)?),
    };
    Some(Attribute::RtcpFb { payload_type, kind: kind.trim() })
}

/// The names of RFC 8851 section 10: never a character that separates them in `a=simulcast`.
fn rid_name(text: &str) -> Option<Rid> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.parse().ok().filter(|_| text.bytes().all(allowed))
}

fn rid(value: &str) -> Option<Attribute<'_>> {
    let mut words = value.split_ascii_whitespace();
    let name = rid_name(words.next()?)?;
    match words.next()? {
        "send" => Some(Attribute::SendRid(name)),
        "recv" => Some(Attribute::Other),
        _ => None,
    }
}

fn simulcast(value: &str) -> Option<Attribute<'_>> {
    let mut words = value.split_ascii_whitespace();
    let mut send = None;
    while let Some(way) = words.next() {
        let list = words.next()?;
        match way {
            "send" => send = Some(list),
            "recv" => {}
            _ => return None,
        }
    }
    let Some(list) = send else { return Some(Attribute::Other) };
    let encodings = list.split(';').map(encoding).collect::<Option<Vec<Encoding>>>()?;
    Some(Attribute::SimulcastSend(encodings))
}

/// One stream of the list; of alternatives separated by commas the first, which is preferred.
fn encoding(alternatives: &str) -> Option<Encoding> {
    let first = alternatives.split(',').next()?;
    let name = first.strip_prefix('~');
    Some(Encoding { rid: rid_name(name.unwrap_or(first))?, paused: name.is_some() })
}

fn ssrc(value: &str) -> Option<Attribute<'_>> {
    let number = value.split(' ').next()?;
    number.parse().ok().map(Attribute::Ssrc)
}

fn ssrc_group(value: &str) -> Option<Attribute<'_>> {
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next()?;
    let ssrcs = words.map(u32::from_str).collect::<Result<Vec<u32>, _>>().ok()?;
    (ssrcs.len() <= MAX_SSRCS).then_some(Attribute::SsrcGroup { semantics, ssrcs })
}

fn msid(value: &str) -> Option<Msid> {
    let mut words = value.split_ascii_whitespace();
    let token = |word: &str| (word.len() <= MAX_TOKEN_BYTES).then(|| word.to_owned());
    Some(Msid { stream: token(words.next()?)?, track: token(words.next().unwrap_or_default())? })
}
