//! A STUN client: one Binding request, sent again until it is answered (RFC 8489 section 6.2.1).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use parlor_rtc::stun::{Class, MessageWriter, TransactionId, mapped_address_in};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// After how long without an answer the request is sent again, twice as long after each.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How often it is sent: 3.5 s in all.
const TRIES: u32 = 3;

/// Longest answer that is read, in bytes: what fits in a packet of IPv6's least MTU.
const MAX_ANSWER_LEN: usize = 1280;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("nothing has answered")]
    Silence,
    #[error("{0}")]
    System(#[from] io::Error),
}

/// A socket at `port` of all addresses of IPv4, or of IPv6.
///
/// # Errors
/// When the port cannot be had.
pub(super) fn socket_of_family(is_v6: bool, port: u16) -> io::Result<UdpSocket> {
    match is_v6 {
        true => bind((Ipv6Addr::UNSPECIFIED, port).into(), true),
        false => bind((Ipv4Addr::UNSPECIFIED, port).into(), false),
    }
}

/// A socket at `port` of all addresses, of both families where there are both.
///
/// # Errors
/// When the port cannot be had.
pub(super) fn socket(port: u16) -> io::Result<UdpSocket> {
    match bind((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind((Ipv4Addr::UNSPECIFIED, port).into(), false)
        }
        result => result,
    }
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Where `server` says that what `socket` sends comes from.
///
/// # Errors
/// When it does not answer, or cannot be sent to.
pub(super) async fn ask(socket: &UdpSocket, server: SocketAddr) -> Result<SocketAddr, NoAnswer> {
    let transaction = transaction()?;
    let mut request = MessageWriter::new(Class::Request, transaction);
    let request = request.finish().unwrap_or_default();
    let way = if socket.local_addr()?.is_ipv6() { mapped(server) } else { server };
    let mut wait = FIRST_WAIT;
    for _ in 0..TRIES {
        socket.send_to(request, way).await?;
        if let Some(seen) = answer(socket, server, transaction, Instant::now() + wait).await {
            return Ok(seen);
        }
        wait *= 2;
    }
    Err(NoAnswer::Silence)
}

/// What the server answers before `deadline`. Whatever else comes is not for us.
async fn answer(
    socket: &UdpSocket,
    server: SocketAddr,
    transaction: TransactionId,
    deadline: Instant,
) -> Option<SocketAddr> {
    let mut buffer = [0; MAX_ANSWER_LEN];
    loop {
        match timeout_at(deadline, socket.recv_from(&mut buffer)).await.ok()? {
            Ok((len, from)) if canonical(from) == server => {
                if let Some(seen) = mapped_address_in(&buffer[..len], transaction) {
                    return Some(canonical(seen));
                }
            }
            // An ICMP error for what was sent before: whether an answer comes is told by the deadline.
            Ok(_) | Err(_) => {}
        }
    }
}

fn transaction() -> io::Result<TransactionId> {
    let mut bytes = [0; 12];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(TransactionId(bytes))
}

/// As a socket of both families wants an IPv4 address.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        v6 @ SocketAddr::V6(_) => v6,
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
pub(super) mod tests {
    use parlor_rtc::stun::Message;

    use super::*;

    /// A STUN server that has seen everybody at `seen`, and does not answer the first `deaf` requests.
    pub(in crate::reach) async fn server(seen: &str, deaf: usize) -> SocketAddr {
        let seen: SocketAddr = seen.parse().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            for heard in 0.. {
                let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
                if heard < deaf {
                    continue;
                }
                let transaction = Message::parse(&buffer[..len]).unwrap().transaction();
                let mut answer = MessageWriter::new(Class::Success, transaction);
                answer = answer.xor_mapped_address(seen);
                socket.send_to(answer.finish().unwrap(), from).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn a_server_says_where_we_are_seen_also_when_the_first_request_is_lost() {
        for deaf in [0, 1] {
            let server = server("203.0.113.9:4000", deaf).await;
            let seen = ask(&socket(0).unwrap(), server).await.unwrap();
            assert_eq!(seen, "203.0.113.9:4000".parse().unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_silent_is_given_up() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let start = Instant::now();
        let asked = ask(&socket(0).unwrap(), silent.local_addr().unwrap()).await;
        assert!(matches!(asked, Err(NoAnswer::Silence)), "{asked:?}");
        assert!(start.elapsed() < Duration::from_secs(4));
    }

    #[tokio::test]
    async fn what_others_send_meanwhile_is_no_answer() {
        let server = server("203.0.113.9:4000", 1).await;
        let ours = socket(0).unwrap();
        let port = ours.local_addr().unwrap().port();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        other.send_to(b"hello", ("127.0.0.1", port)).await.unwrap();
        assert_eq!(ask(&ours, server).await.unwrap(), "203.0.113.9:4000".parse().unwrap());
    }
}
