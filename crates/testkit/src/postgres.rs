//! A throwaway PostgreSQL for tests: one server per test process, one database per test.
//!
//! ```no_run
//! use std::sync::LazyLock;
//! use addressbook_testkit::postgres::PostgresServer;
//!
//! /// Migrated once. Each test gets a copy, which takes a twentieth of a second.
//! static MIGRATED: LazyLock<String> = LazyLock::new(|| {
//!     let url = PostgresServer::shared().create_database();
//!     // migrate(&url), and close every connection to it
//!     url
//! });
//!
//! let url = PostgresServer::shared().copy_database(&MIGRATED);
//! ```
//!
//! If `TEST_DATABASE_URL` is set, the databases are created on that server, by `psql` from
//! `$PG_BIN` or `PATH`. The URL's role must be allowed to create databases.
//!
//! Otherwise, a server is started from the first installation that has `initdb`, in this order:
//! `$PG_BIN`, `PATH`, `pg_config --bindir`, the folders of Debian and Homebrew, and what
//! `./scripts/test` unpacked. It listens only on a Unix socket, and all durability is turned off.
//! The start takes about a second per test process. For a runner with one process per test, one
//! server in `TEST_DATABASE_URL` is faster.
//!
//! Nothing is left behind, however the test process ends: a small shell holds the other end of a
//! pipe, and cleans up when the pipe closes. `Drop` is not enough, because it does not run when
//! the process is killed, nor for a `static`.
//!
//! If PostgreSQL is missing, tests fail with a list of remedies: a skipped test proves nothing.
//!
//! A test that stops its server starts a separate one with [`PostgresServer::own`].

mod own;

use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Read, Seek};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(120);
const READY_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Where `./scripts/test` creates a link to the programs that it unpacked.
const DOWNLOADED_BIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/postgresql/bin");

const REMEDIES: &str = "\
no initdb of PostgreSQL found in PG_BIN or, without PG_BIN, in the usual places. Do one of these:
  * run the tests with ./scripts/test, which finds or downloads PostgreSQL
  * Debian, Ubuntu: apt-get install postgresql
  * macOS: brew install postgresql@17
  * PG_BIN=/folder/of/initdb cargo test
  * TEST_DATABASE_URL=postgres://user:password@host/postgres cargo test
    (a server on which this role may create databases; needs psql)";

/// Creates a cluster and runs its server. Stops and starts it on command. When the tests' end of
/// the pipe closes, stops it and removes everything. Arguments: the cluster's folder, the
/// programs' folder, the size of the cluster's file system (empty: no separate one), the folder of
/// the server that the cluster copies and follows (empty: none), and options of the server.
const SUPERVISE_SERVER: &str = r#"
folder=$1 bin=$2 disk=$3 primary=$4
shift 4
trap '' HUP INT TERM    # signals are for the tests: this shell must outlive them to clean up

new_cluster() {
    "$bin/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 \
        --no-sync --no-instructions "$@"
}

# A collation that differs from byte order, like that of most real databases, reveals queries that
# do not request byte order. Not every build has ICU, and not every system has C.UTF-8.
make_cluster() {
    if [ -n "$primary" ]; then
        "$bin/pg_basebackup" --host="$primary" --username=postgres --pgdata=data \
            --checkpoint=fast --write-recovery-conf --no-sync
    else
        new_cluster --locale-provider=icu --icu-locale=en-US --locale=C.UTF-8 ||
        new_cluster --locale=C.UTF-8 ||
        new_cluster --locale=C
    fi
}

start() {
    "$bin/postgres" -D data -k "$folder" -p 5432 -c listen_addresses= -c max_connections=200 \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off "$@" &
    server=$!
}

# Repeats the signal, because a server that has just started misses it.
stop() {
    while kill -QUIT $server; do sleep 0.1; done 2>/dev/null
}

make_disk() {
    if [ -n "$disk" ]; then
        mkdir data && mount -t tmpfs -o "size=$disk" addressbook data
    fi
}

make_disk && make_cluster && {
    start "$@"
    while read -r command; do
        case $command in
        stop) stop ;;
        start) start "$@" ;;
        fill) cat /dev/zero >data/ballast; truncate -s -4096 data/ballast ;;
        make-room) rm data/ballast ;;
        esac
    done
    stop
}
if [ -n "$disk" ]; then umount data; fi
cd / && rm -rf "$folder"
"#;

/// Waits until the tests' end of the pipe closes, and then runs SQL. Arguments: psql, URL, SQL.
const RUN_AT_END: &str = r#"
trap '' HUP INT TERM
read -r _
printf '%s\n' "$3" | "$1" --no-psqlrc --quiet --dbname="$2"
"#;

