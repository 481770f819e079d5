//! A certificate in files that somebody else keeps fresh: read, and read again when they change.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::certificates::Certificates;
use super::{Identity, TlsError, facts};
use crate::config::NamedFile;

/// How often the files are looked at. Looking costs two system calls, and needs nothing of the
/// file system that network mounts and containers do not have.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How often somebody is told that the certificate will expire.
const REMINDER_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The two files.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate: NamedFile,
    pub(super) key: NamedFile,
}

impl Files {
    /// What they hold.
    ///
    /// # Errors
    /// When one of them cannot be read, or holds something else.
    pub(super) fn read(&self) -> Result<Identity, TlsError> {
        Ok((read_chain(&self.certificate)?, read_key(&self.key)?))
    }

    /// What they hold, as handshakes can get it, and what the certificate says.
    ///
    /// # Errors
    /// Also when the key is another's, or one that cannot be used.
    fn read_usable(&self) -> Result<(CertifiedKey, Option<facts::Facts>), TlsError> {
        super::usable(self.read()?).map_err(|source| TlsError::Pair {
            certificate: self.certificate.setting.clone(),
            key: self.key.setting.clone(),
            source,
        })
    }

    fn state(&self) -> State {
        State { certificate: file_state(&self.certificate.path), key: file_state(&self.key.path) }
    }
}

/// How a file looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    written: (i64, i64),
    /// When its content, owner or rights changed last, which nobody can set.
    changed: (i64, i64),
    len: u64,
    inode: u64,
}

fn file_state(path: &Path) -> Option<FileState> {
    let facts = metadata(path).ok()?;
    Some(FileState {
        written: (facts.mtime(), facts.mtime_nsec()),
        changed: (facts.ctime(), facts.ctime_nsec()),
        len: facts.size(),
        inode: facts.ino(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    certificate: Option<FileState>,
    key: Option<FileState>,
}

/// The files and how they looked when they were last read.
pub(super) struct Watch {
    files: Files,
    read_at: State,
    /// Why what was last read could not be used: then they are read at each look, since not everything that
    /// stands in the way (rights of a directory, a mount) shows in how a file looks.
    failed: Option<String>,
}

impl Watch {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// As [`Files::read_usable`].
    pub(super) fn start(
        files: Files,
    ) -> Result<(Watch, CertifiedKey, Option<facts::Facts>), TlsError> {
        // Looked at first: what changes while it is read is read again.
        let read_at = files.state();
        let (key, facts) = files.read_usable()?;
        let watch = Watch { files, read_at, failed: None };
        watch.complain(facts.as_ref());
        Ok((watch, key, facts))
    }

    /// Says what is wrong with a certificate, or will be soon.
    fn complain(&self, facts: Option<&facts::Facts>) {
        if let Some(complaint) = facts.and_then(|facts| facts.complaint(SystemTime::now())) {
            tracing::warn!("{}: {complaint}", self.files.certificate.setting);
        }
    }

    /// What the files hold if they look different than when they were last read, or could not be used then.
    fn changed(&mut self) -> Option<Result<(CertifiedKey, Option<facts::Facts>), TlsError>> {
        let state = self.files.state();
        if state == self.read_at && self.failed.is_none() {
            return None;
        }
        self.read_at = state;
        Some(self.files.read_usable())
    }

    /// Looks once: serves what is new, and keeps what there is when that cannot be used.
    fn look(&mut self, certificates: &Certificates) -> Option<facts::Facts> {
        let used = self.changed()?;
        let file = self.files.certificate.path.display();
        match used {
            Ok((key, facts)) => {
                self.failed = None;
                certificates.serve(key);
                tracing::info!(%file, "the certificate has changed, and new connections get it");
                self.complain(facts.as_ref());
                facts
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.failed.as_ref() != Some(&complaint) {
                    tracing::warn!(
                        %file, %error,
                        "the certificate has changed and cannot be used, so the one before it stays"
                    );
                }
                self.failed = Some(complaint);
                None
            }
        }
    }

    /// Looks again and again.
    pub(super) async fn run(mut self, certificates: &Certificates, now: Option<facts::Facts>) {
        let mut facts = now;
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reminded_at = Instant::now();
        loop {
            looks.tick().await;
            if let Some(new) = self.look(certificates) {
                (facts, reminded_at) = (Some(new), Instant::now());
            }
            if reminded_at.elapsed() >= REMINDER_INTERVAL {
                self.complain(facts.as_ref());
                reminded_at = Instant::now();
            }
        }
    }
}

fn read_chain(file: &NamedFile) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |source| fault(file, "a PEM certificate chain", source);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&file.path).map_err(fault)?.collect();
    match chain.map_err(fault)? {
        chain if chain.is_empty() => Err(fault(pem::Error::NoItemsFound)),
        chain => Ok(chain),
    }
}

fn read_key(file: &NamedFile) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(&file.path)
        .map_err(|source| fault(file, "a PEM private key", source))
}

