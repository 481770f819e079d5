//! Where this machine is seen from outside: asked of a STUN server at start, from the port that
//! media will have.

use std::net::{IpAddr, SocketAddr};

use super::stun::{ask, socket};
use crate::config::StunServer;

/// The addresses at which `server` sees this machine, one of each family at most. `port` is the UDP port of media, which nobody may
/// have yet. What goes wrong is said in the log, and the server starts without.
pub(crate) async fn seen_from_outside(server: &StunServer, port: u16) -> Vec<IpAddr> {
    let name = format!("{}:{}", server.host, server.port);
    let addresses = match tokio::net::lookup_host((server.host.as_str(), server.port)).await {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => {
            tracing::warn!(%error, "{}", failure(&name, "its name is not known"));
            return Vec::new();
        }
    };
    // The port may be taken, which whoever binds it next says.
    let socket = match socket(port).or_else(|_| socket(0)) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "{}", failure(&name, "no socket can be had"));
            return Vec::new();
        }
    };
    let mut seen: Vec<IpAddr> = Vec::new();
    for is_v6 in [false, true] {
        let Some(&address) = addresses.iter().find(|address| address.is_ipv6() == is_v6) else {
            continue;
        };
        match ask(&socket, address).await {
            Ok(found) => {
                tracing::info!(server = name, %found, "a STUN server has seen this machine");
                if let Some(sentence) = odd_port(found, port) {
                    tracing::warn!("{sentence}");
                }
                seen.push(found.ip());
            }
            // Names of both families are common, and machines with one.
            Err(error) if is_v6 && !seen.is_empty() => {
                tracing::debug!(%error, %address, "a STUN server is not reached over IPv6");
            }
            Err(error) => tracing::warn!(%address, "{}", failure(&name, &error.to_string())),
        }
    }
    seen
}

fn failure(server: &str, why: &str) -> String {
    format!(
        "stun_server: {server} has not said where this machine is seen ({why}), so that only the \
         addresses of its interfaces are announced"
    )
}

/// What to say when what leaves one port arrives from another.
fn odd_port(seen: SocketAddr, port: u16) -> Option<String> {
    (port != 0 && seen.port() != port).then(|| {
        format!(
            "what leaves UDP port {port} of this machine arrives from port {} of {}: a NAT in between changes ports, so forward \
             UDP port {port} there to this machine",
            seen.port(),
            seen.ip()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::stun::tests::server;
    use super::*;

    #[tokio::test]
    async fn what_a_stun_server_has_seen_is_found() {
        let address = server("203.0.113.9:4000", 0).await;
        let asked = StunServer { host: "127.0.0.1".to_owned(), port: address.port() };
        let seen = seen_from_outside(&asked, 0).await;
        assert_eq!(seen, ["203.0.113.9".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_nat_that_changes_ports_is_noticed() {
        let seen = "203.0.113.9:50123".parse().unwrap();
        let said = odd_port(seen, 4000).unwrap();
        assert!(said.contains("forward UDP port 4000"), "{said}");
        assert_eq!(odd_port(seen, 50123), None);
        assert_eq!(odd_port(seen, 0), None, "any port was asked for");
    }
}
