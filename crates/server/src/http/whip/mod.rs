//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): publishing into a room and playing it by one HTTP request each,
//! two more doors to the same rooms. docs/whip.md says how they are used.

pub(crate) mod fragment;
mod head;
mod offers;
mod problem;
mod resource;
mod session;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use parlor_rtc::sdp::{Offer, negotiate};
use parlor_wire::{Joined, Sender};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::admission::{self, Visit};
use crate::app::App;
use crate::client::Client;
use crate::pool::Refused;
use crate::rate::AddressRates;
use crate::room::command::{Manner, Response as RoomResponse};
use crate::room::{Entry, HttpVoice, Seat, Voice, Watch};
use head::{FRAGMENT, SDP, insert, is_of, links};
use problem::{Problem, Said};
use resource::{PATIENCE, WAITING_REPLIES};
use session::Door;

pub use resource::Resources;

/// Longest offer that is taken, in bytes: a player of 20 people offers 110 KB, a publisher 10 KB.
const MAX_OFFER_LEN: usize = 128 * 1024;

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// POSTs of one address at once, and then one every so often: as a socket's joins, which cost as much.
const ARRIVALS: (u32, Duration) = (100, Duration::from_millis(200));

/// What a publisher is called that does not say.
const PUBLISHER: &str = "WHIP";

/// What a viewer is called in logs; nobody else is told of it.
const VIEWER: &str = "WHEP";

/// The routes of both.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/whip/{room}", endpoint(post(publish)))
        .route("/whep/{room}", endpoint(post(play)))
        .route("/whip/{room}/{session}", session::methods(Door::Whip))
        .route("/whep/{room}/{session}", session::methods(Door::Whep))
        .layer(from_fn(head::cross_origin))
}

/// How often each address may ask for a session.
pub fn arrivals() -> AddressRates {
    AddressRates::new(Instant::now(), ARRIVALS.0, ARRIVALS.1)
}

/// GET and HEAD have nothing to show, and say so by success (RFC 9725 section 4.1).
fn endpoint(methods: MethodRouter<App>) -> MethodRouter<App> {
    methods
        .get(|| async { StatusCode::NO_CONTENT })
        .options(|| async { head::options("GET, HEAD, OPTIONS, POST", true) })
        .fallback(|| async { head::not_allowed("GET, HEAD, OPTIONS, POST") })
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

/// A join by HTTP, before its offer has been read.
struct Request {
    app: App,
    client: Client,
    visit: Visit,
    head: HeaderMap,
}

async fn publish(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Said(Path(room)): Said<Path<String>>,
    Said(Query(query)): Said<Query<PublishQuery>>,
    head: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = query.name.as_deref().unwrap_or(PUBLISHER);
    let visit = admission::visit(Manner::Whip, &room, name)?;
    let request = Request { app, client, visit, head };
    let offer = request.offer(body).await?;
    let senders = offers::senders(&offer)?;
    let entered = request.enter(offer, senders).await?;
    Ok(request.answer("whip", entered))
}

async fn play(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Said(Path(room)): Said<Path<String>>,
    Said(Query(query)): Said<Query<PlayQuery>>,
    head: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let visit = admission::visit(Manner::Whep(watch(&query)?), &room, VIEWER)?;
    let request = Request { app, client, visit, head };
    let offer = offers::receiving(&request.offer(body).await?)?;
    let entered = request.enter(offer, Vec::new()).await?;
    Ok(request.answer("whep", entered))
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
    async fn offer(&self, body: Body) -> Result<String, Problem> {
        let (app, address) = (&self.app, self.client.address);
        app.arrivals.take(Instant::now(), address).map_err(too_often)?;
        if !is_of(&self.head, SDP) {
            let detail = format!("expected Content-Type: {SDP}");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        admission::admit(&self.visit, head::bearer(&self.head))?;
        let memory = app.memory.take(address, MAX_OFFER_LEN);
        let _memory = memory.map_err(|_| crowded("too many offers at once"))?;
        text_of(body, MAX_OFFER_LEN).await
    }

    /// Has the room decide, and keeps the session of who is let in.
    async fn enter(&self, offer: String, senders: Vec<Sender>) -> Result<Entered, Problem> {
        let app = &self.app;
        let place = app.sockets_room.take(self.client.address, 1).map_err(|refused| {
            app.metrics.socket_refused();
            crowded(match refused {
                Refused::Empty => "this server is full",
                Refused::Unfair => "this address holds too many sockets and sessions",
            })
        })?;
        let (back, mut replies) = mpsc::channel(WAITING_REPLIES);
        let (began, room) = (Instant::now(), self.visit.room.clone());
        let voice = Voice::Http(HttpVoice { replies: back, began, room, place });
        let wish = admission::by_http(self.visit.clone(), offer.clone(), senders.clone())?;
        let (reference, host) = (Some("1".to_owned()), head::host(&self.head).map(str::to_owned));
        let (id, room) = app.rooms.enter(Entry { wish, voice, reference, replaces: None, host })?;
        // Whatever comes between, be it that the client hangs up here, is the end of the membership.
        let seat = Seat::new(id, room);
        let joined = match timeout(PATIENCE, replies.recv()).await {
            Ok(Some(Ok(RoomResponse::Joined(joined)))) => *joined,
            Ok(Some(Err(refusal))) => return Err(refusal.into()),
            _ => return Err(Problem::unavailable("media_failed", "The room does not answer.")),
        };
        let no_media = || Problem::unavailable("media_failed", "The room has no answer.");
        let answer = joined.answer.clone().ok_or_else(no_media)?;
        let ice = Offer::parse(&offer).and_then(|offer| negotiate(&offer, None));
        let ice = ice.map_err(|_| no_media())?.ice;
        let pins = joined.slots.iter().filter_map(|slot| slot.track).collect();
        let (visit, answered) = (self.visit.clone(), answer.clone());
        let session =
            resource::Session { visit, seat, replies, offer, senders, pins, ice, answer: answered };
        let (id, etag) = app.resources.keep(session, app.rooms.clone())?;
        Ok(Entered { joined, answer, id, etag })
    }

    /// 201 with everything that the client has to know.
    fn answer(&self, endpoint: &str, entered: Entered) -> Response {
        let Entered { joined, answer, id, etag } = entered;
        let mut response = (StatusCode::CREATED, answer).into_response();
        let headers = response.headers_mut();
        insert(headers, "content-type", SDP);
        // Of the same host whatever name that has; the name of a room has nothing that would have to be escaped.
        insert(headers, LOCATION, &format!("/{endpoint}/{}/{id}", self.visit.room));
        insert(headers, ETAG, &etag);
        insert(headers, "accept-patch", FRAGMENT);
        links(headers, &self.app.ice_servers, &joined.peer.to_string(), &self.head);
        response
    }
}

fn too_often(wait: Duration) -> Problem {
    let detail = "too many requests for sessions have come from this address; slow down";
    let status = StatusCode::TOO_MANY_REQUESTS;
    let retry_after = Some(wait.as_secs().max(1));
    Problem { retry_after, ..Problem::new(status, "too_many_requests", detail) }
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

#[cfg(test)]
mod tests;
