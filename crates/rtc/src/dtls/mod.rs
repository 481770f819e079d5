//! DTLS (RFC 5764, RFC 6347, RFC 9147), around the `dimpl` library: proves who the client is and agrees on the SRTP
//! keys. The client begins the handshake, unless it has asked us to.

mod allowance;
mod failure;
mod hello;
mod identity;
mod keys;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, Error, Output};

pub use failure::Failure;
pub use identity::{Fingerprint, Identity, IdentityError, InvalidFingerprint};

use crate::srtp::{Keys, Profile};
use crate::{DatagramSink, Path};
use allowance::Allowance;
use failure::failure;
use hello::{HelloAssembly, Version};

/// Room for one output of `dimpl`: a datagram of ours or a client's certificate, which has about
/// 300 bytes.
const OUTPUT_LEN: usize = 2048;

/// Longest client certificate that is looked at.
const MAX_OUTPUT_LEN: usize = 64 * 1024;

/// The alert of a server to which no cipher suite of the client's is good (RFC 5246 section 7.2.2).
const HANDSHAKE_FAILURE: u8 = 40;

/// `dimpl` says "never" by an instant years away.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Who begins the handshake (RFC 8842 section 5): the word "client" elsewhere is always the other side of our
/// connection, whatever its role here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The client does; we are the DTLS server. So it is with all browsers.
    #[default]
    Server,
    /// We do, as DTLS client: encoders that offer `a=setup:passive` wait for that.
    Client,
}

/// What an association has to tell.
pub(crate) enum Event {
    /// The client is who it should be; these are the SRTP keys.
    Connected(Keys),
    /// It is over.
    Failed(Failure),
}

/// One client's DTLS association.
pub(crate) struct Association {
    identity: Arc<Identity>,
    role: Role,
    /// What the client's certificate must have.
    expected: Fingerprint,
    state: State,
    /// Where the client's last datagram came from, and ours go.
    path: Option<Path>,
    /// The client's datagrams came along more than one path.
    strayed: bool,
    allowance: Allowance,
    deadline: Option<Instant>,
}

enum State {
    /// It is for us to begin, and there is no path yet.
    AwaitingPath,
    /// Nothing, or a part of a ClientHello, has come.
    AwaitingHello(HelloAssembly),
    /// `dimpl` is at work.
    Handshaking {
        dtls: Box<Dtls>,
        verified: bool,
        /// What `dimpl` asks of the client is changed on its way: see `request`.
        asking: bool,
    },
    /// Done; still repeats its last flight when asked and hears the goodbye.
    Connected(Box<Dtls>),
    Closed,
}

impl Association {
    pub(crate) fn new(identity: Arc<Identity>, expected: Fingerprint) -> Association {
        let state = State::AwaitingHello(HelloAssembly::default());
        let allowance = Allowance::default();
        Association {
            identity,
            role: Role::Server,
            expected,
            state,
            path: None,
            strayed: false,
            allowance,
            deadline: None,
        }
    }

    /// The same in this role, to be chosen before anything else happens.
    pub(crate) fn with_role(mut self, role: Role) -> Association {
        self.role = role;
        if role == Role::Client {
            self.state = State::AwaitingPath;
        }
        self
    }

