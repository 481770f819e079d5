//! What is asked of a session by its URL: PATCH, DELETE, and whether it is there.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::http::header::ETAG;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch};

use super::fragment::{Fragment, MAX_FRAGMENT_LEN};
use super::head::{self, ANSWER_OR_FRAGMENT, FRAGMENT, SDP, if_match, insert, is_of};
use super::problem::{Problem, Said};
use super::resource::{Found, Patched};
use super::{MAX_OFFER_LEN, crowded, offers, text_of};
use crate::admission;
use crate::app::App;
use crate::client::Client;
use crate::pool::Share;
use crate::room::command::Manner;

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH";

/// One of the two doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Whip,
    Whep,
}

impl Door {
    /// Whether this is the door of who talks so.
    pub(super) const fn leads_to(self, manner: Manner) -> bool {
        matches!((self, manner), (Door::Whip, Manner::Whip) | (Door::Whep, Manner::Whep(_)))
    }
}

/// What PATCH may carry at this door.
const fn takes(door: Door) -> &'static str {
    match door {
        Door::Whip => FRAGMENT,
        Door::Whep => ANSWER_OR_FRAGMENT,
    }
}

/// The methods of sessions that have come by `door`.
pub(super) fn methods(door: Door) -> MethodRouter<App> {
    patch(change)
        .delete(end)
        .merge(get(show))
        .options(move || async move { head::options(METHODS, ("accept-patch", takes(door))) })
        .fallback(|| async { head::not_allowed(METHODS) })
        .layer(Extension(door))
}

/// The session that the URL names, which whoever asks may have to do with.
impl FromRequestParts<App> for Found {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Found, Problem> {
        type Names = Said<Path<(String, String)>>;
        let Said(Path((room, id))) = Names::from_request_parts(parts, app).await?;
        let found = app.resources.find(parts.extensions.get().copied(), &room, &id)?;
        admission::admit(found.visit(), head::bearer(&parts.headers))?;
        Ok(found)
    }
}

/// PATCH: trickled candidates, which we need not know, or an ICE restart (RFC 9725 section 4.3); of who was offered
/// something by the server, its answer (draft-ietf-wish-whep-03).
async fn change(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    session: Found,
    head: HeaderMap,
    body: Body,
) -> Response {
    let takes = if session.was_invited() { ANSWER_OR_FRAGMENT } else { FRAGMENT };
    let memory = |len| app.memory.take(client.address, len);
    let memory = |len| memory(len).map_err(|_| crowded("too many requests at once"));
    match patched(session, &head, body, memory).await {
        Ok(Patched::Nothing) => StatusCode::NO_CONTENT.into_response(),
        Ok(Patched::Answered { etag }) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            insert(response.headers_mut(), ETAG, &etag);
            response
        }
        Ok(Patched::Restarted { etag, fragment }) => {
            let mut response = (StatusCode::OK, fragment).into_response();
            insert(response.headers_mut(), "content-type", FRAGMENT);
            insert(response.headers_mut(), ETAG, &etag);
            response
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                insert(response.headers_mut(), "accept-patch", takes);
            }
            response
        }
    }
}

/// `memory` is what all clients share, of which a body takes as much as it may be long until it is done with.
async fn patched(
    session: Found,
    head: &HeaderMap,
    body: Body,
    memory: impl Fn(usize) -> Result<Share, Problem>,
) -> Result<Patched, Problem> {
    session.patches().take(Instant::now())?;
    if is_of(head, FRAGMENT) {
        let _memory = memory(MAX_FRAGMENT_LEN)?;
        let text = text_of(body, MAX_FRAGMENT_LEN).await?;
        let malformed =
            |error| Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("{error}"));
        let fragment = Fragment::parse(&text).map_err(malformed)?;
        return session.patch(fragment, if_match(head)).await;
    }
    if is_of(head, SDP) && session.was_invited() {
        session.patches().take_negotiation(Instant::now())?;
        let _memory = memory(MAX_OFFER_LEN)?;
        let answer = offers::answer(&text_of(body, MAX_OFFER_LEN).await?)?;
        return session.answer(answer, if_match(head)).await;
    }
    let takes = if session.was_invited() { ANSWER_OR_FRAGMENT } else { FRAGMENT };
    let detail = format!("expected Content-Type: {}", takes.replace(", ", " or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

async fn end(session: Found) -> Result<StatusCode, Problem> {
    session.delete().await?;
    Ok(StatusCode::OK)
}

async fn show(_session: Found) -> StatusCode {
    StatusCode::NO_CONTENT
}
