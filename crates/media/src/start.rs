//! Starting the media threads, and stopping them.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use parlor_engine::Limits;
use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;
use parlor_rtc::turn::{Secret, TooManyDestinations};

use crate::candidates::{self, Announce};
use crate::directory::Directory;
use crate::facts::Shared;
use crate::handle::{MediaHandle, ThreadLink};
use crate::handover::{Handover, Notices};
use crate::mailbox::mailbox;
use crate::poll::Poller;
use crate::seed::EngineMaker;
use crate::spreading::PEERS_PER_THREAD_OF_ROOM;
use crate::streams::Streams;
use crate::sys;
use crate::thread::{Desk, MediaThread, run};
use crate::turn::TurnMaker;
use crate::udp::{BindError, Buffers, Socket, bind_group};

/// Most media threads. Usernames could name 256, but what threads keep for each other grows with
/// the square of their number (up to 0.3 MB for a pair), and so many cores are several machines' work.
pub const MAX_THREADS: usize = 32;

/// What the media threads are started with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The addresses to take datagrams on. `[::]`, the default, is all of them, IPv4 included.
    pub bind: Vec<IpAddr>,
    /// The UDP port of all media, or the first of them; 0 takes free ones.
    pub port: u16,
    /// How many ports, counted up from that one. Threads are spread over them in turn, and those that share one hand each other
    /// what is for another; with as many ports as threads nothing is handed over. There is one at least, and no more than threads.
    pub ports: usize,
    /// How many threads, 1 to [`MAX_THREADS`]; by default one for each core.
    pub threads: usize,
    /// Each thread stays on a processor of its own, as far as there are so many.
    pub pin_threads: bool,
    /// Which addresses answers tell clients to send to.
    pub announce: Announce,
    /// Where the server takes TCP connections, of which those of ICE and TURN are given to the threads by
    /// [`MediaHandle::adopt`]; `None` if it gives none.
    pub tcp: Option<SocketAddr>,
    /// Addresses to which the TURN server relays beside those that are announced, and from which everything comes back at
    /// once: for trying TURN clients. No socket has them.
    pub turn_echoes: Vec<SocketAddr>,
    /// What makes and checks credentials for TURN; without, one that is new at each start.
    pub turn_secret: Option<Secret>,
    /// Sizes of the sockets' buffers.
    pub buffers: Buffers,
    /// How much each thread's engine takes on.
    pub limits: Limits,
    /// People of one room that one thread has before another one that carries less has some, too.
    pub peers_per_thread_of_room: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        MediaConfig {
            bind: vec![Ipv6Addr::UNSPECIFIED.into()],
            port: 0,
            ports: 1,
            threads: cores.min(MAX_THREADS),
            pin_threads: false,
            announce: Announce::default(),
            tcp: None,
            turn_echoes: Vec::new(),
            turn_secret: None,
            buffers: Buffers::default(),
            limits: Limits::default(),
            peers_per_thread_of_room: PEERS_PER_THREAD_OF_ROOM,
        }
    }
}

