use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use addressbook_testkit::postgres::PostgresServer;
use addressbook_testkit::sqlite;
use tempfile::TempDir;

pub(crate) const EXAMPLE: &str = include_str!("../../src/demo/example.ndjson");
pub(crate) const EXAMPLE_RESPONSE: &str = include_str!("../example-response.json");
pub(crate) const EXAMPLE_PATH: &str =
    "/v1/customers/cus_01h1w8r7s2v4l5m6n7p8j9k0q2/addresses?limit=2&offset=0";

/// Where a test runs the program: an empty folder, and a database that does not exist or is
/// empty.
pub(crate) struct TestDir {
    pub(crate) folder: TempDir,
    pub(crate) database_url: String,
}

impl TestDir {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let database_url = format!("sqlite://{}/data/a.db", folder.path().display());
        Self {
            folder,
            database_url,
        }
    }

    pub(crate) fn postgres() -> Self {
        Self::at(PostgresServer::shared().create_database())
    }

    pub(crate) fn at(database_url: String) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            database_url,
        }
    }

    /// The program with the database as its only setting.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare_program(arguments);
        command.env("ADDRESSBOOK_DATABASE_URL", &self.database_url);
        command
    }

    /// The program without any settings.
    pub(crate) fn bare_program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_addressbook"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_remove("DATABASE_URL");
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("ADDRESSBOOK_") || text.starts_with("OTEL_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// The program, started by a shell that first runs `limits`.
    pub(crate) fn program_under(&self, limits: &str, arguments: &[&str]) -> Command {
        let program = self.program(arguments);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!(r#"{limits}; exec "$0" "$@""#)])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(&self.folder)
            .env("ADDRESSBOOK_DATABASE_URL", &self.database_url);
        shell
    }

    /// The program with `data` on a separate file system, of a size such as `4m`. Needs a user
    /// namespace or root.
    #[cfg(target_os = "linux")]
    pub(crate) fn program_on_a_disk_of(&self, size: &str, arguments: &[&str]) -> Command {
        std::fs::create_dir(self.folder.path().join("data")).unwrap();
        let mount = format!("mount -t tmpfs -o size={size} addressbook data || exit");
        let shell = self.program_under(&mount, arguments);
        let mut confined = Command::new("unshare");
        confined
            .args(["--user", "--map-root-user", "--mount"])
            .arg(shell.get_program())
            .args(shell.get_args())
            .current_dir(&self.folder)
            .env("ADDRESSBOOK_DATABASE_URL", &self.database_url);
        confined
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.program(arguments).output().unwrap().into()
    }

    pub(crate) fn run_with_input(
        &self,
        arguments: &[&str],
        input: &(impl AsRef<[u8]> + ?Sized),
    ) -> Finished {
        let mut command = self.program(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_ref().to_owned();
        // The program may exit before it has read everything.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output.into()
    }

    pub(crate) fn write(&self, name: &str, content: &(impl AsRef<[u8]> + ?Sized)) -> String {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        name.to_owned()
    }

    /// The path of SQLite's database file.
    pub(crate) fn database(&self) -> &Path {
        Path::new(self.database_url.strip_prefix("sqlite://").unwrap())
    }

    /// Runs SQL directly on the database. Returns the rows as lines, with columns separated by
    /// `|`.
    pub(crate) fn query(&self, sql: &str) -> String {
        self.try_query(sql).unwrap()
    }

    /// Like [`Self::query`], for SQL that may fail.
    pub(crate) fn try_query(&self, sql: &str) -> Result<String, String> {
        match self.database_url.starts_with("sqlite://") {
            true => sqlite::query(self.database(), sql),
            false => PostgresServer::shared().query(&self.database_url, sql),
        }
    }

    /// Asserts that the stored data is consistent.
    #[track_caller]
    pub(crate) fn assert_consistent(&self) {
        for (what, sql) in [
            (
                "books with a wrong number of addresses",
                "SELECT count(*) FROM address_books b WHERE addresses <> (
                     SELECT count(*) FROM addresses a WHERE a.customer_id = b.customer_id)",
            ),
            (
                "books with a wrong number of past revisions",
                "SELECT count(*) FROM address_books b WHERE past_revisions <> (
                     SELECT count(*) FROM address_revisions r WHERE r.customer_id = b.customer_id)",
            ),
            (
                "revisions without a predecessor",
                "SELECT count(*) FROM (
                     SELECT customer_id, id, revision FROM addresses
                     UNION ALL SELECT customer_id, id, revision FROM address_revisions) r
                 WHERE revision > 1 AND NOT EXISTS (
                     SELECT 1 FROM address_revisions p
                     WHERE p.customer_id = r.customer_id AND p.id = r.id
                       AND p.revision = r.revision - 1)",
            ),
            (
                "past revisions that are not older than the current one",
                "SELECT count(*) FROM addresses a JOIN address_revisions r USING (customer_id, id)
                 WHERE r.revision >= a.revision",
            ),
            (
                "books whose parts have a wrong number of addresses",
                "SELECT count(*) FROM address_books b
                 WHERE CASE WHEN addresses > 1000 THEN addresses ELSE 0 END <> (
                     SELECT coalesce(sum(addresses), 0) FROM address_book_parts p
                     WHERE p.customer_id = b.customer_id)",
            ),
        ] {
            assert_eq!(self.query(sql), "0", "{what}");
        }
    }

    pub(crate) fn serve(&self, arguments: &[&str]) -> Service {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Service::start(self.program(&all))
    }
}

