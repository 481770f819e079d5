//! The TCP port: connections accepted, encrypted if so configured, and handed to HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, HOST, LOCATION};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

use crate::app::App;
use crate::client::{Client, ClientStream};
use crate::http::{harden, router};
use crate::pool::Pool;

/// Connections of HTTP at once: each holds a file descriptor and some 20 KiB, for as long as its
/// requests take. One that becomes a WebSocket counts among those from then on.
pub const MAX_CONNECTIONS: usize = 1_000;

/// Longest head of a request, in bytes.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// How long a client may take for its TLS handshake and for the head of each request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What to wait after the system had no descriptor or memory for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// The first byte of a TLS connection (RFC 8446 section 5.1, handshake record).
const TLS_HANDSHAKE: u8 = 22;

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

/// Accepts connections until `stop` is cancelled.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: App,
    stop: CancellationToken,
) {
    let router = router(app.clone());
    // Two limits of one number: who comes when all are taken waits, and who has more than their share is sent
    // away.
    let places = Pool::new(MAX_CONNECTIONS);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&room).acquire_owned().await.ok()?;
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
                let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
                let client = Client::new(from.ip(), app.memory.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = connection(stream, client, tls, router) => {}
                    }
                    drop((place, permit));
                });
            }
        }
    }
}

async fn connection(stream: TcpStream, client: Client, tls: Option<TlsAcceptor>, router: Router) {
    // Frames are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let Some(tls) = tls else { return http(stream, client, router).await };
    let mut first = [0];
    match timeout(HEAD_PATIENCE, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first == [TLS_HANDSHAKE] => {}
        // Somebody typed http:// or nothing.
        Ok(Ok(1)) => {
            let router = Router::new().fallback_service(service_fn(to_https));
            return http(stream, client, router).await;
        }
        _ => return,
    }
    match timeout(HEAD_PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, client, router).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
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

/// Sends one who asked in the clear to the same page, encrypted.
async fn to_https(
    request: Request<axum::body::Body>,
) -> Result<Response, std::convert::Infallible> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location =
        host.and_then(|host| HeaderValue::try_from(format!("https://{host}{path}")).ok());
    let mut response = match location {
        // Not a permanent one: browsers would keep to it when the server is next started without.
        Some(location) => {
            let fields =
                [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::TEMPORARY_REDIRECT, fields).into_response()
        }
        None => (StatusCode::BAD_REQUEST, "this port speaks https\n").into_response(),
    };
    harden(response.headers_mut());
    Ok(response)
}
