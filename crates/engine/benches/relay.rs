//! What it costs that a room is in two engines: instructions for each packet that goes out to the subscribers of one camera, all in
//! one engine and half of them in another. `cargo bench --profile release -p parlor-engine --bench relay` Needs valgrind.
//!
//! Everything is counted, cryptography too, and the copies into what travels between threads and out of it; system calls are not.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

mod room;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use parlor_engine::ring::Facts;
use parlor_engine::{Forwarded, Neighbour, Relayed, Source, TrackId};
use parlor_rtc::Path;

use room::{Room, SERVER};

/// Datagrams that come in such a span come as one batch.
const STEP: Duration = Duration::from_millis(2);
/// Simulated time until estimates have settled, and then while it is counted.
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(1);
const BITRATE_BPS: u64 = 1_500_000;
/// How many receive the camera, in all engines together.
const SUBSCRIBERS: [u16; 2] = [20, 200];
/// How much dearer a packet may be in two engines than in one, among the most.
const MOST: f64 = 1.15;
/// How far apart the packets that go out of one engine and of two may be: what is compared is the same work. Where a stream
/// begins and ends in the span moves a few of them.
const SAME: f64 = 0.01;

/// Packets on their way between engines, as media threads carry them.
#[derive(Default)]
struct Parcel {
    bytes: Vec<u8>,
    entries: Vec<(TrackId, u8, Facts, usize)>,
}

impl Parcel {
    fn add(&mut self, packet: &Relayed<'_>) {
        self.bytes.extend_from_slice(packet.payload);
        self.entries.push((packet.track, packet.layer, *packet.facts, packet.payload.len()));
    }

    fn empty(&mut self, mut take: impl FnMut(Relayed<'_>)) {
        let mut rest = self.bytes.as_slice();
        for (track, layer, facts, len) in &self.entries {
            let (payload, after) = rest.split_at(*len);
            rest = after;
            take(Relayed { track: *track, layer: *layer, facts, payload, descriptor: &[] });
        }
        self.bytes.clear();
        self.entries.clear();
    }
}

/// A room in one engine or two.
struct Call {
    parts: Vec<Room>,
    datagrams: Vec<Vec<(SocketAddr, Vec<u8>)>>,
    parcel: Parcel,
}

impl Call {
    fn new(parts: u16, subscribers: u16) -> Call {
        let mut home = Room::new();
        home.join(&[Source::Camera], 0);
        home.clients.last_mut().unwrap().senders[0].bitrate_bps = BITRATE_BPS;
        let mut parts: Vec<Room> = match parts {
            1 => vec![home],
            _ => vec![home.annex(), home],
        };
        parts.reverse();
        let share = subscribers / parts.len() as u16;
        for part in &mut parts {
            (0..share).for_each(|_| part.join(&[], 1));
        }
        let datagrams = parts.iter().map(|_| Vec::new()).collect();
        Call { parts, datagrams, parcel: Parcel::default() }
    }

    fn gather(&mut self) {
        for (part, datagrams) in self.parts.iter_mut().zip(&mut self.datagrams) {
            part.now += STEP;
            for client in part.clients.iter_mut().filter(|client| client.deadline() <= part.now) {
                let from = client.address;
                client.run(part.now, |datagram| datagrams.push((from, datagram.bytes))).unwrap();
            }
        }
    }

    fn deliver(&mut self) {
        for part in &mut self.parts {
            for message in part.arena.messages() {
                let Path::Udp(path) = message.path else { continue };
                let client = &mut part.clients[usize::from(path.remote.port()) - 1];
                for datagram in message.segments() {
                    client.receive(part.now, SERVER, datagram).unwrap();
                }
            }
            part.arena.clear();
        }
    }

    fn run(&mut self, span: Duration, serve: fn(&mut Call) -> bool) {
        let end = self.parts[0].now + span;
        while self.parts[0].now < end {
            self.gather();
            while !serve(self) {
                self.deliver();
            }
            self.deliver();
        }
    }

    /// One turn of each thread. False when something is left to do.
    #[inline(always)]
    fn serve(&mut self) -> bool {
        for (index, part) in self.parts.iter_mut().enumerate() {
            let Room { now, engine, arena, .. } = part;
            for (from, mut datagram) in self.datagrams[index].drain(..) {
                let path = Path::udp(from, SERVER.ip());
                engine.handle_datagram(*now, path, &mut datagram, arena);
            }
            let parcel = &mut self.parcel;
            match index {
                0 => drop(engine.relay(|_, packet| {
                    parcel.add(&packet);
                    true
                })),
                _ => parcel.empty(|packet| engine.handle_relayed(*now, Neighbour(0), packet)),
            }
            engine.handle_timeout(*now, arena);
        }
        let done = self
            .parts
            .iter_mut()
            .all(|part| part.engine.forward(part.now, &mut part.arena) == Forwarded::Done)
            && !self.parts.iter().any(|part| part.engine.is_due(part.now));
        if let [home, annex] = &mut self.parts[..] {
            while let Some(notice) = home.engine.poll_notice(home.now, Neighbour(1)) {
                annex.engine.handle_notice(annex.now, Neighbour(0), notice);
            }
            while let Some(notice) = annex.engine.poll_notice(annex.now, Neighbour(0)) {
                home.engine.handle_notice(home.now, Neighbour(1), notice);
            }
        }
        done
    }

    fn packets_out(&self) -> u64 {
        self.parts.iter().map(|part| part.engine.counters().packets_out).sum()
    }
}

#[inline(never)]
fn serve_uncounted(call: &mut Call) -> bool {
    call.serve()
}

/// What callgrind counts: it is told this name. Of two functions that do the same, compilers make one.
#[inline(never)]
fn serve_counted(call: &mut Call) -> bool {
    std::hint::black_box(call.serve())
}

/// The packets that go out to so many subscribers in so many engines.
fn play(parts: u16, subscribers: u16) -> u64 {
    let mut call = Call::new(parts, subscribers);
    call.run(WARM_UP, serve_uncounted);
    let before = call.packets_out();
    call.run(SPAN, serve_counted);
    call.packets_out() - before
}

/// Packets that go out, and instructions for each of them, as callgrind counts them in a process of its own.
fn count(parts: u16, subscribers: u16) -> (f64, f64) {
    let out = env::temp_dir().join(format!("parlor-{}.callgrind", std::process::id()));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*serve_counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().unwrap())
        .args(["--play".to_owned(), parts.to_string(), subscribers.to_string()])
        .output()
        .unwrap();
    let packets: f64 = String::from_utf8_lossy(&run.stdout).trim().parse().unwrap();
    let counts = fs::read_to_string(&out).unwrap();
    // What is left behind in a temporary directory does no harm.
    let _left = fs::remove_file(&out);
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
    (packets, total.trim().parse::<f64>().unwrap() / packets)
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "--play") {
        let number = |index: usize| words[index].parse().unwrap();
        println!("{}", play(number(at + 1), number(at + 2)));
        return ExitCode::SUCCESS;
    }
    println!("instructions for each packet that goes out, of one camera of 1.5 Mbit/s");
    let mut growth = 1.0;
    for subscribers in SUBSCRIBERS {
        let [(packets, one), (as_many, two)] = [1, 2].map(|parts| count(parts, subscribers));
        assert!(
            (as_many / packets - 1.0).abs() <= SAME,
            "to {subscribers}: {packets} packets out of one engine, {as_many} out of two"
        );
        growth = two / one;
        println!(
            "to {subscribers:4}: {one:7.0} in one engine, {two:7.0} in two, {growth:.3} times"
        );
    }
    if growth > MOST { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