    /// Says our ClientHello along a path that ICE has validated, if it is for us to begin and we have not.
    ///
    /// The allowance counts: the address of a check can be forged, so what is repeated to one that never answers is
    /// bounded too. That is why it is DTLS 1.2, whose hello has 200 bytes: one with the key shares of 1.3 fills the
    /// allowance at once, and who waits for us is an encoder that has no 1.3.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        path: Path,
        out: &mut impl DatagramSink,
    ) -> Option<Event> {
        if !matches!(self.state, State::AwaitingPath) {
            return None;
        }
        self.path = Some(path);
        let (config, certificate) =
            (self.identity.config.clone(), self.identity.certificate.clone());
        let mut dtls = Box::new(Dtls::new_12(config, certificate, now));
        dtls.set_active(true);
        let begun = dtls.handle_timeout(now);
        self.state = State::Handshaking { dtls, verified: false, asking: false };
        self.progress(now, begun, out)
    }

    /// The path that all datagrams so far have taken, in both directions. Once connected, that proves
    /// that the client receives there: it could not have gone on without our flights.
    pub(crate) fn only_path(&self) -> Option<Path> {
        self.path.filter(|_| !self.strayed)
    }

    /// When [`Association::handle_timeout`] is next due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes one datagram from a path that ICE has validated.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut impl DatagramSink,
    ) -> Option<Event> {
        let before = self.path.replace(path);
        self.strayed |= before.is_some_and(|before| before != path);
        self.allowance.received(datagram.len());
        match &mut self.state {
            State::AwaitingHello(assembly) => {
                let (version, datagrams) = assembly.take(datagram)?;
                let Identity { config, asking, certificate, .. } = &*self.identity;
                let certificate = certificate.clone();
                let mut dtls = Box::new(match version {
                    Version::Newest => Dtls::new_auto(config.clone(), certificate, now),
                    Version::Dtls12 => Dtls::new_12(asking.clone(), certificate, now),
                });
                let begun = dtls.handle_timeout(now).and_then(|()| {
                    datagrams.iter().try_for_each(|datagram| dtls.handle_packet(datagram))
                });
                let asking = version == Version::Dtls12;
                self.state = State::Handshaking { dtls, verified: false, asking };
                self.progress(now, begun, out)
            }
            State::Handshaking { dtls, .. } | State::Connected(dtls) => {
                let taken = dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(datagram));
                self.progress(now, taken, out)
            }
            State::AwaitingPath | State::Closed => None,
        }
    }

    /// Repeats what was lost, gives up what takes too long.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        out: &mut impl DatagramSink,
    ) -> Option<Event> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        match &mut self.state {
            State::Handshaking { dtls, .. } | State::Connected(dtls) => {
                let waited = dtls.handle_timeout(now);
                self.progress(now, waited, out)
            }
            State::AwaitingPath | State::AwaitingHello(_) | State::Closed => None,
        }
    }

    /// Says goodbye to the client, along `path`.
    pub(crate) fn close(&mut self, now: Instant, path: Option<Path>, out: &mut impl DatagramSink) {
        self.path = path;
        if let State::Connected(dtls) = &mut self.state {
            let closed = dtls.handle_timeout(now).and_then(|()| dtls.close());
            self.progress(now, closed, out);
        }
        self.end();
    }

    /// Drains `dimpl` after `result`, and ends the association if either says so.
    fn progress(
        &mut self,
        now: Instant,
        result: Result<(), Error>,
        out: &mut impl DatagramSink,
    ) -> Option<Event> {
        let drained = self.drain(now, out);
        let outcome = match (drained, result) {
            (Ok(None), Err(error)) => Err(self.failed(&error)),
            (drained, _) => drained,
        };
        match outcome {
            Ok(keys) => keys.map(Event::Connected),
            Err(failure) => {
                self.end();
                Some(Event::Failed(failure))
            }
        }
    }

    /// Sends what `dimpl` wants sent; the keys, when the handshake has just finished.
    fn drain(
        &mut self,
        now: Instant,
        out: &mut impl DatagramSink,
    ) -> Result<Option<Keys>, Failure> {
        let (dtls, asking) = match &mut self.state {
            State::Handshaking { dtls, asking, .. } => (dtls, *asking),
            State::Connected(dtls) => (dtls, false),
            _ => return Ok(None),
        };
        let mut buffer = vec![0; OUTPUT_LEN];
        let (mut finished, mut certificate, mut keys) = (false, None, None);
        loop {
            match dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => {
                    let changed = asking.then(|| request::asking_in_datagram(datagram)).flatten();
                    let datagram = changed.as_deref().unwrap_or(datagram);
                    // What is held back is repeated after the client has said more.
                    if let Some(path) = self.path
                        && self.allowance.take(datagram.len())
                    {
                        out.send(path, datagram);
                    }
                }
                Output::BufferTooSmall { needed } if needed <= MAX_OUTPUT_LEN => {
                    buffer.resize(needed.max(buffer.len() + 1), 0);
                }
                Output::BufferTooSmall { .. } => return Err(Failure::Handshake),
                Output::PeerCert(der) => certificate = Some(Fingerprint::of(der)),
                Output::Connected => finished = true,
                Output::KeyingMaterial(exported, profile) => {
                    keys = Some(keys_of(&exported, profile).ok_or(Failure::NoSrtpProfile)?);
                }
                Output::CloseNotify => return Err(Failure::ClosedByClient),
                Output::Timeout(at) => {
                    self.deadline = (at < now + NEVER).then_some(at);
                    break;
                }
                // Data channels are not negotiated, so nobody waits for application data.
                _ => {}
            }
            if certificate.is_some_and(|found| found != self.expected) {
                return Err(Failure::FingerprintMismatch);
            }
        }
        self.advance(finished, certificate.is_some(), keys)
    }

    /// Moves on in the handshake by what `dimpl` told.
    fn advance(
        &mut self,
        finished: bool,
        now_verified: bool,
        keys: Option<Keys>,
    ) -> Result<Option<Keys>, Failure> {
        if let State::Handshaking { verified, .. } = &mut self.state {
            *verified |= now_verified;
        }
        if !finished {
            return Ok(None);
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Handshaking { dtls, verified: true, .. } => {
                self.state = State::Connected(dtls);
                self.allowance = Allowance::Unlimited;
                keys.map(|keys| keys_in(self.role, keys)).ok_or(Failure::NoSrtpProfile).map(Some)
            }
            // The library demands a certificate; a handshake without one proves nobody.
            _ => Err(Failure::FingerprintMismatch),
        }
    }

    /// What an error means for us, who have begun or not.
    fn failed(&self, error: &Error) -> Failure {
        match (failure(error), self.role, &self.state) {
            (Failure::Alert(HANDSHAKE_FAILURE), Role::Client, State::Handshaking { .. }) => {
                Failure::NoCommonSuite
            }
            (failure, ..) => failure,
        }
    }

    fn end(&mut self) {
        self.state = State::Closed;
        self.deadline = None;
    }
}

/// The keys under the names of the connection's ends: what is exported names those of DTLS.
fn keys_in(role: Role, keys: Keys) -> Keys {
    match role {
        Role::Server => keys,
        Role::Client => Keys { client: keys.server, server: keys.client },
    }
}

fn keys_of(exported: &[u8], profile: dimpl::SrtpProfile) -> Option<Keys> {
    let profile = match profile {
        dimpl::SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        dimpl::SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => Profile::AesCm128HmacSha1_80,
        _ => return None,
    };
    Keys::from_exported(profile, exported)
}
