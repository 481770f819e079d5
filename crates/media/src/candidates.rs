//! Which addresses of this machine are told to clients as ICE candidates.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::sys::{self, InterfaceAddress};

/// Most candidates in an answer: each costs every client some checks, and a machine with more
/// addresses than this names the useful ones with `public_ips`.
pub const MAX_CANDIDATES: usize = 12;

/// Interfaces that lead to containers and virtual machines of this machine only.
const VIRTUAL: [&str; 10] =
    ["docker", "br-", "veth", "virbr", "vnet", "cni", "flannel", "cali", "lxc", "podman"];

/// Which addresses to announce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announce {
    /// The addresses by which clients reach this server, when a NAT or load balancer stands
    /// before it. They replace those of the interfaces.
    pub public_ips: Vec<IpAddr>,
    /// Addresses that somebody outside has seen this machine at. They are announced before those of
    /// the interfaces, by which people on the inside come.
    pub seen_ips: Vec<IpAddr>,
    /// Announce 127.0.0.1 although there are other addresses: for browsers on this machine while
    /// its network comes and goes. Without any other address it is announced anyway.
    pub loopback: bool,
}

/// The candidates for sockets bound to `bound` (an unspecified IP means all addresses; `[::]`
/// those of IPv4 too), best first.
///
/// # Errors
/// When the interfaces cannot be read.
pub fn discover(bound: &[SocketAddr], announce: &Announce) -> io::Result<Vec<SocketAddr>> {
    let interfaces =
        if announce.public_ips.is_empty() { sys::interface_addresses()? } else { Vec::new() };
    Ok(choose(&interfaces, bound, announce))
}

/// The candidates for TCP connections that are taken at `listens`, beside those of UDP. Who listens on this machine alone, as
/// behind a proxy, is reached by TCP on it alone: others, who come to `udp`, are told of no way that is none for them.
///
/// # Errors
/// When the interfaces cannot be read.
pub fn discover_tcp(
    listens: SocketAddr,
    udp: &[SocketAddr],
    announce: &Announce,
) -> io::Result<Vec<SocketAddr>> {
    if listens.ip().to_canonical().is_loopback() {
        let all_are_here = udp.iter().all(|address| address.ip().to_canonical().is_loopback());
        return Ok(if all_are_here { vec![listens] } else { Vec::new() });
    }
    discover(&[listens], announce)
}

fn choose(
    interfaces: &[InterfaceAddress],
    bound: &[SocketAddr],
    announce: &Announce,
) -> Vec<SocketAddr> {
    let mut chosen = Vec::new();
    for bound in bound {
        let mut ips = if announce.public_ips.is_empty() {
            let own = of_interfaces(interfaces, bound.ip(), announce.loopback);
            announce.seen_ips.iter().copied().chain(own).collect()
        } else {
            announce.public_ips.clone()
        };
        // With one NAT before several sockets, all of them have the same public addresses.
        let dual_stack = bound.is_ipv6() && bound.ip().is_unspecified();
        ips.retain(|ip| dual_stack || bound.is_ipv4() == ip.is_ipv4());
        let addresses = ips.into_iter().map(|ip| SocketAddr::new(ip.to_canonical(), bound.port()));
        chosen.extend(addresses);
    }
    let mut unique = Vec::with_capacity(chosen.len());
    for address in chosen {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    unique.truncate(MAX_CANDIDATES);
    unique
}

/// The addresses of this machine under which a socket bound to `bound` is reached.
fn of_interfaces(interfaces: &[InterfaceAddress], bound: IpAddr, loopback: bool) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let usable = |entry: &&InterfaceAddress| {
        entry.running
            && is_announceable(entry.ip)
            && !VIRTUAL.iter().any(|prefix| entry.interface.starts_with(prefix))
    };
    let mut ips: Vec<IpAddr> = interfaces.iter().filter(usable).map(|entry| entry.ip).collect();
    if loopback || ips.is_empty() {
        ips.push(Ipv4Addr::LOCALHOST.into());
    }
    ips
}

