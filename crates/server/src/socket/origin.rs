//! Which pages may open a socket: those of this server, and those of listed origins.

/// Whether a page of `origin` may open a socket that was asked for at `host`.
///
/// `origin` and `host` are the header fields. Programs that are no browsers send no `Origin`, and
/// have no page whose trust could be abused. `X-Forwarded-Host` counts for nothing: a page can
/// make a browser send that. A server that encrypts has no pages in the clear; one that does not
/// may have a proxy before it that does.
pub fn is_allowed(
    origin: Option<&str>,
    host: Option<&str>,
    encrypted: bool,
    listed: &[String],
) -> bool {
    let Some(origin) = origin else { return true };
    let origin = origin.to_ascii_lowercase();
    if listed.contains(&origin) {
        return true;
    }
    let (default_port, page) = match origin.split_once("://") {
        Some(("http", page)) if !encrypted => (":80", page),
        Some(("https", page)) => (":443", page),
        _ => return false,
    };
    let bare = |authority: &str| -> String {
        let authority = authority.to_ascii_lowercase();
        authority.strip_suffix(default_port).map(str::to_owned).unwrap_or(authority)
    };
    host.is_some_and(|host| !host.is_empty() && bare(host) == bare(page))
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn a_page_of_this_server_may() {
        for (origin, host) in [
            ("http://localhost:4000", "localhost:4000"),
            ("https://Tea.example", "tea.example"),
            ("https://tea.example", "tea.example:443"),
            ("http://[::1]:4000", "[::1]:4000"),
        ] {
            assert!(is_allowed(Some(origin), Some(host), false, &[]), "{origin} {host}");
        }
    }

    #[test]
    fn a_page_in_the_clear_is_foreign_to_a_server_that_encrypts() {
        let host = Some("tea.example");
        assert!(!is_allowed(Some("http://tea.example"), host, true, &[]));
        assert!(is_allowed(Some("https://tea.example"), host, true, &[]));
        assert!(is_allowed(Some("https://tea.example"), host, false, &[]), "by way of a proxy");
    }

    #[test]
    fn a_foreign_page_may_not_unless_it_is_listed() {
        let listed = ["https://app.example".to_owned()];
        assert!(is_allowed(Some("https://app.example"), Some("tea.example"), false, &listed));
        for origin in [
            "https://evil.example",
            "https://app.example.evil.example",
            "https://app.example:8443",
            "null",
            "",
            "file://",
            "tea.example",
            "ftp://tea.example",
        ] {
            assert!(!is_allowed(Some(origin), Some("tea.example"), false, &listed), "{origin}");
        }
        assert!(!is_allowed(Some("http://"), Some(""), false, &[]));
        assert!(!is_allowed(Some("http://tea.example"), None, false, &[]));
    }

    #[test]
    fn a_program_that_is_no_browser_may() {
        assert!(is_allowed(None, Some("tea.example"), true, &[]));
    }
}