/// Why the media threads could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// No address to bind to was given.
    #[error("no address to take media on was given")]
    NoAddress,
    /// Too few or too many threads.
    #[error("{0} media threads were asked for; 1 to {MAX_THREADS} can be had")]
    Threads(usize),
    /// The sockets have no address that could be told to a client.
    #[error("none of the public addresses is of a family that the media sockets serve")]
    NoCandidate,
    /// There are more addresses than a TURN server can tell apart.
    #[error("too many addresses are announced: {0}")]
    Turn(#[from] TooManyDestinations),
    /// The certificate of the DTLS associations could not be made.
    #[error("cannot make a DTLS certificate: {0}")]
    Identity(#[from] parlor_rtc::dtls::IdentityError),
    /// The system refused something else.
    #[error("cannot start the media threads: {0}")]
    System(#[from] io::Error),
}

/// The running media threads. Dropping it asks them to stop without waiting for them.
pub struct Media {
    handle: MediaHandle,
    threads: Vec<JoinHandle<()>>,
    /// Closed when the last thread has ended.
    ended: Receiver<Infallible>,
}

impl Media {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    /// See [`StartError`]; nothing runs then.
    pub fn start(config: MediaConfig) -> Result<Media, StartError> {
        if !(1..=MAX_THREADS).contains(&config.threads) {
            return Err(StartError::Threads(config.threads));
        }
        let (bound, sockets) = bind_all(&config)?;
        let announced = |bound: &Vec<_>| candidates::discover(bound, &config.announce);
        let candidates = bound.iter().map(announced).collect::<Result<Vec<_>, _>>()?;
        if candidates.iter().any(Vec::is_empty) {
            return Err(StartError::NoCandidate);
        }
        let addresses = distinct_addresses(candidates.clone());
        let over_tcp = |listens| candidates::discover_tcp(listens, &addresses, &config.announce);
        let tcp = config.tcp.map_or(Ok(Vec::new()), over_tcp)?;
        let identity = Arc::new(Identity::generate()?);
        let pollers: Vec<Poller> =
            (0..config.threads).map(|_| Poller::new()).collect::<Result<_, _>>()?;
        let wakers: Vec<_> = pollers.iter().map(Poller::waker).collect();
        let now = Instant::now();
        let directory = Arc::new(Directory::new(config.threads));
        let secret = config.turn_secret.clone().unwrap_or_else(turn_secret);
        let turn = TurnMaker::new(config.threads, secret.clone(), &addresses, &config.turn_echoes)?;
        let mut links = Vec::with_capacity(config.threads);
        let mut starting = Vec::with_capacity(config.threads);
        let handovers = Handover::group(now, &wakers).into_iter().zip(Notices::group(&wakers));
        let ends = handovers.zip(pollers).zip(sockets).zip(bound.iter().zip(&candidates));
        for (index, ((((handover, notices), poller), sockets), (bound, candidates))) in
            ends.enumerate()
        {
            let maker = EngineMaker {
                identity: Arc::clone(&identity),
                candidates: Candidates { udp: candidates.clone(), tcp: tcp.clone() },
                thread: index as u8,
                limits: config.limits,
            };
            let (mailbox, inbox) = mailbox(poller.waker());
            let shared = Arc::new(Shared::default());
            links.push(ThreadLink { mailbox, shared: Arc::clone(&shared) });
            starting.push(MediaThread {
                index,
                engine: maker.make(now),
                maker,
                sockets,
                bound: bound.clone(),
                streams: Streams::new()?,
                turn: turn.make(index as u8),
                poller,
                inbox,
                handover,
                notices,
                directory: Arc::clone(&directory),
                shared,
                desk: Desk::default(),
            });
        }
        let bound: Vec<_> = distinct_addresses(bound);
        tracing::info!(?bound, candidates = ?addresses, ?tcp, threads = config.threads, "media threads start");
        let most = config.peers_per_thread_of_room;
        let announced = Candidates { udp: addresses, tcp };
        let handle = MediaHandle::new(links, directory, bound, announced, secret, most);
        spawn(handle, starting, config.pin_threads)
    }

    /// For sending commands to the threads and reading what they have done.
    pub fn handle(&self) -> MediaHandle {
        self.handle.clone()
    }

    /// Ends all rooms and threads. Returns false when a thread has not ended within `patience`;
    /// it is then left to itself.
    pub fn shutdown(mut self, patience: Duration) -> bool {
        self.handle.stop();
        let ended =
            matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected));
        if ended {
            for thread in self.threads.drain(..) {
                // A panic has been reported by the thread itself.
                drop(thread.join());
            }
        }
        ended
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

/// One that nobody knows, for as long as the process lives.
///
/// # Panics
/// When the system has no randomness: a secret that can be guessed would be worse.
fn turn_secret() -> Secret {
    let mut bytes = [0; 20];
    let filled = SystemRandom::new().fill(&mut bytes);
    assert!(filled.is_ok(), "the system has no randomness");
    Secret::new(&bytes)
}

fn spawn(handle: MediaHandle, starting: Vec<MediaThread>, pins: bool) -> Result<Media, StartError> {
    let (running, ended): (Sender<Infallible>, _) = channel();
    let mut media = Media { handle, threads: Vec::with_capacity(starting.len()), ended };
    for thread in starting {
        let running = running.clone();
        let named = std::thread::Builder::new().name(format!("media-{}", thread.index));
        // When one cannot be started, dropping `media` stops those before it.
        media.threads.push(named.spawn(move || {
            if pins {
                pin(thread.index);
            }
            run(thread);
            drop(running);
        })?);
    }
    Ok(media)
}

/// Keeps the calling media thread on its processor. One that cannot be kept there works all the same.
fn pin(thread: usize) {
    match sys::pin_thread(thread) {
        Ok(cpu) => tracing::info!(thread, cpu, "a media thread stays on its processor"),
        Err(error) => tracing::warn!(thread, %error, "a media thread is not kept on a processor"),
    }
}

/// The addresses of each thread's sockets, and those sockets: one for each thread and address, in the order of addresses.
type Bound = (Vec<Vec<SocketAddr>>, Vec<Vec<Socket>>);

/// All sockets, on as many ports as there are to be: threads take those in turn.
fn bind_all(config: &MediaConfig) -> Result<Bound, StartError> {
    let ports = config.ports.clamp(1, config.threads);
    let mut groups = Vec::with_capacity(ports);
    for index in 0..ports {
        let port = match config.port {
            0 => 0,
            // Beyond the last number there is none: it is in use by the group before then, which is said.
            first => first.saturating_add(index as u16),
        };
        let threads = (config.threads - index).div_ceil(ports);
        let (bound, by_thread) = bind_on(config, port, threads)?;
        groups.push((bound, by_thread.into_iter()));
    }
    let mut all = (Vec::new(), Vec::new());
    for thread in 0..config.threads {
        if let Some((bound, by_thread)) = groups.get_mut(thread % ports) {
            all.0.push(bound.clone());
            all.1.extend(by_thread.next());
        }
    }
    Ok(all)
}

/// One socket for each of so many threads and each address, all on one port: by thread, in the order of addresses.
fn bind_on(
    config: &MediaConfig,
    mut port: u16,
    threads: usize,
) -> Result<(Vec<SocketAddr>, Vec<Vec<Socket>>), StartError> {
    let mut bound = Vec::new();
    let mut by_thread: Vec<Vec<Socket>> = (0..threads).map(|_| Vec::new()).collect();
    for ip in distinct(&config.bind) {
        let group = bind_group(SocketAddr::new(ip, port), threads, config.buffers)?;
        let local = group.first().map(Socket::local).ok_or(StartError::NoAddress)?;
        port = local.port();
        bound.push(local);
        for (sockets, socket) in by_thread.iter_mut().zip(group) {
            sockets.push(socket);
        }
    }
    if bound.is_empty() {
        return Err(StartError::NoAddress);
    }
    Ok((bound, by_thread))
}

/// Those of all threads, each once.
fn distinct_addresses(by_thread: Vec<Vec<SocketAddr>>) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for address in by_thread.into_iter().flatten() {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// The addresses without those that another of them covers: their sockets could not share a port.
fn distinct(ips: &[IpAddr]) -> Vec<IpAddr> {
    let covers = |all: &IpAddr, one: &IpAddr| {
        all != one && all.is_unspecified() && (all.is_ipv6() || one.is_ipv4())
    };
    let mut kept: Vec<IpAddr> = Vec::with_capacity(ips.len());
    for ip in ips {
        if !kept.contains(ip) && !ips.iter().any(|other| covers(other, ip)) {
            kept.push(*ip);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_another_covers_get_no_socket_of_their_own() {
        let ips =
            |text: &[&str]| -> Vec<IpAddr> { text.iter().map(|ip| ip.parse().unwrap()).collect() };
        assert_eq!(distinct(&ips(&["0.0.0.0", "::", "::1", "127.0.0.1"])), ips(&["::"]));
        assert_eq!(distinct(&ips(&["127.0.0.1", "0.0.0.0", "::1"])), ips(&["0.0.0.0", "::1"]));
        assert_eq!(distinct(&ips(&["127.0.0.1", "127.0.0.1"])), ips(&["127.0.0.1"]));
    }
}