/// A running PostgreSQL server that provides each test with a separate database.
#[derive(Debug)]
pub struct PostgresServer {
    psql: PathBuf,
    /// The URL of the database from which others are created.
    maintenance_url: String,
    /// The prefix of the names of this process's databases.
    prefix: String,
    databases: AtomicU32,
    /// Cleans up as soon as its standard input closes, so it must live as long as the server.
    supervisor: Child,
}

impl PostgresServer {
    /// Returns the server of this test process. The first call starts it.
    ///
    /// # Panics
    /// If there is no PostgreSQL, or it does not start within two minutes. The message says what
    /// to do, or contains the server's log.
    #[track_caller]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<PostgresServer, String>> = OnceLock::new();
        let started = SHARED.get_or_init(|| match setting("TEST_DATABASE_URL") {
            Some(url) => Self::connect(url),
            None => Self::start("", "", &[]),
        });
        match started {
            Ok(server) => server,
            Err(message) => panic!("{message}"),
        }
    }

    /// Creates an empty database. Returns its URL, in a form that libpq accepts.
    ///
    /// # Panics
    /// If the server returns an error.
    #[track_caller]
    pub fn create_database(&self) -> String {
        self.create("")
    }

    /// Creates a copy of the database at `template_url`, which must be on this server. Returns the
    /// copy's URL.
    ///
    /// # Panics
    /// If the server returns an error, for example because a client is still connected to the
    /// template.
    #[track_caller]
    pub fn copy_database(&self, template_url: &str) -> String {
        let (_, template, _) = split_at_database(template_url);
        self.create(&format!("TEMPLATE \"{template}\""))
    }

    /// Runs SQL in a database, by `psql`. Returns the rows as lines, with columns separated by `|`.
    ///
    /// # Errors
    /// The message of `psql` if the database cannot be reached or a statement fails.
    pub fn query(&self, database_url: &str, sql: &str) -> Result<String, String> {
        run_psql(&self.psql, database_url, sql)
    }

    #[track_caller]
    fn create(&self, options: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_{number}", self.prefix);
        let sql = format!("CREATE DATABASE \"{name}\" {options}");
        match self.query(&self.maintenance_url, &sql) {
            Ok(_) => with_database(&self.maintenance_url, &name),
            Err(message) => panic!("cannot create a test database: {message}"),
        }
    }

    /// Uses a running server. The supervisor drops the databases of this process.
    fn connect(url: String) -> Result<Self, String> {
        if !url.contains("://") {
            return Err("TEST_DATABASE_URL must be a URL: postgres://user@host/postgres".into());
        }
        let psql = setting("PG_BIN").map_or("psql".into(), |bin| Path::new(&bin).join("psql"));
        run_psql(&psql, &url, "SELECT 1")
            .map_err(|message| format!("cannot use TEST_DATABASE_URL: {message}"))?;

        let prefix = unique_prefix();
        let drop_databases = format!(
            "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database \
             WHERE starts_with(datname, '{prefix}') \\gexec"
        );
        let supervisor = supervisor(Command::new("sh"), RUN_AT_END)
            .arg(&psql)
            .args([&url, &drop_databases])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(context("cannot run sh"))?;
        Ok(Self {
            psql,
            maintenance_url: url,
            prefix,
            databases: AtomicU32::new(0),
            supervisor,
        })
    }

    /// Starts a new server in a new folder. If `disk` is not empty, it has a separate file system
    /// of that size. If `primary` is not empty, it copies and follows the server in that folder.
    fn start(disk: &str, primary: &str, options: &[&str]) -> Result<Self, String> {
        let bin = find_programs()?;
        // Not `env::temp_dir()`: the path of a Unix socket must stay below a hundred bytes.
        let folder = TempDir::with_prefix_in("addressbook-pg-", "/tmp")
            .map_err(context("cannot create a folder in /tmp"))?;
        let user = server_user(folder.path())?;
        let bin = reachable_programs(bin, folder.path(), user)?;
        let psql = Some(bin.join("psql"))
            .filter(|psql| psql.is_file())
            .unwrap_or("psql".into());

        let mut log = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(folder.path().join("log"))
            .map_err(context("cannot create the server's log"))?;
        let log_writer = || log.try_clone().map_err(context("cannot share the log"));
        let shell = match disk {
            "" => Command::new("sh"),
            _ => shell_that_mounts(),
        };
        let mut command = supervisor(shell, SUPERVISE_SERVER);
        command
            .arg(folder.path())
            .arg(&bin)
            .args([disk, primary])
            .args(options)
            .current_dir(folder.path())
            .stdout(log_writer()?)
            .stderr(log_writer()?);
        run_as(&mut command, user);
        let mut supervisor = command.spawn().map_err(context("cannot run sh"))?;
        let folder = folder.keep(); // from here on the supervisor removes it

        let maintenance_url = format!(
            "postgres:///postgres?host={}&port=5432&user=postgres",
            folder.display()
        );
        if let Err(reason) = wait_until_ready(&mut supervisor, &psql, &maintenance_url) {
            let mut text = String::new();
            // The open file outlives its folder, which the supervisor may have removed.
            let _ = log.rewind().and_then(|()| log.read_to_string(&mut text));
            return Err(format!(
                "PostgreSQL of {} {reason}. Its log:\n{text}",
                bin.display()
            ));
        }
        Ok(Self {
            psql,
            maintenance_url,
            prefix: unique_prefix(),
            databases: AtomicU32::new(0),
            supervisor,
        })
    }
}

