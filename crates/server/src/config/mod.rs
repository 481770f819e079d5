//! What the server is told: by flags, by `PARLOR_*` variables, and by a TOML file, in that order
//! of precedence.

mod error;
mod flags;
mod key;
mod layer;
mod parse;
mod tls;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

pub use error::{ConfigError, Origin};
pub use flags::{command, read_flags};
pub use key::{KEYS, Key, Shape};
pub use layer::{CONFIG_VARIABLE, Layer, read_environment, read_file, unknown_variables};
pub use tls::{Acme, LETS_ENCRYPT, NamedFile, Tls};

use layer::Layers;
use parlor_engine::Limits;
use parlor_media::MAX_THREADS;
use parlor_media::spreading::PEERS_PER_THREAD_OF_ROOM;

/// The port of HTTP and of media when nothing else is said.
pub const DEFAULT_PORT: u16 = 4000;

/// Most media threads, and as many ports as those can have.
const MOST_THREADS: u8 = MAX_THREADS as u8;

/// Everything that can be set, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where HTTP and WebSockets are served.
    pub listen: SocketAddr,
    /// The UDP port of media, or the first of several; 0 lets the system choose.
    pub udp_port: u16,
    /// How many UDP ports media has, counted up from `udp_port`: as many as there are threads at most.
    pub udp_ports: u8,
    /// The addresses by which clients reach the server, when a NAT stands before it. They replace
    /// those of the interfaces.
    pub public_ips: Vec<IpAddr>,
    /// Who is asked at start where this machine is seen from outside.
    pub stun_server: Option<StunServer>,
    /// Whether and how HTTP is encrypted.
    pub tls: Tls,
    /// Where certificates that the server makes or gets are kept; nowhere if none.
    pub state_dir: Option<PathBuf>,
    /// Origins of foreign pages that may open sockets.
    pub origins: Vec<String>,
    /// Media threads; 0 is one per processor.
    pub threads: u8,
    /// Whether each stays on a processor of its own.
    pub pin_threads: bool,
    /// People in one room.
    pub max_peers_per_room: usize,
    /// People of one room on one media thread before another that carries less has some.
    pub peers_per_thread_of_room: usize,
    /// Microphones of one room that are all heard; where more are on, the loudest are.
    pub open_microphones: u16,
    /// How many the loudest are.
    pub loudest_microphones: u16,
    /// Rooms on this server.
    pub max_rooms: usize,
    /// WebSockets at once, as far as the system's limit on file descriptors allows.
    pub max_sockets: usize,
    /// What all of them together may hold of large frames, in MiB.
    pub max_socket_memory: usize,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,parlor_server=debug`.
    pub log_level: String,
}

/// A STUN server (RFC 8489).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StunServer {
    /// A DNS name or an IP address.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), DEFAULT_PORT),
            udp_port: DEFAULT_PORT,
            udp_ports: 1,
            public_ips: Vec::new(),
            stun_server: None,
            tls: Tls::Off,
            state_dir: None,
            origins: Vec::new(),
            threads: 0,
            pin_threads: false,
            max_peers_per_room: 64,
            peers_per_thread_of_room: PEERS_PER_THREAD_OF_ROOM,
            open_microphones: Limits::default().open_microphones,
            loudest_microphones: Limits::default().loudest_microphones,
            max_rooms: 1000,
            max_sockets: 20_000,
            max_socket_memory: 1024,
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
        }
    }
}

/// Where state is kept when nothing else is said: where systemd says, else where the XDG base
/// directory specification does.
pub fn default_state_dir(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let variable = |name| variable(name).filter(|text| text.starts_with('/'));
    if let Some(given) = variable("STATE_DIRECTORY") {
        return given.split(':').next().map(PathBuf::from);
    }
    let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
    let state = variable("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
    state.map(|state| state.join("parlor"))
}

impl Config {
    /// Puts the layers together, the first one that says something winning, and validates.
    ///
    /// # Errors
    /// For the first value that cannot be used: its key, where it was said, and what was expected.
    pub fn from_layers(layers: &[Layer]) -> Result<Config, ConfigError> {
        let said = Layers(layers);
        let default = Config::default();
        let listen: SocketAddr =
            said.one("listen", parse::listen_address)?.unwrap_or(default.listen);
        // The number of the HTTP port, so that one number is to be opened in a firewall.
        let udp_port = said.one("udp_port", parse::port)?.unwrap_or(listen.port());
        Ok(Config {
            listen,
            udp_port,
            udp_ports: udp_ports(&said, udp_port)?.unwrap_or(default.udp_ports),
            public_ips: said.many("public_ip", parse::public_ip)?,
            stun_server: stun_server(&said)?,
            tls: tls::read(&said)?,
            state_dir: said.one("state_dir", parse::path)?,
            origins: said.many("origin", parse::origin)?,
            threads: said
                .one("threads", parse::within(0, MOST_THREADS))?
                .unwrap_or(default.threads),
            pin_threads: said.one("pin_threads", parse::switch)?.unwrap_or(default.pin_threads),
            max_peers_per_room: said
                .one("max_peers_per_room", parse::within(2, 2500))?
                .unwrap_or(default.max_peers_per_room),
            peers_per_thread_of_room: said
                .one("peers_per_thread_of_room", parse::within(1, 2500))?
                .unwrap_or(default.peers_per_thread_of_room),
            // At most as many as slots of a kind can be asked for.
            open_microphones: said
                .one("open_microphones", parse::within(0, 64))?
                .unwrap_or(default.open_microphones),
            loudest_microphones: said
                .one("loudest_microphones", parse::within(1, 64))?
                .unwrap_or(default.loudest_microphones),
            max_rooms: said
                .one("max_rooms", parse::within(1, 100_000))?
                .unwrap_or(default.max_rooms),
            max_sockets: said
                .one("max_sockets", parse::within(1, 1_000_000))?
                .unwrap_or(default.max_sockets),
            max_socket_memory: said
                .one("max_socket_memory", parse::within(1, 65_536))?
                .unwrap_or(default.max_socket_memory),
            log_format: said.one("log_format", parse::log_format)?.unwrap_or(default.log_format),
            log_level: said.one("log_level", parse::log_level)?.unwrap_or(default.log_level),
        })
    }
}

/// How many ports from `first` on.
fn udp_ports(said: &Layers<'_>, first: u16) -> Result<Option<u8>, ConfigError> {
    let ports = said.one("udp_ports", parse::within(1, MOST_THREADS))?;
    match ports {
        Some(ports) if first.checked_add(u16::from(ports) - 1).is_none() => Err(said
            .conflict("udp_ports", "no port beyond 65535, counted up from udp_port (--udp-port)")),
        ports => Ok(ports),
    }
}

fn stun_server(said: &Layers<'_>) -> Result<Option<StunServer>, ConfigError> {
    let server = said.one("stun_server", parse::stun_server)?;
    if server.is_some() && !said.is_empty("public_ip") {
        return Err(said.conflict("stun_server", "no public_ip (--public-ip) beside it"));
    }
    Ok(server)
}
