//! What can be wrong with a setting, said so that it can be put right.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment,
    /// In this file.
    File(PathBuf),
}

impl Origin {
    /// The key as it is written there.
    pub(super) fn spell(&self, key: &str) -> String {
        match self {
            Origin::Flag => format!("--{}", key.replace('_', "-")),
            Origin::Environment => format!("PARLOR_{}", key.to_uppercase()),
            Origin::File(path) => format!("{}: {key}", path.display()),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value is not what its key wants.
    #[error("{}: expected {expected}, got {got:?}", .origin.spell(.key))]
    Value {
        /// The key, as in the file.
        key: &'static str,
        /// Where the value was said.
        origin: Origin,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A key needs another one, or forbids it.
    #[error("{}: expected {expected}", .origin.spell(.key))]
    Conflict {
        /// The key, as in the file.
        key: &'static str,
        /// Where it was said.
        origin: Origin,
        /// What should be beside it, or not.
        expected: &'static str,
    },
    /// The file has a key that there is not.
    #[error("{}: there is no key {key:?}; the keys are {}", .path.display(), Keys)]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Its key.
        key: String,
    },
    /// The file is not TOML; the message says the line.
    #[error("{}: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// The file cannot be read.
    #[error("{}: {message}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

struct Keys;

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in super::KEYS.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, key.name)?;
        }
        Ok(())
    }
}
