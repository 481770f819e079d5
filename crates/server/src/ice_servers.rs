//! Where clients find this server's TURN, and the credentials that they get for it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parlor_rtc::turn::{Login, Secret};

/// How long credentials are good: longer than any call, since some clients take them once and allocate anew with
/// each negotiation.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// Longest host name of a URL, in bytes (RFC 1035 section 2.3.4).
const MAX_HOST_LEN: usize = 253;

/// How a client reaches TURN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A TCP connection.
    Tcp,
    /// A TLS connection.
    Tls,
}

/// One way to TURN, with credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// An IP address, or the name that the server's certificate is for.
    pub host: String,
    /// UDP or TCP, as `transport` says.
    pub port: u16,
    /// How.
    pub transport: Transport,
    /// See [`Login`].
    pub username: String,
    /// See [`Login`].
    pub password: String,
}

impl IceServer {
    /// As a browser wants it (RFC 7065).
    pub fn url(&self) -> String {
        let host = match self.host.parse() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.clone(),
        };
        let port = self.port;
        match self.transport {
            Transport::Udp => format!("turn:{host}:{port}?transport=udp"),
            Transport::Tcp => format!("turn:{host}:{port}?transport=tcp"),
            Transport::Tls => format!("turns:{host}:{port}?transport=tcp"),
        }
    }
}

/// What all peers' entries are made from. Cheap to clone.
#[derive(Clone)]
pub struct IceServers(Arc<Inner>);

struct Inner {
    secret: Secret,
    /// The first UDP candidate of each address family.
    udp: Vec<SocketAddr>,
    tcp_port: u16,
    encrypted: bool,
}

impl fmt::Debug for IceServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServers").field("udp", &self.0.udp).finish_non_exhaustive()
    }
}

impl IceServers {
    /// Of a server that announces `candidates`, best first, and takes TCP at `tcp_port`, TLS too if `encrypted`.
    pub fn new(
        secret: Secret,
        candidates: &[SocketAddr],
        tcp_port: u16,
        encrypted: bool,
    ) -> IceServers {
        let first = |is_v6: bool| candidates.iter().find(|address| address.is_ipv6() == is_v6);
        let udp = [first(false), first(true)].into_iter().flatten().copied().collect();
        IceServers(Arc::new(Inner { secret, udp, tcp_port, encrypted }))
    }

    /// All ways of one peer, from now on for a day, as a browser takes them.
    pub fn for_browser(&self, peer: &str, host: Option<&str>) -> parlor_wire::IceServer {
        let ways = self.for_peer(peer, host, SystemTime::now());
        let urls = ways.iter().map(IceServer::url).collect();
        let (username, credential) = match ways.into_iter().next() {
            Some(first) => (first.username, first.password),
            None => Default::default(),
        };
        parlor_wire::IceServer { urls, username, credential }
    }

    /// All ways of one peer, from `now` on for a day, the most direct first. `host` is the name or address by which
    /// the client has reached the server over HTTP, with a port or without: TLS goes there, since the certificate
    /// is for it.
    pub fn for_peer(&self, peer: &str, host: Option<&str>, now: SystemTime) -> Vec<IceServer> {
        let Inner { secret, udp, tcp_port, encrypted } = &*self.0;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let Login { username, password } = secret.issue((now + GOOD_FOR).as_secs(), peer);
        let entry = |host: String, port: u16, transport: Transport| IceServer {
            host,
            port,
            transport,
            username: username.clone(),
            password: password.clone(),
        };
        let over_udp = udp.iter().map(|at| entry(at.ip().to_string(), at.port(), Transport::Udp));
        let over_tcp = udp.iter().map(|at| entry(at.ip().to_string(), *tcp_port, Transport::Tcp));
        let name = host.and_then(name_of).filter(|_| *encrypted);
        let over_tls = name.map(|name| entry(name, *tcp_port, Transport::Tls));
        over_udp.chain(over_tcp).chain(over_tls).collect()
    }
}

/// The name or address in a `Host` header (RFC 9110 section 7.2), without port and brackets.
fn name_of(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    let fits = (1..=MAX_HOST_LEN).contains(&name.len()) && name.bytes().all(is_name);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(encrypted: bool, host: Option<&str>) -> Vec<String> {
        let candidates = ["192.0.2.2:4000", "192.0.2.3:4000", "[2001:db8::2]:4000"];
        let candidates: Vec<_> = candidates.iter().map(|text| text.parse().unwrap()).collect();
        let servers = IceServers::new(Secret::new(&[7; 20]), &candidates, 4443, encrypted);
        let ways = servers.for_peer("p7", host, UNIX_EPOCH + Duration::from_secs(1000));
        assert!(ways.iter().all(|way| way.username == "87400:p7" && !way.password.is_empty()));
        ways.iter().map(IceServer::url).collect()
    }

    #[test]
    fn a_client_is_told_one_way_of_each_sort_and_family() {
        let plain = [
            "turn:192.0.2.2:4000?transport=udp",
            "turn:[2001:db8::2]:4000?transport=udp",
            "turn:192.0.2.2:4443?transport=tcp",
            "turn:[2001:db8::2]:4443?transport=tcp",
        ];
        assert_eq!(urls(false, Some("tea.example")), plain);
        let all = urls(true, Some("tea.example:4443"));
        assert_eq!(all[..4], plain);
        assert_eq!(all[4..], ["turns:tea.example:4443?transport=tcp"]);
    }

    #[test]
    fn a_host_that_is_no_name_is_not_told_to_anybody() {
        assert_eq!(urls(true, Some("[::1]:4443"))[4], "turns:[::1]:4443?transport=tcp");
        for host in [None, Some(""), Some(":1"), Some("a b"), Some("[::1"), Some("x\"y")] {
            assert_eq!(urls(true, host).len(), 4, "{host:?}");
        }
    }
}