/// Link-local IPv6 addresses mean nothing without an interface, which a candidate cannot name;
/// link-local IPv4 ones (RFC 3927) are a sign of a network without addresses.
fn is_announceable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Vec<InterfaceAddress> {
        let addresses = [
            ("lo", "127.0.0.1", true),
            ("lo", "::1", true),
            ("eth0", "192.0.2.2", true),
            ("eth0", "2001:db8::2", true),
            ("eth0", "fe80::2", true),
            ("docker0", "172.17.0.1", true),
            ("wlan0", "198.51.100.4", false),
            ("usb0", "169.254.9.9", true),
        ];
        addresses
            .map(|(interface, ip, running)| InterfaceAddress {
                interface: interface.into(),
                ip: ip.parse().unwrap(),
                running,
            })
            .into()
    }

    fn chosen(bound: &[&str], announce: &Announce) -> Vec<String> {
        let bound: Vec<SocketAddr> = bound.iter().map(|text| text.parse().unwrap()).collect();
        choose(&machine(), &bound, announce).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_server_on_all_addresses_announces_those_that_others_can_reach() {
        let found = chosen(&["[::]:5000"], &Announce::default());
        assert_eq!(found, ["192.0.2.2:5000", "[2001:db8::2]:5000"]);
        assert_eq!(chosen(&["0.0.0.0:5000"], &Announce::default()), ["192.0.2.2:5000"]);
    }

    #[test]
    fn loopback_is_last_when_asked_for_and_alone_when_there_is_nothing_else() {
        let asked = Announce { loopback: true, ..Announce::default() };
        let found = chosen(&["[::]:1"], &asked);
        assert_eq!(found, ["192.0.2.2:1", "[2001:db8::2]:1", "127.0.0.1:1"]);
        let alone = choose(&machine()[..2], &["[::]:1".parse().unwrap()], &Announce::default());
        assert_eq!(alone, ["127.0.0.1:1".parse().unwrap()]);
    }

    #[test]
    fn public_addresses_replace_those_of_the_interfaces() {
        let public_ips = vec!["203.0.113.5".parse().unwrap(), "2001:db8::99".parse().unwrap()];
        let announce = Announce { public_ips, loopback: true, ..Announce::default() };
        let both = ["203.0.113.5:7", "[2001:db8::99]:7"];
        assert_eq!(chosen(&["[::]:7"], &announce), both);
        assert_eq!(chosen(&["0.0.0.0:7"], &announce), both[..1]);
        assert_eq!(chosen(&["0.0.0.0:7", "[::]:7"], &announce), both);
    }

    #[test]
    fn addresses_seen_from_outside_come_before_those_of_the_interfaces_each_once() {
        let seen_ips = vec!["203.0.113.5".parse().unwrap(), "2001:db8::2".parse().unwrap()];
        let announce = Announce { seen_ips, ..Announce::default() };
        let all = ["203.0.113.5:7", "[2001:db8::2]:7", "192.0.2.2:7"];
        assert_eq!(chosen(&["[::]:7"], &announce), all);
        assert_eq!(chosen(&["0.0.0.0:7"], &announce), ["203.0.113.5:7", "192.0.2.2:7"]);
    }

    #[test]
    fn who_listens_on_this_machine_alone_takes_tcp_from_it_alone() {
        let tcp = |listens: &str, udp: &[&str]| {
            let udp: Vec<_> = udp.iter().map(|text| text.parse().unwrap()).collect();
            let public_ips = vec!["203.0.113.5".parse().unwrap()];
            let announce = Announce { public_ips, ..Announce::default() };
            discover_tcp(listens.parse().unwrap(), &udp, &announce).unwrap()
        };
        assert_eq!(tcp("127.0.0.1:3", &["203.0.113.5:7", "127.0.0.1:7"]), []);
        assert_eq!(tcp("[::1]:3", &["203.0.113.5:7"]), []);
        assert_eq!(tcp("127.0.0.1:3", &["127.0.0.1:7"]), ["127.0.0.1:3".parse().unwrap()]);
        assert_eq!(tcp("0.0.0.0:3", &["203.0.113.5:7"]), ["203.0.113.5:3".parse().unwrap()]);
    }

    #[test]
    fn a_socket_bound_to_one_address_announces_that_one() {
        let found = chosen(&["127.0.0.1:3", "192.0.2.2:3"], &Announce::default());
        assert_eq!(found, ["127.0.0.1:3", "192.0.2.2:3"]);
    }

    #[test]
    fn this_machine_has_at_least_one_candidate() {
        let found = discover(&["[::]:9".parse().unwrap()], &Announce::default()).unwrap();
        assert!(!found.is_empty());
    }
}
