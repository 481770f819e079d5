//! An ICE-lite agent (RFC 8445 section 2.5): answers the client's checks, remembers the paths they
//! prove, follows the client's choice among them.

mod credentials;
mod paths;
mod probe;

use std::collections::VecDeque;
use std::time::Instant;

use aws_lc_rs::hmac;

pub use credentials::{Credentials, InvalidCredentials};

use crate::stun::{Class, ErrorCode, Message, MessageWriter, ParseError, UnknownAttributes};
use crate::{DatagramSink, Path};
use paths::{Paths, Rank};
use probe::Probes;

/// What an agent has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check of the client came along this path. Datagrams that come along it are the client's; where
    /// it leads is proved only by an answer.
    PathValidated(Path),
    /// Media for the client goes here from now on.
    PathSelected(Path),
    /// The path is no longer valid: it was silent too long or had to make room.
    PathDropped(Path),
}

/// A STUN message that changed nothing; the variants are whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Not a message that an ICE agent sends.
    #[error("not a STUN message of ICE: {0}")]
    Malformed(#[from] ParseError),
    /// A method other than Binding.
    #[error("not a Binding message")]
    NotBinding,
    /// A request that was refused with this error.
    #[error("refused with {}", .0.number())]
    Refused(ErrorCode),
    /// An answer to no request of ours, or one that failed.
    #[error("an answer that nobody waits for")]
    Unsolicited,
}

/// One exchange of credentials: the first, or that of an ICE restart.
#[derive(Debug)]
struct Session {
    local: Credentials,
    remote: Credentials,
    number: u32,
    /// Whether the client has used these credentials.
    validated: bool,
}

impl Session {
    /// Whether USERNAME and MESSAGE-INTEGRITY of a request are those of this session.
    fn authenticates(&self, request: &Message<'_>) -> bool {
        let Some((receiver, sender)) = request.username() else { return false };
        receiver == self.local.ufrag().as_bytes()
            && sender == self.remote.ufrag().as_bytes()
            && request.has_integrity(self.local.key())
    }
}

/// The lite agent of one connection: always controlled, sends no checks of its own except to prove
/// a path before media moves to it.
#[derive(Debug)]
pub struct Agent {
    current: Session,
    /// The credentials before a restart, until the client uses the new ones (RFC 8445 section 9).
    previous: Option<Session>,
    paths: Paths,
    /// Of paths that the client nominates.
    nominee_probes: Probes,
    /// Of paths that media comes along, apart, so that replayed media cannot keep a nominee waiting.
    media_probes: Probes,
    events: VecDeque<Event>,
}

impl Agent {
    /// An agent that knows both sides' credentials and no path. `secret` is one that no client knows.
    pub(crate) fn new(local: Credentials, remote: Credentials, secret: &hmac::Key) -> Agent {
        Agent {
            current: Session { local, remote, number: 0, validated: false },
            previous: None,
            paths: Paths::default(),
            nominee_probes: Probes::new(probe_key(secret, b"nominee")),
            media_probes: Probes::new(probe_key(secret, b"media")),
            events: VecDeque::new(),
        }
    }

    /// Begins an ICE restart. Paths and the old credentials stay good until the client has used
    /// the new ones.
    pub fn restart(&mut self, local: Credentials, remote: Credentials) {
        let number = self.current.number + 1;
        let fresh = Session { local, remote, number, validated: false };
        let old = std::mem::replace(&mut self.current, fresh);
        if old.validated {
            self.previous = Some(old);
        }
    }

