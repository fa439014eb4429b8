//! Detects that SQLite's file was removed or replaced while it is open.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use diesel::ConnectionError;

/// The identity of the file at a path. Connections keep using a file that was removed or replaced,
/// and what they write there is lost when they close.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    identity: Option<Identity>,
}

/// Device and inode.
type Identity = (u64, u64);

impl DatabaseFile {
    /// The file that is at the path now.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            identity: identity(path),
        }
    }

    /// Checks that the same file is still at the path.
    pub(crate) fn check(&self) -> Result<(), ConnectionError> {
        match identity(&self.path) {
            Some(now) if Some(now) == self.identity => Ok(()),
            _ => Err(ConnectionError::BadConnection(
                "the file of the database was removed or replaced: restore it, or restart the service"
                    .into(),
            )),
        }
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
