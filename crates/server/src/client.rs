//! One TCP client's connection: where it comes from, what it has not finished saying, and how long it
//! may leave us unheard.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::pool::Pool;
use crate::socket::Meter;

/// A client that takes nothing for this long is cut off. Sockets lose their patience earlier, and say
/// why.
const WRITE_PATIENCE: Duration = Duration::from_secs(15);

/// What requests know of the connection that they came over.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where it comes from.
    pub address: IpAddr,
    /// What it has not finished saying.
    pub meter: Arc<Meter>,
}

impl Client {
    /// A client whose large frames take of `memory`.
    pub fn new(address: IpAddr, memory: Pool) -> Client {
        Client { address, meter: Arc::new(Meter::new(memory, address)) }
    }
}

/// The connection's bytes, counted and hurried.
pub(crate) struct ClientStream<S> {
    stream: S,
    meter: Arc<Meter>,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> ClientStream<S> {
    pub(crate) fn new(stream: S, meter: Arc<Meter>) -> ClientStream<S> {
        ClientStream { stream, meter, stalled: None }
    }

    /// What a write came to, or that it has waited for too long.
    fn hurry<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_PATIENCE)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = buffer.filled().len() - before;
        Poll::Ready(self.meter.received(came).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.hurry(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.hurry(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.hurry(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.hurry(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    fn stream<S>(stream: S) -> ClientStream<S> {
        ClientStream::new(stream, Arc::new(Meter::new(Pool::new(0), IpAddr::from([192, 0, 2, 1]))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (near, _far) = duplex(1000);
        let began = Instant::now();
        let error = stream(near).write_all(&[0; 5000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), WRITE_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_now_and_then_is_waited_for() {
        let (near, mut far) = duplex(1000);
        let reader = tokio::spawn(async move {
            let mut some = [0; 500];
            for _ in 0..10 {
                sleep(WRITE_PATIENCE * 9 / 10).await;
                far.read_exact(&mut some).await.unwrap();
            }
        });
        stream(near).write_all(&[0; 5000]).await.unwrap();
        reader.await.unwrap();
    }
}
