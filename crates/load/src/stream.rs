//! A TCP connection to the server, with TLS where its address says so.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// A server that takes no connection for so long takes none.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Where the server is.
#[derive(Clone)]
pub struct Server {
    /// Name and port, as the HTTP request says.
    pub host: String,
    /// The first address that the name stands for.
    pub address: SocketAddr,
    /// The name in its certificate and what it is believed by, for https.
    pub tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

/// A stream of either kind.
pub enum Stream {
    /// http.
    Plain(TcpStream),
    /// https.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects to the server.
    ///
    /// # Errors
    /// When it cannot be reached, or is not the one that its certificate names.
    pub fn connect(server: &Server) -> io::Result<Stream> {
        let stream = Stream::connect_tcp(server.address)?;
        match server.tls.clone() {
            Some((name, config)) => Stream::encrypt(stream, name, config),
            None => Ok(Stream::Plain(stream)),
        }
    }

    /// Connects to an address.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Encrypts a connection; the handshake is done as it is read and written.
    ///
    /// # Errors
    /// When there can be no certificate for such a name.
    pub fn encrypt(
        stream: TcpStream,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> io::Result<Stream> {
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// The TCP connection under it.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.tcp().as_raw_fd()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(buffer),
            Stream::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}
