//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): publishing into a room and playing it by one HTTP request each,
//! two more doors to the same rooms. docs/whip.md says how they are used.

pub(crate) mod fragment;
mod head;
mod offers;
mod problem;
mod resource;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch, post};
use parlor_rtc::sdp::{Offer, negotiate};
use parlor_wire::{Joined, Sender};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::admission;
use crate::app::App;
use crate::client::Client;
use crate::pool::Refused;
use crate::room::command::{Manner, Response as RoomResponse};
use crate::room::{Entry, HttpVoice, Voice, Watch};
use fragment::{Fragment, MAX_FRAGMENT_LEN};
use head::{FRAGMENT, SDP, if_match, insert, is_of, links};
use problem::Problem;
use resource::{PATIENCE, Patched, WAITING_REPLIES};

pub use resource::Resources;

/// Longest offer that is taken, in bytes: a player of 20 people offers 110 KB, a publisher 10 KB.
const MAX_OFFER_LEN: usize = 128 * 1024;

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What a publisher is called that does not say.
const PUBLISHER: &str = "WHIP";

/// What a viewer is called in logs; nobody else is told of it.
const VIEWER: &str = "WHEP";

/// The routes of both.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/whip/{room}", endpoint(post(publish)))
        .route("/whep/{room}", endpoint(post(play)))
        .route("/whip/{room}/{session}", session())
        .route("/whep/{room}/{session}", session())
        .layer(from_fn(head::cross_origin))
}

/// GET and HEAD have nothing to show, and say so by success (RFC 9725 section 4.1).
fn endpoint(methods: MethodRouter<App>) -> MethodRouter<App> {
    methods
        .get(|| async { StatusCode::NO_CONTENT })
        .options(|| async { head::options("GET, HEAD, OPTIONS, POST", true) })
        .fallback(|| async { head::not_allowed("GET, HEAD, OPTIONS, POST") })
}

fn session() -> MethodRouter<App> {
    patch(change)
        .delete(end)
        .merge(get(show))
        .options(|| async { head::options("DELETE, GET, HEAD, OPTIONS, PATCH", false) })
        .fallback(|| async { head::not_allowed("DELETE, GET, HEAD, OPTIONS, PATCH") })
}

#[derive(Deserialize)]
struct PublishQuery {
    name: Option<String>,
}

#[derive(Deserialize)]
struct PlayQuery {
    peer: Option<String>,
    track: Option<String>,
}

/// A join by HTTP, before it has been looked at.
struct Request {
    app: App,
    client: Client,
    room: String,
    head: HeaderMap,
}

async fn publish(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(room): Path<String>,
    Query(query): Query<PublishQuery>,
    head: HeaderMap,
    body: Body,
) -> Response {
    let request = Request { app, client, room, head };
    let name = query.name.as_deref().unwrap_or(PUBLISHER);
    let entered = async {
        let offer = request.offer(body, Manner::Whip).await?;
        let senders = offers::senders(&offer)?;
        request.enter(Manner::Whip, name, offer, senders).await
    };
    request.answer("whip", entered.await)
}

async fn play(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(room): Path<String>,
    Query(query): Query<PlayQuery>,
    head: HeaderMap,
    body: Body,
) -> Response {
    let request = Request { app, client, room, head };
    let entered = async {
        let manner = Manner::Whep(watch(&query)?);
        let offer = request.offer(body, manner).await?;
        let offer = offers::receiving(&offer)?;
        request.enter(manner, VIEWER, offer, Vec::new()).await
    };
    request.answer("whep", entered.await)
}

fn watch(query: &PlayQuery) -> Result<Watch, Problem> {
    let bad = |what| Problem::new(StatusCode::BAD_REQUEST, "bad_request", what);
    match (&query.peer, &query.track) {
        (None, None) => Ok(Watch::Everything),
        (Some(peer), None) => {
            let peer = peer.parse().map_err(|_| bad("peer: expected an id such as p7"))?;
            Ok(Watch::Peer(peer))
        }
        (None, Some(track)) => {
            let track = track.parse().map_err(|_| bad("track: expected an id such as t21"))?;
            Ok(Watch::Track(track))
        }
        (Some(_), Some(_)) => Err(bad("expected peer or track, not both")),
    }
}

/// What a join came to.
struct Entered {
    joined: Joined,
    answer: String,
    id: String,
    etag: String,
}

