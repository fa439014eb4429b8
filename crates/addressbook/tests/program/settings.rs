use std::net::TcpListener;

use crate::support::{EXAMPLE_PATH, EXAMPLE_RESPONSE, Finished, Service, TestDir, exists};

#[test]
fn flags_come_before_variables_before_database_url_before_the_file() {
    let dir = TestDir::sqlite();
    let file = dir.write("a.toml", r#"database-url = "sqlite://file.db""#);
    let migrate = |arguments: &[&str], variables: &[(&str, &str)]| {
        let all = [&["migrate"], arguments].concat();
        let output = dir
            .bare_program(&all)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let flag = ["--database-url", "sqlite://flag.db"];
    let config = ["--config", &file];
    let variable = ("ADDRESSBOOK_DATABASE_URL", "sqlite://variable.db");
    let common = ("DATABASE_URL", "sqlite://common.db");
    for (arguments, variables, expected) in [
        ([config, flag].concat(), vec![variable, common], "flag.db"),
        (config.to_vec(), vec![variable, common], "variable.db"),
        (config.to_vec(), vec![common], "common.db"),
        (config.to_vec(), vec![], "file.db"),
        (
            vec![],
            vec![("ADDRESSBOOK_CONFIG", file.as_str())],
            "file.db",
        ),
        (vec![], vec![], "data/addressbook.db"),
    ] {
        let printed = migrate(&arguments, &variables);
        assert!(printed.contains(expected), "{printed}");
        assert!(exists(&dir, expected), "{expected}");
    }
}

#[test]
fn a_switch_can_be_set_by_the_file_or_a_variable() {
    for (config, variable) in [("demo = true", None), ("", Some("1")), ("", Some("true"))] {
        let dir = TestDir::sqlite();
        let file = dir.write("a.toml", config);
        let mut command = dir.program(&["serve", "--listen", "127.0.0.1:0", "--config", &file]);
        command.envs(variable.map(|value| ("ADDRESSBOOK_DEMO", value)));
        let service = Service::start(command);
        assert_eq!(service.get(EXAMPLE_PATH).1, EXAMPLE_RESPONSE.trim_end());
    }
}

#[test]
fn the_rate_limit_counts_all_threads_together_and_exempts_probes() {
    let dir = TestDir::sqlite();
    let config = "rate-limit = 3\nrate-limit-window-s = 3600\nworkers = 4";
    let file = dir.write("a.toml", config);
    let service = dir.serve(&["--config", &file]);
    let responses: Vec<_> = (0..8)
        .map(|_| service.send("GET", EXAMPLE_PATH, &[], ""))
        .collect();
    let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
    for response in &responses {
        let policy = response.header("ratelimit-policy");
        assert_eq!(policy, r#""default";q=3;w=3600"#);
    }
    assert_eq!(responses[0].header("ratelimit"), r#""default";r=2;t=2400"#);
    assert_eq!(service.get("/readyz").0, 200);

    let unlimited = dir.serve(&["--config", &file, "--rate-limit", "0"]);
    let response = unlimited.send("GET", EXAMPLE_PATH, &[], "");
    assert_eq!((response.status, response.header("ratelimit")), (200, ""));
}

#[test]
fn responses_are_compressed_from_the_configured_size() {
    let dir = TestDir::sqlite();
    let file = dir.write("a.toml", "demo = true\ncompress-min-bytes = 576");
    let size = EXAMPLE_RESPONSE.trim_end().len();
    assert_eq!(size, 575);
    for (arguments, coding, vary) in [
        (&["--demo"][..], "", ""),
        (&["--config", &file], "", "Accept-Encoding"),
        (
            &["--config", &file, "--compress-min-bytes", "575"],
            "gzip",
            "Accept-Encoding",
        ),
        (&["--config", &file, "--compress-min-bytes", "0"], "", ""),
    ] {
        let service = dir.serve(arguments);
        let response = service.send("HEAD", EXAMPLE_PATH, &[("Accept-Encoding", "gzip")], "");
        assert_eq!(response.header("content-encoding"), coding, "{arguments:?}");
        assert_eq!(response.header("vary"), vary, "{arguments:?}");
    }
}

#[test]
fn invalid_settings_are_refused_by_name() {
    let dir = TestDir::sqlite();
    let unknown = dir.write("unknown.toml", "listn = \"127.0.0.1:1\"");
    let nested = dir.write("nested.toml", "[server]\nlisten = \"127.0.0.1:1\"");
    let broken = dir.write("broken.toml", "listen =");
    let list = dir.write("list.toml", "cors-origin = [\"https://a.example\"]");
    let value = dir.write("value.toml", "pool-size = \"many\"");
    let window: &[&str] = &["serve", "--rate-limit", "9", "--rate-limit-window-s", "0"];
    let size: &[&str] = &["serve", "--compress-min-bytes", "16777217"];
    let cases: [(&[&str], &[&str]); 17] = [
        (&["serve", "--listn"], &["--listn"]),
        (&["serve", "--listen", "nowhere"], &["nowhere", "--listen"]),
        (
            &["serve", "--pool-size", "0"],
            &["--pool-size", "1 to 1000"],
        ),
        (
            &["serve", "--pool-size", "x"],
            &["--pool-size", "1 to 1000"],
        ),
        (&["serve", "--workers", "513"], &["--workers", "1 to 512"]),
        (window, &["--rate-limit-window-s", "1 to 3600"]),
        (size, &["--compress-min-bytes", "0 to 16777216"]),
        (&["serve", "--rate-limit", "1/s"], &["--rate-limit", "1/s"]),
        (
            &["serve", "--log", "=loud="],
            &["--log", "expected a level"],
        ),
        (
            &["serve", "--log", "debugg"],
            &["\"debugg\": expected a level"],
        ),
        (&["serve", "--config", "missing.toml"], &["missing.toml"]),
        (
            &["serve", "--config", &unknown],
            &["unknown.toml", "mean listen?"],
        ),
        (&["serve", "--config", &nested], &["nested.toml", "server"]),
        (&["serve", "--config", &broken], &["broken.toml", "TOML"]),
        (
            &["serve", "--config", &value],
            &["pool-size in ", "value.toml", "many"],
        ),
        (
            &["serve", "--config", &list],
            &["cors-origin", "one string"],
        ),
        (
            &["--config", &value, "export"],
            &["tip: put flags after the command"],
        ),
    ];
    for (arguments, words) in cases {
        dir.run(arguments).fails_with(words);
    }
    for (variable, value, expected) in [
        ("ADDRESSBOOK_POOL_SIZE", "x", "from 1 to 1000"),
        ("ADDRESSBOOK_DEMO", "ja", "expected true or false"),
        ("ADDRESSBOOK_LOG_FORMAT", "xml", "text, json"),
    ] {
        let mut program = dir.program(&["serve"]);
        let refused = Finished::from(program.env(variable, value).output().unwrap());
        refused.fails_with(&[&format!("'{value}' for '{variable}'"), expected]);
    }
    assert!(!exists(&dir, "data"), "nothing was created");
}

#[test]
fn a_port_in_use_is_reported_before_anything_is_created() {
    let dir = TestDir::sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let free = ["serve", "--listen", "127.0.0.1:0"];
    for arguments in [
        &["serve", "--listen", &address][..],
        &[&free[..], &["--metrics-listen", &address]].concat(),
    ] {
        let refused = dir.run(arguments).fails_with(&[&address, "cannot listen"]);
        assert_eq!(refused.stdout, "");
        assert!(!exists(&dir, "data") && !dir.database().exists());
    }
}

#[test]
fn invalid_database_urls_are_refused_without_their_secrets() {
    let dir = TestDir::sqlite();
    for (url, words) in [
        (
            "mysql://me:s3cret@host/x",
            vec!["--database-url", "DATABASE_URL", "sqlite://", "postgres://"],
        ),
        ("sqlite://:memory:", vec!["memory"]),
        (
            "postgres://me:s3cret%@h/x",
            vec!["--database-url", "'%' itself as %25"],
        ),
        ("postgres://me:s3cret/s3cret@h/x", vec!["'/' as %2F"]),
        (
            "postgres://me:s3cret@127.0.0.1:1/x",
            vec![
                "postgres://me:***@127.0.0.1:1/x",
                "refused",
                "--database-url",
            ],
        ),
        (
            "sqlite:///proc/nowhere/a.db",
            vec!["cannot create", "/proc/nowhere", "--database-url"],
        ),
    ] {
        let failed = dir
            .run(&["serve", "--database-url", url])
            .fails_with(&words);
        assert!(!failed.stderr.contains("s3cret"), "{}", failed.stderr);
    }
}

#[test]
fn help_and_completions_name_the_commands() {
    let dir = TestDir::sqlite();
    let help = dir.run(&["--help"]).succeeds().stdout;
    let completions = dir.run(&["completions", "bash"]).succeeds().stdout;
    for command in [
        "serve",
        "import",
        "export",
        "migrate",
        "keys",
        "backup",
        "restore",
        "doctor",
        "healthcheck",
        "completions",
    ] {
        assert!(
            help.contains(command) && completions.contains(command),
            "{command}"
        );
    }
    assert!(
        help.contains("ADDRESSBOOK_LISTEN") && help.contains("127.0.0.1:8080"),
        "{help}"
    );
}
