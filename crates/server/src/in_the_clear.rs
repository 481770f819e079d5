//! What is answered to whoever asks the encrypted port in the clear: the way to the same page, encrypted.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, HOST, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::service_fn;

use crate::http::harden;

/// After how many seconds a first certificate may be there.
const RETRY: &str = "10";

/// Answers everything; with the way only once there is a certificate, which `is_ready` says.
pub(crate) fn router(is_ready: bool) -> Router {
    Router::new().fallback_service(service_fn(move |request: Request<Body>| async move {
        let mut response = if is_ready { to_https(&request) } else { not_yet() };
        // Neither is for ever: browsers would keep to it when the server is next started otherwise.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        harden(response.headers_mut());
        Ok::<_, Infallible>(response)
    }))
}

fn to_https(request: &Request<Body>) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location =
        host.and_then(|host| HeaderValue::try_from(format!("https://{host}{path}")).ok());
    match location {
        Some(location) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response(),
        None => (StatusCode::BAD_REQUEST, "this port speaks https\n").into_response(),
    }
}

fn not_yet() -> Response {
    let words = "This server is getting its certificate; try again in a minute. If it stays like this, its log says why.\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY)], words).into_response()
}
