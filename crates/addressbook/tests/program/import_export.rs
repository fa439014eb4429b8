use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rstest::rstest;

use crate::support::{EXAMPLE, TestDir};

const HEADER: &str = "customer_id,region,city,country";

/// Lines of `count` addresses, with ascending ids that start at `from`.
fn lines(from: u32, count: u32) -> String {
    (from..from + count)
        .map(|number| line("cus_1", number, "Kigali") + "\n")
        .collect()
}

fn line(customer_id: &str, number: u32, city: &str) -> String {
    format!(
        r#"{{"customer_id":"{customer_id}","id":"add_{number:026}","description":null,"region":"R","city":"{city}","country":"RW","custom_data":null,"created_at":"2024-08-01T10:15:30.000Z","updated_at":"2024-08-01T10:15:30.000Z"}}"#
    )
}

fn export(dir: &TestDir) -> String {
    dir.run(&["export"]).succeeds().stdout
}

#[rstest]
#[case::sqlite(TestDir::sqlite(), TestDir::sqlite())]
#[case::postgres(TestDir::postgres(), TestDir::postgres())]
#[case::from_sqlite_to_postgres(TestDir::sqlite(), TestDir::postgres())]
fn export_and_import_preserve_every_byte(#[case] from: TestDir, #[case] to: TestDir) {
    drop(from.serve(&["--demo"]));
    for format in ["ndjson", "csv"] {
        let exported = from.run(&["export", "--format", format]).succeeds().stdout;
        to.run_with_input(&["import", "-", "--format", format], &exported)
            .succeeds();
        assert_eq!(
            to.run(&["export", "--format", format]).succeeds().stdout,
            exported
        );
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn importing_a_file_again_changes_nothing(#[case] dir: TestDir) {
    // Includes a line that omits what the service can generate.
    let bare = r#"{"customer_id":"cus_2","region":"R","city":"C","country":"rw"}"#;
    let file = dir.write("a.ndjson", &format!("{EXAMPLE}\n{bare}\r\n{}", lines(1, 3)));
    let first = dir.run(&["import", &file]).succeeds();
    assert!(
        first.stdout.contains("6 created, 0 updated, 0 unchanged"),
        "{}",
        first.stdout
    );
    let exported = export(&dir);
    let second = dir.run(&["import", &file]).succeeds();
    assert!(
        second.stdout.contains("0 created, 0 updated, 6 unchanged"),
        "{}",
        second.stdout
    );
    assert_eq!(export(&dir), exported);
    assert!(
        exported.starts_with(EXAMPLE),
        "ids keep their spelling: {exported}"
    );
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn an_import_sets_and_clears_default_addresses(#[case] dir: TestDir) {
    let with = |number, default_for: &str| {
        let line = line("cus_1", number, "Kigali");
        format!("{},{default_for}}}\n", line.trim_end_matches('}'))
    };
    let import = |text: &str, flags: &[&str], summary: &str| {
        let arguments = [&["import", "-"], flags].concat();
        let imported = dir.run_with_input(&arguments, text).succeeds();
        assert!(imported.stdout.contains(summary), "{}", imported.stdout);
    };
    let update = &["--on-conflict", "update"][..];
    let first = with(1, r#""default_for":["billing","shipping"]"#) + &line("cus_1", 2, "Kigali");
    import(&first, &[], "2 created, 0 updated, 0 unchanged");
    import(&first, &[], "0 created, 0 updated, 2 unchanged");
    assert_eq!(export(&dir).trim_end(), first);
    // Without the member, the default addresses stay.
    import(&lines(1, 2), update, "0 updated, 2 unchanged");
    assert_eq!(export(&dir).trim_end(), first);

    let moved = with(2, r#""default_for":["shipping"]"#);
    let refused = dir.run_with_input(&["import", "-"], &moved);
    refused.fails_with(&["line 1: id: exists with different content or default addresses"]);
    import(&moved, update, "1 updated");
    let billing = with(1, r#""default_for":["billing"]"#);
    assert_eq!(export(&dir), format!("{billing}{moved}"));

    let csv = ["export", "--format", "csv"];
    let csv = dir.run(&csv).succeeds().stdout;
    assert!(
        csv.lines()
            .next()
            .unwrap()
            .ends_with(",updated_at,default_for"),
        "{csv}"
    );
    assert!(csv.lines().nth(1).unwrap().ends_with("Z,billing"), "{csv}");
    // In CSV, an empty field clears them.
    let cleared = csv.replace(",billing", ",");
    let as_csv = ["--format", "csv", "--on-conflict", "update"];
    import(&cleared, &as_csv, "1 updated, 1 unchanged");
    assert_eq!(export(&dir), format!("{}{moved}", lines(1, 1)));

    let nameless =
        r#"{"customer_id":"cus_9","region":"R","city":"C","country":"RW","default_for":["a"]}"#;
    import(nameless, &[], "1 created");
    import(nameless, &[], "1 unchanged");
    let other = dir.run_with_input(&["import", "-"], &nameless.replace("[\"a\"]", "[\"b\"]"));
    other.fails_with(&["line 1: default_for: the address exists with different default addresses"]);

    let many: Vec<_> = (0..16).map(|number| format!(r#""p{number}""#)).collect();
    let many = with(1, &format!(r#""default_for":[{}]"#, many.join(",")));
    let arguments = [&["import", "-"], update].concat();
    let refused = dir.run_with_input(&arguments, &many);
    refused.fails_with(&["line 1: default_for: expected at most 16 purposes of a customer"]);
    for (bad, error) in [
        (
            r#""default_for":"shipping""#,
            "default_for: expected an array of strings",
        ),
        (
            r#""default_for":["Ship"]"#,
            "default_for: expected a purpose such as billing",
        ),
    ] {
        let refused = dir.run_with_input(&["import", "-"], &with(3, bad));
        refused.fails_with(&[error]);
    }
}

/// All lines are one batch, so each address that the client creates is in a book of it.
#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn an_import_of_default_addresses_ends_while_clients_write(#[case] dir: TestDir) {
    const CUSTOMERS: u32 = 4_000;
    let text: String = (0..CUSTOMERS)
        .map(|number| {
            let line = line(&format!("cus_{number}"), 1, "Kigali");
            format!(
                "{},\"default_for\":[\"shipping\"]}}\n",
                line.trim_end_matches('}')
            )
        })
        .collect();
    let file = dir.write("a.ndjson", &text);
    let service = dir.serve(&[]);
    let is_done = AtomicBool::new(false);
    let body = r#"{"region":"R","city":"Kigali","country":"RW"}"#;
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..CUSTOMERS).cycle().step_by(37) {
                let book = format!("/v1/customers/cus_{number}/addresses");
                service.send("POST", &book, &[], body);
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let imported = dir.run(&["import", &file]);
        is_done.store(true, Ordering::Relaxed);
        let imported = imported.succeeds();
        assert!(
            imported.stdout.contains("4000 created"),
            "{}",
            imported.stdout
        );
    });
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn an_invalid_line_stops_the_import_before_its_batch(#[case] dir: TestDir) {
    let faulty = r#"{"customer_id":"cus_1","region":5,"city":"","country":"ZZ"}"#;
    let good = lines(1, 7);
    let file = dir.write("a.ndjson", &format!("{good}{faulty}\n{}", lines(8, 2)));
    let batches = ["import", &file, "--import-batch-lines", "3"];
    let stopped = dir.run(&batches).fails_with(&[
        "line 8:",
        "region: expected a JSON string",
        "city: expected 1 to 200 characters",
        "country: expected a two-letter",
        "--from-line 7",
    ]);
    assert_eq!(stopped.code, 1);
    assert!(
        !stopped.stderr.contains("region: is required"),
        "{}",
        stopped.stderr
    );
    assert_eq!(export(&dir), lines(1, 6));

    dir.write("a.ndjson", &lines(1, 9));
    let resumed = dir
        .run(&[&batches[..], &["--from-line", "7"]].concat())
        .succeeds();
    assert!(resumed.stdout.starts_with("3 lines"), "{}", resumed.stdout);
    assert_eq!(export(&dir), lines(1, 9));
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn invalid_lines_can_be_skipped_and_are_listed(#[case] dir: TestDir) {
    let input = format!(
        "{}nonsense\n{}{{}}\n{}",
        lines(1, 1),
        lines(2, 1),
        lines(3, 1)
    );
    let skipped = dir.run_with_input(&["import", "-", "--on-error", "skip"], &input);
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    assert!(skipped.stdout.contains("3 created"), "{}", skipped.stdout);
    assert!(skipped.stdout.contains("2 skipped"), "{}", skipped.stdout);
    assert!(
        skipped.stderr.contains("line 2: expected a JSON object"),
        "{}",
        skipped.stderr
    );
    assert!(
        skipped.stderr.contains("line 4: customer_id: is required"),
        "{}",
        skipped.stderr
    );
    assert_eq!(export(&dir), lines(1, 3));
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn an_existing_id_is_an_error_unless_updates_are_enabled(#[case] dir: TestDir) {
    dir.run_with_input(&["import", "-"], &lines(1, 2))
        .succeeds();
    let moved = [line("cus_1", 2, "Huye"), line("cus_1", 3, "Huye")].join("\n");

    let refused = dir.run_with_input(&["import", "-"], &moved);
    refused.fails_with(&["line 1:", "id:", "--on-conflict update"]);
    assert_eq!(export(&dir), lines(1, 2));

    let skipped = dir.run_with_input(&["import", "-", "--on-error", "skip"], &moved);
    assert_eq!(skipped.code, 2);
    assert!(
        skipped
            .stdout
            .contains("1 created, 0 updated, 0 unchanged, 1 skipped")
    );

    let updated = dir.run_with_input(&["import", "-", "--on-conflict", "update"], &moved);
    let updated = updated.succeeds().stdout;
    assert!(
        updated.contains("0 created, 1 updated, 1 unchanged, 0 skipped"),
        "{updated}"
    );
    assert_eq!(export(&dir), format!("{}{moved}\n", lines(1, 1)));
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn an_update_changes_only_what_the_file_contains(#[case] dir: TestDir) {
    let id = format!("add_{:026}", 1);
    let whole = line("cus_1", 1, "Kigali")
        .replace(r#""description":null"#, r#""description":"Home""#)
        .replace(r#""custom_data":null"#, r#""custom_data":{"floor":3}"#);
    dir.run_with_input(&["import", "-"], &whole).succeeds();
    let content = |exported: &str| -> [String; 3] {
        let address: serde_json::Value = serde_json::from_str(exported).unwrap();
        ["description", "city", "custom_data"].map(|name| address[name].to_string())
    };
    let home = || "\"Home\"".to_owned();
    let floor = || r#"{"floor":3}"#.to_owned();
    let null = || "null".to_owned();
    for (format, input, expected) in [
        (
            "csv",
            format!("customer_id,id,region,city,country\ncus_1,{id},R,Huye,RW\n"),
            [home(), "\"Huye\"".into(), floor()],
        ),
        (
            "csv",
            format!("{HEADER},id,custom_data\ncus_1,R,Karongi,RW,{id},\n"),
            [home(), "\"Karongi\"".into(), null()],
        ),
        (
            "ndjson",
            format!(
                r#"{{"customer_id":"cus_1","id":"{id}","region":"R","city":"Gisenyi","country":"RW","custom_data":{{"floor":3}}}}"#
            ),
            [home(), "\"Gisenyi\"".into(), floor()],
        ),
        (
            "ndjson",
            format!(
                r#"{{"customer_id":"cus_1","id":"{id}","description":null,"region":"R","city":"Musanze","country":"RW"}}"#
            ),
            [null(), "\"Musanze\"".into(), floor()],
        ),
    ] {
        let import = ["import", "-", "--format", format, "--on-conflict", "update"];
        for outcome in ["1 updated, 0 unchanged", "0 updated, 1 unchanged"] {
            let imported = dir.run_with_input(&import, &input).succeeds();
            assert!(imported.stdout.contains(outcome), "{}", imported.stdout);
            assert_eq!(content(&export(&dir)), expected, "{input}");
        }
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn the_limit_of_addresses_applies_to_imports(#[case] dir: TestDir) {
    let import = ["import", "-", "--max-addresses", "2"];
    let refused = dir.run_with_input(&import, &lines(1, 3));
    refused.fails_with(&[
        "line 3: customer_id:",
        "--max-addresses",
        "no line was imported",
    ]);
    assert_eq!(export(&dir), "");

    let other = line("cus_2", 1, "Huye") + "\n";
    let input = format!("{}{other}{}", lines(1, 3), lines(4, 1));
    let skipped = dir.run_with_input(&[&import[..], &["--on-error", "skip"]].concat(), &input);
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    assert!(skipped.stdout.contains("3 created"), "{}", skipped.stdout);
    for number in [3, 5] {
        let listed =
            format!("line {number}: customer_id: the customer has the maximum number of addresses");
        assert!(skipped.stderr.contains(&listed), "{}", skipped.stderr);
    }
    assert_eq!(export(&dir), lines(1, 2) + &other);
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn the_limits_of_revisions_apply_to_imports(#[case] dir: TestDir) {
    dir.run_with_input(&["import", "-"], &lines(1, 3))
        .succeeds();
    let changed = |city| {
        let changed: Vec<_> = (1..=3).map(|number| line("cus_1", number, city)).collect();
        changed.join("\n") + "\n"
    };
    let import = ["import", "-", "--on-conflict", "update"];
    for (setting, most, reason) in [
        (
            "--max-revisions",
            "1",
            "id: the address has the maximum number of revisions",
        ),
        (
            "--max-past-revisions",
            "2",
            "customer_id: the customer has the maximum number of past revisions",
        ),
    ] {
        let limited = [&import[..], &[setting, most]].concat();
        let refused = dir.run_with_input(&limited, &changed("Nyanza"));
        refused.fails_with(&[reason, setting, "no line was imported"]);
        assert_eq!(export(&dir), lines(1, 3));
        let skipping = [&limited[..], &["--on-error", "skip"]].concat();
        let skipped = dir.run_with_input(&skipping, &changed("Nyanza"));
        assert_eq!(skipped.code, 2, "{}", skipped.stderr);
        assert!(skipped.stderr.contains(reason), "{}", skipped.stderr);
        dir.run_with_input(&import, &lines(1, 3)).succeeds();
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn one_customer_can_be_exported_alone(#[case] dir: TestDir) {
    let input = format!("{}{}\n", lines(1, 2), line("cus_2", 1, "Huye"));
    dir.run_with_input(&["import", "-"], &input).succeeds();
    let exported = dir
        .run(&["export", "--customer", "cus_2"])
        .succeeds()
        .stdout;
    assert_eq!(exported, line("cus_2", 1, "Huye") + "\n");
    dir.run(&["export", "--customer", "add_1"])
        .fails_with(&["--customer", "add_"]);
}

#[test]
fn the_limits_of_an_address_apply_to_imports() {
    let dir = TestDir::sqlite();
    for (limit, value, field) in [
        (
            "--max-place-chars",
            "5",
            "city: expected at most 5 characters, got 6",
        ),
        (
            "--max-custom-data-bytes",
            "7",
            "custom_data: expected at most 7 bytes",
        ),
        (
            "--max-custom-data-depth",
            "1",
            "custom_data: expected at most 1 levels, got 2",
        ),
    ] {
        let address = r#"{"customer_id":"c","region":"R","city":"Kigali","country":"RW","custom_data":{"a":[]}}"#;
        let refused = dir.run_with_input(&["import", "-", limit, value], address);
        refused.fails_with(&["line 1:", field]);
    }
    assert_eq!(export(&dir), "");
}

#[test]
fn an_overlong_line_is_refused_or_skipped() {
    let dir = TestDir::sqlite();
    let input = format!("{}\n{}", "x".repeat(3_000_000), lines(1, 1));
    let skipped = dir.run_with_input(&["import", "-", "--on-error", "skip"], &input);
    assert!(
        skipped.stderr.contains("line 1: expected at most"),
        "{}",
        skipped.stderr
    );
    assert_eq!(export(&dir), lines(1, 1));

    let input = format!(
        "customer_id,region,city,country\ncus_2,R,A,RW\ncus_2,R,\"B,RW\n{}",
        "cus_2,R,C,RW\n".repeat(100_000)
    );
    let stopped = dir.run_with_input(
        &[
            "import",
            "-",
            "--format",
            "csv",
            "--import-batch-lines",
            "1",
        ],
        &input,
    );
    stopped.fails_with(&[
        "line 3: city: the quotation mark at line 3, character 9 is not closed within the 262144 bytes",
        "--from-line 3",
    ]);
}

#[test]
fn formulas_are_escaped_only_on_request() {
    let dir = TestDir::sqlite();
    let input = format!(
        "{HEADER},description,custom_data\n-1,+R,=1+1,RW,\"@SUM(A1),B\",\"{{\"\"a\"\":\"\"=1\"\"}}\"\n"
    );
    dir.run_with_input(&["import", "-", "--format", "csv"], &input)
        .succeeds();
    let export = ["export", "--format", "csv"];
    let row = |exported: &str| -> Vec<String> {
        let row = exported.lines().nth(1).unwrap();
        let (start, rest) = row.split_once(",add_").unwrap();
        let (_, rest) = rest.split_once(',').unwrap();
        let (content, _) = rest.rsplit_once("}\",").unwrap();
        [start, content].map(str::to_owned).to_vec()
    };
    let exact = dir.run(&export).succeeds().stdout;
    assert_eq!(
        row(&exact),
        [
            "-1",
            "\"@SUM(A1),B\",+R,=1+1,RW,,,,,,,,,\"{\"\"a\"\":\"\"=1\"\""
        ]
    );
    let escaped = dir
        .run(&[&export[..], &["--escape-formulas"]].concat())
        .succeeds()
        .stdout;
    assert_eq!(
        row(&escaped),
        [
            "'-1",
            "\"'@SUM(A1),B\",'+R,'=1+1,RW,,,,,,,,,\"{\"\"a\"\":\"\"=1\"\""
        ]
    );

    // An import does not remove the apostrophe.
    let other = TestDir::sqlite();
    let escaped = escaped.replace("'-1", "1");
    other
        .run_with_input(&["import", "-", "--format", "csv"], &escaped)
        .succeeds();
    assert!(other.run(&export).succeeds().stdout.contains(",'=1+1,"));

    let refused = dir.run(&["export", "--escape-formulas"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    refused.fails_with(&[
        "--escape-formulas is for CSV: also pass --format csv",
        "--help",
    ]);
}

#[test]
fn a_closed_standard_output_is_not_an_error() {
    let dir = TestDir::sqlite();
    let file = dir.write("example.ndjson", EXAMPLE);
    for arguments in [
        &["migrate"][..],
        &["import", &file],
        &["export"],
        &["keys", "list"],
        &["doctor"],
        &["openapi"],
        &["completions", "bash"],
        &["backup", "copy.db"],
    ] {
        // The pipe never has a reader.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = dir.program(arguments).stdout(writer).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
    // A key that cannot be printed is an error: it would be lost.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let create = ["keys", "create", "--name", "a", "--scope", "addresses:read"];
    let output = dir.program(&create).stdout(writer).output().unwrap();
    assert!(!output.status.success());
}

#[test]
fn strict_rules_reject_addresses_that_are_invalid_in_their_country() {
    let dir = TestDir::sqlite();
    let line = |members: &str| {
        format!(r#"{{"customer_id":"cus_1","country":"US","city":"Springfield",{members}}}"#)
    };
    let input = [
        line(r#""region":"IL","first_line":"1 Main Street","postal_code":"62701""#),
        line(r#""region":"State of Illinois","first_line":"1 Main Street","postal_code":"62701""#),
    ]
    .join("\n");
    let strict = [
        "import",
        "-",
        "--on-error",
        "skip",
        "--address-rules",
        "strict",
    ];
    let skipped = dir.run_with_input(&strict, &input);
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    assert!(skipped.stdout.contains("1 created"), "{}", skipped.stdout);
    let reason = "line 2: region: expected a state of this country, such as AL; did you mean IL?";
    assert!(skipped.stderr.contains(reason), "{}", skipped.stderr);
    dir.run_with_input(&["import", "-"], &input).succeeds();
}