impl Request {
    /// Reads the offer of whoever may come at all.
    async fn offer(&self, body: Body, manner: Manner) -> Result<String, Problem> {
        if !is_of(&self.head, SDP) {
            let detail = format!("expected Content-Type: {SDP}");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        admission::admit(manner, head::bearer(&self.head))?;
        let memory = self.app.memory.take(self.client.address, MAX_OFFER_LEN);
        let _memory = memory.map_err(|_| crowded("too many offers at once"))?;
        text_of(body, MAX_OFFER_LEN).await
    }

    /// Has the room decide, and keeps the session of who is let in.
    async fn enter(
        &self,
        manner: Manner,
        name: &str,
        offer: String,
        senders: Vec<Sender>,
    ) -> Result<Entered, Problem> {
        let app = &self.app;
        let place = app.sockets_room.take(self.client.address, 1).map_err(|refused| {
            app.metrics.socket_refused();
            crowded(match refused {
                Refused::Empty => "this server is full",
                Refused::Unfair => "this address holds too many sockets and sessions",
            })
        })?;
        let room = admission::room_name(&self.room)?;
        let (back, mut replies) = mpsc::channel(WAITING_REPLIES);
        let voice =
            Voice::Http(HttpVoice { replies: back, began: Instant::now(), room: room.clone() });
        let wish = admission::by_http(room, manner, name, offer.clone(), senders.clone())?;
        let (reference, host) = (Some("1".to_owned()), head::host(&self.head).map(str::to_owned));
        let (id, room) = app.rooms.enter(Entry { wish, voice, reference, replaces: None, host })?;
        let joined = match timeout(PATIENCE, replies.recv()).await {
            Ok(Some(Ok(RoomResponse::Joined(joined)))) => *joined,
            Ok(Some(Err(refusal))) => return Err(refusal.into()),
            // Whoever is in by now without knowing is taken for lost after a while.
            _ => return Err(Problem::unavailable("media_failed", "The room does not answer.")),
        };
        let no_media = || Problem::unavailable("media_failed", "The room has no answer.");
        let answer = joined.answer.clone().ok_or_else(no_media)?;
        let ice = Offer::parse(&offer).and_then(|offer| negotiate(&offer, None));
        let ice = ice.map_err(|_| no_media())?.ice;
        let pins = joined.slots.iter().filter_map(|slot| slot.track).collect();
        let session = resource::Session {
            manner,
            id,
            room,
            replies,
            offer,
            senders,
            pins,
            ice,
            answer: answer.clone(),
            _place: place,
        };
        let (id, etag) = app.resources.keep(session, app.rooms.clone())?;
        Ok(Entered { joined, answer, id, etag })
    }

    /// 201 with everything that the client has to know.
    fn answer(&self, endpoint: &str, entered: Result<Entered, Problem>) -> Response {
        let Entered { joined, answer, id, etag } = match entered {
            Ok(entered) => entered,
            Err(problem) => return problem.into_response(),
        };
        let mut response = (StatusCode::CREATED, answer).into_response();
        let headers = response.headers_mut();
        insert(headers, "content-type", SDP);
        // Of the same host whatever name that has; the name of a room has nothing that would have to be escaped.
        insert(headers, LOCATION, &format!("/{endpoint}/{}/{id}", self.room));
        insert(headers, ETAG, &etag);
        insert(headers, "accept-patch", FRAGMENT);
        links(headers, &self.app.ice_servers, &joined.peer.to_string(), &self.head);
        response
    }
}

fn crowded(detail: &'static str) -> Problem {
    Problem::unavailable("server_full", detail)
}

async fn text_of(body: Body, limit: usize) -> Result<String, Problem> {
    let late = |_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body took too long to arrive")
    };
    let long = |_| {
        let detail = format!("expected a body of at most {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    let bytes = timeout(BODY_PATIENCE, to_bytes(body, limit)).await.map_err(late)?.map_err(long)?;
    let no_text = |_| Problem::new(StatusCode::BAD_REQUEST, "bad_request", "expected UTF-8");
    String::from_utf8(bytes.into()).map_err(no_text)
}

/// PATCH: trickled candidates, which we need not know, or an ICE restart (RFC 9725 section 4.3).
async fn change(
    State(app): State<App>,
    Path((_, id)): Path<(String, String)>,
    head: HeaderMap,
    body: Body,
) -> Response {
    let patched = async {
        if !app.resources.contains(&id) {
            return Err(resource::gone());
        }
        if !is_of(&head, FRAGMENT) {
            let detail = format!("expected Content-Type: {FRAGMENT}");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        let text = text_of(body, MAX_FRAGMENT_LEN).await?;
        let malformed =
            |error| Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("{error}"));
        let fragment = Fragment::parse(&text).map_err(malformed)?;
        app.resources.patch(&id, fragment, if_match(&head)).await
    };
    match patched.await {
        Ok(Patched::Nothing) => StatusCode::NO_CONTENT.into_response(),
        Ok(Patched::Restarted { etag, fragment }) => {
            let mut response = (StatusCode::OK, fragment).into_response();
            insert(response.headers_mut(), "content-type", FRAGMENT);
            insert(response.headers_mut(), ETAG, &etag);
            response
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                insert(response.headers_mut(), "accept-patch", FRAGMENT);
            }
            response
        }
    }
}

async fn end(State(app): State<App>, Path((_, id)): Path<(String, String)>) -> Response {
    match app.resources.delete(&id).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn show(State(app): State<App>, Path((_, id)): Path<(String, String)>) -> Response {
    match app.resources.contains(&id) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => resource::gone().into_response(),
    }
}
