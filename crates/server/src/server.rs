//! The whole server: started from a configuration, stopped in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use parlor_engine::Limits;
use parlor_media::{Announce, MAX_THREADS, Media, MediaConfig, MediaHandle};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::Config;
use crate::descriptors::make_room_for;
use crate::dialect::membrane::former::Formers;
use crate::http::whip::{self, Resources};
use crate::ice_servers::IceServers;
use crate::introduction::Introduction;
use crate::listen;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::reach;
use crate::room::{RoomConfig, Rooms};
use crate::tls::{Encryption, TlsError};
use crate::turn_secret;

/// How long rooms, sockets and media threads may each take to end: together less than the 5 s
/// after which supervisors lose their patience.
const GOODBYE: Duration = Duration::from_millis(1200);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The TCP port cannot be had.
    #[error("cannot listen on {address}: {source} ({})", listen_way_out(.source))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The media threads do not start.
    #[error("media: {0}{way_out}", way_out = way_out(.0))]
    Media(#[from] parlor_media::StartError),
    /// There is no certificate to encrypt with.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl StartError {
    /// Whether it is a setting that is to be put right.
    pub fn is_of_a_setting(&self) -> bool {
        matches!(self, StartError::Tls(error) if error.is_of_a_setting())
    }
}

/// A running server.
pub struct Server {
    app: App,
    media: Media,
    address: SocketAddr,
    listener: JoinHandle<()>,
    rooms_stop: CancellationToken,
    listener_stop: CancellationToken,
    introduction: Introduction,
}

impl Server {
    /// Starts everything.
    ///
    /// # Errors
    /// See [`StartError`]; nothing runs then.
    pub async fn start(config: &Config) -> Result<Server, StartError> {
        Server::start_with_echoes(config, Vec::new()).await
    }

    /// The same, with addresses from which its TURN server gives back what is sent there: for trying TURN clients.
    ///
    /// # Errors
    /// See [`StartError`]; nothing runs then.
    pub async fn start_with_echoes(
        config: &Config,
        turn_echoes: Vec<SocketAddr>,
    ) -> Result<Server, StartError> {
        let fault = |source| StartError::Listen { address: config.listen, source };
        let listener = listen::bind(config.listen).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let seen_ips = match &config.stun_server {
            Some(server) => reach::seen_from_outside(server, config.udp_port).await,
            None => Vec::new(),
        };
        let told = [&config.public_ips[..], &seen_ips].concat();
        let media_config = media_config(config, seen_ips, address);
        let threads = media_config.threads;
        let media = Media::start(MediaConfig { turn_echoes, ..media_config })?;
        let handle = media.handle();
        let names: Vec<IpAddr> = handle.candidates().iter().map(SocketAddr::ip).collect();
        let encryption = Encryption::new(&config.tls, &names, config.state_dir.as_deref())?;
        let tls = encryption.as_ref().map(Encryption::acceptor);
        let introduction = Introduction::new(address, &config.tls, encryption.as_ref());
        let rooms_stop = CancellationToken::new();
        let metrics = Arc::new(Metrics::default());
        let encrypted = encryption.is_some();
        let ice_servers = IceServers::new(
            handle.turn_secret().clone(),
            handle.candidates(),
            handle.tcp_candidates(),
            encrypted,
        );
        let room_config = RoomConfig {
            max_peers: config.max_peers_per_room,
            max_rooms: config.max_rooms,
            ice_servers: ice_servers.clone(),
        };
        let room = make_room_for(config.max_sockets);
        let app = App {
            rooms: Rooms::new(room_config, handle.clone(), metrics.clone(), rooms_stop.clone()),
            formers: Formers::default(),
            resources: Resources::default(),
            arrivals: whip::arrivals(),
            media: handle,
            ice_servers,
            metrics,
            origins: config.origins.clone().into(),
            encrypted,
            certificates: encryption.as_ref().map(Encryption::certificates),
            sockets_stop: CancellationToken::new(),
            sockets: TaskTracker::new(),
            sockets_room: Pool::new(room.sockets),
            memory: Pool::new(config.max_socket_memory << 20),
        };
        let listener_stop = CancellationToken::new();
        let served = listen::serve(listener, tls, app.clone(), room, listener_stop.clone());
        let listener = tokio::spawn(served);
        let complaints = reach::complaints(config, app.media.candidates()).into_iter();
        for complaint in complaints.chain(reach::about_ports(config.udp_ports, threads)) {
            tracing::warn!("{complaint}");
        }
        let check = reach::check(app.media.candidates().to_vec(), told, address.port());
        tokio::spawn(listener_stop.clone().run_until_cancelled_owned(check));
        if let Some(encryption) = encryption {
            encryption.keep_up(listener_stop.clone());
        }
        Ok(Server { app, media, address, listener, rooms_stop, listener_stop, introduction })
    }

