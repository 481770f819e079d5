//! Which addresses are announced.

use std::net::SocketAddr;

use parlor_rtc::stun::{Class, Message, MessageWriter, TransactionId, mapped_address_in};
use parlor_server::config::{Config, StunServer};
use parlor_server::server::Server;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{PATIENCE, config, start};

/// A STUN server that answers the first request.
async fn stun_server(seen: &'static str) -> StunServer {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
        let request = Message::parse(&buffer[..len]).unwrap();
        let answer = MessageWriter::new(Class::Success, request.transaction());
        let mut answer = answer.xor_mapped_address(seen.parse().unwrap());
        socket.send_to(answer.finish().unwrap(), from).await.unwrap();
    });
    StunServer { host: "127.0.0.1".to_owned(), port }
}

#[tokio::test]
async fn where_a_stun_server_has_seen_this_machine_is_announced_first_and_the_interfaces_too() {
    let stun_server = Some(stun_server("203.0.113.9:4000").await);
    let server = Server::start(&Config { stun_server, ..config() }).await.unwrap();
    let port = server.media().local_port();
    let candidates = server.media().candidates();
    assert_eq!(candidates[0], SocketAddr::new("203.0.113.9".parse().unwrap(), port));
    assert!(candidates.len() > 1, "{candidates:?}");
    server.stop().await;
}

#[tokio::test]
async fn without_an_answer_a_server_starts_all_the_same() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    let stun_server = Some(StunServer { host: "127.0.0.1".to_owned(), port });
    let server = Server::start(&Config { stun_server, ..config() }).await.unwrap();
    assert!(!server.media().candidates().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn media_threads_answer_who_asks_by_stun_where_it_is_seen() {
    let server = start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let id = TransactionId([9; 12]);
    let mut request = MessageWriter::new(Class::Request, id);
    let to = ("127.0.0.1", server.media().local_port());
    socket.send_to(request.finish().unwrap(), to).await.unwrap();
    let mut buffer = [0; 1500];
    let (len, _) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    let seen = mapped_address_in(&buffer[..len], id);
    assert_eq!(seen, Some(socket.local_addr().unwrap()));
    server.stop().await;
}
