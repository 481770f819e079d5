//! Who may join, and as what: one pure decision in one place. Today everyone may, within limits.

use std::collections::BTreeSet;

use parlor_wire::{Join, Kind, PROTOCOL, Reason, Refusal, RoomName, Sender, Source, VERSION};

use crate::room::Token;
use crate::room::about::Metadata;
use crate::room::command::Manner;

/// Longest display name, in characters.
pub const MAX_NAME_LEN: usize = 64;

/// Most sending sections of one offer: microphone, camera, screens with sound, and the rest.
pub const MAX_SENDERS: usize = 16;

/// Longest mid, in bytes (see `parlor_rtc::Mid`).
const MAX_MID_LEN: usize = 16;

/// Who does not say what to be called.
const NAMELESS: &str = "Guest";

/// How long one who was refused for want of room does well to wait, in milliseconds.
const FULL_RETRY_MS: u64 = 10_000;

/// A join whose payload is in order.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which room.
    pub room: RoomName,
    /// How it will talk.
    pub manner: Manner,
    /// The display name, trimmed.
    pub name: String,
    /// What it says of itself beside that.
    pub metadata: Option<Metadata>,
    /// The SDP offer.
    pub offer: Option<String>,
    /// Its sending sections.
    pub senders: Vec<Sender>,
    /// The membership to resume.
    pub resume: Option<Token>,
    /// Whether its room's publishers are to send several encodings; `None` where the dialect leaves that to the server.
    pub simulcast: Option<Option<bool>>,
}

/// Reads the name of a room from what follows `room:` in a topic.
///
/// # Errors
/// [`Reason::BadRoomId`].
pub fn room_name(text: &str) -> Result<RoomName, Refusal> {
    text.parse().map_err(|error: parlor_wire::InvalidRoomName| {
        Refusal::new(Reason::BadRoomId, format!("{error}."))
    })
}

/// Checks the payload of a join.
///
/// # Errors
/// The refusal that the client is to get; it names the field.
pub fn check(room: RoomName, join: Join) -> Result<Wish, Refusal> {
    if join.protocol != PROTOCOL {
        let message = format!("protocol: expected {PROTOCOL:?}");
        return Err(Refusal::new(Reason::UnsupportedProtocol, message));
    }
    if join.version != VERSION {
        let message = format!("version: expected {VERSION}");
        return Err(Refusal::new(Reason::UnsupportedProtocol, message));
    }
    let name = display_name(&join.name)?;
    check_senders(&join.senders)?;
    let resume = match join.resume.as_deref() {
        None => None,
        Some(text) => Some(Token::parse(text).ok_or_else(|| {
            let message = "The token is none that this server has given.";
            Refusal::new(Reason::ResumeUnknown, message)
        })?),
    };
    if join.offer.is_none() && resume.is_none() {
        let message = "offer: missing; only a join with `resume` may leave it out";
        return Err(Refusal::new(Reason::BadRequest, message));
    }
    Ok(Wish {
        room,
        manner: Manner::Parlor,
        name,
        metadata: None,
        offer: join.offer,
        senders: join.senders,
        resume,
        simulcast: None,
    })
}

/// Who comes by WHIP or WHEP, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// By which door, and what to see.
    pub manner: Manner,
    /// Which room.
    pub room: RoomName,
    /// The display name, trimmed.
    pub name: String,
}

/// Reads where somebody wants to go, and under which name.
///
/// # Errors
/// The refusal that the client is to get.
pub fn visit(manner: Manner, room: &str, name: &str) -> Result<Visit, Refusal> {
    Ok(Visit { manner, room: room_name(room)?, name: display_name(name)? })
}

/// Whether a visit may be, by what a request says of itself in `Authorization: Bearer` (RFC 6750 section 2.1): asked of
/// who wants to enter, before the offer is read, and of each request of the session that comes of it.
///
/// # Errors
/// None today: everybody is admitted, with a token or without. This is the one place where that is decided.
pub fn admit(visit: &Visit, bearer: Option<&str>) -> Result<(), Refusal> {
    #[cfg(test)]
    ASKED.with_borrow_mut(|asked| asked.push((visit.clone(), bearer.map(str::to_owned))));
    let _ = (visit, bearer);
    Ok(())
}

#[cfg(test)]
thread_local! {
    /// What [`admit`] was asked on this thread, for the tests that nobody passes it by.
    pub(crate) static ASKED: std::cell::RefCell<Vec<(Visit, Option<String>)>> =
        const { std::cell::RefCell::new(Vec::new()) };
}

