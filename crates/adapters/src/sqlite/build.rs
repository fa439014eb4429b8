//! Checks that SQLite was built with the flags in `.cargo/config.toml`. Without that file, for
//! example if another workspace builds this crate, everything works, but reads are slow.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::Text;

use crate::connection::store_connection::StoreConnection;

const WANTED: [&str; 7] = [
    "DEFAULT_MEMSTATUS=0",
    "ENABLE_DBPAGE_VTAB",
    "ENABLE_QPSG",
    "LIKE_DOESNT_MATCH_BLOBS",
    "MAX_MMAP_SIZE=1099511627776",
    "OMIT_SHARED_CACHE",
    "THREADSAFE=2",
];
const UNWANTED: [&str; 3] = [
    "ENABLE_API_ARMOR",
    "ENABLE_MEMORY_MANAGEMENT",
    "ENABLE_STAT4",
];

/// Logs a warning if SQLite was built with other flags.
pub(crate) fn check(store: &mut StoreConnection) {
    if let StoreConnection::Sqlite(connection) = store
        && let Ok(differences) = differences(connection)
        && !differences.is_empty()
    {
        tracing::warn!(
            differences = differences.join(" "),
            "SQLite was not built with the flags of .cargo/config.toml: reads are slow, and erased \
             data may remain in unused space of the file"
        );
    }
}

/// Returns the missing flags, and the unwanted ones with a minus.
fn differences(connection: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    let options = sql::<Text>("compile_options FROM pragma_compile_options");
    let built: Vec<String> = select(options).load(connection)?;
    let has = |option: &str| built.iter().any(|built| built == option);
    let missing = WANTED.into_iter().filter(|option| !has(option));
    let unwanted = UNWANTED.into_iter().filter(|option| has(option));
    Ok(missing
        .map(str::to_owned)
        .chain(unwanted.map(|option| format!("-{option}")))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_is_built_with_the_flags_of_the_workspace() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        assert_eq!(differences(&mut connection).unwrap(), [""; 0]);
    }
}
