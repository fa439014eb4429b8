use std::fs;
use std::path::Path;

use addressbook_domain::{Examination, Finding};
use rusqlite::Connection;
use rustix::fs::{Access, access};

use crate::connection::migrations::folder_of;
use crate::connection::schema_state::SchemaState;
use crate::doctor::{NEWEST_BOOK, books, clock, schema, wrong_books};
use crate::sqlite::file::{Thoroughness, fault, open_to_read};
use crate::store::error::file_reason;

pub(crate) fn examine(path: &Path, how: &Examination) -> Vec<Finding> {
    let mut findings = match path.exists() {
        true => examine_file(path, how),
        false => vec![Finding::failed(
            "database",
            format!(
                "does not exist at {}: run addressbook migrate to create it; if it existed before, \
                 check --database-url, or restore a backup",
                path.display()
            ),
        )],
    };
    findings.extend(disk_space(path));
    findings
}

fn examine_file(path: &Path, how: &Examination) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = examine_contents(path, how, &mut findings) {
        findings.push(Finding::failed(
            "database",
            format!("{} cannot be read: {}", path.display(), file_reason(&error)),
        ));
    }
    findings.push(wal_size(path));
    findings.push(permissions(path));
    findings
}

fn examine_contents(
    path: &Path,
    how: &Examination,
    findings: &mut Vec<Finding>,
) -> rusqlite::Result<()> {
    let connection = open_to_read(path)?;
    let found = SchemaState::of_sqlite(&connection)?;
    findings.push(Finding::ok(
        "database",
        format!("{} can be read", path.display()),
    ));
    let unexpected = match found {
        SchemaState::Current => found.unexpected(&connection),
        _ => Ok(None),
    };
    findings.push(match unexpected {
        Ok(None) => schema(&found),
        Ok(Some(object)) => Finding::failed(
            "schema",
            format!(
                "contains {object}, which Addressbook did not create: find out who created \
                 it, or drop it; it may change stored data"
            ),
        ),
        Err(error) => Finding::failed("schema", format!("cannot be compared: {error}")),
    });
    let thoroughness = if how.full {
        Thoroughness::Full
    } else {
        Thoroughness::Quick
    };
    findings.push(match fault(&connection, thoroughness)? {
        None => Finding::ok("integrity", "SQLite finds no error"),
        Some(fault) => Finding::failed(
            "integrity",
            format!("{fault}: stop the service, keep the files, and restore the last good backup"),
        ),
    });
    if found == SchemaState::Foreign {
        return Ok(());
    }
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
    findings.push(books(number(&wrong_books(how.full, &found))?, how.full));
    findings.push(clock(number(NEWEST_BOOK)?, how.now));
    Connection::close(connection).map_err(|(_, error)| error)
}

/// The service's WAL grows to 64 MiB, and to twice that under load.
const LONG_LOG_BYTES: u64 = 256 << 20;

fn wal_size(path: &Path) -> Finding {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let bytes = fs::metadata(Path::new(&wal)).map_or(0, |wal| wal.len());
    let mib = bytes >> 20;
    match bytes > LONG_LOG_BYTES {
        false => Finding::ok("WAL", format!("the write-ahead log (WAL) has {mib} MiB")),
        true => Finding::warning(
            "WAL",
            format!(
                "the write-ahead log (WAL) has {mib} MiB: end the long read transaction of \
                 another program or, with `--sqlite-checkpoints external`, start the program that \
                 makes the checkpoints"
            ),
        ),
    }
}

fn permissions(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let open = fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o077);
    let folder = folder_of(path).unwrap_or(Path::new("."));
    let may_write = |path: &Path| access(path, Access::WRITE_OK).is_ok();
    match open {
        _ if path.exists() && !(may_write(path) && may_write(folder)) => Finding::failed(
            "permissions",
            format!(
                "this user may not write {} or its folder: writes fail with 503, or the service \
                 does not start",
                path.display()
            ),
        ),
        0 => Finding::ok("permissions", "only the owner can access the file"),
        _ => Finding::warning(
            "permissions",
            format!(
                "other users can open the file: chmod go= '{}'",
                path.display()
            ),
        ),
    }
}

/// Size of the WAL under load. With less free space, writes will fail.
const NEEDED_BYTES: u64 = 128 << 20;

fn disk_space(path: &Path) -> Option<Finding> {
    let folder = folder_of(path).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let database_bytes = fs::metadata(path).map_or(0, |file| file.len());
    Some(room(free_bytes, database_bytes))
}

fn room(free_bytes: u64, database_bytes: u64) -> Finding {
    let mib = free_bytes >> 20;
    if free_bytes < NEEDED_BYTES {
        Finding::failed(
            "disk",
            format!("{mib} MiB are free, and the WAL alone may need 128: free some space"),
        )
    } else if free_bytes < NEEDED_BYTES + database_bytes {
        Finding::warning(
            "disk",
            format!("{mib} MiB are free, not enough for a copy of the database: free some space"),
        )
    } else {
        Finding::ok("disk", format!("{mib} MiB are free"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use addressbook_domain::Verdict;

    #[test]
    fn disk_space_is_needed_for_the_wal_and_for_a_copy() {
        const MIB: u64 = 1 << 20;
        for (free_bytes, database_bytes, verdict) in [
            (0, 0, Verdict::Failed),
            (128 * MIB - 1, 0, Verdict::Failed),
            (128 * MIB, 0, Verdict::Ok),
            (128 * MIB, MIB, Verdict::Warning),
            (129 * MIB - 1, MIB, Verdict::Warning),
            (129 * MIB, MIB, Verdict::Ok),
        ] {
            let found = room(free_bytes, database_bytes);
            let bad = found.verdict != Verdict::Ok;
            assert_eq!(found.verdict, verdict, "{free_bytes} {database_bytes}");
            assert_eq!(
                found.message.contains("free some space"),
                bad,
                "{}",
                found.message
            );
        }
    }
}
