//! Certificates from an authority (RFC 8555), which asks this server for a proof that a name leads
//! here (TLS-ALPN-01, RFC 8737): got at the first start, kept, and renewed in time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::time::{sleep, timeout};

use super::certificates::Certificates;
use super::facts::Facts;
use super::usable;
use crate::config::Acme;
use crate::private_file;

/// How long an authority may take to look for its proofs, and to sign.
const AUTHORITY_PATIENCE: Duration = Duration::from_secs(2 * 60);

/// How long getting one certificate may take from first to last.
const ORDER_PATIENCE: Duration = Duration::from_secs(8 * 60);

/// What to wait after a failure, twice as long after each: Let's Encrypt lets a name fail five
/// times in an hour.
const FIRST_WAIT: Duration = Duration::from_secs(2 * 60);
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

/// The shortest time from a certificate to the next order, whatever the clock says: one that is months fast takes
/// each new certificate for an old one, and authorities give few of the same names in a week.
const LEAST_BETWEEN_ORDERS: Duration = Duration::from_secs(60 * 60);

/// Longest sleep until a renewal: a machine that was suspended notices within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);

/// The type of the problem that says an account is none (RFC 8555 section 6.7).
const NO_SUCH_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why there is no certificate this time.
#[derive(Debug, thiserror::Error)]
enum AcmeError {
    #[error("{}", chain(.0))]
    Authority(#[from] Error),
    #[error("the authority does not offer the proof by TLS (tls-alpn-01) for {0}")]
    NoSuchProof(String),
    #[error("the authority was not convinced that {0} leads here")]
    NotConvinced(String),
    #[error("the authority took too long")]
    Timeout,
    #[error("no key or request could be made: {0}")]
    Key(#[from] rcgen::Error),
    #[error("what the authority sent cannot be used: {0}")]
    Unusable(String),
}

/// An error with what is behind it, which is where the reason is when a connection fails.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = causes.map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}

/// An authority, what is wanted of it, and where what it gives is kept.
pub(super) struct Authority {
    acme: Acme,
    directory: PathBuf,
    account_file: String,
    certificate_file: String,
}

impl Authority {
    /// Nothing is asked of the authority yet.
    pub(super) fn new(acme: &Acme, state: &Path) -> Authority {
        // An account belongs to its authority, and a certificate of one that is for trying does
        // not serve when the real one is asked.
        let name = digest(&SHA256, acme.directory.as_bytes());
        let name: String = name.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Authority {
            acme: acme.clone(),
            directory: state.join("acme"),
            account_file: format!("account-{name}.json"),
            certificate_file: format!("certificate-{name}.pem"),
        }
    }

    /// Serves the certificate that is kept, and gets another whenever it is due.
    pub(super) async fn run(self, certificates: &Certificates) {
        let due = self.serve_kept(certificates, SystemTime::now());
        until(due, SystemTime::now).await;
        let mut wait = FIRST_WAIT;
        loop {
            tracing::info!(domains = ?self.acme.domains, "asking for a certificate");
            let order = timeout(ORDER_PATIENCE, self.obtain(certificates)).await;
            certificates.forget_proofs();
            match order.unwrap_or(Err(AcmeError::Timeout)) {
                Ok(facts) => {
                    wait = FIRST_WAIT;
                    tracing::info!("got a certificate, and new connections get it");
                    until_next_order(&facts, SystemTime::now).await;
                }
                Err(error) => {
                    let serves = certificates.are_there();
                    tracing::warn!(%error, again_in_s = wait.as_secs(), "{}", advice(serves));
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Serves what is kept, if it is still good for all names. When another is due, if so.
    fn serve_kept(&self, certificates: &Certificates, now: SystemTime) -> Option<SystemTime> {
        let text = private_file::read(&self.directory.join(&self.certificate_file))?;
        let (key, facts) = self.understand(&text).ok()?;
        if now >= facts.not_after {
            return None;
        }
        certificates.serve(key);
        Some(facts.renewal())
    }

    /// A chain and its key, for all our names.
    fn understand(&self, text: &str) -> Result<(CertifiedKey, Facts), AcmeError> {
        let unusable = |error: &dyn std::error::Error| AcmeError::Unusable(error.to_string());
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let chain = chain.map_err(|error| unusable(&error))?;
        let key =
            PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| unusable(&error))?;
        let (key, facts) = usable((chain, key)).map_err(|error| unusable(&error))?;
        match facts {
            Some(facts) if facts.cover(&self.acme.domains) => Ok((key, facts)),
            _ => Err(AcmeError::Unusable("it is not for the names that were asked for".to_owned())),
        }
    }

    /// Gets a certificate, serves it, and keeps it.
    async fn obtain(&self, certificates: &Certificates) -> Result<Facts, AcmeError> {
        let account = self.account().await?;
        let names: Vec<Identifier> =
            self.acme.domains.iter().cloned().map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&names)).await;
        let mut order = order.inspect_err(|error| self.forget_account_if_none(error))?;
        prove(&mut order, certificates).await?;
        let patience = RetryPolicy::new().timeout(AUTHORITY_PATIENCE);
        if order.poll_ready(&patience).await? != OrderStatus::Ready {
            return Err(AcmeError::NotConvinced(self.acme.domains.join(", ")));
        }
        let key = KeyPair::generate()?;
        let mut request = CertificateParams::new(self.acme.domains.clone())?;
        request.distinguished_name = DistinguishedName::new();
        order.finalize_csr(request.serialize_request(&key)?.der()).await?;
        let chain = order.poll_certificate(&patience).await?;
        let text = format!("{}\n{}", chain.trim_end(), key.serialize_pem());
        let (key, facts) = self.understand(&text)?;
        certificates.serve(key);
        self.report(private_file::keep(&self.directory, &self.certificate_file, &text));
        Ok(facts)
    }

    /// Our account, or a new one.
    async fn account(&self) -> Result<Account, AcmeError> {
        let builder = match &self.acme.root {
            Some(root) => Account::builder_with_root(root)?,
            None => Account::builder()?,
        };
        let kept = private_file::read(&self.directory.join(&self.account_file));
        let kept = kept.and_then(|text| serde_json::from_str::<AccountCredentials>(&text).ok());
        if let Some(credentials) = kept {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact: Vec<&str> = self.acme.contacts.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) =
            builder.create(&wanted, self.acme.directory.clone(), None).await?;
        let text = serde_json::to_string(&credentials).map_err(Error::from)?;
        self.report(private_file::keep(&self.directory, &self.account_file, &text));
        Ok(account)
    }

    /// An account that the authority does not know any more is made anew the next time.
    fn forget_account_if_none(&self, error: &Error) {
        if matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(NO_SUCH_ACCOUNT))
        {
            let removed = std::fs::remove_file(self.directory.join(&self.account_file));
            tracing::info!(?removed, "the authority does not know this account any more");
        }
    }

    fn report(&self, kept: io::Result<()>) {
        if let Err(error) = kept {
            tracing::warn!(
                directory = %self.directory.display(), %error,
                "what the authority gave cannot be kept, so it will be asked again after each start, \
                 and it gives few certificates in a week"
            );
        }
    }
}

/// Waits from one order that went well until the next one.
async fn until_next_order(got: &Facts, clock: impl Fn() -> SystemTime) {
    sleep(LEAST_BETWEEN_ORDERS).await;
    until(Some(got.renewal()), clock).await;
}

/// Waits until `due`; not at all if that is past, or nothing is known of it.
async fn until(due: Option<SystemTime>, clock: impl Fn() -> SystemTime) {
    while let Some(left) = due.and_then(|due| due.duration_since(clock()).ok()) {
        if left.is_zero() {
            return;
        }
        sleep(left.min(LONGEST_SLEEP)).await;
    }
}

fn advice(serves: bool) -> &'static str {
    if serves {
        "the certificate could not be renewed, so the one before it stays"
    } else {
        "no certificate could be got, so nobody can connect yet: do the names lead here, and does port \
         443 of them reach this server's TCP port?"
    }
}

/// Shows the authority what it wants to see for each name, and tells it to look.
async fn prove(order: &mut Order, certificates: &Certificates) -> Result<(), AcmeError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            _ => return Err(AcmeError::NotConvinced(name)),
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or_else(|| AcmeError::NoSuchProof(name.clone()))?;
        let digest = challenge.key_authorization().digest();
        certificates.prove(&name, proof(&name, digest.as_ref())?);
        challenge.set_ready().await?;
    }
    Ok(())
}

