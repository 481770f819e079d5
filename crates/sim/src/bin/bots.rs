//! Simulated people for a room of a running server: `parlor-bots --server 127.0.0.1:4000 --room tea --count 4`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use parlor_sim::bot::{Bot, BotConfig};
use parlor_sim::recording::Recording;

/// What they show and play by themselves: what a browser's encoders made of a picture at 10 a second and of a tone.
const PICTURE: &[u8] = include_bytes!("../../media/person.vp8");
const TONE: &[u8] = include_bytes!("../../media/person.opus");
const PICTURES_PER_SECOND: u32 = 10;

/// Simulated people for a room of a running server.
#[derive(Parser)]
struct Options {
    /// The server's address or name and port, plain HTTP.
    #[arg(long, value_parser = server)]
    server: SocketAddr,
    /// The room's id.
    #[arg(long)]
    room: String,
    /// How many people.
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// How long they stay, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// A recording of VP8 frames for their cameras, each behind its length as four bytes, big-endian; a test
    /// picture otherwise.
    #[arg(long)]
    video: Option<PathBuf>,
    /// Pictures a second in that recording.
    #[arg(long, default_value_t = PICTURES_PER_SECOND)]
    fps: u32,
    /// A recording of 20 ms Opus frames for their microphones, likewise; a tone otherwise.
    #[arg(long)]
    audio: Option<PathBuf>,
    /// How much of what they send and are sent is lost, in percent.
    #[arg(long, default_value_t = 0.0, value_parser = percent)]
    loss: f64,
}

/// The first address that a name stands for; IPv4 is preferred, as servers listen there more often.
fn server(text: &str) -> Result<SocketAddr, String> {
    let addresses: Vec<_> = match text.to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err(format!("{error}; expected a host and port such as localhost:4000"));
        }
    };
    let v4 = addresses.iter().find(|address| address.is_ipv4());
    v4.or(addresses.first()).copied().ok_or_else(|| "the name stands for no address".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("parlor-bots: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lets everyone take part, and says how many could not.
fn run(options: &Options) -> std::io::Result<usize> {
    let read = |path: &Option<PathBuf>, own| match path {
        Some(path) => Recording::read(path),
        None => Recording::parse(own),
    };
    let video = Some(read(&options.video, PICTURE)?);
    let audio = Some(read(&options.audio, TONE)?);
    let stop = AtomicBool::new(false);
    let failures = thread::scope(|scope| {
        let people: Vec<_> = (1..=options.count)
            .map(|number| {
                let config = BotConfig {
                    server: options.server,
                    room: options.room.clone(),
                    name: format!("Bot {number}"),
                    number,
                    video: video.clone(),
                    frames_per_second: options.fps,
                    audio: audio.clone(),
                    slot_pairs: 4,
                    loss: options.loss / 100.0,
                };
                scope.spawn(|| take_part(config, &stop))
            })
            .collect();
        thread::park_timeout(Duration::from_secs(options.seconds));
        stop.store(true, Ordering::Relaxed);
        people.into_iter().filter_map(|person| person.join().ok()).filter(|&ok| !ok).count()
    });
    Ok(failures)
}

fn take_part(config: BotConfig, stop: &AtomicBool) -> bool {
    let name = config.name.clone();
    let stayed = Bot::enter(config).and_then(|mut bot| {
        bot.run(stop)?;
        Ok(bot.frames_received())
    });
    match stayed {
        Ok(frames) => println!("{name}: {frames} frames received"),
        Err(ref error) => eprintln!("{name}: {error}"),
    }
    stayed.is_ok()
}