    /// Where HTTP is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The media threads.
    pub fn media(&self) -> &MediaHandle {
        &self.app.media
    }

    /// Where clients find TURN.
    pub fn ice_servers(&self) -> &IceServers {
        &self.app.ice_servers
    }

    #[cfg(test)]
    pub(crate) fn app(&self) -> App {
        self.app.clone()
    }

    /// Says where to go and what is announced, for the one who started it.
    pub fn introduction(&self) -> String {
        self.introduction.text(&self.app.media.local_ports(), self.app.media.candidates())
    }

    /// Tells everyone, closes everything, and returns within 5 s.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.rooms_stop.cancel();
        let rooms = timeout(GOODBYE, self.app.rooms.ended()).await;
        self.app.sockets_stop.cancel();
        self.app.sockets.close();
        let sockets = timeout(GOODBYE, self.app.sockets.wait()).await;
        self.listener_stop.cancel();
        let media = self.media;
        let media = tokio::task::spawn_blocking(move || media.shutdown(GOODBYE)).await;
        let (rooms, sockets) = (rooms.is_ok(), sockets.is_ok());
        let media = media.unwrap_or(false);
        if !(rooms && sockets && media) {
            tracing::warn!(rooms, sockets, media, "not everything has ended in time");
        }
        if let Err(error) = self.listener.await {
            tracing::error!(%error, "the listener failed");
        }
        tracing::info!("stopped");
    }
}

/// What to do about an address that cannot be listened at.
fn listen_way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 takes the capability CAP_NET_BIND_SERVICE, see docs/operations.md; or another port: --listen"
        }
        _ => "another address or port: --listen",
    }
}

/// What to do about a port that cannot be had.
fn way_out(error: &parlor_media::StartError) -> &'static str {
    match error {
        parlor_media::StartError::Bind(_) => " (another port: --udp-port)",
        parlor_media::StartError::Turn(_) => {
            " (fewer ports: --udp-ports; or fewer addresses: --public-ip)"
        }
        _ => "",
    }
}

fn media_config(config: &Config, seen_ips: Vec<IpAddr>, tcp: SocketAddr) -> MediaConfig {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = if config.threads == 0 { cores } else { config.threads.into() };
    // Media is taken on all addresses whatever HTTP listens at: that may be a loopback address
    // behind a proxy, and media does not pass through it.
    MediaConfig {
        port: config.udp_port,
        threads: threads.min(MAX_THREADS),
        ports: config.udp_ports.into(),
        pin_threads: config.pin_threads,
        turn_secret: turn_secret::kept_in(config.state_dir.as_deref()),
        announce: Announce { public_ips: config.public_ips.clone(), seen_ips, loopback: true },
        tcp: Some(tcp),
        limits: Limits {
            open_microphones: config.open_microphones,
            loudest_microphones: config.loudest_microphones,
            ..Limits::default()
        },
        peers_per_thread_of_room: config.peers_per_thread_of_room,
        ..MediaConfig::default()
    }
}