fn fault(file: &NamedFile, expected: &'static str, source: pem::Error) -> TlsError {
    TlsError::File { file: file.clone(), expected, source }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Disk {
        _directory: tempfile::TempDir,
        files: Files,
    }

    impl Disk {
        fn new() -> Disk {
            let directory = tempfile::tempdir().unwrap();
            let file = |setting: &str, name| NamedFile {
                path: directory.path().join(name),
                setting: setting.to_owned(),
            };
            let files = Files {
                certificate: file("--tls-cert", "chain.pem"),
                key: file("--tls-key", "key.pem"),
            };
            Disk { _directory: directory, files }
        }

        fn write(&self, name: &str) -> (String, String) {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
            std::fs::write(&self.files.certificate.path, &chain).unwrap();
            std::fs::write(&self.files.key.path, &key).unwrap();
            (chain, key)
        }
    }

    fn served(certificates: &Certificates) -> Vec<String> {
        certificates.serving_names()
    }

    #[test]
    fn files_that_have_not_changed_are_not_read_again_and_changed_ones_serve() {
        let disk = Disk::new();
        disk.write("a.example");
        let (mut watch, ..) = Watch::start(disk.files.clone()).unwrap();
        let certificates = Certificates::default();
        assert!(watch.look(&certificates).is_none());
        assert!(!certificates.are_there(), "nothing has changed");
        disk.write("a-longer-name.example");
        assert!(watch.look(&certificates).is_some());
        assert_eq!(served(&certificates), ["a-longer-name.example"]);
        assert!(watch.look(&certificates).is_none());
    }

    #[test]
    fn a_change_of_rights_alone_is_a_change() {
        let disk = Disk::new();
        disk.write("a.example");
        let (mut watch, ..) = Watch::start(disk.files.clone()).unwrap();
        let before = watch.files.state();
        // Clocks of file systems go by ticks.
        while watch.files.state() == before {
            std::fs::set_permissions(&disk.files.key.path, Permissions::from_mode(0o600)).unwrap();
        }
        assert!(watch.look(&Certificates::default()).is_some());
    }

    #[test]
    fn what_could_not_be_read_is_read_again_although_the_files_look_the_same() {
        let disk = Disk::new();
        disk.write("a.example");
        let (mut watch, ..) = Watch::start(disk.files.clone()).unwrap();
        let certificates = Certificates::default();
        disk.write("longer.example");
        // As a failed read leaves it: the rights of a directory above, say, were in the way.
        watch.read_at = watch.files.state();
        watch.failed = Some("permission denied".to_owned());
        assert!(watch.look(&certificates).is_some());
        assert_eq!(served(&certificates), ["longer.example"]);
        assert!(watch.look(&certificates).is_none(), "and no longer than that");
    }

    #[test]
    fn a_file_that_cannot_be_used_leaves_the_certificate_before_it_until_it_can() {
        let disk = Disk::new();
        disk.write("a.example");
        let (mut watch, ..) = Watch::start(disk.files.clone()).unwrap();
        let certificates = Certificates::default();
        disk.write("longer.example");
        watch.look(&certificates);

        let (_, key) = disk.write("of-another-key.example");
        std::fs::write(&disk.files.key.path, rcgen::KeyPair::generate().unwrap().serialize_pem())
            .unwrap();
        assert!(watch.look(&certificates).is_none(), "a chain and the key of another");
        assert_eq!(served(&certificates), ["longer.example"]);
        std::fs::write(&disk.files.certificate.path, "hello").unwrap();
        assert!(watch.look(&certificates).is_none(), "no certificate");
        std::fs::remove_file(&disk.files.certificate.path).unwrap();
        assert!(watch.look(&certificates).is_none(), "no file");
        assert_eq!(served(&certificates), ["longer.example"]);

        let (chain, _) = disk.write("whole-again.example");
        assert!(watch.look(&certificates).is_some());
        assert_eq!(served(&certificates), ["whole-again.example"]);
        // Whoever renews writes one file after the other.
        std::fs::write(&disk.files.key.path, key).unwrap();
        std::fs::write(&disk.files.certificate.path, chain).unwrap();
        assert!(watch.look(&certificates).is_none(), "the first key with the second chain");
    }
}
