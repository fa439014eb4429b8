//! The service, with all its output recorded.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::{BODY, CANARIES, HEADERS, ID};
use crate::jwt;
use crate::support::{Response, Service, TestDir, get};

/// The service, with all its output recorded.
pub(crate) struct RecordedService {
    pub(super) service: Service,
    /// The key that signs the tokens.
    pub(super) issuer: EncodingKey,
    /// A credential for everything.
    authorization: String,
    log: JoinHandle<String>,
    /// Values that the service generated and returned, such as ids and cursors.
    pub(super) made: Vec<String>,
    /// The statuses of its responses.
    pub(super) statuses: BTreeSet<u16>,
}

impl RecordedService {
    pub(crate) fn start(dir: &TestDir, format: &str, more_settings: &[&str]) -> Self {
        let entry = BODY.replacen(
            '{',
            &format!(r#"{{"customer_id":"cus_canary_customer","id":"{ID}","#),
            1,
        );
        dir.run_with_input(&["import", "-"], &entry).succeeds();
        let issuer = jwt::issuer();
        dir.write("jwks.json", &jwt::jwks(&issuer));
        let settings = [
            "serve",
            "--listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            "--jwt-all-customers-scope=all",
            "--cors-origin=https://shop.example",
            "--log=trace,actix_http=trace,actix_http::h1=trace,mio=trace",
            "--log-format",
            format,
            "--require-if-match",
            "--max-addresses=3",
            "--pool-timeout-ms=300",
            "--lock-timeout-ms=300",
            "--statement-timeout-ms=300",
        ];
        let settings = [&settings[..], &jwt::SETTINGS, more_settings].concat();
        let program = dir.program(&settings);
        // With SIGXFSZ ignored, a write beyond the file size limit fails and does not end the
        // process.
        let mut patient = Command::new("sh");
        patient
            .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(&dir.folder)
            .env("ADDRESSBOOK_DATABASE_URL", &dir.database_url);
        let mut service = Service::start_with_log(patient, Stdio::piped());
        let mut stderr = service.child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        let scope = "addresses:read addresses:write all";
        let token = jwt::token(&issuer, &with_canaries(&json!({ "scope": scope })));
        Self {
            service,
            issuer,
            authorization: format!("Bearer {token}"),
            log,
            made: Vec::new(),
            statuses: BTreeSet::new(),
        }
    }

    pub(super) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let ours = [("Authorization", self.authorization.as_str())];
        let is_theirs = |name| headers.iter().any(|(theirs, _)| *theirs == name);
        let ours = HEADERS
            .iter()
            .chain(&ours)
            .filter(|(name, _)| !is_theirs(*name));
        let headers: Vec<_> = ours.chain(headers).copied().collect();
        let response = self.service.send(method, path, &headers, body);
        self.statuses.insert(response.status);
        response
    }

    /// Sends a request that no client would make, and waits for any response.
    pub(super) fn send_raw(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(&self.service.address).unwrap();
        // The service may close the connection early.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }

    /// Stops the service. Asserts that it logged each of these statuses, and that no canary is in
    /// its output, its metrics or what it `sent` elsewhere.
    pub(crate) fn assert_no_canary(mut self, statuses: &[u16], sent: impl FnOnce() -> String) {
        let (status, metrics) = get(&self.service.metrics_url());
        assert_eq!(status, 200);
        self.service.signal("TERM");
        assert!(self.service.child.wait().unwrap().success());
        let mut output = self.log.join().unwrap();
        self.service.stdout.read_to_string(&mut output).unwrap();
        for status in statuses {
            assert!(self.statuses.contains(status), "no request got {status}");
            let line = output.lines().any(|line| {
                line.contains(&format!("status={status}"))
                    || line.contains(&format!("\"status\":{status}"))
            });
            assert!(line, "no line logs the status {status}:\n{output}");
        }
        assert!(
            self.made.iter().all(|made| made.len() > 20),
            "{:?}",
            self.made
        );
        output.push_str(&metrics);
        output.push_str(&sent());
        let planted = || {
            CANARIES
                .into_iter()
                .chain(self.made.iter().map(String::as_str))
        };
        let leaks: Vec<&str> = output
            .lines()
            .filter(|line| {
                planted().any(|planted| line.to_lowercase().contains(&planted.to_lowercase()))
            })
            .collect();
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}

/// These claims, and others that describe a person.
pub(super) fn with_canaries(claims: &Value) -> Value {
    let mut all = json!({
        "sub": "cus_canary_customer", "name": "canary name", "email": "canary@canary.example",
        "jti": "canary", "client_id": "canary client", "canary": { "canary": "canary" },
    });
    for (claim, value) in claims.as_object().unwrap() {
        all[claim] = value.clone();
    }
    all
}