/// A shell that shares only the pipe with the tests. A Ctrl-C in the terminal, or a test runner
/// that kills the tests' process group, must not reach it.
fn supervisor(mut shell: Command, script: &str) -> Command {
    shell
        .args(["-c", script, "addressbook-test-supervisor"])
        .stdin(Stdio::piped())
        .process_group(0);
    shell
}

/// A shell with private mounts. Only root may mount otherwise, but `PostgreSQL` must not run as
/// root. So the shell keeps its user and gets the required rights from a user namespace.
fn shell_that_mounts() -> Command {
    let mut shell = Command::new("unshare");
    shell.args([
        "--user",
        "--map-current-user",
        "--keep-caps",
        "--mount",
        "sh",
    ]);
    shell
}

fn wait_until_ready(supervisor: &mut Child, psql: &Path, url: &str) -> Result<(), String> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let Err(not_ready) = run_psql(psql, url, "SELECT 1") else {
            return Ok(());
        };
        if let Ok(Some(_)) = supervisor.try_wait() {
            return Err("did not start".into());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "was not ready after {} s ({not_ready})",
                START_TIMEOUT.as_secs()
            ));
        }
        sleep(READY_POLL_INTERVAL);
    }
}

fn run_psql(psql: &Path, url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set=ON_ERROR_STOP=1", "--dbname", url, "--command", sql])
        .env("PGCONNECT_TIMEOUT", "10")
        .stdin(Stdio::null())
        .output()
        .map_err(context(format!("cannot run {}", psql.display())))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// An environment variable, unless it is empty.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the folder of the first `initdb` found, with symbolic links resolved: the other
/// programs are beside the real file, not beside the link.
fn find_programs() -> Result<PathBuf, String> {
    let places = match setting("PG_BIN") {
        Some(bin) => vec![bin.into()],
        None => places_of_programs(),
    };
    let mut found = places.iter().filter_map(|bin| {
        let initdb = bin.join("initdb").canonicalize().ok()?;
        initdb.parent().map(Path::to_owned)
    });
    found.next().ok_or_else(|| REMEDIES.into())
}

fn places_of_programs() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<_> = env::split_paths(&path).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        places.push(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    places.extend(newest_first("/usr/lib/postgresql", ""));
    places.extend(newest_first("/opt/homebrew/opt", "postgresql"));
    places.extend(newest_first("/usr/local/opt", "postgresql"));
    places.push(DOWNLOADED_BIN.into());
    places
}

/// The `bin` folders of the installations in `folder` whose names are `prefix` and a major version
/// (`17`, `postgresql@17`), highest version first.
fn newest_first(folder: &str, prefix: &str) -> Vec<PathBuf> {
    let mut installations: Vec<(u32, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.trim_start_matches('@');
            Some((version.parse().unwrap_or(0), entry.path().join("bin")))
        })
        .collect();
    installations.sort_by(|one, other| other.cmp(one));
    installations.into_iter().map(|(_, bin)| bin).collect()
}

/// A user and its group, by number.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// Returns the user to run the server as if we are root, because PostgreSQL refuses to run as root:
/// `postgres`, or `nobody` if there is none. That user then owns `folder`. `None` if we are not
/// root.
fn server_user(folder: &Path) -> Result<Option<User>, String> {
    let created = folder.metadata().map_err(context("cannot read /tmp"))?;
    if created.uid() != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").map_err(context("cannot read /etc/passwd"))?;
    let user = find_user(&passwd, "postgres")
        .or_else(|| find_user(&passwd, "nobody"))
        .ok_or("PostgreSQL refuses to run as root, and there is no user postgres or nobody")?;
    chown(folder, Some(user.uid), Some(user.gid))
        .map_err(context("cannot change a folder's owner"))?;
    Ok(Some(user))
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        // macOS writes the number of `nobody` as -2.
        let mut number = || Some(fields.next()?.parse::<i32>().ok()?.cast_unsigned());
        let _password = number();
        Some(User {
            uid: number()?,
            gid: number()?,
        })
    })
}

