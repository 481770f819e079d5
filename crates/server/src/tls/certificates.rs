//! The certificates that handshakes get: the one that serves, which may be swapped at any time, and
//! those that prove to an authority that a name leads here.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::facts;

/// The protocol by which an authority asks for its proof (RFC 8737 section 4).
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// The one that serves.
#[derive(Debug)]
struct Serving {
    key: Arc<CertifiedKey>,
    /// Whether it is of an authority.
    is_lasting: bool,
}

/// The certificates that handshakes get. A lock is taken for each handshake, and never for long.
#[derive(Debug, Default)]
pub struct Certificates {
    serving: RwLock<Option<Serving>>,
    proofs: RwLock<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    /// From now on handshakes get this one. Connections that are open keep theirs.
    pub(super) fn serve(&self, key: CertifiedKey) {
        let facts = key.cert.first().and_then(facts::read);
        let is_lasting = facts.is_some_and(|facts| !facts.is_its_own_authority);
        let serving = Serving { key: Arc::new(key), is_lasting };
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Some(serving);
    }

    /// Whether there is one yet.
    pub(super) fn are_there(&self) -> bool {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether browsers may be told to come by https only, from now on (RFC 6797): no certificate
    /// of the server's own may ask that.
    pub fn are_lasting(&self) -> bool {
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().is_some_and(|serving| serving.is_lasting)
    }

    /// Whether the one that serves is its own authority, which browsers take for a page when its reader tells them to, and for nothing else.
    pub fn are_our_own(&self) -> bool {
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().is_some_and(|serving| !serving.is_lasting)
    }

    /// An authority that asks for a proof of `domain` gets this one.
    pub(super) fn prove(&self, domain: &str, key: CertifiedKey) {
        let mut proofs = self.proofs.write().unwrap_or_else(PoisonError::into_inner);
        proofs.insert(domain.to_owned(), Arc::new(key));
    }

    /// The authority has seen what it wanted, or will not look any more.
    pub(super) fn forget_proofs(&self) {
        self.proofs.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn find(&self, name: Option<&str>, wants_proof: bool) -> Option<Arc<CertifiedKey>> {
        if wants_proof {
            let proofs = self.proofs.read().unwrap_or_else(PoisonError::into_inner);
            return proofs.get(name?).cloned();
        }
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().map(|serving| Arc::clone(&serving.key))
    }
}

#[cfg(test)]
impl Certificates {
    /// The names of the one that serves.
    pub(super) fn serving_names(&self) -> Vec<String> {
        self.serving_facts().names
    }

    pub(super) fn serving_until(&self) -> std::time::SystemTime {
        self.serving_facts().not_after
    }

    fn serving_facts(&self) -> facts::Facts {
        let served = self.find(None, false).unwrap();
        facts::read(&served.cert[0]).unwrap()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An authority offers this protocol and no other (RFC 8737 section 3).
        let wants_proof = hello.alpn().is_some_and(|offered| offered.eq(std::iter::once(ACME_TLS)));
        self.find(hello.server_name(), wants_proof)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::PrivatePkcs8KeyDer;

    use super::*;

    fn made() -> CertifiedKey {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        usable(&made.cert, &made.signing_key)
    }

    /// One that an authority has signed.
    fn signed() -> CertifiedKey {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "An authority");
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["a.example".to_owned()]).unwrap();
        usable(&leaf.signed_by(&key, &authority).unwrap(), &key)
    }

    fn usable(certificate: &rcgen::Certificate, key: &KeyPair) -> CertifiedKey {
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        CertifiedKey::from_der(vec![certificate.der().clone()], key.into(), &default_provider())
            .unwrap()
    }

    #[test]
    fn https_is_insisted_on_by_the_certificate_that_serves_now() {
        let certificates = Certificates::default();
        let which = || (certificates.are_lasting(), certificates.are_our_own());
        assert_eq!(which(), (false, false), "there is none yet");
        certificates.serve(signed());
        assert_eq!(which(), (true, false));
        certificates.serve(made());
        assert_eq!(which(), (false, true), "it is its own authority");
    }

    #[test]
    fn a_proof_is_for_who_asks_for_it_by_name_and_never_serves() {
        let certificates = Certificates::default();
        assert!(certificates.find(Some("a.example"), false).is_none());
        certificates.prove("a.example", made());
        assert!(certificates.find(Some("a.example"), false).is_none(), "a proof serves nobody");
        assert!(certificates.find(Some("a.example"), true).is_some());
        assert!(certificates.find(Some("b.example"), true).is_none());
        assert!(certificates.find(None, true).is_none());
        certificates.serve(made());
        assert!(certificates.find(Some("b.example"), true).is_none(), "nor the other way round");
        assert!(certificates.find(None, false).is_some());
        certificates.forget_proofs();
        assert!(certificates.find(Some("a.example"), true).is_none());
    }
}
