//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): publishing into a room and playing it by one HTTP request each,
//! two more doors to the same rooms. docs/whip.md says how they are used.

pub(crate) mod fragment;
mod head;
mod offers;
mod patches;
mod problem;
mod resource;
mod session;

use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG, EXPIRES, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
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
use crate::room::liveness::ANSWER_PATIENCE;
use crate::room::{Entry, HttpVoice, Seat, Voice, Watch};
use head::{ANSWER_OR_FRAGMENT, FRAGMENT, SDP, insert, is_of, is_typed, links};
use problem::{Problem, Said};
use resource::{Description, PATIENCE, WAITING_REPLIES};
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
        .options(|| async { head::options("GET, HEAD, OPTIONS, POST", ("accept-post", SDP)) })
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
    let offer = request.body(body).await?;
    let senders = offers::senders(&offer)?;
    let entered = request.enter(Some(offer), senders).await?;
    request.answer("whip", Says::Answer, entered)
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
    if request.asks_for_an_offer(&body) {
        request.admit()?;
        return request.offer(Says::Offer).await;
    }
    let offer = request.body(body).await?;
    if offer.is_empty() {
        return request.offer(Says::Offer).await;
    }
    let entered = request.enter(Some(offers::receiving(&offer)?), Vec::new()).await?;
    match request.has_missed_all(&entered) {
        // It goes on with what it has where there is nothing better.
        true => match request.offer(Says::CounterOffer).await {
            Ok(counter) => Ok(counter),
            Err(_) => request.answer("whep", Says::Answer, entered),
        },
        false => request.answer("whep", Says::Answer, entered),
    }
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

/// What a join came to. Dropping it is leaving.
struct Entered {
    joined: Joined,
    session: resource::Session,
}

/// What the client is told with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// The answer to its offer.
    Answer,
    /// An offer, which it asked for (draft-murillo-whep-01).
    Offer,
    /// An offer in the place of its own (draft-ietf-wish-whep-03).
    CounterOffer,
}

impl Request {
    /// Whether there is neither a body nor the name of its media type, as of who asks for an offer. A body that is said to be an
    /// offer has to be read to know.
    fn asks_for_an_offer(&self, body: &Body) -> bool {
        body.is_end_stream() && !is_typed(&self.head)
    }

    /// Takes one more of what the address may ask for, and admits whoever may come at all.
    fn admit(&self) -> Result<(), Problem> {
        let detail = "too many requests for sessions have come from this address; slow down";
        let slow_down = |wait| too_often(wait, detail);
        self.app.arrivals.take(Instant::now(), self.client.address).map_err(slow_down)?;
        Ok(admission::admit(&self.visit, head::bearer(&self.head))?)
    }

    /// Reads the offer of whoever may come at all.
    async fn body(&self, body: Body) -> Result<String, Problem> {
        self.admit()?;
        if !is_of(&self.head, SDP) {
            let detail = format!("expected Content-Type: {SDP}");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        let memory = self.app.memory.take(self.client.address, MAX_OFFER_LEN);
        let _memory = memory.map_err(|_| crowded("too many offers at once"))?;
        text_of(body, MAX_OFFER_LEN).await
    }

    /// Has the room decide. Without an offer of the client's, the room has one made.
    async fn enter(&self, offer: Option<String>, senders: Vec<Sender>) -> Result<Entered, Problem> {
        let (app, address) = (&self.app, self.client.address);
        let place = app.sockets_room.take(address, 1).map_err(|refused| {
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
        let ours = joined.answer.clone().ok_or_else(no_media)?;
        let was_invited = offer.is_none();
        let pins = joined.slots.iter().filter_map(|slot| slot.track).collect();
        // What is kept counts as what is read does.
        let many = |_| crowded("too many sessions at once");
        let memory = app.memory.take(address, ours.len()).map_err(many)?;
        let theirs = match offer {
            None => None,
            Some(sdp) => {
                let memory = app.memory.take(address, sdp.len()).map_err(many)?;
                Some(Description::read(sdp, memory).ok_or_else(no_media)?)
            }
        };
        let visit = self.visit.clone();
        let session = resource::Session {
            visit,
            seat,
            replies,
            senders,
            pins,
            was_invited,
            theirs,
            ours,
            memory,
        };
        Ok(Entered { joined, session })
    }

    /// Whether a viewer who asked for certain tracks gets none of them: its offer has no section for any.
    fn has_missed_all(&self, entered: &Entered) -> bool {
        let floats = self.visit.manner == Manner::Whep(Watch::Everything);
        !floats && entered.joined.slots.iter().all(|slot| slot.track.is_none())
    }

    /// Lets a viewer in who has no offer that could be answered, by one of ours.
    async fn offer(&self, says: Says) -> Result<Response, Problem> {
        let entered = self.enter(None, Vec::new()).await?;
        self.answer("whep", says, entered)
    }

    /// Keeps the session of who was let in, and says everything that the client has to know.
    fn answer(&self, endpoint: &str, says: Says, entered: Entered) -> Result<Response, Problem> {
        let Entered { joined, session } = entered;
        let ours = session.ours.clone();
        let (id, etag) = self.app.resources.keep(session, self.app.rooms.clone())?;
        let status = match says {
            Says::Answer | Says::Offer => StatusCode::CREATED,
            Says::CounterOffer => StatusCode::NOT_ACCEPTABLE,
        };
        let mut response = (status, ours).into_response();
        let headers = response.headers_mut();
        let until = httpdate::fmt_http_date(SystemTime::now() + ANSWER_PATIENCE);
        match says {
            Says::Answer => insert(headers, CONTENT_TYPE, SDP),
            Says::Offer => {
                insert(headers, CONTENT_TYPE, SDP);
                insert(headers, EXPIRES, &until);
            }
            Says::CounterOffer => {
                insert(headers, CONTENT_TYPE, &format!("{SDP}; valid-until=\"{until}\""));
            }
        }
        // Of the same host whatever name that has; the name of a room has nothing that would have to be escaped.
        insert(headers, LOCATION, &format!("/{endpoint}/{}/{id}", self.visit.room));
        insert(headers, ETAG, &etag);
        let takes = if says == Says::Answer { FRAGMENT } else { ANSWER_OR_FRAGMENT };
        insert(headers, "accept-patch", takes);
        links(headers, &self.app.ice_servers, &joined.peer.to_string(), &self.head);
        Ok(response)
    }
}

fn too_often(wait: Duration, detail: &'static str) -> Problem {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let retry_after = Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1));
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