fn run_as(command: &mut Command, user: Option<User>) {
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
}

/// Returns the programs' folder. If `user` cannot enter it, for example below `/root`, copies it
/// to `folder` and returns the copy.
fn reachable_programs(bin: PathBuf, folder: &Path, user: Option<User>) -> Result<PathBuf, String> {
    let Some(user) = user else { return Ok(bin) };
    let mut attempt = Command::new(bin.join("initdb"));
    attempt.arg("--version").current_dir(folder);
    run_as(&mut attempt, Some(user));
    match attempt.output() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        _ => return Ok(bin),
    }

    let downloaded = Path::new(DOWNLOADED_BIN).parent().map(Path::canonicalize);
    let installation = match downloaded {
        // The libraries are beside the installation, so copy the whole download.
        Some(Ok(downloaded)) if bin.starts_with(&downloaded) => downloaded,
        _ => bin.parent().unwrap_or(&bin).to_owned(),
    };
    let copy = folder.join("installation");
    copy_folder(&installation, &copy, user).map_err(context("cannot copy PostgreSQL"))?;
    let inside = bin.strip_prefix(&installation).unwrap_or(Path::new("bin"));
    Ok(copy.join(inside))
}

/// Copies a folder with all its contents. The new folders belong to `user`, who must be able to
/// remove them.
fn copy_folder(from: &Path, to: &Path, user: User) -> std::io::Result<()> {
    fs::create_dir(to)?;
    chown(to, Some(user.uid), Some(user.gid))?;
    for entry in fs::read_dir(from)? {
        let (from, to) = (entry?.path(), to);
        let Some(name) = from.file_name() else {
            continue;
        };
        if from.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, to.join(name))?;
        } else if from.is_dir() {
            copy_folder(&from, &to.join(name), user)?;
        } else {
            fs::copy(&from, to.join(name))?;
        }
    }
    Ok(())
}

/// Returns a unique prefix for the names of this process's databases: several test processes may
/// share one server.
fn unique_prefix() -> String {
    // The standard library's only source of randomness.
    let random = RandomState::new().build_hasher().finish();
    format!("addressbook_test_{random:016x}")
}

fn with_database(url: &str, name: &str) -> String {
    let (server, _, parameters) = split_at_database(url);
    format!("{server}/{name}{parameters}")
}

/// Splits `scheme://authority/database?parameters` into the part before the database's name (and
/// its slash), the name, and the parameters with their question mark.
fn split_at_database(url: &str) -> (&str, &str, &str) {
    let parameters = url.find('?').unwrap_or(url.len());
    let authority = url.find("://").map_or(0, |at| at + "://".len());
    let slash = url[authority..parameters]
        .find('/')
        .map_or(parameters, |at| authority + at);
    let name = url[slash..parameters].trim_start_matches('/');
    (&url[..slash], name, &url[parameters..])
}

/// Converts an I/O error into a message that says what was attempted.
fn context(attempt: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> String {
    move |error| format!("{attempt}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_replaced_in_every_form_of_url() {
        for (url, expected) in [
            (
                "postgres://me:pw@host:5433/old",
                "postgres://me:pw@host:5433/new",
            ),
            (
                "postgres://me@host/old?sslmode=require",
                "postgres://me@host/new?sslmode=require",
            ),
            ("postgresql://host", "postgresql://host/new"),
            (
                "postgres:///old?host=/tmp/x&user=me",
                "postgres:///new?host=/tmp/x&user=me",
            ),
            ("postgres://?host=/tmp/x", "postgres:///new?host=/tmp/x"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd = "nobody2:x:1:1::/:/bin/sh\npostgres:x:101:104:PostgreSQL:/var:/bin/sh\n\
                      nobody:*:-2:-2::/:/bin/false\n";
        let numbers = |name| find_user(passwd, name).map(|user| (user.uid, user.gid));
        assert_eq!(numbers("postgres"), Some((101, 104)));
        assert_eq!(numbers("nobody"), Some((u32::MAX - 1, u32::MAX - 1)));
        assert_eq!(numbers("root"), None);
    }
}