/// The result of a run of the program.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Finished {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that the program failed without a panic, and that stderr contains each of these
    /// texts.
    #[track_caller]
    pub(crate) fn fails_with(self, words: &[&str]) -> Self {
        assert_ne!(self.code, 0, "{}", self.stdout);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not in {:?}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// The running service; killed when dropped.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) banner: String,
    /// Such as `127.0.0.1:34567`.
    pub(crate) address: String,
    /// What the program prints after the banner.
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Service {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_with_log(command, Stdio::null())
    }

    pub(crate) fn start_with_log(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("stop ") {
            assert_ne!(
                stdout.read_line(&mut banner).unwrap(),
                0,
                "the program exited early: {banner}"
            );
        }
        let address = banner
            .split("http://")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned();
        Self {
            child,
            banner,
            address,
            stdout,
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(kill.unwrap().success());
    }

    /// The URL of the metrics, from the banner.
    pub(crate) fn metrics_url(&self) -> String {
        let mut lines = self.banner.lines();
        let line = lines.find(|line| line.contains("metrics")).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }

    /// The status and body of a GET.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let response = self.send("GET", path, &[], "");
        (response.status, response.body)
    }

    /// Sends a request and returns the response. A body is sent as JSON.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// Like [`Self::send`], for a service that may exit before it responds.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Response, ureq::Error> {
        let agent = agent();
        let url = format!("http://{}{path}", self.address);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() {
            agent.run(request.body(()).unwrap())?
        } else {
            let request = request.header("Content-Type", "application/json");
            agent.run(request.body(body.to_owned()).unwrap())?
        };
        Ok(Response {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_string()?,
        })
    }
}

/// A client that accepts every status and reuses its connections.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .allow_non_standard_methods(true)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(120)))
        .proxy(None)
        .build()
        .into()
}

/// The status and body of a GET of any URL.
pub(crate) fn get(url: &str) -> (u16, String) {
    let mut response = agent().get(url).call().unwrap();
    let status = response.status().as_u16();
    (status, response.body_mut().read_to_string().unwrap())
}

/// A response of the service.
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A response read from a connection that the client continues to use.
pub(crate) struct RawResponse {
    head: String,
}

impl RawResponse {
    /// Reads the head, and the body by its `Content-Length`.
    pub(crate) fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let response = Self { head };
        let length = response.header("content-length");
        let length = length.and_then(|length| length.parse().ok());
        let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
        stream.read_exact(&mut body)?;
        Ok(response)
    }

    pub(crate) fn status_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The value of a header, by its name in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits up to 60 s until a condition is true. A loaded machine may need that long.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a file exists in the folder of a test.
pub(crate) fn exists(dir: &TestDir, path: &str) -> bool {
    Path::new(dir.folder.path()).join(path).exists()
}
