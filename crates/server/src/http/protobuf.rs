//! The socket of clients that speak protobuf, as Jellyfish's do: opened to say that this server does not, since such
//! clients tell nobody of what is not found.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::app::App;
use crate::client::Client;

/// What the close frame says, in at most 123 bytes (RFC 6455 section 5.5).
const REASON: &str = "protobuf is not understood here; Phoenix Channels are, at /socket/websocket: see docs/membrane.md";

/// How long the client's goodbye is waited for.
const FAREWELL: Duration = Duration::from_millis(500);

/// Opens the socket and closes it with a reason.
pub(super) async fn refuse(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    upgrade: WebSocketUpgrade,
) -> Response {
    app.metrics.socket_refused();
    let Ok(place) = app.sockets_room.take(client.address, 1) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let sockets = app.sockets.clone();
    upgrade
        .max_message_size(super::READ_BUFFER_LEN)
        .read_buffer_size(super::READ_BUFFER_LEN)
        .on_upgrade(move |socket| {
            sockets.track_future(async move {
                let _silent_client = timeout(FAREWELL, close(socket)).await;
                drop(place);
            })
        })
}

async fn close(mut socket: WebSocket) {
    let frame = CloseFrame { code: close_code::UNSUPPORTED, reason: REASON.into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = socket.recv().await {}
    }
}
