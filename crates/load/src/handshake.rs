//! DTLS in the client's role (RFC 5764), around the `dimpl` library: who the server is, and the SRTP keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, DtlsCertificate, Output, SrtpProfile};
use parlor_rtc::dtls::Fingerprint;
use parlor_rtc::srtp::{Keys, Profile};

/// Room for one output of `dimpl`: a datagram, or the server's certificate of 300 bytes or so.
const OUTPUT_LEN: usize = 4096;
/// `dimpl` says "never" by an instant years away.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What all people of a load share: a key pair costs a millisecond.
#[derive(Clone)]
pub struct Identity {
    config: Arc<dimpl::Config>,
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Makes a key pair and a certificate for it.
    ///
    /// # Errors
    /// When the cryptography of this machine fails.
    pub fn generate() -> Result<Identity, String> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| error.to_string())?;
        let fingerprint = Fingerprint::of(&certificate.certificate);
        Ok(Identity { config: Arc::new(dimpl::Config::default()), certificate, fingerprint })
    }

    /// What the offer says of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// One handshake, and the association after it.
pub struct Handshake {
    dtls: Dtls,
    expected: Fingerprint,
    is_server_known: bool,
    deadline: Option<Instant>,
}

impl Handshake {
    /// A handshake with the server whose certificate has the fingerprint `expected`.
    pub fn new(now: Instant, identity: &Identity, expected: Fingerprint) -> Handshake {
        let mut dtls = Dtls::new_12(identity.config.clone(), identity.certificate.clone(), now);
        dtls.set_active(true);
        Handshake { dtls, expected, is_server_known: false, deadline: Some(now) }
    }

    /// When [`Handshake::handle_timeout`] is next due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sends what is due; see [`Handshake::handle_datagram`].
    ///
    /// # Errors
    /// When the handshake failed.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        send: impl FnMut(&[u8]),
    ) -> Result<Option<Keys>, String> {
        self.dtls.handle_timeout(now).map_err(|error| format!("DTLS: {error}"))?;
        self.drain(now, send)
    }

    /// Takes a datagram of the server, and returns the keys when they are agreed on.
    ///
    /// # Errors
    /// When the handshake failed, or the server closed the association.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
        send: impl FnMut(&[u8]),
    ) -> Result<Option<Keys>, String> {
        let taken = self.dtls.handle_timeout(now).and_then(|()| self.dtls.handle_packet(datagram));
        taken.map_err(|error| format!("DTLS: {error}"))?;
        self.drain(now, send)
    }

    fn drain(&mut self, now: Instant, mut send: impl FnMut(&[u8])) -> Result<Option<Keys>, String> {
        let mut buffer = [0; OUTPUT_LEN];
        let mut keys = None;
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => send(datagram),
                Output::PeerCert(der) => {
                    if Fingerprint::of(der) != self.expected {
                        return Err("the server's certificate is not the one of its answer".into());
                    }
                    self.is_server_known = true;
                }
                Output::KeyingMaterial(exported, profile) => {
                    keys = keys_of(&exported, profile).filter(|_| self.is_server_known);
                    if keys.is_none() {
                        return Err("the server agreed on no SRTP keys".into());
                    }
                }
                Output::CloseNotify => return Err("the server closed the connection".into()),
                Output::Timeout(at) => {
                    self.deadline = (at < now + NEVER).then_some(at);
                    return Ok(keys);
                }
                Output::BufferTooSmall { .. } => return Err("DTLS: an overlong message".into()),
                _ => {}
            }
        }
    }

    /// Says goodbye.
    pub fn close(&mut self, now: Instant, send: impl FnMut(&[u8])) {
        // One that was never up, or is gone, has nobody to say it to.
        if self.dtls.handle_timeout(now).and_then(|()| self.dtls.close()).is_ok() {
            let _gone_anyway = self.drain(now, send);
        }
    }
}

fn keys_of(exported: &[u8], profile: SrtpProfile) -> Option<Keys> {
    let profile = match profile {
        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        SrtpProfile::AES128_CM_SHA1_80 => Profile::AesCm128HmacSha1_80,
        _ => return None,
    };
    Keys::from_exported(profile, exported)
}