/// A join by WHIP or WHEP, whose offer sends on `senders`; without an offer, the server is to make one.
///
/// # Errors
/// The refusal that the client is to get; it names the field.
pub fn by_http(visit: Visit, offer: Option<String>, senders: Vec<Sender>) -> Result<Wish, Refusal> {
    check_senders(&senders)?;
    let Visit { manner, room, name } = visit;
    let (metadata, resume, simulcast) = (None, None, None);
    Ok(Wish { room, manner, name, metadata, offer, senders, resume, simulcast })
}

/// What somebody wants who speaks Membrane's dialect: its name is in its metadata, if anywhere.
pub fn membrane(room: RoomName, metadata: Option<Metadata>, simulcast: Option<bool>) -> Wish {
    let (manner, name) = (Manner::Membrane, name_in(metadata.as_ref()));
    let (senders, simulcast) = (Vec::new(), Some(simulcast));
    Wish { room, manner, name, metadata, offer: None, senders, resume: None, simulcast }
}

/// The display name of somebody whose metadata has it where Membrane's own pages put it.
pub fn name_in(metadata: Option<&Metadata>) -> String {
    let said = metadata.and_then(|metadata| metadata.get("displayName"));
    said.and_then(|said| display_name(said.as_str()?).ok()).unwrap_or_else(|| NAMELESS.to_owned())
}

fn display_name(text: &str) -> Result<String, Refusal> {
    let name = text.trim();
    let fits = (1..=MAX_NAME_LEN).contains(&name.chars().count());
    let is_clean = !name.chars().any(|c| c.is_control() || is_hidden(c));
    if fits && is_clean && name.chars().any(is_visible) {
        return Ok(name.to_owned());
    }
    let message = format!(
        "This name cannot be shown: expected 1 to {MAX_NAME_LEN} visible characters, on one line."
    );
    Err(Refusal::new(Reason::BadName, message))
}

/// Whether a character orders or breaks the text around it unseen: Unicode's format characters,
/// but for the joiners that scripts and emoji need, and its separators of lines.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}')
}

/// Whether a character leaves a mark: no space, joiner, selector, tag, or letter that is blank.
fn is_visible(c: char) -> bool {
    let is_blank = matches!(c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200c}' | '\u{200d}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}');
    !c.is_whitespace() && !is_blank
}

/// Checks the senders of a join or of a later offer.
///
/// # Errors
/// [`Reason::BadRequest`], naming the field.
pub fn check_senders(senders: &[Sender]) -> Result<(), Refusal> {
    let bad = |message: String| Err(Refusal::new(Reason::BadRequest, message));
    if senders.len() > MAX_SENDERS {
        return bad(format!("senders: expected at most {MAX_SENDERS} entries"));
    }
    let mut mids = BTreeSet::new();
    for (index, sender) in senders.iter().enumerate() {
        let mid = &sender.mid;
        if !(1..=MAX_MID_LEN).contains(&mid.len()) || !mid.bytes().all(|b| b.is_ascii_graphic()) {
            return bad(format!(
                "senders[{index}].mid: expected 1 to {MAX_MID_LEN} printable ASCII characters"
            ));
        }
        if !mids.insert(mid) {
            return bad(format!("senders[{index}].mid: {mid} is there twice"));
        }
        let kind = match sender.source {
            Source::Microphone | Source::ScreenAudio => Some(Kind::Audio),
            Source::Camera | Source::Screen => Some(Kind::Video),
            Source::Custom => sender.kind,
        };
        if kind.is_none() || sender.kind.is_some_and(|said| Some(said) != kind) {
            return bad(format!(
                "senders[{index}].kind: expected \"audio\" or \"video\" for a custom source, and \
                 none for the others"
            ));
        }
    }
    Ok(())
}

/// Whether one more may enter a room that holds `peers` of at most `max_peers`.
///
/// # Errors
/// [`Reason::RoomFull`].
pub fn decide(peers: usize, max_peers: usize) -> Result<(), Refusal> {
    if peers < max_peers {
        return Ok(());
    }
    let message = format!("This room is full: it holds {max_peers} people.");
    Err(Refusal::for_now(Reason::RoomFull, message, FULL_RETRY_MS))
}

/// Whether one more room may be opened on a server that has `rooms` of at most `max_rooms`.
///
/// # Errors
/// [`Reason::ServerFull`].
pub fn may_open_room(rooms: usize, max_rooms: usize) -> Result<(), Refusal> {
    if rooms < max_rooms {
        return Ok(());
    }
    let message = format!("This server is full: it holds {max_rooms} rooms.");
    Err(Refusal::for_now(Reason::ServerFull, message, FULL_RETRY_MS))
}
