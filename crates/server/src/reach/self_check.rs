//! Whether this server reaches itself at the addresses that it is told are its own.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use parlor_rtc::stun::{Class, MessageWriter, TransactionId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stun::{ask, socket};

/// Bytes of the head of a STUN message, at whose end the transaction is (RFC 8489 section 5).
const HEADER_LEN: usize = 20;

/// How the answer to a Binding request begins.
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// How long an answer by TCP may take: what a first retransmission needs, and some more.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);

/// How an address was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
}

/// Tries every candidate at one of the addresses `told` to be ours, by UDP at its port and by TCP at `tcp_port`, and says in the log what
/// has answered and what has not.
pub(crate) async fn check(candidates: Vec<SocketAddr>, told: Vec<IpAddr>, tcp_port: u16) {
    for (way, address, answered) in results(&candidates, &told, tcp_port).await {
        if answered {
            tracing::info!(?way, %address, "this server reaches itself at its public address");
        } else {
            tracing::warn!("{}", warning(way, address));
        }
    }
}

async fn results(
    candidates: &[SocketAddr],
    told: &[IpAddr],
    tcp_port: u16,
) -> Vec<(Way, SocketAddr, bool)> {
    let mut results = Vec::new();
    let ours = || candidates.iter().filter(|address| told.contains(&address.ip()));
    for &address in ours() {
        let answered = match socket(0) {
            Ok(socket) => ask(&socket, address).await.is_ok(),
            Err(_) => false,
        };
        results.push((Way::Udp, address, answered));
    }
    for &ip in told.iter().filter(|ip| ours().any(|address| address.ip() == **ip)) {
        let address = SocketAddr::new(ip, tcp_port);
        let answered = timeout(CONNECT_PATIENCE, answers_by_tcp(address)).await;
        results.push((Way::Tcp, address, matches!(answered, Ok(Ok(true)))));
    }
    results
}

/// Whether a server like this one is at the other end: its port answers STUN. That something takes the connection says nothing, since
/// proxies and routers do.
async fn answers_by_tcp(address: SocketAddr) -> io::Result<bool> {
    let transaction = TransactionId(*b"self-checked");
    let mut request = MessageWriter::new(Class::Request, transaction);
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.finish().unwrap_or_default()).await?;
    let mut answer = [0; HEADER_LEN];
    stream.read_exact(&mut answer).await?;
    Ok(answer.starts_with(&BINDING_SUCCESS) && answer.ends_with(&transaction.0))
}

fn warning(way: Way, address: SocketAddr) -> String {
    let way = match way {
        Way::Udp => "UDP",
        Way::Tcp => "TCP",
    };
    format!(
        "this server does not reach itself by {way} at {address}: either that does not lead here (address, firewall, \
         port forwarding), or the NAT before it lets nobody inside come by the outside (no hairpinning), which is \
         common and no harm; the page /check, opened from elsewhere, tells which"
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::stun::tests::server;
    use super::*;

    #[tokio::test]
    async fn what_answers_is_told_from_what_does_not_and_only_public_addresses_are_tried() {
        let udp = server("127.0.0.1:9", 0).await;
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = tcp.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            for kind in [BINDING_SUCCESS, *b"HT"] {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let mut message = [0; HEADER_LEN];
                stream.read_exact(&mut message).await.unwrap();
                message[..2].copy_from_slice(&kind);
                stream.write_all(&message).await.unwrap();
            }
        });
        let told = [udp.ip()];
        let candidates = [udp, "192.0.2.1:4000".parse().unwrap()];
        let found = results(&candidates, &told, port).await;
        let public: SocketAddr = (udp.ip(), port).into();
        assert_eq!(found, [(Way::Udp, udp, true), (Way::Tcp, public, true)]);
        for what in ["something else that takes connections", "nothing"] {
            let found = results(&candidates, &told, port).await;
            assert_eq!(found[1], (Way::Tcp, public, false), "{what}");
        }
        answering.await.unwrap();
        assert_eq!(results(&candidates, &[], port).await, []);
    }

    #[tokio::test]
    async fn each_of_several_ports_is_tried() {
        let (first, second) = (server("127.0.0.1:9", 0).await, server("127.0.0.1:9", 0).await);
        let nobody = socket(0).unwrap();
        let third = SocketAddr::new(first.ip(), nobody.local_addr().unwrap().port());
        let found = results(&[first, second, third], &[first.ip()], third.port()).await;
        let by_udp: Vec<_> = found.iter().filter(|(way, ..)| *way == Way::Udp).collect();
        let expected = [(first, true), (second, true), (third, false)];
        assert_eq!(by_udp.len(), expected.len());
        for ((_, address, answered), expected) in by_udp.into_iter().zip(expected) {
            assert_eq!((*address, *answered), expected);
        }
    }

    #[test]
    fn a_warning_names_hairpinning_and_who_knows_better() {
        let said = warning(Way::Tcp, "203.0.113.5:443".parse().unwrap());
        for word in ["TCP at 203.0.113.5:443", "hairpinning", "/check"] {
            assert!(said.contains(word), "{said}");
        }
    }
}
