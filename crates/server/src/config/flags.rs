//! The command line.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{KEYS, Key, Layer, Origin, Shape};

const AFTER_HELP: &str = "\
Every option can be said in a TOML file too, as in parlor.example.toml, and in the environment: \
--udp-port is PARLOR_UDP_PORT there, with commas between several values. Flags win over the \
environment, the environment over the file.";

/// The command `parlor`; serving is what it does when told nothing else.
pub fn command() -> Command {
    Command::new("parlor")
        .about("A video room server: people open a link, and see and hear each other")
        .version(env!("CARGO_PKG_VERSION"))
        .args(arguments())
        .args_conflicts_with_subcommands(true)
        .subcommand(
            Command::new("serve")
                .about("Serve rooms; the default")
                .args(arguments())
                .after_help(AFTER_HELP),
        )
        .after_help(AFTER_HELP)
}

fn arguments() -> Vec<Arg> {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("Read settings from this TOML file [environment: PARLOR_CONFIG]")
        .value_parser(clap::value_parser!(PathBuf));
    std::iter::once(config).chain(KEYS.iter().map(argument)).collect()
}

fn argument(key: &Key) -> Arg {
    let arg = Arg::new(key.name).long(key.name.replace('_', "-")).help(key.help);
    match key.shape {
        Shape::One => arg.value_name(key.value_name).action(ArgAction::Set),
        Shape::Many => arg.value_name(key.value_name).action(ArgAction::Append),
        Shape::Switch => arg.action(ArgAction::SetTrue),
    }
}

/// What the command line says, and the file that it names.
pub fn read_flags(matches: &ArgMatches) -> (Layer, Option<PathBuf>) {
    let matches = matches.subcommand_matches("serve").unwrap_or(matches);
    let mut layer = Layer::new(Origin::Flag);
    for key in &KEYS {
        let values: Vec<String> = match key.shape {
            Shape::Switch if matches.get_flag(key.name) => vec!["true".to_owned()],
            Shape::Switch => Vec::new(),
            Shape::One | Shape::Many => {
                matches.get_many::<String>(key.name).into_iter().flatten().cloned().collect()
            }
        };
        if !values.is_empty() {
            layer.values.insert(key.name, values);
        }
    }
    (layer, matches.get_one::<PathBuf>("config").cloned())
}
