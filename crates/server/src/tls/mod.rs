//! Encryption of HTTP and of TURN: by given certificates, by ones that an authority gives, or by
//! one of the server's own.

mod acme;
mod certificates;
mod facts;
mod files;
mod self_signed;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ::aws_lc_rs::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Accept, TlsAcceptor};
use tokio_util::sync::CancellationToken;

use acme::Authority;
pub use certificates::{ACME_TLS, Certificates};
use facts::Facts;
use files::{Files, Watch};
use self_signed::Own;

use crate::config::{NamedFile, Tls};

/// What may be inside of TLS (RFC 7301 section 6, RFC 7443), which a client that names any has to name one of. WebSockets need
/// HTTP/1.1, and the app's files are few.
const PROTOCOLS: [&[u8]; 3] = [b"http/1.1", b"stun.turn", b"stun.nat-discovery"];

/// A certificate chain and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Why there is no encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM file of the sort.
    #[error("{}: expected {expected} in {}: {source}", .file.setting, .file.path.display())]
    File {
        /// The file, and the setting that names it.
        file: NamedFile,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The chain and the key do not go together, or cannot be used.
    #[error(
        "{key}: expected the private key of the certificate of {certificate}, of a kind that TLS has: {source}"
    )]
    Pair {
        /// The setting that names the chain.
        certificate: String,
        /// The setting that names the key.
        key: String,
        /// What is wrong.
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Unusable(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    SelfSigned(#[from] rcgen::Error),
    /// A certificate that an authority gives has to be kept.
    #[error(
        "acme_domain: expected a directory to keep certificates in, as authorities give few in a week (--state-dir)"
    )]
    NoState,
}

impl TlsError {
    /// Whether it is a setting that is to be put right.
    pub fn is_of_a_setting(&self) -> bool {
        match self {
            TlsError::File { .. } | TlsError::Pair { .. } | TlsError::NoState => true,
            TlsError::Unusable(_) | TlsError::SelfSigned(_) => false,
        }
    }
}

/// How connections are encrypted.
pub struct Encryption {
    config: Arc<ServerConfig>,
    /// The SHA-256 digest of the certificate of the server's own, as browsers show it.
    pub fingerprint: Option<String>,
    certificates: Arc<Certificates>,
    upkeep: Upkeep,
}

/// What takes TLS connections. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    certificates: Arc<Certificates>,
}

impl Acceptor {
    /// Whether there is a certificate: an authority's may yet be on its way.
    pub fn is_ready(&self) -> bool {
        self.certificates.are_there()
    }

    /// Does the handshake.
    pub fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Accept<S> {
        self.tls.accept(stream)
    }
}

/// What is to be done so that the certificate stays good.
enum Upkeep {
    /// It is the server's own, which makes another in time.
    Own(Own),
    /// Somebody else renews it.
    Watch(Watch, Option<Facts>),
    /// We renew it.
    Renew(Box<Authority>),
}

impl Encryption {
    /// What `tls` says, if connections are to be encrypted. `names` are this machine's addresses,
    /// for a certificate of its own, which is kept in the directory `state`.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(
        tls: &Tls,
        names: &[IpAddr],
        state: Option<&Path>,
    ) -> Result<Option<Encryption>, TlsError> {
        let certificates = Arc::new(Certificates::default());
        let mut fingerprint = None;
        let upkeep = match tls {
            Tls::Off => return Ok(None),
            Tls::SelfSigned => {
                let own = self_signed::identity(names, state, SystemTime::now())?;
                fingerprint = own.0.first().map(digest_of);
                let (key, facts) = usable(own)?;
                certificates.serve(key);
                let (names, directory) = (names.to_vec(), state.map(Path::to_owned));
                Upkeep::Own(Own { names, directory, facts })
            }
            Tls::Files { certificate, key } => {
                let files = Files { certificate: certificate.clone(), key: key.clone() };
                let (watch, key, facts) = Watch::start(files)?;
                certificates.serve(key);
                Upkeep::Watch(watch, facts)
            }
            Tls::Acme(acme) => {
                let authority = Authority::new(acme, state.ok_or(TlsError::NoState)?);
                Upkeep::Renew(Box::new(authority))
            }
        };
        let config = server_config(certificates.clone(), matches!(upkeep, Upkeep::Renew(_)))?;
        Ok(Some(Encryption { config, fingerprint, certificates, upkeep }))
    }

    /// What handshakes get, now and later.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.certificates.clone()
    }

    /// What takes TLS connections.
    pub fn acceptor(&self) -> Acceptor {
        let tls = TlsAcceptor::from(self.config.clone());
        Acceptor { tls, certificates: self.certificates.clone() }
    }

    /// Keeps the certificate good until `stop` is cancelled.
    pub fn keep_up(self, stop: CancellationToken) {
        let certificates = self.certificates;
        let upkeep = async move {
            match self.upkeep {
                Upkeep::Own(own) => own.run(&certificates).await,
                Upkeep::Watch(watch, facts) => watch.run(&certificates, facts).await,
                Upkeep::Renew(authority) => authority.run(&certificates).await,
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = upkeep => {}
            }
        });
    }
}

fn server_config(
    certificates: Arc<Certificates>,
    proves: bool,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    if proves {
        config.alpn_protocols.push(ACME_TLS.to_vec());
    }
    Ok(Arc::new(config))
}

/// An identity that handshakes can get, and what its certificate says.
fn usable((chain, key): Identity) -> Result<(CertifiedKey, Option<Facts>), rustls::Error> {
    let facts = chain.first().and_then(facts::read);
    Ok((CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?, facts))
}

/// The SHA-256 digest of a certificate as browsers show it: `AB:CD:...`.
fn digest_of(certificate: &CertificateDer<'static>) -> String {
    let bytes = digest(&SHA256, certificate);
    let bytes: Vec<String> = bytes.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
