//! `parlor-load http://localhost:4000 --subscribers 100`: see docs/load.md.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::process::ExitCode;

use clap::Parser;
use parlor_load::options::Options;
use parlor_load::run::run;

fn main() -> ExitCode {
    let options = Options::parse();
    allow_many_files();
    let is_quiet = options.quiet;
    let report = run(&options, &mut |line| {
        if !is_quiet {
            eprintln!("{line}");
        }
    });
    match report {
        Ok(report) => {
            match (options.json, serde_json::to_string_pretty(&report)) {
                (true, Ok(json)) => println!("{json}"),
                _ => print!("{report}"),
            }
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("parlor-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each person takes two file descriptors: as many are asked for as the system gives.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // With fewer, joins fail, and say so.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
