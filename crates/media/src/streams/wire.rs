//! The two ends of a connection as bytes: TCP, or TLS over it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use rustls::ServerConnection;

/// Bytes that are encrypted before they are handed to the kernel: a picture's packets in a few calls, and little enough that
/// what waits does so where it is counted.
const ENCRYPTED_AT_ONCE: usize = 16 * 1024;

/// A TCP connection, encrypted or not. Reading and writing never wait.
pub(super) struct Wire {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// Bytes encrypted since the last of them were handed to the kernel.
    encrypted: usize,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, tls: Option<Box<ServerConnection>>) -> Wire {
        Wire { socket, tls, encrypted: 0 }
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

    /// Hands what is encrypted to the kernel, as far as that takes it now.
    ///
    /// # Errors
    /// What it reports, but for "no more now".
    pub(super) fn flush_unless_full(&mut self) -> io::Result<()> {
        match self.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }
}

impl Write for Wire {
    /// Takes nothing as long as the kernel does not take what was encrypted before.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.encrypted >= ENCRYPTED_AT_ONCE || self.encrypted == 0 && self.holds_back() {
            self.flush()?;
        }
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        let taken = tls.writer().write(bytes)?;
        self.encrypted += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encrypted = 0;
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
