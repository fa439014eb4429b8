//! A server for one test alone. It can be crashed, and what it acknowledged survives a crash.

use std::io::Write;
use std::thread::sleep;
use std::time::Instant;

use super::{PostgresServer, READY_POLL_INTERVAL, START_TIMEOUT, wait_until_ready};

/// Makes acknowledgements durable, unlike those of the shared server.
const DURABLE: [&str; 2] = ["-c", "synchronous_commit=on"];

impl PostgresServer {
    /// Starts a server for one test alone, even if `TEST_DATABASE_URL` is set. It stops when
    /// this is dropped.
    ///
    /// # Panics
    /// Like [`shared`](Self::shared).
    #[track_caller]
    pub fn own() -> Self {
        Self::start("", "", &DURABLE).unwrap_or_else(|message| panic!("{message}"))
    }

    /// Like [`own`](Self::own), with the data on a separate file system of a size such as `64m`. A
    /// new cluster has 40 MiB. Requires Linux and a user namespace.
    ///
    /// # Panics
    /// Like [`shared`](Self::shared).
    #[track_caller]
    pub fn on_a_disk_of(size: &str) -> Self {
        Self::start(size, "", &DURABLE).unwrap_or_else(|message| panic!("{message}"))
    }

    /// Fills the disk except for half a page of a table, which a disk that fills up by itself often
    /// has left, too. The disk is full shortly after the call.
    ///
    /// # Panics
    /// If the server's supervisor has ended.
    #[track_caller]
    pub fn fill_disk(&self) {
        self.send("fill");
    }

    /// Frees the space that [`fill_disk`](Self::fill_disk) used.
    ///
    /// # Panics
    /// If the server's supervisor has ended.
    #[track_caller]
    pub fn make_room(&self) {
        self.send("make-room");
    }

    /// Starts a synchronous standby of this server. From then on, the server acknowledges only
    /// what the standby has received.
    ///
    /// # Panics
    /// If there is no `pg_basebackup`, or the standby does not follow within two minutes.
    #[track_caller]
    pub fn standby(&self) -> Self {
        let standby = Self::start("", &self.folder(), &DURABLE);
        let standby = standby.unwrap_or_else(|message| panic!("{message}"));
        self.set("synchronous_standby_names", "*");
        let deadline = Instant::now() + START_TIMEOUT;
        let in_step = "SELECT sync_state FROM pg_stat_replication";
        while self.run_sql(in_step) != "sync" {
            assert!(Instant::now() < deadline, "the standby does not follow");
            sleep(READY_POLL_INTERVAL);
        }
        standby
    }

    /// Starts an asynchronous standby of this server, which may be behind.
    ///
    /// # Panics
    /// If there is no `pg_basebackup`, or the standby does not follow within two minutes.
    #[track_caller]
    pub fn replica(&self) -> Self {
        let replica = Self::start("", &self.folder(), &DURABLE);
        let replica = replica.unwrap_or_else(|message| panic!("{message}"));
        let deadline = Instant::now() + START_TIMEOUT;
        while self.run_sql("SELECT state FROM pg_stat_replication") != "streaming" {
            assert!(Instant::now() < deadline, "the standby does not follow");
            sleep(READY_POLL_INTERVAL);
        }
        replica
    }

    /// Promotes a standby, so that it accepts writes.
    ///
    /// # Panics
    /// If the promotion takes longer than a minute.
    #[track_caller]
    pub fn promote(&self) {
        assert_eq!(self.run_sql("SELECT pg_promote()"), "t");
    }

    /// Changes a setting of the server, including for existing sessions.
    ///
    /// # Panics
    /// If the server rejects the change.
    #[track_caller]
    pub fn set(&self, name: &str, value: &str) {
        self.run_sql(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.run_sql("SELECT pg_reload_conf()");
    }

    /// Stops the server like a crash: at once, without a clean shutdown.
    ///
    /// # Panics
    /// If it still runs after two minutes.
    #[track_caller]
    pub fn crash(&self) {
        self.send("stop");
        let deadline = Instant::now() + START_TIMEOUT;
        while self.query(&self.maintenance_url, "SELECT 1").is_ok() {
            assert!(Instant::now() < deadline, "the server still runs");
            sleep(READY_POLL_INTERVAL);
        }
    }

    /// Starts the server again after a [`crash`](Self::crash).
    ///
    /// # Panics
    /// If it is not ready within two minutes.
    #[track_caller]
    pub fn restart(&mut self) {
        self.send("start");
        wait_until_ready(&mut self.supervisor, &self.psql, &self.maintenance_url).unwrap();
    }

    /// The folder of the server's Unix socket, whose port is 5432.
    pub fn folder(&self) -> String {
        let (_, folder) = self.maintenance_url.split_once("host=").unwrap_or_default();
        folder.split('&').next().unwrap_or_default().to_owned()
    }

    /// Runs SQL in the database `postgres`, as [`query`](Self::query) does.
    ///
    /// # Panics
    /// If the server rejects it.
    #[track_caller]
    pub fn run_sql(&self, sql: &str) -> String {
        self.query(&self.maintenance_url, sql).unwrap()
    }

    #[track_caller]
    fn send(&self, command: &str) {
        let mut supervisor = self.supervisor.stdin.as_ref().unwrap();
        writeln!(supervisor, "{command}").unwrap();
    }
}
