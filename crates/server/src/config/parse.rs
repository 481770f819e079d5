//! From text to values. Each function says what it expected when it cannot.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use super::{LogFormat, StunServer};

type Parsed<T> = Result<T, String>;

pub(super) fn listen_address(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| "an address and port such as [::]:4000 or 127.0.0.1:4000".to_owned())
}

pub(super) fn port(text: &str) -> Parsed<u16> {
    text.parse().map_err(|_| "a port from 0 (any) to 65535".to_owned())
}

pub(super) fn public_ip(text: &str) -> Parsed<IpAddr> {
    let usable = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_multicast();
    text.parse().ok().filter(usable).ok_or_else(|| {
        "an IP address such as 203.0.113.5 or 2001:db8::5, without a port".to_owned()
    })
}

/// Longest name and longest part of one (RFC 1035 section 2.3.4), in bytes.
const MAX_DOMAIN_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;

/// A name in the DNS, in lower case. No wildcard: only DNS records could prove one.
pub(super) fn domain(text: &str) -> Parsed<String> {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_LEN).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.to_ascii_lowercase();
    let is_name = name.len() <= MAX_DOMAIN_LEN
        && name.split('.').all(is_label)
        && name.parse::<IpAddr>().is_err();
    if is_name {
        Ok(name)
    } else {
        Err("a DNS name such as meet.example.org, without a wildcard".to_owned())
    }
}

/// The UDP port of STUN when nothing else is said (RFC 8489 section 8.1).
const STUN_PORT: u16 = 3478;

/// `host`, `host:port` or `[v6]:port`, as it is in a `stun:` URL (RFC 7064), too.
pub(super) fn stun_server(text: &str) -> Parsed<StunServer> {
    let text = text.strip_prefix("stun:").unwrap_or(text);
    let fault = || "a host and port such as stun.example.org:3478".to_owned();
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(StunServer { host: address.ip().to_string(), port: address.port() });
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(StunServer { host: ip.to_string(), port: STUN_PORT });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| fault())?),
        None => (text, STUN_PORT),
    };
    let host = domain(host).map_err(|_| fault())?;
    if port == 0 { Err(fault()) } else { Ok(StunServer { host, port }) }
}

/// Where an authority may write to, as the URL that it wants.
pub(super) fn contact(text: &str) -> Parsed<String> {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    match address.split_once('@') {
        Some((name, host)) if !name.is_empty() && domain(host).is_ok() => {
            Ok(format!("mailto:{address}"))
        }
        _ => Err("an e-mail address such as admin@example.org".to_owned()),
    }
}

pub(super) fn https_url(text: &str) -> Parsed<String> {
    match text.strip_prefix("https://") {
        Some(rest) if !rest.is_empty() && !rest.contains(' ') => Ok(text.to_owned()),
        _ => Err("an https URL such as https://acme.example.org/directory".to_owned()),
    }
}

/// An origin as browsers write it (RFC 6454 section 6.2): scheme, host and port, nothing behind.
pub(super) fn origin(text: &str) -> Parsed<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*']) => {
            // Browsers leave the default port out.
            let default_port = if text.starts_with("https") { ":443" } else { ":80" };
            Ok(text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase())
        }
        _ => Err("an origin such as https://example.org, without a path".to_owned()),
    }
}

pub(super) fn within<T>(least: T, most: T) -> impl Fn(&str) -> Parsed<T>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        let number = text.parse().ok().filter(|number| (&least..=&most).contains(&number));
        number.ok_or_else(|| format!("a whole number from {least} to {most}"))
    }
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

pub(super) fn path(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() { Err("the path of a file".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".to_owned()),
    }
}

/// What may stand alone in `log_level`.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub(super) fn log_level(text: &str) -> Parsed<String> {
    // A bare word that is no level would be taken for a target, and all others be switched off.
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let is_clear = text.split(',').all(|part| part.contains('=') || is_level(part.trim()));
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if is_clear => Ok(text.to_owned()),
        _ => Err("error, warn, info, debug, trace, or directives such as \
                  info,parlor_server=debug"
            .to_owned()),
    }
}
