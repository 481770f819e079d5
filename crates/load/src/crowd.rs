//! The people of a load: who is in which room, what they send, and how they come and go.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use parlor_rtc::ice::Credentials;

use crate::channel::Channel;
use crate::connection::Connection;
use crate::handshake::Identity;
use crate::offer::{Answer, Shape};
use crate::options::Options;
use crate::person::Newcomer;
use crate::source::Form;
use crate::stream::Server;
use crate::transport::{Places, Transport};
use crate::worker::{Order, Worker};

/// Joins that are under way at one time at most: a server that takes more has other things to show than this.
const JOINERS: usize = 32;
/// Slots that anybody offers at most, in pairs: what a page can show.
const MAX_SLOT_PAIRS: usize = 64;
/// How much of the largest size's bitrate the smaller ones have: as our SDK sends them.
const SHARES: [&[f64]; 3] = [&[1.0], &[1.0 / 3.0, 1.0], &[0.1, 1.0 / 3.0, 1.0]];

/// Everybody, and the threads that carry them.
pub struct Crowd {
    plan: Arc<Plan>,
    workers: Arc<Vec<Worker>>,
    seats: Sender<Entry>,
    /// How many have joined, and how many could not.
    pub outcomes: Arc<Outcomes>,
}

/// Somebody who is to join, and when that is due.
type Entry = (u32, Instant);

/// How joins ended.
#[derive(Default)]
pub struct Outcomes {
    joined: AtomicUsize,
    failed: AtomicUsize,
    reasons: Mutex<Vec<String>>,
    times: Mutex<Vec<Duration>>,
}

struct Plan {
    server: Server,
    identity: Identity,
    options: Options,
    start: Instant,
    /// Different in each run, so that names and ports of an earlier one mean nothing.
    run: u64,
}

impl Outcomes {
    /// How many joins have ended.
    pub fn count(&self) -> usize {
        self.joined() + self.failed.load(Ordering::Relaxed)
    }

    /// How many were answered.
    pub fn joined(&self) -> usize {
        self.joined.load(Ordering::Relaxed)
    }

    /// How many of them failed.
    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Why those failed that did since this was last asked.
    pub fn take_reasons(&self) -> Vec<String> {
        self.reasons.lock().map(|mut reasons| std::mem::take(&mut *reasons)).unwrap_or_default()
    }

    /// How long replies took, from when their joins were due, since this was last asked.
    pub fn take_times(&self) -> Vec<Duration> {
        self.times.lock().map(|mut times| std::mem::take(&mut *times)).unwrap_or_default()
    }
}

impl Crowd {
    /// Starts the threads; nobody has joined yet.
    ///
    /// # Errors
    /// When there is no such server, or the system gives no thread.
    pub fn new(options: &Options) -> Result<Crowd, String> {
        let count = usize::from(options.threads);
        let read_every =
            (options.read_every > 0.0).then(|| Options::seconds(options.read_every / 1000.0));
        let workers: Result<Vec<_>, _> =
            (0..count).map(|number| Worker::start(number, read_every)).collect();
        let workers = Arc::new(workers.map_err(|error| format!("no thread: {error}"))?);
        let mut run = [0; 8];
        aws_lc_rs::rand::fill(&mut run).map_err(|_| "this machine gives no random numbers")?;
        let plan = Arc::new(Plan {
            server: options.server()?,
            identity: Identity::generate()?,
            options: options.clone(),
            start: Instant::now(),
            run: u64::from_be_bytes(run),
        });
        let (seats, wanted) = channel();
        let wanted = Arc::new(Mutex::new(wanted));
        let outcomes = Arc::new(Outcomes::default());
        for number in 0..JOINERS {
            let (plan, workers) = (plan.clone(), workers.clone());
            let (wanted, outcomes) = (wanted.clone(), outcomes.clone());
            thread::Builder::new()
                .name(format!("join-{number}"))
                .spawn(move || keep_joining(&plan, &workers, &wanted, &outcomes))
                .map_err(|error| format!("no thread: {error}"))?;
        }
        Ok(Crowd { plan, workers, seats, outcomes })
    }

    /// How many people there are to be.
    pub fn size(&self) -> u32 {
        self.plan.publishers() + self.plan.options.rooms * self.plan.options.subscribers
    }

    /// How many of them publish.
    pub fn publishers(&self) -> u32 {
        self.plan.publishers()
    }

    /// Whether that person only looks and listens.
    pub fn is_subscriber(&self, seat: u32) -> bool {
        seat >= self.plan.publishers()
    }

    /// Lets somebody join who was to at `due`, as soon as one of the threads for that has time.
    pub fn enter(&self, seat: u32, due: Instant) {
        let _gone = self.seats.send((seat, due));
    }

