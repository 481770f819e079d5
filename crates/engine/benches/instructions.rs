//! How many instructions an engine takes for each packet that it forwards, counted by callgrind and compared with what was
//! recorded: `cargo bench --profile release -p parlor-engine --bench instructions`. Needs valgrind; `UPDATE_BASELINE=1` records anew.
//!
//! Instructions do not depend on how busy a machine is. All of it is counted, with everything on: opening, routing, estimation
//! and feedback, choice of layers, pacing, rewriting, sealing, timers and reports; system calls are not in it. Compared is what is
//! ours alone, and more loosely the whole: cryptography and the C library choose their code by the processor, as far as valgrind
//! lets them see it.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

mod room;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use parlor_engine::{Forwarded, Source};
use parlor_rtc::Path;

use room::{Room, SERVER};

/// Datagrams that come in such a span come as one batch: about what a thread finds that is half busy.
const STEP: Duration = Duration::from_millis(2);
/// Simulated time until estimates have settled, and then while it is counted.
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(1);

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
/// How far from the baseline a count may be, upwards as downwards: what became cheaper is to be recorded.
const TOLERANCE: f64 = 0.05;
/// The same for all instructions, upwards alone: another copy or another seal of each packet is more than that.
const TOLERANCE_OF_ALL: f64 = 0.15;
/// How much dearer a packet may be among many than among few.
const MOST_GROWTH: f64 = 1.3;

/// A call that is counted.
struct Case {
    name: &'static str,
    publishers: u16,
    bitrate_bps: u64,
    subscribers: u16,
}

const fn case(name: &'static str, publishers: u16, bitrate_bps: u64, subscribers: u16) -> Case {
    Case { name, publishers, bitrate_bps, subscribers }
}

const CASES: [Case; 6] = [
    case("1-camera-to-10", 1, 1_500_000, 10),
    case("1-camera-to-50", 1, 1_500_000, 50),
    case("1-camera-to-200", 1, 1_500_000, 200),
    case("1-small-camera-to-2", 1, 20_000, 2),
    case("100-small-cameras-to-2", 100, 20_000, 2),
    case("1-camera-to-2", 1, 2_000_000, 2),
];

/// Cases of which the second may not be much dearer than the first.
const GROWTHS: [(usize, usize); 2] = [(0, 2), (3, 4)];

