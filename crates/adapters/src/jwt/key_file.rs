use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use super::JwtKeysError;
use super::key_set::KeySet;

/// How often the file is checked for changes.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum size of the file, in bytes.
const MAX_LEN: u64 = 1024 * 1024;

/// The current keys of a file. A thread reads the file periodically, so that no request waits
/// for it. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct KeyFile {
    keys: Shared,
    _watching: Sender<()>,
}

impl KeyFile {
    pub(super) fn open(path: PathBuf) -> Result<Self, JwtKeysError> {
        let (watch, keys) = Watch::start(path)?;
        let (watching, end) = channel();
        thread::Builder::new()
            .name("jwt-keys".into())
            .spawn(move || watch.until(&end))
            .map_err(JwtKeysError::Thread)?;
        Ok(Self {
            keys,
            _watching: watching,
        })
    }

    pub(super) fn current(&self) -> Arc<KeySet> {
        // A panic elsewhere cannot leave the pointer half updated.
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }
}

type Shared = Arc<RwLock<Arc<KeySet>>>;

pub(super) struct Watch {
    path: PathBuf,
    /// The text that was read last, or the reason why it could not be read.
    seen: Result<String, String>,
    keys: Shared,
}

impl Watch {
    pub(super) fn start(path: PathBuf) -> Result<(Self, Shared), JwtKeysError> {
        let text = read(&path).map_err(JwtKeysError::Read)?;
        let keys = Arc::new(RwLock::new(Arc::new(KeySet::parse(&text)?)));
        let watch = Self {
            path,
            seen: Ok(text),
            keys: keys.clone(),
        };
        Ok((watch, keys))
    }

    fn until(mut self, end: &Receiver<()>) {
        while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            match self.reload_if_changed() {
                Some(Ok(())) => tracing::info!("the keys for JSON Web Tokens have changed"),
                Some(Err(reason)) => {
                    tracing::warn!(
                        reason,
                        "cannot read the keys for JSON Web Tokens; the previous keys stay in use"
                    );
                }
                None => {}
            }
        }
    }

    /// Reads the file and replaces the keys if it changed; returns `None` if it did not. Compares
    /// contents instead of modification times, which are too coarse on some file systems and do
    /// not change with some ways to replace a file.
    pub(super) fn reload_if_changed(&mut self) -> Option<Result<(), String>> {
        let read = read(&self.path).map_err(JwtKeysError::Read);
        let seen = read.map_err(|error| error.to_string());
        if seen == self.seen {
            return None;
        }
        let text = seen.as_ref().map_err(String::clone);
        let keys = text.and_then(|text| KeySet::parse(text).map_err(|error| error.to_string()));
        self.seen = seen;
        Some(keys.map(|keys| {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        }))
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?
        .take(MAX_LEN + 1)
        .read_to_string(&mut text)?;
    if length as u64 > MAX_LEN {
        return Err(io::Error::other("the file is larger than 1 MiB"));
    }
    Ok(text)
}