    /// Lets somebody leave.
    pub fn leave(&self, seat: u32) {
        self.worker_of(seat).order(Order::Leave(seat));
    }

    /// Those who carry them.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Everybody leaves; returns when the server knows.
    pub fn end(&self) {
        self.workers.iter().for_each(|worker| worker.order(Order::End));
        self.workers.iter().for_each(Worker::join);
    }

    fn worker_of(&self, seat: u32) -> &Worker {
        &self.workers[seat as usize % self.workers.len()]
    }
}

/// Lets people join, one after the other.
fn keep_joining(
    plan: &Plan,
    workers: &[Worker],
    wanted: &Mutex<Receiver<Entry>>,
    outcomes: &Outcomes,
) {
    loop {
        let entry = wanted.lock().ok().and_then(|wanted| wanted.recv().ok());
        let Some((seat, due)) = entry else { return };
        match plan.join(seat, due) {
            Ok(order) => {
                if let Ok(mut times) = outcomes.times.lock() {
                    times.push(due.elapsed());
                }
                workers[seat as usize % workers.len()].order(order);
                outcomes.joined.fetch_add(1, Ordering::Relaxed);
            }
            Err(reason) => {
                if let Ok(mut reasons) = outcomes.reasons.lock() {
                    reasons.push(reason);
                }
                outcomes.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Plan {
    fn publishers(&self) -> u32 {
        self.options.rooms * self.options.publishers
    }

    fn is_publisher(&self, seat: u32) -> bool {
        seat < self.publishers()
    }

    fn shape(&self, seat: u32) -> Shape {
        let publishes = self.is_publisher(seat);
        let others = self.options.publishers.saturating_sub(u32::from(publishes)) as usize;
        Shape {
            audio: publishes && self.options.audio_kbps > 0,
            encodings: match publishes && self.options.video_kbps > 0 {
                true => usize::from(self.options.sizes),
                false => 0,
            },
            slot_pairs: others.clamp(1, MAX_SLOT_PAIRS),
            codec: self.options.codec,
        }
    }

    fn forms(&self, shape: &Shape) -> Vec<Form> {
        let form = |stream: u8, mid: usize, bitrate_bps: u64| Form {
            stream,
            mid: mid.to_string(),
            rid: None,
            bitrate_bps,
            frames_per_second: self.options.fps,
            pace: (self.options.pace > 0.0).then_some(self.options.pace),
            size: 0,
            codec: self.options.codec,
        };
        let mut forms = Vec::new();
        if let Some(mid) = shape.microphone() {
            forms.push(form(0, mid, u64::from(self.options.audio_kbps) * 1000));
        }
        if let Some(mid) = shape.camera() {
            let largest = f64::from(self.options.video_kbps) * 1000.0;
            let shares = SHARES.get(shape.encodings - 1).copied().unwrap_or(SHARES[2]);
            for (index, share) in shares.iter().enumerate() {
                forms.push(Form {
                    rid: shape.rids().get(index).copied(),
                    // Of fewer sizes than three the largest ones.
                    size: 3 - shares.len() + index,
                    ..form(index as u8 + 1, mid, (largest * share) as u64)
                });
            }
        }
        forms
    }

    fn join(&self, seat: u32, due: Instant) -> Result<Order, String> {
        let shape = self.shape(seat);
        let local = credentials()?;
        let offer = shape.offer(&local, self.identity.fingerprint());
        let rooms = match &self.options.room {
            Some(name) => name.clone(),
            None => format!("load-{:06x}", self.run & 0xFF_FFFF),
        };
        let room = format!("{rooms}-{}", seat % self.options.rooms);
        let joined = Channel::join(&self.server, &room, seat, &shape, &offer)?;
        let answer = Answer::read(&joined.answer)?;
        let ours = joined.channel.stream().tcp().local_addr().map_err(|error| error.to_string())?;
        let Answer { udp, tcp, .. } = &answer;
        let places = Places { udp: udp.clone(), tcp: tcp.clone(), ice_servers: joined.ice_servers };
        let (transport, candidates) =
            Transport::open(self.options.over, ours.ip(), &self.server, &places)?;
        let number = self.run ^ (u64::from(seat) << 32);
        let identity = self.identity.clone();
        let connection =
            Connection::new(Instant::now(), identity, local, answer, candidates, number);
        let newcomer = Newcomer {
            seat,
            channel: joined.channel,
            connection,
            forms: self.forms(&shape),
            news: joined.news,
            own_video: joined.own_video,
            due,
            start: self.start,
        };
        Ok(Order::Enter(Box::new((newcomer, transport))))
    }
}

/// Fresh ICE credentials (RFC 8445 section 5.3).
fn credentials() -> Result<Credentials, String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| "this machine gives no random numbers")?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Credentials::new(&text[..8], &text[8..]).map_err(|error| error.to_string())
}
