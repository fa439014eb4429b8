use std::net::TcpListener;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::support::{EXAMPLE_PATH, Service, TestDir, exists};

const READ: &str = "addresses:read";
const CREATION: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;

/// Creates a key, and returns it with its id.
fn create(dir: &TestDir, arguments: &[&str]) -> (String, String) {
    let create = ["keys", "create", "--create-database", "--name", "checkout"];
    let all = [&create[..], arguments].concat();
    let created = dir.run(&all).succeeds();
    let key = created.stdout.strip_suffix('\n').unwrap();
    assert!(
        key.starts_with("ab_") && key.len() == 61,
        "{}",
        created.stdout
    );
    assert!(!created.stderr.contains(key), "{}", created.stderr);
    let database = dir.database_url.rsplit('/').next().unwrap();
    let database = database.split('?').next().unwrap();
    assert!(created.stderr.contains(database), "{}", created.stderr);
    let id = created
        .stderr
        .split(' ')
        .find(|word| word.starts_with("key_"));
    (key.to_owned(), id.unwrap().to_owned())
}

fn status(service: &Service, key: Option<&str>) -> u16 {
    let authorization = key.map(|key| format!("Bearer {key}"));
    let header = authorization.as_deref().map(|text| ("Authorization", text));
    let headers: Vec<_> = header.into_iter().collect();
    service.send("GET", EXAMPLE_PATH, &headers, "").status
}

