//! Files that only their owner may read: keys, and what is like them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, read_to_string, remove_file, rename};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The text of a file, if there is one that is ours alone.
pub(crate) fn read(path: &Path) -> Option<String> {
    let facts = File::open(path).and_then(|file| file.metadata()).ok()?;
    let is_private = facts.mode() & 0o077 == 0;
    if !is_private || facts.uid() != rustix::process::geteuid().as_raw() {
        tracing::warn!(file = %path.display(), "others can read this file of keys; another is made");
        return None;
    }
    read_to_string(path).ok()
}

/// Writes the file whole or not at all, for nobody else to read. Makes the directory if need be.
///
/// # Errors
/// When the system does not let us.
pub(crate) fn keep(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let unfinished = directory.join(format!("{name}.{}", std::process::id()));
    match remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&unfinished, directory.join(name))
}
