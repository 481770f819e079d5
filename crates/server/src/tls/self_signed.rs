//! A certificate of the server's own, kept from start to start: browsers ask about each one anew,
//! and a page in a call cannot ask at all.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::time::sleep;

use super::certificates::Certificates;
use super::facts::Facts;
use super::{Identity, digest_of, usable};
use crate::private_file;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a certificate is good: the longest that browsers take of anybody.
const LIFE: Duration = Duration::from_secs(397 * DAY.as_secs());

/// One that is good for less than this is made anew.
const LEAST_LIFE: Duration = Duration::from_secs(30 * DAY.as_secs());

/// How often a running server looks whether its own is still good for long enough. Time for which a machine sleeps does
/// not count, so that an hour may be a day on some.
const LOOK_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Clocks of clients may be so much behind.
const CLOCK_SKEW: Duration = DAY;

/// The file, in the directory of the server's state.
const FILE_NAME: &str = "self-signed.pem";

/// What stands before the certificate in the file: until when, in seconds since 1970, and for which
/// names. PEM readers skip it.
const HEAD: &str = "Parlor's own certificate and key, until ";

/// The certificate that is kept in `directory`, if it is good for these addresses and at `now`;
/// else a new one, which is kept there then. Without a directory there is a new one each time.
///
/// # Errors
/// When none can be made. One that cannot be kept serves until the server stops.
pub(crate) fn identity(
    addresses: &[IpAddr],
    directory: Option<&Path>,
    now: SystemTime,
) -> Result<Identity, rcgen::Error> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(addresses.iter().map(IpAddr::to_string));
    if let Some(kept) = directory.and_then(|directory| read(directory, &names, now)) {
        return Ok(kept);
    }
    let until = now + LIFE;
    let head = format!("{HEAD}{} for {}\n", seconds(until), names.join(" "));
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Parlor on this network");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = until.into();
    let certificate = params.self_signed(&key)?;
    if let Some(directory) = directory {
        let text = format!("{head}{}{}", certificate.pem(), key.serialize_pem());
        match private_file::keep(directory, FILE_NAME, &text) {
            Ok(()) => tracing::info!(directory = %directory.display(), "made a certificate"),
            Err(error) => tracing::warn!(
                directory = %directory.display(), %error,
                "the certificate cannot be kept; browsers will ask about another after each start"
            ),
        }
    }
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate.der().clone()], key.into()))
}

/// The one that a running server serves.
pub(super) struct Own {
    pub(super) names: Vec<IpAddr>,
    pub(super) directory: Option<PathBuf>,
    pub(super) facts: Option<Facts>,
}

impl Own {
    /// Makes another before it expires, again and again.
    pub(super) async fn run(mut self, certificates: &Certificates) {
        loop {
            sleep(LOOK_INTERVAL).await;
            self.look(certificates, SystemTime::now());
        }
    }

    /// Serves another if this one is good for little more.
    fn look(&mut self, certificates: &Certificates, now: SystemTime) {
        if self.facts.as_ref().is_some_and(|facts| facts.not_after > now + LEAST_LIFE) {
            return;
        }
        let made = identity(&self.names, self.directory.as_deref(), now);
        let used = made.map_err(|error| error.to_string()).and_then(|own| {
            let fingerprint = own.0.first().map(digest_of);
            let (key, facts) = usable(own).map_err(|error| error.to_string())?;
            Ok((key, facts, fingerprint))
        });
        match used {
            Ok((key, facts, fingerprint)) => {
                certificates.serve(key);
                self.facts = facts;
                tracing::info!(
                    fingerprint,
                    "the certificate was to expire, so there is another, about which browsers ask once"
                );
            }
            Err(error) => {
                tracing::warn!(error, "the certificate is to expire, and no other could be made")
            }
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The kept certificate, if it is ours alone and still good for these names.
fn read(directory: &Path, names: &[String], now: SystemTime) -> Option<Identity> {
    let text = private_file::read(&directory.join(FILE_NAME))?;
    let (until, known) = text.lines().next()?.strip_prefix(HEAD)?.split_once(" for ")?;
    let known: Vec<&str> = known.split(' ').collect();
    let is_good = until.parse::<u64>().ok()? > seconds(now + LEAST_LIFE)
        && names.iter().all(|name| known.contains(&name.as_str()));
    if !is_good {
        return None;
    }
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
    Some((vec![certificate], key))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_certificate_is_kept_until_it_expires_or_an_address_is_new() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("state/parlor");
        let now = SystemTime::now();
        let make = |ips: &[&str], now| identity(&addresses(ips), Some(&directory), now).unwrap();
        let first = make(&["192.0.2.1", "2001:db8::1"], now);
        assert_eq!(make(&["192.0.2.1", "2001:db8::1"], now), first);
        assert_eq!(make(&["192.0.2.1"], now + 300 * DAY), first, "an address less is no harm");
        let moved = make(&["192.0.2.2"], now);
        assert_ne!(moved, first, "an address is new");
        assert_eq!(make(&["192.0.2.2"], now), moved);
        let later = now + 370 * DAY;
        let renewed = make(&["192.0.2.2"], later);
        assert_ne!(renewed, moved, "it was to expire soon");
        assert_eq!(make(&["192.0.2.2"], later), renewed);
    }

    #[test]
    fn a_server_that_runs_for_a_year_makes_another_before_the_certificate_expires() {
        let home = tempfile::tempdir().unwrap();
        let start = SystemTime::now();
        for directory in [Some(home.path().to_owned()), None] {
            let first = identity(&[], directory.as_deref(), start).unwrap();
            let (key, facts) = usable(first).unwrap();
            let first_end = facts.as_ref().unwrap().not_after;
            let certificates = Certificates::default();
            certificates.serve(key);
            let mut own = Own { names: Vec::new(), directory, facts };
            own.look(&certificates, start + 300 * DAY);
            assert_eq!(certificates.serving_until(), first_end);
            own.look(&certificates, start + 368 * DAY);
            let end = certificates.serving_until();
            assert!(end > first_end + 300 * DAY);
            own.look(&certificates, start + 369 * DAY);
            assert_eq!(certificates.serving_until(), end, "it is not made anew each day");
        }
    }

    #[test]
    fn the_file_is_for_its_owner_alone_and_a_bad_one_is_made_anew() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("parlor");
        let file = directory.join(FILE_NAME);
        let now = SystemTime::now();
        let make = || identity(&[], Some(&directory), now).unwrap();
        let first = make();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let second = make();
        assert_ne!(second, first, "others could have read the key");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        std::fs::write(&file, "hello").unwrap();
        let third = make();
        assert_ne!(third, second);
        assert_eq!(make(), third);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_no_reason_not_to_start() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(identity(&[], Some(&file.join("parlor")), SystemTime::now()).is_ok());
    }
}