/// The certificate that proves a name (RFC 8737 section 3): for that name alone, with the digest of
/// the key authorization in an extension that says it is no ordinary one.
fn proof(name: &str, digest: &[u8]) -> Result<CertifiedKey, AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    // Whether the two match is not looked at: the extension would be an unknown critical one.
    let key = any_supported_type(&key.into());
    let key = key.map_err(|error| AcmeError::Unusable(error.to_string()))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::facts;
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn authority(domains: &[&str], state: &Path) -> Authority {
        let domains = domains.iter().map(ToString::to_string).collect();
        let directory = "https://acme.example/directory".to_owned();
        Authority::new(&Acme { domains, contacts: Vec::new(), directory, root: None }, state)
    }

    /// A certificate for `name` from `start` on, for 90 days.
    fn kept(name: &str, start: SystemTime) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = start.into();
        params.not_after = (start + 90 * DAY).into();
        format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn what_is_kept_serves_until_it_expires_and_is_renewed_before_that() {
        let state = tempfile::tempdir().unwrap();
        let ours = authority(&["a.example"], state.path());
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let text = kept("a.example", start);
        private_file::keep(&ours.directory, &ours.certificate_file, &text).unwrap();

        let certificates = Certificates::default();
        assert_eq!(ours.serve_kept(&certificates, start + 91 * DAY), None, "it has expired");
        assert!(!certificates.are_there());
        assert_eq!(ours.serve_kept(&certificates, start + 80 * DAY), Some(start + 60 * DAY));
        assert!(certificates.are_there(), "it serves although it is due");
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_order_comes_when_the_certificate_is_due_and_never_within_the_hour() {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let state = tempfile::tempdir().unwrap();
        let (_, facts) =
            authority(&["a.example"], state.path()).understand(&kept("a.example", start)).unwrap();
        for (days_fast, waits) in
            [(0, 60 * DAY), (61, LEAST_BETWEEN_ORDERS), (400, LEAST_BETWEEN_ORDERS)]
        {
            let began = Instant::now();
            until_next_order(&facts, || start + days_fast * DAY + began.elapsed()).await;
            let waited = began.elapsed();
            let slack = Duration::from_secs(1);
            assert!((waits..waits + slack).contains(&waited), "{days_fast}: {waited:?}");
        }
    }

    #[test]
    fn what_is_kept_for_other_names_or_from_another_authority_does_not_serve() {
        let state = tempfile::tempdir().unwrap();
        let ours = authority(&["a.example"], state.path());
        let now = SystemTime::now();
        let text = kept("a.example", now);
        private_file::keep(&ours.directory, &ours.certificate_file, &text).unwrap();
        let certificates = Certificates::default();
        let more = authority(&["a.example", "b.example"], state.path());
        assert_eq!(more.serve_kept(&certificates, now), None);
        let mut other = authority(&["a.example"], state.path());
        other.acme.directory = "https://staging.example/directory".to_owned();
        let other = Authority::new(&other.acme, state.path());
        assert_eq!(other.serve_kept(&certificates, now), None);
        assert!(!certificates.are_there());
    }

    #[test]
    fn a_proof_is_for_its_name_alone_and_carries_the_digest_in_a_critical_extension() {
        let proof = proof("a.example", &[7; 32]).unwrap();
        assert_eq!(facts::read(&proof.cert[0]).unwrap().names, ["a.example"]);
        // id-pe-acmeIdentifier, critical, an octet string of an octet string of 32 bytes.
        let mut wanted = vec![0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32];
        wanted.extend([7; 32]);
        assert!(proof.cert[0].windows(wanted.len()).any(|bytes| bytes == wanted));
    }
}
