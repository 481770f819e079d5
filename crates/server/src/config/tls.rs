//! Whether and how HTTP is encrypted: four ways, of which one is taken.

use std::path::PathBuf;

use super::layer::Layers;
use super::{ConfigError, parse};

/// The directory of Let's Encrypt, where certificates are got when nothing else is said.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Whether and how HTTP is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for `localhost`, or behind a proxy that encrypts.
    Off,
    /// By a certificate of the server's own, about which each browser asks once.
    SelfSigned,
    /// By a certificate chain and its key, both PEM files, read again when they change.
    Files {
        /// The chain, leaf first.
        certificate: NamedFile,
        /// The private key.
        key: NamedFile,
    },
    /// By a certificate that the server gets from an authority, and renews.
    Acme(Acme),
}

/// A file that a setting names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The setting as it was written: `--tls-cert`, `PARLOR_TLS_CERT`, or a file and its key.
    pub setting: String,
}

/// Where a certificate is got, and for which names (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The names of this server, at least one, in lower case.
    pub domains: Vec<String>,
    /// Where the authority may write to: `mailto:` URLs.
    pub contacts: Vec<String>,
    /// The URL of the authority's directory (RFC 8555 section 7.1.1).
    pub directory: String,
    /// The root certificate of the directory's own TLS (PEM), if it is not one that the system trusts.
    pub root: Option<PathBuf>,
}

/// One way to encrypt: the key that chooses it, and what the others are told about it.
struct Way {
    key: &'static str,
    /// How strong the layer is that chose it: 0 is the strongest.
    rank: usize,
    conflict: &'static str,
    tls: Tls,
}

/// Of several ways to encrypt, the one that was said in the stronger place.
pub(super) fn read(said: &Layers<'_>) -> Result<Tls, ConfigError> {
    let ways = [files(said)?, self_signed(said)?, acme(said)?];
    let mut ways: Vec<Way> = ways.into_iter().flatten().collect();
    ways.sort_by_key(|way| way.rank);
    if let [first, second, ..] = &ways[..]
        && first.rank == second.rank
    {
        return Err(said.conflict(second.key, first.conflict));
    }
    Ok(ways.into_iter().next().map_or(Tls::Off, |way| way.tls))
}

fn self_signed(said: &Layers<'_>) -> Result<Option<Way>, ConfigError> {
    let is_wanted = said.one("tls_self_signed", parse::switch)?.unwrap_or(false);
    let rank = said.rank("tls_self_signed").filter(|_| is_wanted);
    Ok(rank.map(|rank| Way {
        key: "tls_self_signed",
        rank,
        conflict: "no tls_self_signed (--tls-self-signed) beside it",
        tls: Tls::SelfSigned,
    }))
}

fn files(said: &Layers<'_>) -> Result<Option<Way>, ConfigError> {
    let certificate = named(said, "tls_cert")?;
    let key = named(said, "tls_key")?;
    let ranks = said.rank("tls_cert").into_iter().chain(said.rank("tls_key"));
    let Some(rank) = ranks.min() else { return Ok(None) };
    let tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Tls::Files { certificate, key },
        // Half of it matters only where nothing stronger is said.
        _ if is_outdone(said, rank)? => return Ok(None),
        (None, _) => return Err(said.conflict("tls_key", "tls_cert (--tls-cert) beside it")),
        (_, None) => return Err(said.conflict("tls_cert", "tls_key (--tls-key) beside it")),
    };
    let conflict = "no tls_cert and tls_key (--tls-cert, --tls-key) beside it";
    Ok(Some(Way { key: "tls_cert", rank, conflict, tls }))
}

fn named(said: &Layers<'_>, key: &str) -> Result<Option<NamedFile>, ConfigError> {
    let path = said.one(key, parse::path)?;
    Ok(path.map(|path| NamedFile { path, setting: said.spell(key) }))
}

/// Whether a stronger place than `rank` says another way.
fn is_outdone(said: &Layers<'_>, rank: usize) -> Result<bool, ConfigError> {
    let others = [self_signed(said)?, acme(said)?];
    Ok(others.into_iter().flatten().any(|way| way.rank < rank))
}

fn acme(said: &Layers<'_>) -> Result<Option<Way>, ConfigError> {
    let domains = said.many("acme_domain", parse::domain)?;
    let contacts = said.many("acme_contact", parse::contact)?;
    let directory = said.one("acme_directory", parse::https_url)?;
    let root = said.one("acme_ca", parse::path)?;
    let Some(rank) = said.rank("acme_domain").filter(|_| !domains.is_empty()) else {
        for key in ["acme_contact", "acme_directory", "acme_ca"] {
            if said.rank(key).is_some() && !said.is_empty(key) {
                return Err(said.conflict(key, "acme_domain (--acme-domain) beside it"));
            }
        }
        return Ok(None);
    };
    let directory = directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned());
    Ok(Some(Way {
        key: "acme_domain",
        rank,
        conflict: "no acme_domain (--acme-domain) beside it",
        tls: Tls::Acme(Acme { domains, contacts, directory, root }),
    }))
}