struct Call {
    room: Room,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl Call {
    fn new(case: &Case) -> Call {
        let mut room = Room::new();
        for _ in 0..case.publishers {
            room.join(&[Source::Camera], 0);
            room.clients.last_mut().unwrap().senders[0].bitrate_bps = case.bitrate_bps;
        }
        for _ in 0..case.subscribers {
            room.join(&[], usize::from(case.publishers));
        }
        Call { room, datagrams: Vec::new() }
    }

    /// What clients send in a step comes in.
    fn gather(&mut self) {
        self.room.now += STEP;
        for client in &mut self.room.clients {
            if client.deadline() > self.room.now {
                continue;
            }
            let from = client.address;
            let datagrams = &mut self.datagrams;
            client.run(self.room.now, |datagram| datagrams.push((from, datagram.bytes))).unwrap();
        }
    }

    /// What the engine has sent goes out.
    fn deliver(&mut self) {
        for message in self.room.arena.messages() {
            let Path::Udp(path) = message.path else { continue };
            let client = &mut self.room.clients[usize::from(path.remote.port()) - 1];
            for datagram in message.segments() {
                client.receive(self.room.now, SERVER, datagram).unwrap();
            }
        }
        self.room.arena.clear();
    }

    fn run(&mut self, span: Duration, serve: fn(&mut Call) -> bool) {
        let end = self.room.now + span;
        while self.room.now < end {
            self.gather();
            while !serve(self) {
                self.deliver();
            }
            self.deliver();
        }
    }

    /// One turn of a thread. False when something is left to do.
    #[inline(always)]
    fn serve(&mut self) -> bool {
        for (from, mut datagram) in self.datagrams.drain(..) {
            let path = Path::udp(from, SERVER.ip());
            self.room.engine.handle_datagram(
                self.room.now,
                path,
                &mut datagram,
                &mut self.room.arena,
            );
        }
        self.room.engine.handle_timeout(self.room.now, &mut self.room.arena);
        let forwarded = self.room.engine.forward(self.room.now, &mut self.room.arena);
        forwarded == Forwarded::Done && !self.room.engine.is_due(self.room.now)
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

/// The packets that an engine forwards in one of the cases.
fn play(case: &Case) -> u64 {
    let mut call = Call::new(case);
    call.run(WARM_UP, serve_uncounted);
    let before = call.room.engine.counters().packets_out;
    call.run(SPAN, serve_counted);
    call.room.engine.counters().packets_out - before
}

/// Instructions, or those for each packet: all, and ours.
#[derive(Clone, Copy, Default)]
struct Counted {
    all: f64,
    ours: f64,
}

/// Sums up what callgrind wrote (its manual, "Callgrind Format Specification").
fn sum(counts: &str) -> Counted {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let (mut object_is_ours, mut file_is_ours, mut is_call) = (true, true, false);
    let mut counted = Counted::default();
    for line in counts.lines() {
        let first = line.as_bytes().first().copied().unwrap_or_default();
        if let Some((key @ ("ob" | "fl" | "fi" | "fe" | "cob" | "cfi" | "cfl"), name)) =
            line.split_once('=')
        {
            // Objects and files have numbers of their own; the name stands where a number comes first.
            let kind = if key.ends_with("ob") { "ob" } else { "fl" };
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            let known = names.entry(format!("{kind}{number}")).or_default();
            if !name.is_empty() {
                *known = name.to_owned();
            }
            match key {
                "ob" => object_is_ours = !known.contains("/libc.") && !known.contains("/libm."),
                "fl" | "fi" | "fe" => file_is_ours = !known.contains("aws-lc/"),
                _ => {}
            }
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if matches!(first, b'0'..=b'9' | b'+' | b'-' | b'*') && !std::mem::take(&mut is_call)
        {
            // What a call cost, which the line behind it says, is counted where it was spent.
            let cost = line.split_once(' ').and_then(|(_, cost)| cost.parse().ok()).unwrap_or(0.0);
            counted.all += cost;
            counted.ours += if object_is_ours && file_is_ours { cost } else { 0.0 };
        }
    }
    counted
}

/// Instructions for each packet, as callgrind counts them in a process of its own.
fn count(case: &Case) -> Result<Counted, String> {
    let out = env::temp_dir().join(format!("parlor-{}.callgrind", std::process::id()));
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*serve_counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["--play", case.name])
        .output()
        .map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&run.stdout);
    let packets: u64 = said
        .trim()
        .parse()
        .map_err(|_| format!("{}: {said}\n{}", case.name, String::from_utf8_lossy(&run.stderr)))?;
    let counts = fs::read_to_string(&out).map_err(|error| error.to_string())?;
    // What is left behind in a temporary directory does no harm.
    let _left = fs::remove_file(&out);
    let total: Option<f64> =
        counts.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    let Counted { all, ours } = sum(&counts);
    if total != Some(all) || packets == 0 {
        return Err(format!("callgrind counted {total:?} instructions, of which {all} are read"));
    }
    Ok(Counted { all: all / packets as f64, ours: ours / packets as f64 })
}

/// Of each case the baseline has its name, ours and all.
fn recorded(baseline: &str, name: &str) -> Option<Counted> {
    let line = baseline.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    let (ours, all) = line.split_once(' ')?;
    Some(Counted { ours: ours.parse().ok()?, all: all.parse().ok()? })
}

/// What is wrong with a count.
fn judge(case: &Case, counted: Counted, known: Option<Counted>) -> Option<String> {
    let name = case.name;
    let Some(known) = known else { return Some(format!("{name} has no baseline in {BASELINE}")) };
    let (ours, all) = (counted.ours / known.ours - 1.0, counted.all / known.all - 1.0);
    let says = |what: &str, counted: f64, known: f64| {
        format!(
            "{name} takes {counted:.0} instructions {what} and not {known:.0}: mend it, or record it with UPDATE_BASELINE=1"
        )
    };
    if ours.abs() > TOLERANCE {
        return Some(says("of ours", counted.ours, known.ours));
    }
    (all > TOLERANCE_OF_ALL).then(|| says("in all", counted.all, known.all))
}

/// Counts all cases and says what is wrong with the counts.
fn compare() -> Result<Vec<String>, String> {
    let baseline = fs::read_to_string(BASELINE).unwrap_or_default();
    let updates = env::var_os("UPDATE_BASELINE").is_some();
    let (mut counts, mut written, mut wrong) = (Vec::new(), String::new(), Vec::new());
    println!("instructions for each packet that goes out: ours, and all");
    for case in &CASES {
        let counted = count(case)?;
        let known = recorded(&baseline, case.name);
        let change = known.map(|known| counted.ours / known.ours - 1.0);
        println!(
            "{:24} {:7.0} {:7.0}{}",
            case.name,
            counted.ours,
            counted.all,
            change.map(|change| format!(" {:+5.1} %", change * 100.0)).unwrap_or_default()
        );
        written.push_str(&format!("{} {:.0} {:.0}\n", case.name, counted.ours, counted.all));
        wrong.extend(judge(case, counted, known).filter(|_| !updates));
        counts.push(counted.ours);
    }
    for (few, many) in GROWTHS {
        let growth = counts[many] / counts[few];
        println!("{} costs {growth:.2} times {}", CASES[many].name, CASES[few].name);
        if growth > MOST_GROWTH {
            wrong.push(format!("{} costs {growth:.2} times {}", CASES[many].name, CASES[few].name));
        }
    }
    if updates {
        fs::write(BASELINE, written).map_err(|error| error.to_string())?;
    }
    Ok(wrong)
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "--play") {
        let case = CASES.iter().find(|case| Some(case.name) == words.get(at + 1).map(|it| &it[..]));
        println!("{}", play(case.unwrap()));
        return ExitCode::SUCCESS;
    }
    match compare() {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            wrong.iter().for_each(|line| println!("FAILED: {line}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
