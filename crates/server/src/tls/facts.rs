//! What a certificate says of itself, and what is to be said about that.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who has to renew by hand is told so this long before.
const NOTICE: Duration = Duration::from_secs(14 * DAY.as_secs());

/// What a certificate says of itself (RFC 5280 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// The DNS names and addresses that it is for, in lower case.
    pub(super) names: Vec<String>,
    /// Whether it names itself as its authority: browsers ask about such a one.
    pub(super) is_its_own_authority: bool,
}

/// What the leaf of a chain says, if it can be understood.
pub(super) fn read(leaf: &CertificateDer<'_>) -> Option<Facts> {
    let certificate = Certificate::from_der(leaf).ok()?;
    let body = certificate.tbs_certificate();
    let names = body.get_extension::<SubjectAltName>().ok().flatten();
    let names = names.map(|(_, names)| names.0.iter().filter_map(name).collect());
    Some(Facts {
        not_before: body.validity().not_before.to_system_time(),
        not_after: body.validity().not_after.to_system_time(),
        names: names.unwrap_or_default(),
        is_its_own_authority: body.issuer() == body.subject(),
    })
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::IpAddress(bytes) => {
            let v4 =
                || <[u8; 4]>::try_from(bytes.as_bytes()).map(|b| Ipv4Addr::from(b).to_string());
            let v6 =
                || <[u8; 16]>::try_from(bytes.as_bytes()).map(|b| Ipv6Addr::from(b).to_string());
            v4().or_else(|_| v6()).ok()
        }
        _ => None,
    }
}

impl Facts {
    /// Whether it is for all these names, and for them to the letter: wildcards are no concern of
    /// who gets certificates by itself.
    pub(super) fn cover(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }

    /// When a third of its life is left, which is when authorities want one to be renewed.
    pub(super) fn renewal(&self) -> SystemTime {
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        self.not_after - life / 3
    }

    /// A sentence about what is wrong with it at `now`, or will be soon.
    pub(super) fn complaint(&self, now: SystemTime) -> Option<String> {
        if now < self.not_before {
            return Some(
                "the certificate is not yet valid: is the clock of this machine right?".to_owned(),
            );
        }
        match self.not_after.duration_since(now) {
            Err(_) => Some("the certificate has expired: browsers will refuse it".to_owned()),
            Ok(left) if left < NOTICE => {
                let days = left.as_secs() / DAY.as_secs();
                Some(format!("the certificate expires in {days} days; it is to be renewed"))
            }
            Ok(_) if self.names.is_empty() => Some(
                "the certificate names no server (it has no subject alternative name): browsers will refuse it"
                    .to_owned(),
            ),
            Ok(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    fn facts(names: &[&str], start: SystemTime, life: Duration) -> Facts {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())
                .unwrap();
        params.not_before = start.into();
        params.not_after = (start + life).into();
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        read(made.der()).unwrap()
    }

    #[test]
    fn what_a_certificate_says_is_read() {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let found = facts(&["Meet.Example", "192.0.2.1", "2001:db8::1"], start, 90 * DAY);
        assert_eq!(found.names, ["meet.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!((found.not_before, found.not_after), (start, start + 90 * DAY));
        assert!(found.is_its_own_authority);
        assert!(found.cover(&["meet.example".to_owned()]));
        assert!(!found.cover(&["meet.example".to_owned(), "b.example".to_owned()]));
    }

    #[test]
    fn one_that_an_authority_has_signed_is_not_its_own() {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "An authority");
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let leaf = CertificateParams::new(["a.example".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
        assert!(!read(leaf.der()).unwrap().is_its_own_authority);
        assert!(read(&CertificateDer::from(b"hello".to_vec())).is_none());
    }

    #[test]
    fn a_third_of_its_life_before_the_end_it_is_renewed_and_two_weeks_before_somebody_is_told() {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let found = facts(&["a.example"], start, 90 * DAY);
        assert_eq!(found.renewal(), start + 60 * DAY);
        assert_eq!(found.complaint(start + DAY), None);
        let said = |days: u32| found.complaint(start + DAY * days).unwrap_or_default();
        assert_eq!(said(60), "");
        assert!(said(80).contains("expires in 10 days"), "{}", said(80));
        assert!(said(91).contains("has expired"), "{}", said(91));
        assert!(found.complaint(start - DAY).unwrap().contains("not yet valid"));
    }
}
