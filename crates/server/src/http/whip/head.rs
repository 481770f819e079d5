//! The headers that WHIP and WHEP read and write.

use std::time::SystemTime;

use axum::extract::Request;
use axum::http::header::{
    ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, IF_MATCH, IntoHeaderName, LINK,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::resource::IfMatch;
use crate::ice_servers::IceServers;

/// The media type of offers and answers.
pub(super) const SDP: &str = "application/sdp";

/// The media type of what PATCH carries.
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// What PATCH of a session takes whose offer the server has made.
pub(super) const ANSWER_OR_FRAGMENT: &str = "application/sdp, application/trickle-ice-sdpfrag";

/// Sets a header whose value has the form of one.
pub(super) fn insert(headers: &mut HeaderMap, name: impl IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn text(head: &HeaderMap, name: HeaderName) -> Option<&str> {
    head.get(name).and_then(|value| value.to_str().ok())
}

/// The name by which the client has reached the server.
pub(super) fn host(head: &HeaderMap) -> Option<&str> {
    text(head, HOST)
}

/// Whether the body is of this media type, with parameters or without.
pub(super) fn is_of(head: &HeaderMap, media_type: &str) -> bool {
    let said = text(head, CONTENT_TYPE).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

/// Whether the body is said to be of any media type.
pub(super) fn is_typed(head: &HeaderMap) -> bool {
    head.contains_key(CONTENT_TYPE)
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1).
pub(super) fn bearer(head: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(head, AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What If-Match says.
pub(super) fn if_match(head: &HeaderMap) -> IfMatch {
    let said: Vec<&str> =
        head.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok()).collect();
    match said.join(",") {
        none if none.is_empty() => IfMatch::Missing,
        // Some clients put it in quotes, as an example of the draft does.
        any if matches!(any.trim(), "*" | "\"*\"") => IfMatch::Any,
        tags => IfMatch::Tags(tags),
    }
}

/// Tells where TURN is, one Link for each way (RFC 9725 section 4.6).
pub(super) fn links(headers: &mut HeaderMap, servers: &IceServers, peer: &str, head: &HeaderMap) {
    for server in servers.for_peer(peer, host(head), SystemTime::now()) {
        let link = format!(
            "<{}>; rel=\"ice-server\"; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
            server.url(),
            server.username,
            server.password
        );
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.append(LINK, link);
        }
    }
}

/// The answer to OPTIONS, be it a browser's question before a request or a person's.
///
/// `accepts` is the header that says of which media types bodies are, and those.
pub(super) fn options(methods: &'static str, (header, accepts): (&'static str, &str)) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    insert(headers, ALLOW, methods);
    insert(headers, "access-control-allow-methods", methods);
    insert(headers, "access-control-allow-headers", "authorization, content-type, if-match");
    // Browsers ask again after two hours at most anyway.
    insert(headers, "access-control-max-age", "7200");
    insert(headers, header, accepts);
    response
}

/// Other methods are kept for later versions of the protocol.
pub(super) fn not_allowed(methods: &'static str) -> Response {
    let detail = format!("expected one of {methods}");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = Problem::new(status, "method_not_allowed", detail).into_response();
    insert(response.headers_mut(), ALLOW, methods);
    response
}

/// Lets pages of any origin publish and play: a request carries all its authority in itself, and no cookies.
pub(super) async fn cross_origin(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    insert(headers, "access-control-allow-origin", "*");
    let exposed = "accept-patch, accept-post, etag, expires, link, location, retry-after";
    insert(headers, "access-control-expose-headers", exposed);
    response
}
