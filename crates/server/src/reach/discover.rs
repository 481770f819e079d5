//! Where this machine is seen from outside: asked of a STUN server at start, from the port that
//! media will have.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::stun::{NoAnswer, ask, socket_of_family};
use crate::config::StunServer;

/// For how long a start may wait for all of it: finding the name's addresses, and the answers of both.
const PATIENCE: Duration = Duration::from_secs(4);

/// The addresses at which `server` sees this machine, one of each family at most. `port` is the UDP port of media, which nobody may
/// have yet. What goes wrong is said in the log, and the server starts without.
pub(crate) async fn seen_from_outside(server: &StunServer, port: u16) -> Vec<IpAddr> {
    let resolving = tokio::net::lookup_host((server.host.as_str(), server.port));
    let resolving = async { resolving.await.map(Iterator::collect) };
    seen_by(&format!("{}:{}", server.host, server.port), resolving, port).await
}

/// The same, of the server called `name`, whose addresses come when they are found.
async fn seen_by(
    name: &str,
    resolving: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    port: u16,
) -> Vec<IpAddr> {
    let deadline = Instant::now() + PATIENCE;
    let addresses = match timeout_at(deadline, resolving).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => {
            tracing::warn!(%error, "{}", failure(name, "its name is not known"));
            return Vec::new();
        }
        Err(_) => {
            tracing::warn!("{}", failure(name, "who knows names has not answered"));
            return Vec::new();
        }
    };
    let of_family = |is_v6| addresses.iter().copied().find(|it: &SocketAddr| it.is_ipv6() == is_v6);
    let ask = async |is_v6| {
        let address = of_family(is_v6)?;
        Some((address, timeout_at(deadline, ask_from(port, address)).await))
    };
    let mut seen: Vec<IpAddr> = Vec::new();
    let (v4, v6) = tokio::join!(ask(false), ask(true));
    for (address, answer) in [v4, v6].into_iter().flatten() {
        match answer.unwrap_or(Err(NoAnswer::Silence)) {
            Ok(found) => {
                tracing::info!(server = name, %found, "a STUN server has seen this machine");
                if let Some(sentence) = odd_port(found, port) {
                    tracing::warn!("{sentence}");
                }
                seen.push(found.ip());
            }
            // Names of both families are common, and machines with one.
            Err(error) if address.is_ipv6() && !seen.is_empty() => {
                tracing::debug!(%error, %address, "a STUN server is not reached over IPv6");
            }
            Err(error) => tracing::warn!(%address, "{}", failure(name, &error.to_string())),
        }
    }
    seen
}

/// Asks the server at `address` where `port` is seen.
async fn ask_from(port: u16, address: SocketAddr) -> Result<SocketAddr, NoAnswer> {
    let socket = socket_of_family(address.is_ipv6(), port);
    // The port may be taken, which whoever binds it next says.
    let socket = socket.or_else(|_| socket_of_family(address.is_ipv6(), 0))?;
    ask(&socket, address).await
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
    use tokio::net::UdpSocket;
    use tokio::time::sleep;

    use super::super::stun::tests::server;
    use super::*;

    #[tokio::test]
    async fn what_a_stun_server_has_seen_is_found() {
        let address = server("203.0.113.9:4000", 0).await;
        let asked = StunServer { host: "127.0.0.1".to_owned(), port: address.port() };
        let seen = seen_from_outside(&asked, 0).await;
        assert_eq!(seen, ["203.0.113.9".parse::<IpAddr>().unwrap()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_four_seconds_at_most_whatever_is_silent() {
        let began = Instant::now();
        let silent = std::future::pending();
        assert_eq!(seen_by("a name that nobody knows", silent, 0).await, [] as [IpAddr; 0]);
        assert_eq!(began.elapsed(), PATIENCE);

        let deaf = [UdpSocket::bind("127.0.0.1:0").await, UdpSocket::bind("[::1]:0").await];
        let both = deaf.iter().flatten().map(|socket| socket.local_addr().unwrap()).collect();
        let began = Instant::now();
        let slow = async {
            sleep(Duration::from_secs(2)).await;
            Ok(both)
        };
        assert_eq!(seen_by("two that are silent", slow, 0).await, [] as [IpAddr; 0]);
        assert_eq!(began.elapsed(), PATIENCE);
    }

    #[tokio::test]
    async fn who_is_reached_over_one_family_says_so_although_the_other_is_silent() {
        let deaf = UdpSocket::bind("[::1]:0").await.unwrap().local_addr().unwrap();
        let addresses = vec![deaf, server("203.0.113.9:4000", 0).await];
        let seen = seen_by("one of both", async { Ok(addresses) }, 0).await;
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
