use std::process::Stdio;

use rstest::rstest;

use crate::support::{EXAMPLE, EXAMPLE_PATH, EXAMPLE_RESPONSE, Finished, Service, TestDir, exists};

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn the_imported_example_is_listed_byte_for_byte(#[case] dir: TestDir) {
    let file = dir.write("example.ndjson", EXAMPLE);
    dir.run(&["import", &file]).succeeds();
    let service = dir.serve(&[]);
    for prefix in ["", "/api"] {
        let (status, body) = service.get(&format!("{prefix}{EXAMPLE_PATH}"));
        assert_eq!((status, body.as_str()), (200, EXAMPLE_RESPONSE.trim_end()));
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn loading_the_demo_data_again_changes_nothing(#[case] dir: TestDir) {
    let service = dir.serve(&["--demo"]);
    let (_, body) = service.get(EXAMPLE_PATH);
    assert_eq!(body, EXAMPLE_RESPONSE.trim_end());
    let customer = service.get("/v1/customers/cus_demo_001/addresses").1;
    assert!(customer.contains("\"id\":\"add_"), "{customer}");
    drop(service);
    let first = dir.run(&["export"]).succeeds().stdout;
    assert!(first.lines().count() > 600, "{}", first.lines().count());
    drop(dir.serve(&["--demo"]));
    assert_eq!(dir.run(&["export"]).succeeds().stdout, first);
}

#[test]
fn without_command_and_settings_it_serves_a_new_file() {
    let dir = TestDir::sqlite();
    let service = Service::start(dir.bare_program(&["--listen", "127.0.0.1:0"]));
    assert!(exists(&dir, "data/addressbook.db"));
    assert!(
        service
            .banner
            .contains("sqlite://./data/addressbook.db (SQLite)")
    );
    // The printed command works.
    let line = service
        .banner
        .lines()
        .find(|line| line.contains("curl"))
        .unwrap();
    let url = line.split('\'').nth(1).unwrap();
    let path = url
        .strip_prefix(&format!("http://{}", service.address))
        .unwrap();
    let (status, body) = service.get(path);
    assert_eq!(status, 200);
    assert!(body.contains(r#""addresses":[]"#), "{body}");
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn a_started_service_is_live_ready_and_healthy(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(service.get("/readyz").0, 200);
    let check = |address: &str| dir.run(&["healthcheck", "--listen", address]);
    check(&service.address).succeeds();
    let address = service.address.clone();
    drop(service);
    check(&address).fails_with(&[&address, "does not respond"]);
}

#[test]
fn a_port_in_use_is_reported_with_its_setting() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&[]);
    dir.run(&["serve", "--listen", &service.address])
        .fails_with(&[&service.address, "--listen", "Address already in use"]);
}

#[cfg(target_os = "linux")]
#[test]
fn it_raises_the_descriptor_limit_and_warns_if_a_setting_needs_more() {
    use std::fs;

    let dir = TestDir::sqlite();
    for (setting, warning) in [
        (
            Some("--max-connections=2000"),
            Some("allows 1900 connections, not --max-connections 2000: raise the limit to 4200 "),
        ),
        (Some("--max-connections=1900"), None),
        (None, None),
    ] {
        let log = fs::File::create(dir.folder.path().join("log")).unwrap();
        let limits = "ulimit -S -n 300; ulimit -H -n 4000";
        let mut arguments = vec!["serve", "--listen=127.0.0.1:0"];
        arguments.extend(setting);
        let program = dir.program_under(limits, &arguments);
        let service = Service::start_with_log(program, log.into());
        let limits = fs::read_to_string(format!("/proc/{}/limits", service.child.id())).unwrap();
        let open_files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap();
        let words: Vec<_> = open_files.split_whitespace().collect();
        assert_eq!(words[3..5], ["4000", "4000"]);
        let log = fs::read_to_string(dir.folder.path().join("log")).unwrap();
        match warning {
            Some(warning) => assert!(log.contains(warning), "{log}"),
            None => assert!(!log.contains("WARN"), "{log}"),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn it_does_not_start_with_too_few_file_descriptors() {
    let dir = TestDir::sqlite();
    for (limits, workers, words) in [
        (
            "ulimit -n 20",
            "1",
            ["limit of 20 file descriptors", "need 64", "ulimit -n 64"],
        ),
        (
            "ulimit -n 200",
            "40",
            ["40 worker threads", "need 220", "--workers lower"],
        ),
    ] {
        let arguments = ["serve", "--listen=127.0.0.1:0", "--workers", workers];
        let refused = Finished::from(dir.program_under(limits, &arguments).output().unwrap());
        assert_eq!(refused.stdout, "");
        refused.fails_with(&words);
    }
    let arguments = ["serve", "--listen=127.0.0.1:0", "--workers=40"];
    let program = dir.program_under("ulimit -n 220", &arguments);
    let service = Service::start_with_log(program, Stdio::null());
    assert_eq!(service.get("/livez").0, 200);
}
