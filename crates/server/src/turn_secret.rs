//! The secret of TURN's credentials, kept from start to start: pages that outlive a server go on with those that they have.

use std::path::Path;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use parlor_rtc::turn::Secret;

use crate::private_file;

/// The file, in the directory of the server's state.
const FILE_NAME: &str = "turn-secret";

/// Bytes of the secret; the file has twice as many hexadecimal digits and the end of a line.
const LEN: usize = 32;

/// The secret that is kept in `directory`, or a new one, which is kept there then. None without a directory, or when the system
/// gives no randomness. One that cannot be kept serves until the server stops.
pub(crate) fn kept_in(directory: Option<&Path>) -> Option<Secret> {
    let directory = directory?;
    if let Some(kept) = private_file::read(&directory.join(FILE_NAME)).and_then(|text| read(&text))
    {
        return Some(Secret::new(&kept));
    }
    let mut bytes = [0; LEN];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Err(error) = private_file::keep(directory, FILE_NAME, &format!("{text}\n")) {
        tracing::info!(directory = %directory.display(), %error, "TURN's secret is not kept (--state-dir)");
    }
    Some(Secret::new(&bytes))
}

fn read(text: &str) -> Option<[u8; LEN]> {
    let digits = text.trim_end().as_bytes();
    let mut bytes = [0; LEN];
    if digits.len() != 2 * LEN {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What tells secrets apart.
    fn password(secret: Option<Secret>) -> String {
        secret.unwrap().password_of("1:p1")
    }

    #[test]
    fn the_next_start_has_the_secret_of_this_one() {
        let state = tempfile::tempdir().unwrap();
        let directory = state.path().join("parlor");
        let first = password(kept_in(Some(&directory)));
        assert_eq!(password(kept_in(Some(&directory))), first);
        let mode = fs::metadata(directory.join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(kept_in(None).is_none());
    }

    #[test]
    fn a_file_that_is_broken_or_that_others_can_read_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join(FILE_NAME);
        let first = password(kept_in(Some(state.path())));
        let written = fs::read_to_string(&file).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let second = password(kept_in(Some(state.path())));
        assert_ne!(second, first);
        for broken in ["", "00", &written.replace(|_: char| true, "x"), &written[1..]] {
            private_file::keep(state.path(), FILE_NAME, broken).unwrap();
            let another = password(kept_in(Some(state.path())));
            assert!(another != second && another != first);
            assert_eq!(password(kept_in(Some(state.path()))), another);
        }
    }

    #[test]
    fn a_secret_that_cannot_be_kept_serves_all_the_same() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(kept_in(Some(&file)).is_some());
    }
}
