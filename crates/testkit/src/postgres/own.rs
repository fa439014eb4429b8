//! Servers of a test's own: what they acknowledged outlives a crash, and they can be crashed.

use std::io::Write;
use std::thread::sleep;
use std::time::Instant;

use super::{PostgresServer, READY_POLL_INTERVAL, START_TIMEOUT, wait_until_ready};

/// What the shared server forgoes, and an acknowledgement means nothing without.
const DURABLE: [&str; 2] = ["-c", "synchronous_commit=on"];

impl PostgresServer {
    /// Starts a server for one test alone, also where `TEST_DATABASE_URL` is set. It ends when
    /// this is dropped.
    ///
    /// # Panics
    /// As [`shared`](Self::shared) does.
    #[track_caller]
    pub fn own() -> Self {
        Self::start("", "", &DURABLE).unwrap_or_else(|message| panic!("{message}"))
    }

    /// Starts such a server whose data are on a file system of their own, of a size such as `64m`:
    /// a new cluster has 40 MiB. That takes Linux and a user namespace.
    ///
    /// # Panics
    /// As [`shared`](Self::shared) does.
    #[track_caller]
    pub fn on_a_disk_of(size: &str) -> Self {
        Self::start(size, "", &DURABLE).unwrap_or_else(|message| panic!("{message}"))
    }

    /// Uses up what there still is of the disk, but for half a page of a table: a disk that fills
    /// up on its own has that left as often as not. It is full shortly after.
    ///
    /// # Panics
    /// When the server's supervisor has ended.
    #[track_caller]
    pub fn fill_disk(&self) {
        self.tell("fill");
    }

    /// Gives back what [`fill_disk`](Self::fill_disk) took.
    ///
    /// # Panics
    /// When the server's supervisor has ended.
    #[track_caller]
    pub fn make_room(&self) {
        self.tell("make-room");
    }

    /// Starts a standby of this server, which from then on acknowledges nothing that the standby
    /// does not have.
    ///
    /// # Panics
    /// When there is no `pg_basebackup`, or the standby does not follow within two minutes.
    #[track_caller]
    pub fn standby(&self) -> Self {
        let standby = Self::start("", &self.folder(), &DURABLE);
        let standby = standby.unwrap_or_else(|message| panic!("{message}"));
        self.set("synchronous_standby_names", "*");
        let deadline = Instant::now() + START_TIMEOUT;
        let in_step = "SELECT sync_state FROM pg_stat_replication";
        while self.ask(in_step) != "sync" {
            assert!(Instant::now() < deadline, "the standby does not follow");
            sleep(READY_POLL_INTERVAL);
        }
        standby
    }

    /// Lets a standby take writes from now on.
    ///
    /// # Panics
    /// When it does not within a minute.
    #[track_caller]
    pub fn promote(&self) {
        assert_eq!(self.ask("SELECT pg_promote()"), "t");
    }

    /// Changes a setting of the server, also for sessions that there are.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn set(&self, name: &str, value: &str) {
        self.ask(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.ask("SELECT pg_reload_conf()");
    }

    /// Ends the server as a crash would: at once, in the middle of everything.
    ///
    /// # Panics
    /// When it goes on for two minutes.
    #[track_caller]
    pub fn crash(&self) {
        self.tell("stop");
        let deadline = Instant::now() + START_TIMEOUT;
        while self.query(&self.maintenance_url, "SELECT 1").is_ok() {
            assert!(Instant::now() < deadline, "the server goes on");
            sleep(READY_POLL_INTERVAL);
        }
    }

    /// Starts the server again after a [`crash`](Self::crash).
    ///
    /// # Panics
    /// When it is not ready within two minutes.
    #[track_caller]
    pub fn restart(&mut self) {
        self.tell("start");
        wait_until_ready(&mut self.supervisor, &self.psql, &self.maintenance_url).unwrap();
    }

    /// The folder of the server's Unix socket, whose port is 5432.
    pub fn folder(&self) -> String {
        let (_, folder) = self.maintenance_url.split_once("host=").unwrap_or_default();
        folder.split('&').next().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn ask(&self, sql: &str) -> String {
        self.query(&self.maintenance_url, sql).unwrap()
    }

    #[track_caller]
    fn tell(&self, command: &str) {
        let mut supervisor = self.supervisor.stdin.as_ref().unwrap();
        writeln!(supervisor, "{command}").unwrap();
    }
}
