//! What somebody asks of a load on the command line.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;

use crate::codec::Codec;
use crate::stream::Server;
use crate::transport::{self, Kind};

/// People by the thousand for a Parlor server: what it costs, how late it is, what it loses.
///
/// They join as browsers do, publish what Chromium's encoders made, and check every packet that they receive. Progress goes to standard
/// error, the report to standard output.
#[derive(Parser, Clone, Debug, Serialize)]
#[command(name = "parlor-load", version)]
pub struct Options {
    /// The server, such as http://localhost:4000 or https://calls.example.org.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Rooms.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rooms: u32,
    /// People in each room who publish, and see and hear the other publishers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub publishers: u32,
    /// People in each room who only look and listen.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub subscribers: u32,
    /// What a camera sends, in kbit/s; the largest of its sizes, if there are more. 0: no cameras.
    #[arg(long, default_value_t = 1500)]
    pub video_kbps: u32,
    /// What a microphone sends, in kbit/s. 0: no microphones.
    #[arg(long, default_value_t = 0)]
    pub audio_kbps: u32,
    /// What pictures are encoded as. Others in the room have to be able to send and decode it.
    #[arg(long, value_enum, default_value_t)]
    pub codec: Codec,
    /// Pictures a second.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// In how many sizes cameras are sent; those that nobody wants are not.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub sizes: u8,
    /// The packets of a picture leave at so many times the bitrate, as pacers of browsers send them; 0: all at once.
    #[arg(long, default_value_t = 2.5, value_parser = number_to::<100>)]
    pub pace: f64,
    /// How many of all publishers speak; the others are silent. All, if it is not said.
    #[arg(long)]
    pub speakers: Option<u32>,
    /// Cameras begin when everybody has joined, all at once.
    #[arg(long)]
    pub cameras_last: bool,
    /// How many join in a second.
    #[arg(long, default_value_t = 50.0, value_parser = number_to::<10_000>)]
    pub joins_per_second: f64,
    /// How many leave in a second while it is measured, each followed by another who joins.
    #[arg(long, default_value_t = 0.0, value_parser = number_to::<1_000>)]
    pub churn: f64,
    /// How long to wait before measuring, in seconds, once everybody has joined.
    #[arg(long, default_value_t = 5.0, value_parser = number_to::<3_600>)]
    pub warm_up: f64,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 20.0, value_parser = number_to::<86_400>)]
    pub duration: f64,
    /// How media travels. Through TURN a load can last nine minutes, joins included, and turn-tls takes an https server.
    #[arg(long, value_enum, default_value_t)]
    pub over: Kind,
    /// Threads of this program that carry media.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Read what comes for those who only receive once in so many milliseconds, rather than whenever something comes: their kernel
    /// notes when it came, and this program does many times as much. 0: whenever something comes, as browsers do.
    #[arg(long, default_value_t = 0.0, value_parser = number_to::<100>, value_name = "MS")]
    pub read_every: f64,
    /// The server's process, if it is on this machine: what it costs is measured too.
    #[arg(long)]
    pub pid: Option<u32>,
    /// What the rooms' names begin with; a dash and a number follow. Another name each time, if it is not said: of an earlier
    /// load somebody may be there still, whom nobody has missed yet.
    #[arg(long)]
    pub room: Option<String>,
    /// A certificate (PEM) to believe beside the system's: that of a server with one of its own.
    #[arg(long)]
    pub ca: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    pub json: bool,
    /// No progress.
    #[arg(long)]
    pub quiet: bool,
}

impl Options {
    /// A time that was given in seconds.
    pub fn seconds(value: f64) -> Duration {
        Duration::try_from_secs_f64(value).unwrap_or_default()
    }

    /// Where the server is.
    ///
    /// # Errors
    /// When the URL is none, or its name stands for nothing.
    pub fn server(&self) -> Result<Server, String> {
        let (scheme, rest) = self
            .url
            .split_once("://")
            .ok_or_else(|| format!("{}: expected a URL such as http://localhost:4000", self.url))?;
        let (is_tls, port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(format!("{scheme} is no scheme that servers have: http or https")),
        };
        let host = rest.trim_end_matches('/');
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        let addresses: Vec<_> =
            host.to_socket_addrs().map_err(|error| format!("{host}: {error}"))?.collect();
        self.check_turn(is_tls)?;
        // Servers listen on IPv4 more often.
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        let address =
            *v4.or(addresses.first()).ok_or_else(|| format!("{host} stands for no address"))?;
        let name = host.rsplit_once(':').map_or(&host[..], |(name, _)| name);
        let tls = match is_tls {
            true => Some((server_name(name)?, Arc::new(self.tls_config()?))),
            false => None,
        };
        Ok(Server { host, address, tls })
    }

    fn check_turn(&self, is_tls: bool) -> Result<(), String> {
        let people = f64::from(self.rooms) * f64::from(self.publishers + self.subscribers);
        let joining = people / self.joins_per_second.max(f64::MIN_POSITIVE);
        let length = Options::seconds(joining + self.warm_up + self.duration);
        if self.over.is_turn() && length > transport::LONGEST_LOAD {
            let longest = transport::LONGEST_LOAD.as_secs() / 60;
            return Err(format!("a load through TURN can last {longest} minutes, joins included"));
        }
        match self.over == Kind::TurnTls && !is_tls {
            true => Err("--over turn-tls takes a server with https".into()),
            false => Ok(()),
        }
    }

    fn tls_config(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        // What cannot be read of the system's is not believed.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &self.ca {
            let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| wrong(&e))? {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
        Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }
}

/// A number of at least a hundredth, or 0, and at most `MOST`.
fn number_to<const MOST: u32>(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if value == 0.0 || (0.01..=f64::from(MOST)).contains(&value) => Ok(value),
        _ => Err(format!("expected 0, or a number from 0.01 to {MOST}")),
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(name.clone()).map_err(|error| format!("{name}: {error}"))
}
