//! The web app's files: in the binary when built for release, read from the disk otherwise.

use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/"]
#[include = "app/*"]
#[include = "check/*"]
#[include = "example/*"]
#[include = "sdk/*"]
#[include = "style/*"]
#[exclude = "*.d.ts"]
#[exclude = "*.test.js"]
struct Web;

/// Files may change with the next release, and always keep their names.
const REVALIDATE: &str = "no-cache";

/// The file at `path` below `web/`.
pub(super) async fn serve(path: &str, headers: HeaderMap) -> Response {
    let Some(file) = Web::get(path) else {
        return missing(&headers);
    };
    let hash = file.metadata.sha256_hash();
    let etag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{etag}\"");
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fields = [(ETAG, etag.clone()), (CACHE_CONTROL, REVALIDATE.to_owned())];
    if known.is_some_and(|known| known.split(',').any(|tag| is_same(tag, &etag))) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    let sort = [(CONTENT_TYPE, content_type(path, file.metadata.mimetype()))];
    (fields, sort, Body::from(file.data)).into_response()
}

/// People get a page with a way on, programs a line.
fn missing(headers: &HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fields = [(VARY, "accept"), (CACHE_CONTROL, REVALIDATE)];
    match Web::get("app/missing.html") {
        Some(page) if accepted.contains("text/html") => {
            let sort = [(CONTENT_TYPE, "text/html; charset=utf-8")];
            (StatusCode::NOT_FOUND, fields, sort, Body::from(page.data)).into_response()
        }
        _ => (StatusCode::NOT_FOUND, fields, "there is no such page\n").into_response(),
    }
}

/// Proxies that compress weaken tags (RFC 9110 section 13.1.2 compares weakly).
fn is_same(tag: &str, etag: &str) -> bool {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag) == etag
}

fn content_type(path: &str, guessed: &str) -> String {
    match path.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript; charset=utf-8".to_owned(),
        Some("html") => "text/html; charset=utf-8".to_owned(),
        Some("css") => "text/css; charset=utf-8".to_owned(),
        Some("webmanifest") => "application/manifest+json".to_owned(),
        _ => guessed.to_owned(),
    }
}
