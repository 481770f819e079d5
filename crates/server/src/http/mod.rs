//! What is served over HTTP: the web app, health, metrics, and the door to the sockets.

mod assets;
mod headers;
mod protobuf;
pub mod whip;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use parlor_wire::frame::SERIALIZER_VERSION;
use serde::Deserialize;
use serde_json::json;

pub(crate) use headers::harden;

use crate::app::App;
use crate::client::Client;
use crate::pool::Refused;
use crate::socket::{self, MAX_FRAME_LEN, origin};

/// What a socket reads at once, in bytes: most frames are smaller.
const READ_BUFFER_LEN: usize = 4 * 1024;

/// Every route.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/r/{room}", get(page))
        .route("/r/{room}/", get(page))
        .route("/r", get(|| async { Redirect::temporary("/") }))
        .route("/r/", get(|| async { Redirect::temporary("/") }))
        .route("/check", get(|headers| assets::serve("check/index.html", headers)))
        .route("/check/server.json", get(about_server))
        .route("/check/", get(|| async { Redirect::permanent("/check") }))
        .route("/example", get(|| async { Redirect::permanent("/example/") }))
        .route("/example/", get(|headers| assets::serve("example/index.html", headers)))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/socket/websocket", get(open_socket))
        .route("/socket/peer/websocket", get(protobuf::refuse))
        .merge(whip::routes())
        .route("/{*path}", get(file))
        .layer(from_fn_with_state(app.clone(), headers::secure))
        .with_state(app)
}

async fn page(headers: HeaderMap) -> Response {
    assets::serve("app/index.html", headers).await
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::serve(&path, headers).await
}

/// What the connection test is to know of this server, and no browser tells a page.
async fn about_server(State(app): State<App>) -> impl IntoResponse {
    let certificate = match app.certificates {
        None => "none",
        Some(certificates) if certificates.are_our_own() => "own",
        Some(_) => "authority",
    };
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (fields, json!({ "certificate": certificate }).to_string())
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let (rooms, census) = app.rooms.census();
    let text = app.metrics.render(rooms, census, &app.media.facts());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

#[derive(Deserialize)]
struct SocketQuery {
    vsn: Option<String>,
}

async fn open_socket(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Query(query): Query<SocketQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // An origin that is no text is not the same as none.
    let claimed = headers.contains_key(ORIGIN).then(|| text(ORIGIN).unwrap_or_default());
    if !origin::is_allowed(claimed, text(HOST), app.encrypted, &app.origins) {
        app.metrics.foreign_origin();
        tracing::warn!(origin = claimed, "a foreign page was turned away; --origin would allow it");
        return (StatusCode::FORBIDDEN, "this origin is not allowed here\n").into_response();
    }
    if query.vsn.as_deref() != Some(SERIALIZER_VERSION) {
        let message = format!("expected vsn={SERIALIZER_VERSION}\n");
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    let place = match app.sockets_room.take(client.address, 1) {
        Ok(place) => place,
        Err(Refused::Empty) => return refuse(&app, "this server is full\n"),
        Err(Refused::Unfair) => {
            return refuse(&app, "too many sockets are open from this address\n");
        }
    };
    let upgrade = upgrade
        .protocols(["phoenix"])
        .max_message_size(MAX_FRAME_LEN)
        .max_frame_size(MAX_FRAME_LEN)
        .read_buffer_size(READ_BUFFER_LEN)
        .on_failed_upgrade(|error| tracing::debug!(%error, "a socket did not come about"));
    let sockets = app.sockets.clone();
    let host = text(HOST).map(str::to_owned);
    upgrade.on_upgrade(move |socket| {
        sockets.track_future(async move {
            socket::serve(app, &client, host, socket).await;
            drop(place);
        })
    })
}

fn refuse(app: &App, why: &'static str) -> Response {
    app.metrics.socket_refused();
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "10")], why).into_response()
}
