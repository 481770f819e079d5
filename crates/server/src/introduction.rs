//! The lines that are printed at start: where to go, what to do about certificates, and what is
//! announced.

use std::net::{IpAddr, SocketAddr};

use crate::config::Tls;
use crate::tls::Encryption;

/// The port that https URLs need not name.
const HTTPS_PORT: u16 = 443;

/// What is known of how clients come here.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    address: SocketAddr,
    certificate: Certificate,
}

/// What people are to know about the certificate.
#[derive(Clone, Debug)]
enum Certificate {
    None,
    /// The server's own, with its fingerprint.
    Own(String),
    Given,
    /// Got from an authority for these names.
    Got(Vec<String>),
}

impl Introduction {
    pub(crate) fn new(address: SocketAddr, tls: &Tls, encryption: Option<&Encryption>) -> Self {
        let certificate = match (tls, encryption) {
            (Tls::Off, _) | (_, None) => Certificate::None,
            (Tls::SelfSigned, Some(encryption)) => {
                Certificate::Own(encryption.fingerprint.clone().unwrap_or_default())
            }
            (Tls::Files { .. }, _) => Certificate::Given,
            (Tls::Acme(acme), _) => Certificate::Got(acme.domains.clone()),
        };
        Introduction { address, certificate }
    }

    /// The lines, with the ports of media and the addresses at which it is announced.
    pub(crate) fn text(&self, udp_ports: &[u16], candidates: &[SocketAddr]) -> String {
        let mut lines = self.places(candidates);
        lines.extend(self.advice());
        let ports = if udp_ports.len() == 1 { "port" } else { "ports" };
        lines.push(format!(
            "  Media: UDP {ports} {}, announced as {}",
            listed(udp_ports),
            listed(candidates)
        ));
        lines.join("\n")
    }

    fn places(&self, candidates: &[SocketAddr]) -> Vec<String> {
        let (ip, port) = (self.address.ip(), self.address.port());
        if let Certificate::Got(domains) = &self.certificate {
            let url = |domain: &String| match port {
                HTTPS_PORT => format!("Parlor is open at  https://{domain}/"),
                _ => format!("Parlor is open at  https://{domain}:{port}/"),
            };
            return domains.iter().map(url).collect();
        }
        let encrypted = !matches!(self.certificate, Certificate::None);
        let scheme = if encrypted { "https" } else { "http" };
        let here = if ip.is_unspecified() || ip.is_loopback() {
            format!("localhost:{port}")
        } else {
            self.address.to_string()
        };
        let mut lines = vec![format!("Parlor is open at  {scheme}://{here}/")];
        if encrypted && ip.is_unspecified() {
            let others = candidates.iter().map(SocketAddr::ip).filter(|ip| !ip.is_loopback());
            lines.extend(others.map(|ip: IpAddr| {
                format!("  from elsewhere:   https://{}/", SocketAddr::new(ip, port))
            }));
        }
        lines
    }

    fn advice(&self) -> Option<String> {
        match &self.certificate {
            Certificate::None if self.address.ip().is_loopback() => None,
            Certificate::None => Some(
                "  On other machines browsers give camera and microphone only to https pages:\n  \
                 --tls-self-signed to try it on this network, --acme-domain or --tls-cert and --tls-key for real use."
                    .to_owned(),
            ),
            Certificate::Own(fingerprint) => Some(format!(
                "  The certificate is this server's own, so each browser asks once whether to go on: \
                 \"Advanced\",\n  then \"Proceed\" or \"Accept the Risk\". Who wants to be sure compares the \
                 SHA-256 fingerprint it shows:\n  {fingerprint}"
            )),
            Certificate::Given => None,
            Certificate::Got(domains) => Some(format!(
                "  The certificate is got from an authority, which looks for this server at port \
                 {HTTPS_PORT} of {}.",
                domains.join(" and ")
            )),
        }
    }
}

fn listed<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(address: &str, certificate: Certificate) -> String {
        let candidates = ["192.0.2.2:4000".parse().unwrap(), "[2001:db8::2]:4000".parse().unwrap()];
        Introduction { address: address.parse().unwrap(), certificate }
            .text(&[4000, 4001], &candidates)
    }

    #[test]
    fn the_introduction_says_where_to_go_and_what_is_announced() {
        let open = text("[::]:4000", Certificate::None);
        assert!(open.contains("http://localhost:4000/"), "{open}");
        assert!(open.contains("--tls-self-signed"), "{open}");
        assert!(open.contains("UDP ports 4000, 4001,"), "{open}");
        assert!(open.contains("announced as 192.0.2.2:4000, [2001:db8::2]:4000"), "{open}");
        let local = text("127.0.0.1:4000", Certificate::None);
        assert!(!local.contains("--tls-self-signed"), "it is of no use to others: {local}");
    }

    #[test]
    fn who_comes_to_a_certificate_of_its_own_is_told_that_browsers_ask_and_how_to_be_sure() {
        let encrypted = text("[::]:4443", Certificate::Own("AB:CD".to_owned()));
        assert!(encrypted.contains("https://192.0.2.2:4443/"), "{encrypted}");
        assert!(encrypted.contains("https://[2001:db8::2]:4443/"), "{encrypted}");
        assert!(encrypted.contains("each browser asks once"), "{encrypted}");
        assert!(encrypted.contains("\n  AB:CD"), "{encrypted}");
    }

    #[test]
    fn with_a_certificate_for_names_the_names_are_where_to_go() {
        let got = || Certificate::Got(vec!["a.example".to_owned(), "b.example".to_owned()]);
        let named = text("[::]:443", got());
        assert!(named.contains("https://a.example/\n"), "{named}");
        assert!(named.contains("https://b.example/\n"), "{named}");
        assert!(named.contains("port 443 of a.example and b.example"), "{named}");
        assert!(text("[::]:4443", got()).contains("https://a.example:4443/"));
    }
}
