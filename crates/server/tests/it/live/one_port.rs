//! One TCP port for everything: what a connection is for is told by how it begins.

use parlor_rtc::stun::{Class, MessageWriter, Method, TransactionId};
use parlor_server::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, start};

const TRANSACTION: TransactionId = TransactionId(*b"twelve bytes");

fn request(method: Method) -> Vec<u8> {
    let mut writer = MessageWriter::of_method(method, Class::Request, TRANSACTION);
    writer.finish().unwrap().to_vec()
}

/// What comes back of some bytes, up to `most` of them, or until the server closes.
async fn say(server: &Server, bytes: &[u8], most: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; most];
    let mut len = 0;
    let reading = async {
        while len < most {
            match stream.read(&mut answer[len..]).await {
                Ok(0) | Err(_) => break,
                Ok(count) => len += count,
            }
        }
    };
    timeout(PATIENCE, reading).await.expect("an answer or an end comes in time");
    answer.truncate(len);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn http_and_turn_are_answered_on_one_port_and_nonsense_is_hung_up_on() {
    let server = start().await;
    let http = say(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 4096);
    assert!(http.await.starts_with(b"HTTP/1.1 200"));
    // Success of Binding, and the error that asks for credentials (RFC 8489 section 5, RFC 8656 section 18).
    for (method, kind) in [(Method::Binding, [1, 1]), (Method::Allocate, [1, 0x13])] {
        let answer = say(&server, &request(method), 20).await;
        assert_eq!((&answer[..2], &answer[8..20]), (&kind[..], &TRANSACTION.0[..]));
    }
    let check_for_nobody = [&[0, 28][..], &request(Method::Binding)].concat();
    for nonsense in
        [&b"\x80nothing"[..], b"\x16\x03\x01 and no certificate here", &check_for_nobody]
    {
        assert_eq!(say(&server, nonsense, 1).await, b"");
    }
    server.stop().await;
}