    /// Takes one STUN datagram; an answer, if there is one, goes to `out` on the same path.
    ///
    /// `Ok` means that it was authenticated, so the client is alive.
    pub fn handle_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut impl DatagramSink,
    ) -> Result<(), CheckError> {
        let message = Message::parse(datagram)?;
        if !message.is_binding() {
            return Err(CheckError::NotBinding);
        }
        match message.class() {
            Class::Request => self.handle_request(now, path, &message, out),
            Class::Success => self.handle_answer(now, path, &message),
            Class::Indication | Class::Error => Err(CheckError::Unsolicited),
        }
    }

    /// Authenticated media arrived. On a path that was never proved (the client's address changed
    /// behind a NAT) it starts a check of ours, whose answer proves it: our media must not follow
    /// an address that merely replayed a captured packet first.
    pub fn handle_media(&mut self, now: Instant, path: Path, out: &mut impl DatagramSink) {
        let events = &mut self.events;
        self.paths.heard(now, path, &mut |event| events.push_back(event));
        if !self.paths.may_carry_media(path) {
            let session = active(&self.current, self.previous.as_ref());
            self.media_probes.start(now, path, &session.local, &session.remote, out);
        }
    }

    /// The handshake is done, so media begins: from now on it takes proved paths alone. `proved` is the
    /// path along which the whole handshake went to and fro, which proves it; none if it went along
    /// several.
    pub(crate) fn connected(
        &mut self,
        now: Instant,
        proved: Option<Path>,
        out: &mut impl DatagramSink,
    ) {
        let selected = self.paths.selected();
        let events = &mut self.events;
        if let Some(path) = proved {
            self.paths.prove(now, path, &mut |event| events.push_back(event));
        }
        self.paths.require_proof();
        if let Some(path) = selected {
            self.probe_nominee(now, path, out);
        }
    }

    /// Asks the client for a sign that it is at the other end of a path, if it has not given one.
    fn probe_nominee(&mut self, now: Instant, path: Path, out: &mut impl DatagramSink) {
        if !self.paths.may_carry_media(path) {
            let session = active(&self.current, self.previous.as_ref());
            self.nominee_probes.start(now, path, &session.local, &session.remote, out);
        }
    }

    /// `path` is no more, as a stream is that has been closed.
    pub(crate) fn lose_path(&mut self, path: Path) {
        let events = &mut self.events;
        self.paths.lose(path, &mut |event| events.push_back(event));
    }

    /// Whether the client proved that it is at the other end of `path`.
    pub fn is_valid(&self, path: Path) -> bool {
        self.paths.is_valid(path)
    }

    /// When something authentic last came along `path`; none if that is not valid.
    pub fn last_heard(&self, path: Path) -> Option<Instant> {
        self.paths.last_heard(path)
    }

    /// Where media for the client goes now; none before the client has proved a path.
    pub fn selected(&self) -> Option<Path> {
        self.paths.selected()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn handle_request(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        out: &mut impl DatagramSink,
    ) -> Result<(), CheckError> {
        let address = path.remote_address();
        let session = match self.admit(request) {
            Ok(session) => session,
            Err(refusal) => {
                refusal.answer(request, path, out);
                return Err(CheckError::Refused(refusal.code));
            }
        };
        let mut answer = MessageWriter::new(Class::Success, request.transaction())
            .xor_mapped_address(address)
            .integrity(session.local.key());
        let rank = Rank { session: session.number, priority: request.priority().unwrap_or(0) };
        if let Some(bytes) = answer.finish() {
            out.send(path, bytes);
        }
        if rank.session == self.current.number {
            self.current.validated = true;
            self.previous = None;
        }
        let events = &mut self.events;
        let mut events = |event| events.push_back(event);
        self.paths.checked(now, path, rank, &mut events);
        if request.use_candidate() {
            self.paths.nominated(now, path, &mut events);
        }
        if request.use_candidate() || self.paths.selected().is_none() {
            self.probe_nominee(now, path, out);
        }
        Ok(())
    }

    /// Decides whether a request is a check of our client that we accept (RFC 8489 sections 6.3
    /// and 9.1.3, RFC 8445 section 7.3), and in which session.
    fn admit(&self, request: &Message<'_>) -> Result<&Session, Refusal<'_>> {
        if !request.claims_integrity() || request.username().is_none() {
            return Err(Refusal::unauthenticated(ErrorCode::BadRequest));
        }
        let session = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|session| session.authenticates(request))
            .ok_or(Refusal::unauthenticated(ErrorCode::Unauthorized))?;
        let refused = |code, unknown| Err(Refusal { code, unknown, session: Some(session) });
        if !request.unknown_attributes().types().is_empty() {
            return refused(ErrorCode::UnknownAttribute, *request.unknown_attributes());
        }
        if request.priority().is_none() {
            return refused(ErrorCode::BadRequest, UnknownAttributes::default());
        }
        // A lite agent never controls, whatever the tie-breakers are: the client must.
        if request.is_from_controlled() {
            return refused(ErrorCode::RoleConflict, UnknownAttributes::default());
        }
        Ok(session)
    }

    /// An answer to our probe proves its path.
    fn handle_answer(
        &mut self,
        now: Instant,
        path: Path,
        answer: &Message<'_>,
    ) -> Result<(), CheckError> {
        let session = active(&self.current, self.previous.as_ref());
        let key = session.remote.key();
        if !self.nominee_probes.is_answered(path, answer, key)
            && !self.media_probes.is_answered(path, answer, key)
        {
            return Err(CheckError::Unsolicited);
        }
        // The client's own check will tell the priority; until then the path is as good as the
        // one it takes the place of.
        let rank = self.paths.rank(path).unwrap_or(Rank { session: session.number, priority: 0 });
        let events = &mut self.events;
        let mut events = |event| events.push_back(event);
        self.paths.checked(now, path, rank, &mut events);
        self.paths.prove(now, path, &mut events);
        self.paths.heard(now, path, &mut events);
        Ok(())
    }
}

/// A key for one purpose, so that no two probes have the same transaction.
fn probe_key(secret: &hmac::Key, purpose: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(secret, purpose).as_ref())
}

/// The session whose credentials the client is known to have.
fn active<'a>(current: &'a Session, previous: Option<&'a Session>) -> &'a Session {
    previous.unwrap_or(current)
}

/// An error answer in the making.
struct Refusal<'a> {
    code: ErrorCode,
    unknown: UnknownAttributes,
    /// Whose key protects the answer, when the request was authentic.
    session: Option<&'a Session>,
}

impl Refusal<'_> {
    fn unauthenticated(code: ErrorCode) -> Self {
        Refusal { code, unknown: UnknownAttributes::default(), session: None }
    }

    /// Sends the answer, which is never longer than twice the shortest request with a USERNAME:
    /// nothing to amplify an attack with.
    fn answer(&self, request: &Message<'_>, path: Path, out: &mut impl DatagramSink) {
        let mut answer = MessageWriter::new(Class::Error, request.transaction()).error(self.code);
        if self.code == ErrorCode::UnknownAttribute {
            answer = answer.unknown_attributes(&self.unknown);
        }
        if let Some(session) = self.session {
            answer = answer.integrity(session.local.key());
        }
        if let Some(bytes) = answer.finish() {
            out.send(path, bytes);
        }
    }
}
