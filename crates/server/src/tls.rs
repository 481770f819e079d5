//! Encryption of HTTP: by given certificates, or by one of the server's own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;
use crate::self_signed;

/// What may be inside of TLS (RFC 7301 section 6, RFC 7443), which a client that names any has to name one of. WebSockets need
/// HTTP/1.1, and the app's files are few.
const PROTOCOLS: [&[u8]; 3] = [b"http/1.1", b"stun.turn", b"stun.nat-discovery"];

/// Why there is no encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM file of the sort.
    #[error("{}: expected {expected}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The chain and the key do not go together, or cannot be used.
    #[error("tls_cert and tls_key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    SelfSigned(#[from] rcgen::Error),
}

/// What takes TLS connections, if they are to be encrypted. `names` are this machine's addresses,
/// for a certificate of its own, which is kept in the directory `state`.
///
/// # Errors
/// See [`TlsError`].
pub fn acceptor(
    tls: &Tls,
    names: &[IpAddr],
    state: Option<&Path>,
) -> Result<Option<TlsAcceptor>, TlsError> {
    let (chain, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::SelfSigned => self_signed::identity(names, state, SystemTime::now())?,
        Tls::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn read_chain(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault =
        |source| TlsError::File { path: path.clone(), expected: "a PEM certificate chain", source };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(fault)?.collect();
    match chain.map_err(fault)? {
        chain if chain.is_empty() => Err(fault(rustls::pki_types::pem::Error::NoItemsFound)),
        chain => Ok(chain),
    }
}

fn read_key(path: &PathBuf) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::File {
        path: path.clone(),
        expected: "a PEM private key",
        source,
    })
}
