//! Resume tokens: what makes a later join the same peer.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// Bytes of a token: no guess will ever hit one.
const TOKEN_LEN: usize = 16;

/// A secret that a client got with its join, and shows to be the same peer again.
#[derive(Clone)]
pub struct Token([u8; TOKEN_LEN]);

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

impl Token {
    /// A token that nobody can guess.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Token, NoRandomness> {
        let mut bytes = [0; TOKEN_LEN];
        SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Token(bytes))
    }

    /// A token of known bytes, for tests.
    pub const fn from_bytes(bytes: [u8; TOKEN_LEN]) -> Token {
        Token(bytes)
    }

    /// The token as text: lower-case hexadecimal.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads the text of a token.
    pub fn parse(text: &str) -> Option<Token> {
        let digits: Vec<u8> =
            text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d)).collect();
        if digits.len() == 2 * TOKEN_LEN { bytes.try_into().ok().map(Token) } else { None }
    }

    /// Whether they are the same, in a time that tells nothing.
    pub fn is(&self, other: &Token) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// A secret shows itself in no log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
