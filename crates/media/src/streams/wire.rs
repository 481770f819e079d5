//! The two ends of a connection as bytes: TCP, or TLS over it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use rustls::ServerConnection;

/// A TCP connection, encrypted or not. Reading and writing never wait.
pub(super) struct Wire {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, tls: Option<Box<ServerConnection>>) -> Wire {
        Wire { socket, tls }
    }

    /// Whether it is encrypted. What is written in one piece is opened in one, so each message is to have a record of its own,
    /// or the first would wait for the last of many.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether bytes that were taken for sent still wait inside the encryption.
    pub(super) fn holds_back(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Reads what has come; 0 when the other end has closed.
    ///
    /// # Errors
    /// What the kernel reports, "nothing there" included, and what breaks TLS.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(room) };
        loop {
            match tls.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Writes what the encryption holds back.
    ///
    /// # Errors
    /// What the kernel reports, "no more now" included.
    pub(super) fn flush_tls(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

impl Write for Wire {
    /// Takes nothing as long as the encryption holds something back, so that what waits does so where it is
    /// counted.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush_tls()?;
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        let taken = tls.writer().write(bytes)?;
        match self.flush_tls() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_tls()
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