/// Waits until requests with this key get the expected status. That takes seconds, or longer on a
/// busy machine.
#[track_caller]
fn becomes(service: &Service, key: Option<&str>, expected: u16) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while status(service, key) != expected {
        assert!(
            Instant::now() < deadline,
            "the status stays {}",
            status(service, key)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn a_key_is_valid_until_it_is_revoked_on_every_instance(#[case] dir: TestDir) {
    let (reader, id) = create(&dir, &["--scope", READ]);
    let (other, _) = create(
        &dir,
        &["--scope", READ, "--customer", "cus_1", "--expires", "90d"],
    );
    let instances = [dir.serve(&[]), dir.serve(&[])];
    for service in &instances {
        assert!(service.banner.contains("by API key"), "{}", service.banner);
        assert_eq!(status(service, None), 401);
        assert_eq!(status(service, Some(&reader)), 200);
        assert_eq!(status(service, Some(&other)), 403);
        let authorization = format!("Bearer {reader}");
        let headers = [("Authorization", authorization.as_str())];
        let response = service.send("POST", EXAMPLE_PATH, &headers, CREATION);
        assert_eq!(response.status, 403);
        assert_eq!(service.get("/readyz").0, 200);
    }
    let revoked = dir.run(&["keys", "revoke", &id]).succeeds();
    assert_eq!(revoked.stdout, "");
    for service in &instances {
        becomes(service, Some(&reader), 401);
        assert_eq!(status(service, Some(&other)), 403);
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn the_first_key_ends_anonymous_access_for_good(#[case] dir: TestDir) {
    let instances = [dir.serve(&[]), dir.serve(&[])];
    for service in &instances {
        assert!(
            service.banner.contains("no credentials required"),
            "{}",
            service.banner
        );
        assert_eq!(status(service, None), 200);
        assert_eq!(status(service, Some("anything")), 200);
    }
    let (key, id) = create(&dir, &["--scope", READ]);
    for service in &instances {
        becomes(service, None, 401);
        assert_eq!(status(service, Some(&key)), 200);
    }
    dir.run(&["keys", "revoke", &id]).succeeds();
    for service in &instances {
        becomes(service, Some(&key), 401);
        assert_eq!(status(service, None), 401);
    }
    // A new instance also detects that a key has existed.
    assert_eq!(status(&dir.serve(&["--allow-anonymous"]), None), 401);
}

#[test]
fn without_authentication_only_loopback_is_allowed_by_default() {
    let dir = TestDir::sqlite();
    let everywhere = ["serve", "--listen", "0.0.0.0:0"];
    let has_ipv6 = TcpListener::bind("[::]:0").is_ok();
    let mut addresses = vec!["0.0.0.0:0"];
    addresses.extend(has_ipv6.then_some("[::]:0"));
    addresses.extend(has_ipv6.then_some("[::ffff:0.0.0.0]:0"));
    for address in addresses {
        dir.run(&["serve", "--listen", address]).fails_with(&[
            address.trim_end_matches('0'),
            "keys create",
            "--allow-anonymous",
        ]);
    }
    let allowed = [&everywhere[..], &["--allow-anonymous"]].concat();
    let service = Service::start(dir.program(&allowed));
    assert!(
        service.banner.contains("no credentials required"),
        "{}",
        service.banner
    );
    let mut by_variable = dir.program(&everywhere);
    by_variable.env("ADDRESSBOOK_ALLOW_ANONYMOUS", "true");
    drop((service, Service::start(by_variable)));
    create(&dir, &["--scope", READ]);
    let service = Service::start(dir.program(&everywhere));
    assert!(service.banner.contains("by API key"), "{}", service.banner);
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn the_list_of_keys_does_not_contain_the_keys(#[case] dir: TestDir) {
    dir.run(&["migrate"]).succeeds();
    let list = || dir.run(&["keys", "list"]).succeeds().stdout;
    assert_eq!(list().lines().count(), 1);
    assert_eq!(
        dir.run(&["keys", "list", "--json"]).succeeds().stdout,
        "[]\n"
    );
    let (first, id) = create(&dir, &["--scope", READ]);
    let bound = [
        "--scope",
        READ,
        "--scope",
        "addresses:write",
        "--customer",
        "cus_1",
    ];
    let (second, _) = create(&dir, &[&bound[..], &["--expires", "1year"]].concat());
    dir.run(&["keys", "revoke", &id]).succeeds();
    dir.run(&["keys", "revoke", &id]).succeeds();

    let table = list();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[1].contains(&id) && lines[1].contains("revoked"),
        "{table}"
    );
    for text in ["active", "addresses:read addresses:write", "cus_1", "never"] {
        assert!(lines[2].contains(text), "{text}: {table}");
    }
    let json = dir.run(&["keys", "list", "--json"]).succeeds().stdout;
    let keys: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(keys[0]["state"], "revoked");
    assert_eq!(keys[0]["last_used_at"], serde_json::Value::Null);
    assert_eq!(keys[1]["customer_id"], "cus_1");
    for key in [&first, &second] {
        assert!(!table.contains(&key[3..]) && !json.contains(&key[3..]));
    }
}

#[test]
fn the_database_does_not_contain_the_keys() {
    let dir = TestDir::sqlite();
    let (key, _) = create(&dir, &["--scope", READ]);
    let data = std::fs::read_dir(dir.folder.path().join("data")).unwrap();
    let mut files = 0;
    for file in data {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let secret = &key.as_bytes()[3..35];
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        files += 1;
    }
    assert!(files > 0);
}

#[test]
fn invalid_arguments_of_the_keys_commands_are_refused() {
    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    let create = ["keys", "create", "--name", "checkout"];
    let with = |arguments: &[&'static str]| [&create[..], arguments].concat();
    for (arguments, words) in [
        (with(&[]), ["--scope", "required"]),
        (
            with(&["--scope", "read"]),
            ["--scope", "addresses:read or addresses:write"],
        ),
        (
            vec!["keys", "create", "--scope", READ],
            ["--name", "required"],
        ),
        (
            vec!["keys", "create", "--name", "a b"],
            ["--name", "visible"],
        ),
        (
            with(&["--scope", READ, "--customer", "add_1"]),
            ["--customer", "id of a customer"],
        ),
        (
            with(&["--scope", READ, "--expires", "1s"]),
            ["--expires", "90d"],
        ),
        (
            with(&["--scope", READ, "--expires", "soon"]),
            ["--expires", "90d"],
        ),
        (
            with(&["--scope", READ, "--expires", "101years"]),
            ["--expires", "100years"],
        ),
        (vec!["keys", "revoke", "checkout"], ["ID", "key_"]),
        (
            vec!["keys", "revoke", "key_01h1x0z5y4c1v2f5k6p3j9n8m7"],
            [
                "there is no key key_01h1x0z5y4c1v2f5k6p3j9n8m7",
                "keys list",
            ],
        ),
    ] {
        dir.run(&arguments).fails_with(&words);
    }
}

#[test]
fn keys_are_created_in_the_configured_database() {
    let dir = TestDir::sqlite();
    let file = dir.write("a.toml", r#"database-url = "sqlite://file.db""#);
    let create = [
        "keys",
        "create",
        "--create-database",
        "--name",
        "checkout",
        "--scope",
        READ,
    ];
    let by_file = [&create[..], &["--config", &file]].concat();
    assert!(
        dir.bare_program(&by_file)
            .output()
            .unwrap()
            .status
            .success()
    );
    let mut by_variable = dir.bare_program(&create);
    by_variable.env("DATABASE_URL", "sqlite://common.db");
    assert!(by_variable.output().unwrap().status.success());
    for database in ["sqlite://file.db", "sqlite://common.db"] {
        let list = ["keys", "list", "--database-url", database];
        assert_eq!(
            dir.run(&list).succeeds().stdout.lines().count(),
            2,
            "{database}"
        );
    }
}

/// A PostgreSQL database that does not exist.
fn missing_postgres() -> TestDir {
    let existing = TestDir::postgres().database_url;
    TestDir::at(existing.replacen('?', "-not-there?", 1))
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(missing_postgres())]
fn a_mistyped_database_is_not_created(#[case] dir: TestDir) {
    let key = "key_01h1x0z5y4c1v2f5k6p3j9n8m7";
    let create = ["keys", "create", "--name", "a", "--scope", READ];
    for arguments in [
        &["export"][..],
        &["export", "--format", "csv"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["keys", "revoke", key],
        &create,
        &["doctor"],
    ] {
        let run = dir.run(arguments);
        assert_eq!((run.code, run.stdout.contains("cus_")), (1, false));
        if arguments != ["doctor"] {
            assert_eq!(run.stdout, "", "{arguments:?}");
            run.fails_with(&[
                "there is no database at ",
                "check --database-url, ADDRESSBOOK_DATABASE_URL or DATABASE_URL",
                "addressbook migrate",
                "--create-database",
            ]);
        }
        assert!(!exists(&dir, "data"), "{arguments:?}");
    }
    dir.run(&[&create[..], &["--create-database"]].concat())
        .succeeds();
    let listed = dir.run(&["keys", "list"]).succeeds().stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
}

#[test]
fn a_file_of_another_program_is_not_touched() {
    let dir = TestDir::sqlite();
    std::fs::create_dir(dir.folder.path().join("data")).unwrap();
    dir.query("CREATE TABLE theirs (n INTEGER)");
    let before = std::fs::read(dir.database()).unwrap();
    for arguments in [
        &["export"][..],
        &["keys", "list"],
        &["keys", "create", "--name", "a", "--scope", READ],
    ] {
        dir.run(arguments)
            .fails_with(&["holds no address books", "--database-url"]);
        assert_eq!(std::fs::read(dir.database()).unwrap(), before);
    }
}
