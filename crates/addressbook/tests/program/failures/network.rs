//! A network between the service and PostgreSQL that can simulate each fault.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use addressbook_testkit::postgres::PostgresServer;

/// When to cut the connection of a creation's commit, if at all.
const NONE: u8 = 0;
const BEFORE_COMMIT: u8 = 1;
const AFTER_COMMIT: u8 = 2;

pub(super) struct Network {
    port: u16,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// The number of connections so far.
    connections: AtomicU64,
    /// Nothing arrives on connections before this number.
    silent_before: AtomicU64,
    cut: AtomicU8,
}

impl Network {
    /// Listens on a free port, and forwards connections to the server's Unix socket.
    pub(super) fn to(server: &PostgresServer) -> Self {
        let socket = format!("{}/.s.PGSQL.5432", server.folder());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Arc::<Faults>::default();
        let for_thread = Arc::clone(&faults);
        thread::spawn(move || {
            for client in listener.incoming() {
                let number = for_thread.connections.fetch_add(1, Ordering::SeqCst);
                // The server may have stopped with its test.
                if let Ok(server) = UnixStream::connect(&socket) {
                    connect(client.unwrap(), server, number, &for_thread);
                }
            }
        });
        Self { port, faults }
    }

    /// The URL of a database of the server, through this network. Turns off TCP keepalives and
    /// timeouts, so that the system does not detect a silent connection.
    pub(super) fn url(&self, database_url: &str) -> String {
        let database = database_url.split("///").nth(1).unwrap();
        let database = database.split('?').next().unwrap();
        format!(
            "postgres://postgres@127.0.0.1:{}/{database}?keepalives=0&tcp_user_timeout=0",
            self.port
        )
    }

    /// From now on nothing arrives, and no connection is closed.
    pub(super) fn fall_silent(&self) {
        self.faults.silent_before.store(u64::MAX, Ordering::SeqCst);
    }

    /// Everything arrives again, including what was sent meanwhile.
    pub(super) fn recover(&self) {
        self.faults.silent_before.store(0, Ordering::SeqCst);
    }

    /// New connections work. Existing ones stay silent for ever.
    pub(super) fn recover_for_new_connections(&self) {
        let so_far = self.faults.connections.load(Ordering::SeqCst);
        self.faults.silent_before.store(so_far, Ordering::SeqCst);
    }

    /// Cuts the connection of the next creation before its commit arrives.
    pub(super) fn cut_before_commit(&self) {
        self.faults.cut.store(BEFORE_COMMIT, Ordering::SeqCst);
    }

    /// Cuts the connection of the next creation after its commit arrives, before the response does.
    pub(super) fn cut_after_commit(&self) {
        self.faults.cut.store(AFTER_COMMIT, Ordering::SeqCst);
    }
}

impl Faults {
    fn wait_while_silent(&self, number: u64) {
        while number < self.silent_before.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(10));
        }
    }

    fn take_cut(&self, wanted: u8) -> bool {
        let taken = (self.cut).compare_exchange(wanted, NONE, Ordering::SeqCst, Ordering::SeqCst);
        taken.is_ok()
    }
}

fn connect(client: TcpStream, server: UnixStream, number: u64, faults: &Arc<Faults>) {
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let for_thread = Arc::clone(faults);
    thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        let mut creates = false;
        while let Ok(length @ 1..) = from_client.read(&mut bytes) {
            for_thread.wait_while_silent(number);
            let contains = |word: &[u8]| bytes[..length].windows(word.len()).any(|at| at == word);
            // Other tasks commit too, such as the pruning of idempotency records.
            creates |= contains(b"Kigali");
            let commits = creates && contains(b"COMMIT");
            creates &= !commits;
            if commits && for_thread.take_cut(BEFORE_COMMIT) {
                break;
            }
            let answerless = commits && for_thread.take_cut(AFTER_COMMIT);
            if answerless {
                // Before the commit is sent, so that no response can be faster.
                let _ = from_client.shutdown(Shutdown::Write);
            }
            if to_server.write_all(&bytes[..length]).is_err() || answerless {
                // The server processes what arrived, and then finds the connection closed.
                let _ = to_server.shutdown(Shutdown::Write);
                let _ = from_client.shutdown(Shutdown::Both);
                return;
            }
        }
        let _ = to_server.shutdown(Shutdown::Both);
        let _ = from_client.shutdown(Shutdown::Both);
    });
    let faults = Arc::clone(faults);
    thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from_server.read(&mut bytes) {
            faults.wait_while_silent(number);
            if to_client.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
}
