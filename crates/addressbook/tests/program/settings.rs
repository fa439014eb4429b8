use std::net::TcpListener;

use crate::support::{EXAMPLE_PATH, EXAMPLE_RESPONSE, Finished, Place, Service, exists};

#[test]
fn flags_come_before_variables_before_database_url_before_the_file() {
    let place = Place::sqlite();
    let file = place.write("a.toml", r#"database-url = "sqlite://file.db""#);
    let migrate = |arguments: &[&str], variables: &[(&str, &str)]| {
        let all = [&["migrate"], arguments].concat();
        let output = place
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
        assert!(exists(&place, expected), "{expected}");
    }
}

#[test]
fn a_switch_can_be_set_by_the_file_or_a_variable() {
    for (config, variable) in [("demo = true", None), ("", Some("1")), ("", Some("true"))] {
        let place = Place::sqlite();
        let file = place.write("a.toml", config);
        let mut command = place.program(&["serve", "--listen", "127.0.0.1:0", "--config", &file]);
        command.envs(variable.map(|value| ("ADDRESSBOOK_DEMO", value)));
        let service = Service::start(command);
        assert_eq!(service.get(EXAMPLE_PATH).1, EXAMPLE_RESPONSE.trim_end());
    }
}

#[test]
fn the_rate_limit_counts_all_threads_together_and_exempts_probes() {
    let place = Place::sqlite();
    let config = "rate-limit = 3\nrate-limit-window-s = 3600\nworkers = 4";
    let file = place.write("a.toml", config);
    let service = place.serve(&["--config", &file]);
    let answers: Vec<_> = (0..8)
        .map(|_| service.send("GET", EXAMPLE_PATH, &[], ""))
        .collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
    for answer in &answers {
        let policy = answer.header("ratelimit-policy");
        assert_eq!(policy, r#""default";q=3;w=3600"#);
    }
    assert_eq!(answers[0].header("ratelimit"), r#""default";r=2;t=2400"#);
    assert_eq!(service.get("/readyz").0, 200);

    let unlimited = place.serve(&["--config", &file, "--rate-limit", "0"]);
    let answer = unlimited.send("GET", EXAMPLE_PATH, &[], "");
    assert_eq!((answer.status, answer.header("ratelimit")), (200, ""));
}

#[test]
fn responses_are_compressed_from_the_configured_size() {
    let place = Place::sqlite();
    let file = place.write("a.toml", "demo = true\ncompress-min-bytes = 576");
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
        let service = place.serve(arguments);
        let answer = service.send("HEAD", EXAMPLE_PATH, &[("Accept-Encoding", "gzip")], "");
        assert_eq!(answer.header("content-encoding"), coding, "{arguments:?}");
        assert_eq!(answer.header("vary"), vary, "{arguments:?}");
    }
}

#[test]
fn invalid_settings_are_refused_by_name() {
    let place = Place::sqlite();
    let unknown = place.write("unknown.toml", "listn = \"127.0.0.1:1\"");
    let nested = place.write("nested.toml", "[server]\nlisten = \"127.0.0.1:1\"");
    let broken = place.write("broken.toml", "listen =");
    let list = place.write("list.toml", "cors-origin = [\"https://a.example\"]");
    let value = place.write("value.toml", "pool-size = \"many\"");
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
        place.run(arguments).fails_saying(words);
    }
    for (variable, value, expected) in [
        ("ADDRESSBOOK_POOL_SIZE", "x", "from 1 to 1000"),
        ("ADDRESSBOOK_DEMO", "ja", "expected true or false"),
        ("ADDRESSBOOK_LOG_FORMAT", "xml", "text, json"),
    ] {
        let mut program = place.program(&["serve"]);
        let refused = Finished::from(program.env(variable, value).output().unwrap());
        refused.fails_saying(&[&format!("'{value}' for '{variable}'"), expected]);
    }
    assert!(!exists(&place, "data"), "nothing was created");
}

#[test]
fn a_port_in_use_is_reported_before_anything_is_created() {
    let place = Place::sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let free = ["serve", "--listen", "127.0.0.1:0"];
    for arguments in [
        &["serve", "--listen", &address][..],
        &[&free[..], &["--metrics-listen", &address]].concat(),
    ] {
        let refused = place
            .run(arguments)
            .fails_saying(&[&address, "cannot listen"]);
        assert_eq!(refused.stdout, "");
        assert!(!exists(&place, "data") && !place.database().exists());
    }
}

#[test]
fn invalid_database_urls_are_refused_without_their_secrets() {
    let place = Place::sqlite();
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
        let failed = place
            .run(&["serve", "--database-url", url])
            .fails_saying(&words);
        assert!(!failed.stderr.contains("s3cret"), "{}", failed.stderr);
    }
}

#[test]
fn help_and_completions_name_the_commands() {
    let place = Place::sqlite();
    let help = place.run(&["--help"]).succeeds().stdout;
    let completions = place.run(&["completions", "bash"]).succeeds().stdout;
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
