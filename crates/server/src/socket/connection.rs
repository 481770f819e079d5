//! One WebSocket from its first frame to its last.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::meter::Meter;
use super::outbox::{Closing, Outbox, Queue, outbox};
use crate::app::App;
use crate::channel::Channels;
use crate::client::Client;

/// Longest frame, in bytes: an offer of 64 slot pairs is 400 KB.
pub const MAX_FRAME_LEN: usize = 512 * 1024;

/// A socket that finishes no frame for this long is closed. Phoenix clients beat every 30 s.
const IDLE: Duration = Duration::from_secs(60);

/// A client that takes longer than this for one frame reads too slowly.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long the last words of a socket may take, and then its client's goodbye.
const FAREWELL: Duration = Duration::from_millis(500);

/// Serves one socket, which was asked for at `host`, until it is closed by either side.
pub async fn serve(app: App, client: &Client, host: Option<String>, socket: WebSocket) {
    client.meter.begin();
    let (outbox, queue, closed) = outbox(app.memory.clone(), client.address);
    let (sink, mut stream) = socket.split();
    let mut channels = Channels::new(app.clone(), outbox.clone(), host);
    app.metrics.socket_opened();

    let read = read(&mut stream, &mut channels, &client.meter, &outbox);
    let write = write(sink, queue, closed);
    let stopped = async {
        app.sockets_stop.cancelled().await;
        outbox.close(Closing::Stopping);
        std::future::pending::<()>().await;
    };
    let why = tokio::select! {
        () = read => Closing::ByClient,
        why = write => why,
        () = stopped => Closing::Stopping,
    };
    if why != Closing::ByClient && why != Closing::TooSlow {
        // The client answers our close frame; leaving earlier could cut its last words off.
        let goodbye = async { while let Some(Ok(_)) = stream.next().await {} };
        let _silent_client = timeout(FAREWELL, goodbye).await;
    }
    tracing::debug!(reason = ?why, "socket closed");
    app.metrics.socket_closed(why);
    channels.socket_closed().await;
}

/// Reads until the client closes; a fault of the client's is said to the writing half, which then
/// ends both.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    channels: &mut Channels,
    meter: &Meter,
    outbox: &Outbox,
) {
    let mut idle_at = Instant::now() + IDLE;
    loop {
        let message = next(stream, channels, idle_at).await;
        if let Ok(Some(Ok(_))) = &message {
            channels.socket_heard().await;
        }
        let fault = match message {
            Err(_) => Closing::Idle,
            Ok(None) => return,
            Ok(Some(Err(error))) if is_too_large(&error) => Closing::TooLarge,
            Ok(Some(Err(_))) if meter.is_crowded() => Closing::Crowded,
            Ok(Some(Err(_) | Ok(Message::Close(_)))) => return,
            // Not a sign of life: pings may come between the parts of a frame that never ends.
            Ok(Some(Ok(Message::Ping(payload) | Message::Pong(payload)))) => {
                meter.finished_control(payload.len());
                continue;
            }
            Ok(Some(Ok(Message::Binary(_)))) => Closing::Binary,
            Ok(Some(Ok(Message::Text(text)))) => {
                let handled = channels.handle(&text).await;
                meter.finished();
                idle_at = Instant::now() + IDLE;
                match handled {
                    Ok(()) => continue,
                    Err(_) => Closing::Malformed,
                }
            }
        };
        outbox.close(fault);
        return std::future::pending().await;
    }
}

/// The next message, waited for until `idle_at`. Rooms are told when its socket is quiet.
async fn next(
    stream: &mut SplitStream<WebSocket>,
    channels: &mut Channels,
    idle_at: Instant,
) -> Result<Option<Result<Message, axum::Error>>, Elapsed> {
    if let Some(quiet_at) = channels.quiet_at() {
        if let Ok(message) = timeout_at(quiet_at.into(), stream.next()).await {
            return Ok(message);
        }
        channels.socket_quiet().await;
    }
    timeout_at(idle_at, stream.next()).await
}

fn is_too_large(error: &axum::Error) -> bool {
    // axum hides the type of the error, and says it in words alone.
    error.to_string().to_lowercase().contains("too long")
}

/// Writes what is queued, until something is wrong or the socket is to be closed.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: Queue,
    mut closed: watch::Receiver<Option<Closing>>,
) -> Closing {
    let why = loop {
        let written = async {
            match queue.next().await {
                // It counts until it is written.
                Some(queued) => timeout(WRITE_PATIENCE, sink.send(queued.message())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            why = asked_to_close(&mut closed) => break why,
            written = written => match written {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Closing::ByClient,
                Err(_) => break Closing::TooSlow,
            },
        }
    };
    let (code, reason) = why.status();
    let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let last_words = async {
        while why != Closing::TooSlow
            && let Some(queued) = queue.next_now()
        {
            sink.send(queued.message()).await?;
        }
        sink.send(Message::Close(Some(close))).await
    };
    // A client that does not take them is cut off: there is nobody left to tell.
    let _told = timeout(FAREWELL, last_words).await;
    why
}

async fn asked_to_close(closed: &mut watch::Receiver<Option<Closing>>) -> Closing {
    match closed.wait_for(Option::is_some).await {
        Ok(why) => why.unwrap_or(Closing::Stopping),
        Err(_) => Closing::Stopping,
    }
}
