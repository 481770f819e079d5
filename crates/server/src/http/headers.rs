//! The headers of every answer, which make a page of ours a hard target.

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, STRICT_TRANSPORT_SECURITY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

/// What a page may ask of the browser: what a call needs, for itself and for no page inside it.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), \
    speaker-selection=(self), screen-wake-lock=(self), fullscreen=(self), autoplay=(self), \
    picture-in-picture=(self), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=()";

/// How long browsers come by https only once they have been here, in seconds (RFC 6797 section
/// 6.1.1). A month: the host may serve other things, for which a year is much to promise; and not
/// for its subdomains, of which we know nothing.
const HTTPS_ONLY: &str = "max-age=2592000";

/// What a page of ours may do: run, show and talk to only what this server serves. Not all browsers
/// take `'self'` for its sockets too, so they are named. Pages of `embedders` may show it in a frame.
fn content_security_policy(host: Option<&str>, embedders: &[String]) -> String {
    let is_name =
        |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b));
    let sockets = match host {
        Some(host) if is_name(host) => format!("ws://{host} wss://{host}"),
        // The policy's grammar has no IPv6 addresses.
        _ => "ws: wss:".to_owned(),
    };
    let embedders = if embedders.is_empty() { "'none'".to_owned() } else { embedders.join(" ") };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         media-src 'self' blob:; connect-src 'self' {sockets}; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors {embedders}"
    )
}

/// Adds the headers to what the rest answers.
pub(super) async fn secure(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let policy = HeaderValue::try_from(content_security_policy(host, &app.origins));
    let mut response = next.run(request).await;
    harden(response.headers_mut());
    if let Ok(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    if app.certificates.is_some_and(|certificates| certificates.are_lasting()) {
        let value = HeaderValue::from_static(HTTPS_ONLY);
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// Adds the headers that are the same for every answer, a policy that allows nothing among them.
pub(crate) fn harden(headers: &mut HeaderMap) {
    let fields = [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("permissions-policy", PERMISSIONS),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in fields {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_be_shown_in_a_frame_by_the_origins_that_may_use_this_server_and_no_others() {
        let policy = content_security_policy(Some("meet.example:4000"), &[]);
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(
            policy.contains("connect-src 'self' ws://meet.example:4000 wss://meet.example:4000;")
        );
        let origins = ["https://a.example".to_owned(), "https://b.example:8443".to_owned()];
        let policy = content_security_policy(Some("meet.example"), &origins);
        assert!(
            policy.ends_with("frame-ancestors https://a.example https://b.example:8443"),
            "{policy}"
        );
    }

    #[test]
    fn a_host_that_is_no_name_does_not_get_into_the_policy() {
        for host in ["x; script-src *", "a b", "[::1]:4000"] {
            let policy = content_security_policy(Some(host), &[]);
            assert!(policy.contains("connect-src 'self' ws: wss:;"), "{policy}");
        }
    }
}
