//! Where clients find this server's TURN, and the credentials that they get for it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parlor_rtc::turn::{Login, Secret};

/// How long credentials are good: longer than any call, since some clients take them once and allocate anew with
/// each negotiation.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// The same of clients that read them once and ask for relays with them as long as their page is open: longer than any
/// page is. All that they are good for is to reach this server.
const GOOD_FOR_A_SESSION: Duration = Duration::from_secs(30 * 24 * 3600);

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

/// The port of https, which a `Host` header need not name (RFC 9110 section 4.2.2).
const HTTPS_PORT: u16 = 443;

/// One way to TURN, with credentials.
#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for IceServer {
    /// Shows all but the password: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("IceServer");
        shown.field("url", &self.url()).field("username", &self.username).finish_non_exhaustive()
    }
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
    /// Of each address family, the first of the UDP candidates, and those that are other ports of its address.
    udp: Vec<Vec<SocketAddr>>,
    /// The first TCP candidate of each family.
    tcp: Vec<SocketAddr>,
    /// Whether TLS is taken.
    is_encrypted: bool,
}

impl fmt::Debug for IceServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServers").field("udp", &self.0.udp).finish_non_exhaustive()
    }
}

impl IceServers {
    /// Of a server that announces these candidates, best first, and takes TLS if it `is_encrypted`.
    pub fn new(
        secret: Secret,
        udp: &[SocketAddr],
        tcp: &[SocketAddr],
        is_encrypted: bool,
    ) -> IceServers {
        let ports = |first: SocketAddr| {
            udp.iter().copied().filter(|address| address.ip() == first.ip()).collect()
        };
        let udp = first_of_each_family(udp).into_iter().map(ports).collect();
        let tcp = first_of_each_family(tcp);
        IceServers(Arc::new(Inner { secret, udp, tcp, is_encrypted }))
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

    /// All ways of one peer, from `now` on for a day, as in [`IceServers::for_session`].
    pub fn for_peer(&self, peer: &str, host: Option<&str>, now: SystemTime) -> Vec<IceServer> {
        self.ways(peer, host, now, GOOD_FOR)
    }

    /// All ways of one peer that is never told of others, from `now` on for 30 days, the most direct first. `host` is the name or address by which
    /// the client has reached the server over HTTP, with a port or without: TLS goes there, since the certificate
    /// is for it and whatever forwards ports has let the client through there.
    pub fn for_session(&self, peer: &str, host: Option<&str>, now: SystemTime) -> Vec<IceServer> {
        self.ways(peer, host, now, GOOD_FOR_A_SESSION)
    }

    fn ways(
        &self,
        peer: &str,
        host: Option<&str>,
        now: SystemTime,
        good_for: Duration,
    ) -> Vec<IceServer> {
        let Inner { secret, udp, tcp, is_encrypted } = &*self.0;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let Login { username, password } = secret.issue((now + good_for).as_secs(), peer);
        let entry = |host: String, port: u16, transport: Transport| IceServer {
            host,
            port,
            transport,
            username: username.clone(),
            password: password.clone(),
        };
        // Of several ports each peer is told one, so that no media thread has all allocations.
        let of_peer = udp.iter().filter_map(|ports| ports.get(spread(peer) % ports.len().max(1)));
        let over_udp = of_peer.map(|at| entry(at.ip().to_string(), at.port(), Transport::Udp));
        let over_tcp = tcp.iter().map(|at| entry(at.ip().to_string(), at.port(), Transport::Tcp));
        let tls = host.filter(|_| *is_encrypted).and_then(place_of);
        let over_tls = tls.map(|(name, port)| entry(name, port, Transport::Tls));
        over_udp.chain(over_tcp).chain(over_tls).collect()
    }
}

/// The number in a peer's name, which counts peers: however many ports there are, all have as many.
fn spread(peer: &str) -> usize {
    let digits = peer.bytes().filter(u8::is_ascii_digit);
    digits.fold(0, |number: usize, digit| {
        number.wrapping_mul(10).wrapping_add(usize::from(digit - b'0'))
    })
}

fn first_of_each_family(candidates: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = |is_v6: bool| candidates.iter().find(|address| address.is_ipv6() == is_v6);
    [first(false), first(true)].into_iter().flatten().copied().collect()
}

/// The name or address in a `Host` header (RFC 9110 section 7.2), without brackets, and the port, that of https if
/// none is named.
fn place_of(host: &str) -> Option<(String, u16)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => HTTPS_PORT,
        Some("") => HTTPS_PORT,
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => return None,
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    let fits = (1..=MAX_HOST_LEN).contains(&name.len()) && name.bytes().all(is_name);
    fits.then(|| (name.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(encrypted: bool, host: Option<&str>) -> Vec<String> {
        let candidates = ["192.0.2.2:4000", "192.0.2.3:4000", "[2001:db8::2]:4000"];
        let udp: Vec<SocketAddr> = candidates.iter().map(|text| text.parse().unwrap()).collect();
        let tcp: Vec<_> = udp.iter().map(|at| SocketAddr::new(at.ip(), 4443)).collect();
        let servers = IceServers::new(Secret::new(&[7; 20]), &udp, &tcp, encrypted);
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
    fn tls_goes_to_the_port_at_which_the_client_has_come_in_whatever_is_listened_at() {
        for (host, place) in [
            ("tea.example", "tea.example:443"),
            ("tea.example:", "tea.example:443"),
            ("tea.example:8443", "tea.example:8443"),
            ("[2001:db8::9]", "[2001:db8::9]:443"),
            ("192.0.2.2:443", "192.0.2.2:443"),
        ] {
            assert_eq!(urls(true, Some(host))[4], format!("turns:{place}?transport=tcp"));
        }
    }

    #[test]
    fn of_several_udp_ports_each_peer_is_told_one_and_all_have_some() {
        let candidates = ["192.0.2.2:4000", "192.0.2.3:4000", "192.0.2.2:4001", "192.0.2.3:4001"];
        let udp: Vec<SocketAddr> = candidates.iter().map(|text| text.parse().unwrap()).collect();
        let servers = IceServers::new(Secret::new(&[7; 20]), &udp, &[], false);
        let told = |peer: &str| {
            let ways = servers.for_peer(peer, None, UNIX_EPOCH);
            assert_eq!((ways.len(), ways[0].host.as_str()), (1, "192.0.2.2"));
            ways[0].port
        };
        let ports: Vec<u16> = (1..=20).map(|number| told(&format!("p{number}"))).collect();
        assert_eq!(ports.iter().filter(|port| **port == 4000).count(), 10, "{ports:?}");
        assert_eq!(ports[6], told("p7"), "the same each time");
    }

    #[test]
    fn a_log_has_no_passwords() {
        let servers = IceServers::new(
            Secret::new(&[7; 20]),
            &["192.0.2.2:4000".parse().unwrap()],
            &[],
            false,
        );
        let way = servers.for_peer("p7", None, UNIX_EPOCH).remove(0);
        let shown = format!("{way:?}");
        assert!(shown.contains("turn:192.0.2.2:4000") && !shown.contains(&way.password), "{shown}");
    }

    #[test]
    fn a_server_whose_pages_come_by_a_proxy_names_tcp_only_where_it_is_taken() {
        let udp = ["203.0.113.5:4000".parse().unwrap()];
        let tcp = ["127.0.0.1:4000".parse().unwrap()];
        let servers = IceServers::new(Secret::new(&[7; 20]), &udp, &tcp, false);
        let ways = servers.for_peer("p7", None, UNIX_EPOCH);
        let urls: Vec<String> = ways.iter().map(IceServer::url).collect();
        assert_eq!(
            urls,
            ["turn:203.0.113.5:4000?transport=udp", "turn:127.0.0.1:4000?transport=tcp"]
        );
    }

    #[test]
    fn a_host_that_is_no_name_is_not_told_to_anybody() {
        assert_eq!(urls(true, Some("[::1]:4443"))[4], "turns:[::1]:4443?transport=tcp");
        assert_eq!(urls(true, None).len(), 4);
        for host in ["", ":1", "a b", "[::1", "x\"y", "a:b", "a:0", "a:70000", "[::1]x", "a:1:2"] {
            assert_eq!(urls(true, Some(host)).len(), 4, "{host:?}");
        }
    }
}
