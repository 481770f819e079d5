//! Every key that can be set, once: flags, variables, the file's keys and `--help` come from here.

/// How many values a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `--key VALUE`.
    One,
    /// `--key VALUE`, again and again; a list in the file; commas in the environment.
    Many,
    /// `--key`; true or false elsewhere.
    Switch,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As in the file: `udp_port`. The flag is `--udp-port`, the variable `PARLOR_UDP_PORT`.
    pub name: &'static str,
    /// How many values it has.
    pub shape: Shape,
    /// What stands for the value in `--help`.
    pub value_name: &'static str,
    /// What it does, for `--help`.
    pub help: &'static str,
}

const fn key(
    name: &'static str,
    shape: Shape,
    value_name: &'static str,
    help: &'static str,
) -> Key {
    Key { name, shape, value_name, help }
}

/// Every key, in the order of `--help`.
pub const KEYS: [Key; 25] = [
    key(
        "listen",
        Shape::One,
        "ADDR:PORT",
        "Where HTTP and WebSockets are served; media is taken on all addresses [default: [::]:4000, which is IPv4 too]",
    ),
    key(
        "udp_port",
        Shape::One,
        "PORT",
        "The UDP port of media [default: the number of the HTTP port]",
    ),
    key(
        "udp_ports",
        Shape::One,
        "N",
        "UDP ports of media, counted up from udp_port, 1 to 32: media threads are spread over them, which saves handing datagrams from thread to thread [default: 1]",
    ),
    key(
        "public_ip",
        Shape::Many,
        "IP",
        "Behind a NAT: an address by which clients reach this server, v4 or v6; again for more. Replaces those of the interfaces",
    ),
    key(
        "stun_server",
        Shape::One,
        "HOST:PORT",
        "Behind a NAT whose address is not known: ask this STUN server at start, and announce what it says beside the interfaces",
    ),
    key(
        "tls_self_signed",
        Shape::Switch,
        "",
        "Serve HTTPS by a certificate of its own, kept in state_dir: for trying on a LAN, as browsers give the camera only to secure pages",
    ),
    key(
        "state_dir",
        Shape::One,
        "DIR",
        "Where certificates that it makes or gets are kept [default: $XDG_STATE_HOME/parlor or ~/.local/state/parlor]",
    ),
    key(
        "tls_cert",
        Shape::One,
        "FILE",
        "Serve HTTPS by this certificate chain (PEM), read again when it changes",
    ),
    key("tls_key", Shape::One, "FILE", "The private key of tls_cert (PEM)"),
    key(
        "acme_domain",
        Shape::Many,
        "NAME",
        "Serve HTTPS by a certificate for this name that is got from Let's Encrypt, to whose terms you agree by this, and renewed; again for more names. Port 443 of the name must lead here",
    ),
    key(
        "acme_contact",
        Shape::Many,
        "EMAIL",
        "Where the authority may write to about certificates; again for more",
    ),
    key(
        "acme_directory",
        Shape::One,
        "URL",
        "Another authority's ACME directory [default: https://acme-v02.api.letsencrypt.org/directory]",
    ),
    key(
        "acme_ca",
        Shape::One,
        "FILE",
        "The root certificate (PEM) of acme_directory's own TLS, if it is not one that the system trusts",
    ),
    key(
        "origin",
        Shape::Many,
        "ORIGIN",
        "A foreign page's origin that may use this server or show it in a frame, such as https://example.org; again for more",
    ),
    key("threads", Shape::One, "N", "Media threads, 0 for one per processor [default: 0]"),
    key(
        "pin_threads",
        Shape::Switch,
        "",
        "Keep each media thread on a processor of its own: steadier where the server has the machine to itself",
    ),
    key("max_peers_per_room", Shape::One, "N", "People in one room, 2 to 2500 [default: 64]"),
    key(
        "peers_per_thread_of_room",
        Shape::One,
        "N",
        "People of one room on one media thread before another that carries less has some, 1 to 2500 [default: 400]",
    ),
    key(
        "open_microphones",
        Shape::One,
        "N",
        "Microphones of one room that are all heard; where more are on, the loudest are, 0 to 64 [default: 16]",
    ),
    key("loudest_microphones", Shape::One, "N", "How many the loudest are, 1 to 64 [default: 6]"),
    key("max_rooms", Shape::One, "N", "Rooms on this server, 1 to 100000 [default: 1000]"),
    key("max_sockets", Shape::One, "N", "WebSockets at once, 1 to 1000000 [default: 20000]"),
    key(
        "max_socket_memory",
        Shape::One,
        "MIB",
        "What all WebSockets together may hold of large frames, 1 to 65536 MiB [default: 1024]",
    ),
    key("log_format", Shape::One, "FORMAT", "text or json [default: text]"),
    key(
        "log_level",
        Shape::One,
        "LEVEL",
        "error, warn, info, debug, trace, or directives such as info,parlor_server=debug [default: info]",
    ),
];
