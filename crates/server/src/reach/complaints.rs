//! What is certainly wrong with the addresses of this server, in one sentence each.

use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, Tls};

/// What is certainly wrong when these settings announce `candidates`.
pub(crate) fn complaints(config: &Config, candidates: &[SocketAddr]) -> Vec<String> {
    let mut said: Vec<String> =
        config.public_ips.iter().filter_map(|ip| about_public_ip(*ip, config.listen)).collect();
    let is_public = !config.public_ips.is_empty();
    if is_public && config.udp_port == 0 {
        said.push(
            "udp_port: the system chooses another port at each start, which no NAT leads here; say a number"
                .to_owned(),
        );
    }
    if is_public && config.listen.ip().is_loopback() {
        said.push(format!(
            "listen: {} is for this machine alone, so that pages come through a proxy and media by UDP only",
            config.listen
        ));
    }
    if !is_public
        && candidates.iter().all(|address| address.ip().is_loopback())
        && !config.listen.ip().is_loopback()
    {
        said.push(
            "no network interface has an address, so that media comes from this machine alone"
                .to_owned(),
        );
    } else if let Tls::Acme(acme) = &config.tls
        && candidates.iter().all(|address| is_private(address.ip()))
    {
        said.push(format!(
            "acme_domain: {} is a public name, and only private addresses are announced for media: say the public one \
             (public_ip), or ask for it (stun_server)",
            acme.domains.join(", ")
        ));
    }
    said
}

/// What to say when so many ports are asked for and there are only so many media threads to use them: what these are by default,
/// the machine decides, so that it is no reason not to start.
pub(crate) fn about_ports(asked: u8, threads: usize) -> Option<String> {
    (usize::from(asked) > threads).then(|| {
        let used = match threads {
            1 => "the first is used, as there is 1 media thread".to_owned(),
            _ => format!("the first {threads} are used, as there are {threads} media threads"),
        };
        format!("udp_ports: of {asked} ports {used}")
    })
}

fn about_public_ip(ip: IpAddr, listen: SocketAddr) -> Option<String> {
    if ip.is_loopback() {
        return Some(format!(
            "public_ip: {ip} is this machine for whoever reads it, not the server"
        ));
    }
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if is_link_local {
        return Some(format!("public_ip: {ip} means something on its own link only"));
    }
    // `[::]` takes IPv4 too.
    let takes = listen.ip().is_unspecified() && listen.is_ipv6()
        || listen.is_ipv4() == ip.is_ipv4()
        || listen.ip().is_loopback();
    let (one, other) = if ip.is_ipv6() { ("IPv6", "IPv4") } else { ("IPv4", "IPv6") };
    (!takes).then(|| {
        format!(
            "public_ip: {ip} is of {one}, and listen, {listen}, takes {other} alone: there is neither page nor TCP at that address"
        )
    })
}

/// Whether an address means something only inside some network (RFC 1918, RFC 6598, RFC 4193, RFC 3927).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Acme, LETS_ENCRYPT};

    fn said(public_ips: &[&str], listen: &str, udp_port: u16) -> Vec<String> {
        let public_ips: Vec<IpAddr> = public_ips.iter().map(|ip| ip.parse().unwrap()).collect();
        let candidates: Vec<SocketAddr> =
            public_ips.iter().map(|ip| SocketAddr::new(*ip, 4000)).collect();
        let listen = listen.parse().unwrap();
        complaints(&Config { public_ips, listen, udp_port, ..Config::default() }, &candidates)
    }

    #[test]
    fn what_can_work_is_not_complained_about() {
        assert_eq!(said(&["203.0.113.5", "2001:db8::5"], "[::]:4000", 4000), [""; 0]);
        assert_eq!(said(&["203.0.113.5"], "0.0.0.0:443", 4000), [""; 0]);
        assert_eq!(said(&["10.0.0.5"], "[::]:4000", 4000), [""; 0], "for people on the inside");
        let loopback = ["127.0.0.1:4000".parse().unwrap()];
        let local = Config { listen: "127.0.0.1:4000".parse().unwrap(), ..Config::default() };
        assert_eq!(complaints(&local, &loopback), [""; 0]);
    }

    #[test]
    fn what_cannot_work_is_said_in_one_sentence() {
        for (public_ip, listen, udp_port, sentence) in [
            ("127.0.0.1", "127.0.0.1:4000", 4000, "public_ip: 127.0.0.1 is this machine"),
            ("169.254.1.1", "[::]:4000", 4000, "on its own link only"),
            ("fe80::1", "[::]:4000", 4000, "on its own link only"),
            ("2001:db8::5", "0.0.0.0:4000", 4000, "takes IPv4 alone"),
            ("203.0.113.5", "[2001:db8::1]:4000", 4000, "takes IPv6 alone"),
            ("203.0.113.5", "[::]:4000", 0, "udp_port: the system chooses another port"),
            ("203.0.113.5", "127.0.0.1:4000", 4000, "pages come through a proxy"),
        ] {
            let said = said(&[public_ip], listen, udp_port);
            assert!(said.iter().any(|said| said.contains(sentence)), "{sentence}: {said:?}");
        }
    }

    #[test]
    fn a_public_name_with_private_addresses_alone_is_noticed() {
        let acme = Acme {
            domains: vec!["meet.example.org".to_owned()],
            contacts: Vec::new(),
            directory: LETS_ENCRYPT.to_owned(),
            root: None,
        };
        let config = Config { tls: Tls::Acme(acme), ..Config::default() };
        let private = ["10.0.0.5:4000", "[fd00::5]:4000", "100.64.0.1:4000", "127.0.0.1:4000"];
        let mut candidates: Vec<SocketAddr> = private.map(|text| text.parse().unwrap()).to_vec();
        let found = complaints(&config, &candidates);
        assert!(found[0].contains("public_ip") && found[0].contains("stun_server"), "{found:?}");
        candidates.push("203.0.113.5:4000".parse().unwrap());
        assert_eq!(complaints(&config, &candidates), [""; 0]);
    }

    #[test]
    fn more_ports_than_threads_are_noticed() {
        assert_eq!((about_ports(1, 1), about_ports(4, 4)), (None, None));
        let said = about_ports(4, 2).unwrap();
        assert!(said.contains("of 4 ports the first 2 are used"), "{said}");
        assert!(about_ports(4, 1).unwrap().contains("of 4 ports the first is used"));
    }

    #[test]
    fn a_machine_without_a_network_is_noticed() {
        let loopback = ["127.0.0.1:4000".parse().unwrap()];
        let found = complaints(&Config::default(), &loopback);
        assert!(found[0].contains("no network interface"), "{found:?}");
    }
}
