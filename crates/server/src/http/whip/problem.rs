//! What went wrong, for programs and people, and whose fault it is (RFC 9457).

use axum::extract::FromRequestParts;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use parlor_wire::{Reason, Refusal};
use serde_json::json;

/// A request that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// For programs: the words of docs/protocol.md section 7 where the room refused.
    pub(super) reason: &'static str,
    /// For people.
    pub(super) detail: String,
    /// When trying again can help, how long to wait first, in seconds.
    pub(super) retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        reason: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem { status, reason, detail: detail.into(), retry_after: None }
    }

    pub(super) fn unavailable(reason: &'static str, detail: impl Into<String>) -> Problem {
        let retry_after = Some(RETRY_SECONDS);
        Problem { retry_after, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail) }
    }
}

/// When one who was refused for want of room does well to come again, in seconds.
const RETRY_SECONDS: u64 = 10;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let status = match refusal.reason {
            Reason::BadOffer => StatusCode::UNPROCESSABLE_ENTITY,
            // It is there, and there may be something to watch soon (draft-ietf-wish-whep-03, of who is not live).
            Reason::UnknownTrack if refusal.retry_after_ms.is_some() => StatusCode::CONFLICT,
            Reason::UnknownTrack | Reason::ResumeUnknown | Reason::UnmatchedTopic => {
                StatusCode::NOT_FOUND
            }
            Reason::TooManyRequests | Reason::TooManyChannels => StatusCode::TOO_MANY_REQUESTS,
            Reason::RoomFull
            | Reason::ServerFull
            | Reason::ServerBusy
            | Reason::ServerStopping
            | Reason::MediaFailed => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Replaced | Reason::ConnectionFailed => StatusCode::GONE,
            Reason::BadRequest
            | Reason::BadRoomId
            | Reason::BadName
            | Reason::UnsupportedProtocol
            | Reason::UnknownEvent => StatusCode::BAD_REQUEST,
        };
        let retry_after = refusal.retry_after_ms.map(|ms| ms.div_ceil(1000).max(1));
        Problem { status, reason: refusal.reason.as_str(), detail: refusal.message, retry_after }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::new(rejection.status(), "bad_request", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        Problem::new(rejection.status(), "bad_request", rejection.body_text())
    }
}

/// What a URL says; one that cannot be read is a problem like any other.
pub(super) struct Said<E>(pub(super) E);

impl<S, E> FromRequestParts<S> for Said<E>
where
    S: Send + Sync,
    E: FromRequestParts<S>,
    Problem: From<E::Rejection>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Said<E>, Problem> {
        Ok(Said(E::from_request_parts(parts, state).await?))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, reason, detail, retry_after } = self;
        let fault = if status.is_server_error() { "server" } else { "client" };
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": detail,
            "reason": reason,
            "fault": fault,
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
