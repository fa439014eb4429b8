use std::path::PathBuf;

use addressbook_domain::{Engine, OpenError, OpenMode, Store};

use crate::RedbStore;

/// A redb file that is not open yet.
pub struct RedbEngine {
    /// The path of the file.
    pub path: PathBuf,
}

impl Engine for RedbEngine {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn location(&self) -> String {
        format!("redb://{}", self.path.display())
    }

    fn open(&self, mode: OpenMode) -> Result<Store, OpenError> {
        let location = self.location();
        if mode == OpenMode::Existing && !self.path.exists() {
            return Err(OpenError::Missing { location });
        }
        match RedbStore::open(&self.path) {
            Ok(store) => Ok(Store::of(store)),
            Err(error) => Err(OpenError::Unreachable {
                location,
                reason: error.to_string(),
            }),
        }
    }
}
