//! Instructions for copying a PostgreSQL database with PostgreSQL's own tools.

use std::ffi::OsStr;
use std::path::Path;

use crate::connection::url::PostgresUrl;

pub(crate) fn backup_instructions(url: &PostgresUrl, file: &Path) -> String {
    let (url, file) = (quoted(url.without_passwords()), quoted(file));
    format!(
        "nothing was backed up. Use PostgreSQL's own tools.
A snapshot of this database, while it is in use:
  pg_dump --format=custom --file={file} {url}
The whole server, for point-in-time recovery (with archive_command and wal_level=replica):
  pg_basebackup --pgdata=FOLDER --wal-method=stream --checkpoint=fast --dbname={url}
The password comes from PGPASSWORD or ~/.pgpass."
    )
}

pub(crate) fn to_restore(url: &PostgresUrl, file: &Path) -> String {
    let (url, file) = (quoted(url.without_passwords()), quoted(file));
    format!(
        "nothing was restored. Use PostgreSQL's own tools.
From pg_dump's file into an empty database:
  pg_restore --no-owner --exit-on-error --single-transaction --dbname={url} {file}
A whole server, to a point in time: a base backup with recovery_target_time; see PostgreSQL's manual.
The password comes from PGPASSWORD or ~/.pgpass."
    )
}

/// Quotes one word of a shell command.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    format!("'{}'", word.replace('\'', r"'\''"))
}
