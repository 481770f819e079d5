//! The TCP port: connections accepted, decrypted if they are encrypted, and served HTTP or handed to a media thread, as their
//! first bytes say.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parlor_media::{Carries, MediaHandle, NewStream};
use parlor_rtc::framing::Opener;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::app::App;
use crate::client::{Client, ClientStream};
use crate::descriptors::Room;
use crate::http::router;
use crate::in_the_clear;
use crate::opener::Opened;
use crate::pool::Pool;
use crate::tls::{ACME_TLS, Acceptor};

/// Most connections of HTTP at once: each holds a file descriptor and some 20 KiB, for as long as its
/// requests take. One that becomes a WebSocket counts among those from then on.
pub(crate) const MAX_CONNECTIONS: usize = 1_000;

/// Longest head of a request, in bytes.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// How long a client may take for its TLS handshake and for the head of each request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What to wait after the system had no descriptor or memory for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// Most connections of ICE and TURN at once: each holds a file descriptor and some 40 KiB.
pub(crate) const MAX_STREAMS: usize = 4_000;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens at `address`, and at `[::]` for IPv4 too whatever the system's default; where the machine has no IPv6, `[::]` is taken for `0.0.0.0`.
///
/// # Errors
/// When the port cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match bind_at(address) {
        Err(error)
            if address.is_ipv6()
                && address.ip().is_unspecified()
                && error.kind() != io::ErrorKind::AddrInUse =>
        {
            bind_at((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        result => result,
    }
}

fn bind_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A server that is started again does not wait for the last one's connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections, as many as there is `room` for, until `stop` is cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    app: App,
    room: Room,
    stop: CancellationToken,
) {
    let router = router(app.clone());
    // Two limits of one number: who comes when all are taken waits, and who has more than their share is sent
    // away.
    let places = Pool::new(room.connections);
    let free = Arc::new(Semaphore::new(room.connections));
    let streams = Pool::new(room.streams);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&free).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            None => return,
            Some((Err(error), _)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(BREATH).await;
            }
            Some((Ok((stream, from)), permit)) => {
                let Ok(place) = places.take(from.ip(), 1) else {
                    tracing::debug!(%from, "too many connections from one address");
                    continue;
                };
                let connection = Connection {
                    client: Client::new(from.ip(), app.memory.clone()),
                    from,
                    tls: tls.clone(),
                    router: router.clone(),
                    media: app.media.clone(),
                    streams: streams.clone(),
                };
                let stop = stop.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = connection.serve(stream) => {}
                    }
                    drop((place, permit));
                });
            }
        }
    }
}

/// One accepted connection and what it may use.
struct Connection {
    client: Client,
    from: SocketAddr,
    tls: Option<Acceptor>,
    router: Router,
    media: MediaHandle,
    /// Room for those that are given to media threads.
    streams: Pool,
}

impl Connection {
    /// Serves a connection until it ends, or until a media thread has it.
    async fn serve(self, stream: TcpStream) {
        // Frames are small and waited for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let mut stream = Opened::new(stream);
        match open(&mut stream).await {
            Some(Opener::Tls) if self.tls.is_some() => self.decrypt(stream).await,
            Some(Opener::Http) => {
                let router = match &self.tls {
                    // Somebody typed http:// or nothing.
                    Some(tls) => in_the_clear::router(tls.is_ready()),
                    None => self.router,
                };
                http(stream, self.client, router).await;
            }
            Some(Opener::IceTcp) => self.give_away(stream, None, Carries::Ice).await,
            Some(Opener::Turn) => self.give_away(stream, None, Carries::Turn).await,
            Some(Opener::Tls) => {
                tracing::debug!("a TLS connection to a server without certificate")
            }
            None => {
                tracing::debug!(from = %self.from, "a connection that nothing is known to be for")
            }
        }
    }

    /// Serves what is inside of TLS, as its first bytes say: a client that speaks several protocols may have named another
    /// one than it speaks (RFC 7301), as that of coturn does.
    async fn decrypt(mut self, stream: Opened<TcpStream>) {
        let Some(tls) = self.tls.take() else { return };
        let stream = match timeout(HEAD_PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake took too long"),
        };
        if stream.get_ref().1.alpn_protocol() == Some(ACME_TLS) {
            return tracing::debug!(from = %self.from, "an authority has seen its proof");
        }
        let mut stream = Opened::new(stream);
        match open(&mut stream).await {
            Some(Opener::Http) => http(stream, self.client, self.router).await,
            Some(Opener::Turn) => {
                let (head, stream) = stream.into_parts();
                let (stream, tls) = stream.into_inner();
                // All of it has gone into the decryption.
                let (_empty, stream) = stream.into_parts();
                let stream = Opened::with(head, stream);
                self.give_away(stream, Some(Box::new(tls)), Carries::Turn).await;
            }
            _ => {
                tracing::debug!(from = %self.from, "an encrypted connection that nothing is known to be for")
            }
        }
    }

    /// Gives the connection to a media thread.
    async fn give_away(
        self,
        stream: Opened<TcpStream>,
        tls: Option<Box<rustls::ServerConnection>>,
        carries: Carries,
    ) {
        let from = self.from;
        let Ok(share) = self.streams.take(from.ip(), 1) else {
            return tracing::debug!(%from, "too many media streams from one address");
        };
        let (head, stream) = stream.into_parts();
        let remote = SocketAddr::new(from.ip().to_canonical(), from.port());
        let given = match stream.into_std() {
            Ok(socket) => {
                let share = Box::new(share);
                let stream = NewStream { socket, remote, tls, head, carries, share };
                self.media.adopt(stream).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = given {
            tracing::debug!(%from, error, "a media stream is closed");
        }
    }
}

/// What a connection is for; `None` if it is for nothing here, or its client does not say in time.
async fn open(stream: &mut Opened<impl AsyncRead + Unpin>) -> Option<Opener> {
    timeout(HEAD_PATIENCE, stream.opener()).await.ok()?.ok()?
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Client,
    router: Router,
) {
    let stream = ClientStream::new(stream, client.meter.clone());
    let service = TowerToHyperService::new(router.map_request(
        move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(client.clone());
            request
        },
    ));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD_LEN)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended badly");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_who_opens_a_connection_and_does_not_say_for_what_is_not_waited_for() {
        for said in
            [&b""[..], b"\x00\x01", b"\x01\x14\x00\x01\x00\x00\x21\x12\xa4\x42 half a check"]
        {
            let (near, mut far) = duplex(100);
            far.write_all(said).await.unwrap();
            let began = Instant::now();
            assert_eq!(open(&mut Opened::new(near)).await, None, "{said:?}");
            assert_eq!(began.elapsed(), HEAD_PATIENCE);
        }
    }
}
