//! The parlor binary.

use std::path::PathBuf;
use std::process::ExitCode;

use parlor_server::config::{
    CONFIG_VARIABLE, Config, ConfigError, command, default_state_dir, read_environment, read_file,
    read_flags, unknown_variables,
};
use parlor_server::logging;
use parlor_server::server::{Server, StartError};
use tokio::signal::unix::{SignalKind, signal};

/// By how much the signalling's threads are nicer than media threads: where both want a processor, a voice that is late is
/// heard, and an answer that is a few milliseconds late is not; what is left for signalling is a quarter (sched(7)).
const SIGNALLING_NICENESS: i32 = 5;

/// Status of a process whose settings cannot be used (`EX_CONFIG` of sysexits.h).
const EX_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let config = match configure() {
        Ok(config) => config,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(EX_CONFIG);
        }
    };
    logging::start(&config);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for variable in unknown_variables(names) {
        tracing::warn!(variable, "this variable sets nothing; see --help for those that do");
    }
    // Media threads are started from the main thread, which stays as it is.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(give_way).build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(serve(&config)),
        Err(error) => Err(Failure::from(error.to_string())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.why);
            failure.status
        }
    }
}

/// Why the process ends early, and the status with which it does.
struct Failure {
    why: String,
    status: ExitCode,
}

impl From<String> for Failure {
    fn from(why: String) -> Failure {
        Failure { why, status: ExitCode::FAILURE }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        let status = if error.is_of_a_setting() { EX_CONFIG.into() } else { ExitCode::FAILURE };
        Failure { why: error.to_string(), status }
    }
}

/// Lets media threads go before the calling one.
fn give_way() {
    // On Linux each thread has a niceness of its own (nice(2)).
    if let Err(error) = rustix::process::nice(SIGNALLING_NICENESS) {
        tracing::debug!(%error, "signalling runs beside media with the same right");
    }
}

fn configure() -> Result<Config, ConfigError> {
    let (flags, named) = read_flags(&command().get_matches());
    let variable = |name: &str| std::env::var(name).ok();
    let environment = read_environment(variable);
    let said = std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty());
    let file = named.or_else(|| said.map(PathBuf::from));
    let mut layers = vec![flags, environment];
    if let Some(path) = file {
        layers.push(read_file(&path)?);
    }
    let mut config = Config::from_layers(&layers)?;
    config.state_dir = config.state_dir.or_else(|| default_state_dir(variable));
    Ok(config)
}

async fn serve(config: &Config) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let server = Server::start(config).await?;
    say(&server.introduction());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::select! {
        () = server.stop() => Ok(()),
        _ = interrupt.recv() => Err("interrupted while stopping".to_owned().into()),
    }
}

#[allow(clippy::print_stdout)] // The one who started it reads this, before any log.
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr)] // There may be no log to say it in.
fn complain(text: &str) {
    eprintln!("parlor: {text}");
}
