//! Who we are in DTLS: one certificate and one configuration for the whole process.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use dimpl::DtlsCertificate;
use dimpl::crypto::{CryptoProvider, aws_lc_rs::default_provider};

use super::keys::Verifier;
use super::request;

/// Largest DTLS datagram that we send: with the headers of UDP and IPv6 it fits in 1280 bytes.
const MTU: usize = 1200;

/// How long until a flight is first repeated; doubles each time. RFC 9147 section 5.8.2 proposes
/// less than a second where the protocol wants it: ours delays a person's first picture.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(200);

/// How often one flight is repeated: with the doubling, for about 25 s.
const RETRANSMISSIONS: usize = 7;

/// How long a handshake may take from its first datagram.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// The certificate of this server and what all handshakes share. Building one costs a key pair and
/// two self-tests of 0.9 ms, so it is built once and shared.
pub struct Identity {
    /// For handshakes of any version, in either role.
    pub(super) config: Arc<dimpl::Config>,
    /// For a server of DTLS 1.2 whose datagrams go through `request`: it takes certificates of RSA too.
    pub(super) asking: Arc<dimpl::Config>,
    pub(super) certificate: DtlsCertificate,
    fingerprint: Fingerprint,
    secret: hmac::Key,
}

/// The cryptography of this machine failed to make a certificate or to pass its self-test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no DTLS certificate could be made: {0}")]
pub struct IdentityError(String);

impl Identity {
    /// Makes a fresh key pair and a self-signed certificate for it. WebRTC trusts it by its
    /// fingerprint in the session description (RFC 8827 section 6.5), not by who signed it.
    pub fn generate() -> Result<Identity, IdentityError> {
        let provider =
            || CryptoProvider { signature_verification: &Verifier, ..default_provider() };
        let config = config_of(provider())?;
        let asking = config_of(CryptoProvider {
            signature_verification: &request::Signatures,
            hash_provider: &request::Hashes,
            ..provider()
        })?;
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| IdentityError(error.to_string()))?;
        let fingerprint = Fingerprint::of(&certificate.certificate);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &certificate.private_key);
        Ok(Identity { config, asking, certificate, fingerprint, secret })
    }

    /// Makes what no client can foretell. The private key is the one secret that this process has.
    pub(crate) fn secret(&self) -> &hmac::Key {
        &self.secret
    }

    /// What the session description says of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// What all handshakes with this cryptography share.
fn config_of(provider: CryptoProvider) -> Result<Arc<dimpl::Config>, IdentityError> {
    dimpl::Config::builder()
        .with_crypto_provider(provider)
        .mtu(MTU)
        // A cookie would prove that the client is where its address says, for a round trip more in
        // each setup. Without, `Allowance` limits what another address can be sent in its name.
        .use_server_cookie(false)
        .flight_start_rto(FIRST_RETRANSMISSION)
        .flight_retries(RETRANSMISSIONS)
        .handshake_timeout(HANDSHAKE_TIMEOUT)
        .build()
        .map(Arc::new)
        .map_err(|error| IdentityError(error.to_string()))
}

impl fmt::Debug for Identity {
    /// Shows the fingerprint alone: the key is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// The SHA-256 hash of a certificate (RFC 8122 section 5).
///
/// It is read from and printed as in the value of `a=fingerprint:sha-256`: 32 pairs of hexadecimal
/// digits with colons between.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Text that is not a SHA-256 fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sha-256 fingerprint is 32 pairs of hexadecimal digits with colons between them")]
pub struct InvalidFingerprint;

impl Fingerprint {
    /// The hash of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Fingerprint {
        let mut hash = [0; 32];
        let digest = digest::digest(&digest::SHA256, certificate);
        hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Fingerprint(hash)
    }

    /// A hash that is known.
    pub const fn from_bytes(hash: [u8; 32]) -> Fingerprint {
        Fingerprint(hash)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Fingerprint, InvalidFingerprint> {
        let mut hash = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut hash {
            let pair = pairs.next().filter(|pair| pair.len() == 2).ok_or(InvalidFingerprint)?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(InvalidFingerprint);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidFingerprint)?;
        }
        if pairs.next().is_some() { Err(InvalidFingerprint) } else { Ok(Fingerprint(hash)) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let colon = if place == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_what_it_prints() {
        let fingerprint = Fingerprint::of(b"certificate");
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert_eq!(fingerprint.to_string().to_lowercase().parse(), Ok(fingerprint));
    }

    #[test]
    fn text_that_is_no_fingerprint_is_refused() {
        let good = Fingerprint::of(b"certificate").to_string();
        let bad = [&good[3..], &format!("{good}:00"), &good.replace(':', " "), "", "+A:"];
        for text in bad {
            assert_eq!(text.parse::<Fingerprint>(), Err(InvalidFingerprint), "{text}");
        }
    }
}
