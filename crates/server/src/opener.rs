//! The beginning of a TCP connection: read until it is known what the client wants, and read again by whom it
//! is for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use parlor_rtc::framing::{Opener, classify_stream, next_frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Bytes read at a time: more than an opening message of anybody who is not HTTP.
const CHUNK: usize = 2048;

/// A connection of which something was read ahead.
#[derive(Debug)]
pub(crate) struct Opened<S> {
    head: Vec<u8>,
    stream: S,
}

impl<S> Opened<S> {
    /// A connection of which nothing was read.
    pub(crate) fn new(stream: S) -> Opened<S> {
        Opened { head: Vec::new(), stream }
    }

    /// A connection of which `head` was read.
    pub(crate) fn with(head: Vec<u8>, stream: S) -> Opened<S> {
        Opened { head, stream }
    }

    /// What was read ahead and not read again, and the connection.
    pub(crate) fn into_parts(self) -> (Vec<u8>, S) {
        (self.head, self.stream)
    }
}

impl<S: AsyncRead + Unpin> Opened<S> {
    /// Reads as much as it takes to know what the connection is for; of ICE, a whole check. `None` if it is nothing that is
    /// served here, or has ended.
    ///
    /// # Errors
    /// What reading it reports.
    pub(crate) async fn opener(&mut self) -> io::Result<Option<Opener>> {
        loop {
            match classify_stream(&self.head) {
                Err(_) => return Ok(None),
                Ok(Some(Opener::IceTcp)) => match next_frame(&self.head) {
                    Err(_) => return Ok(None),
                    Ok(Some(_)) => return Ok(Some(Opener::IceTcp)),
                    Ok(None) => {}
                },
                Ok(Some(opener)) => return Ok(Some(opener)),
                Ok(None) => {}
            }
            self.head.reserve(CHUNK);
            if self.stream.read_buf(&mut self.head).await? == 0 {
                return Ok(None);
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opened<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.head.len().min(buffer.remaining());
        buffer.put_slice(self.head.get(..count).unwrap_or_default());
        self.head.drain(..count);
        if self.head.is_empty() {
            self.head = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opened<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    async fn opener_of(parts: &[&[u8]]) -> (Option<Opener>, Vec<u8>) {
        let (near, mut far) = duplex(64);
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let written = tokio::spawn(async move {
            for part in parts {
                far.write_all(&part).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(far);
        });
        let mut opened = Opened::new(near);
        let opener = opened.opener().await.unwrap();
        let mut all = Vec::new();
        opened.read_to_end(&mut all).await.unwrap();
        written.await.unwrap();
        (opener, all)
    }

    #[tokio::test]
    async fn what_was_read_to_know_what_it_is_for_is_read_again() {
        for (parts, opener) in [
            (&[b"GET / HTTP/1.1\r\n\r\n".as_slice()][..], Some(Opener::Http)),
            (&[b"\x16\x03", b"\x01rest"], Some(Opener::Tls)),
            (&[b"\x00\x03", b"\x00\x00\x21\x12", b"\xa4\x42", b"more"], Some(Opener::Turn)),
            (&[b"\x00\x03\x00\x00\x21"], None),
            (&[b"\xff"], None),
            (&[], None),
        ] {
            assert_eq!(opener_of(parts).await, (opener, parts.concat()), "{parts:?}");
        }
    }

    #[tokio::test]
    async fn a_check_is_waited_for_until_it_is_whole() {
        let head: &[u8] = b"\x00\x14\x00\x01\x00\x00\x21\x12\xa4\x42";
        let whole = opener_of(&[head, b"twelve bytes", b"next"]).await;
        assert_eq!(whole, (Some(Opener::IceTcp), [head, b"twelve bytes", b"next"].concat()));
        assert_eq!(opener_of(&[head, b"twelve"]).await.0, None);
    }
}
