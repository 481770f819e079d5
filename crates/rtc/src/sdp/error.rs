//! What is wrong with an offer, and on which line.

/// An offer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SdpError {
    /// The line of the offer at fault, counted from 1.
    pub line: usize,
    /// What was expected there, as a sentence for the client's developer.
    pub what: String,
}

impl SdpError {
    pub(super) fn new(line: usize, what: impl Into<String>) -> SdpError {
        SdpError { line, what: what.into() }
    }
}

/// How many characters of a faulty line an error repeats.
const EXCERPT_CHARS: usize = 60;

/// The beginning of `text`, quoted and escaped, so that an error stays short and printable.
pub(super) fn excerpt(text: &str) -> String {
    let mut start: String = text.chars().take(EXCERPT_CHARS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}
