//! CSV as RFC 4180 describes it, and files that break its rules.

use rstest::rstest;

use crate::support::{EXAMPLE, TestDir};

const HEADER: &str = "customer_id,region,city,country";

fn export(dir: &TestDir) -> String {
    dir.run(&["export"]).succeeds().stdout
}

#[test]
fn csv_from_spreadsheets_is_read() {
    let dir = TestDir::sqlite();
    let csv = "\u{feff}country,customer_id,city,region,custom_data,description\r\n\
               rw,cus_1,\"Kigali, centre\",R,\"{\"\"a\"\": 1}\",\r\n\
               \r\n\
               XX,cus_1,C,R,[],\r\n\
               rw,cus_1,C\r\n";
    let file = dir.write("a.csv", csv);
    let imported = dir.run(&["import", &file, "--on-error", "skip"]);
    assert_eq!(imported.code, 2);
    assert!(
        imported.stderr.contains("line 4: country: "),
        "{}",
        imported.stderr
    );
    assert!(
        imported
            .stderr
            .contains("custom_data: expected a JSON object")
    );
    assert!(imported.stderr.contains("line 5: expected 6 fields, got 3"));
    let exported = export(&dir);
    assert!(
        exported.contains(
            r#""description":null,"region":"R","city":"Kigali, centre","country":"RW","custom_data":{"a":1},"#
        ),
        "{exported}"
    );
    // The header does not count as an imported line.
    dir.run(&["import", &file, "--from-line", "4"])
        .fails_with(&["line 4:", "no line was imported"]);
    dir.run(&["import", &file])
        .fails_with(&["line 4:", "no line was imported"]);
    for (header, word) in [
        ("customer_id,region,city,zip", "\"zip\""),
        ("customer_id,region,city,city,country", "city twice"),
        ("customer_id,region,city", "lacks country"),
    ] {
        let file = dir.write("b.csv", &format!("{header}\n"));
        dir.run(&["import", &file])
            .fails_with(&["CSV header", word]);
    }
}

/// Lines with one misplaced quotation mark, and the error that is reported.
#[rstest]
#[case::text_after_the_field(
    r#"cus_1,R,"Home" annex,RW"#,
    "line 4: city: the quotation mark at line 4, character 14 closes the field, and text follows"
)]
#[case::backslash(
    r#"cus_1,R,"say \"hi\"",RW"#,
    "line 4: city: the quotation mark at line 4, character 15 closes the field, and text follows: \
     expected a delimiter or the end of the line; a quotation mark inside a field is written \
     twice, not after a backslash"
)]
#[case::quotation_mark_in_text(
    r#"cus_1,R,say "hi",RW"#,
    "line 4: city: the quotation mark at line 4, character 13 is inside a field without quotation \
     marks"
)]
#[case::open(
    r#"cus_1,R,"Home,RW"#,
    "line 4: city: the quotation mark at line 4, character 9 is not closed before the end of the \
     file"
)]
fn a_misplaced_quotation_mark_invalidates_only_its_line(#[case] line: &str, #[case] error: &str) {
    let dir = TestDir::sqlite();
    let good = |number| format!("cus_1,R,C{number},RW\n");
    let after: String = (3..=6_000).map(good).collect();
    let csv = format!("{HEADER}\n{}{}{line}\n{after}", good(1), good(2));
    let file = dir.write("a.csv", &csv);
    let import = ["import", &file, "--max-addresses", "10000"];

    let stopped = dir.run(&import);
    stopped.fails_with(&[error, "no line was imported"]);
    assert_eq!(export(&dir), "");

    let skipped = dir.run(&[&import[..], &["--on-error", "skip"]].concat());
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    assert!(
        skipped.stdout.contains("6000 created"),
        "{}",
        skipped.stdout
    );
    assert!(skipped.stdout.contains("1 skipped"), "{}", skipped.stdout);
    let reported: Vec<_> = skipped
        .stderr
        .lines()
        .filter(|line| line.ends_with("; skipped"))
        .collect();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].starts_with(error), "{reported:?}");
}

#[test]
fn a_truncated_file_is_refused() {
    let dir = TestDir::sqlite();
    let whole = format!("{HEADER},description\ncus_1,R,C,RW,\"Home, second floor\"\n");
    for (file, cut, error) in [
        (
            "a.csv",
            &whole[..whole.len() - 8],
            "line 2: description: the quotation mark at line 2",
        ),
        (
            "a.csv",
            &whole[..whole.len() - 22],
            "line 2: expected 5 fields, got 4",
        ),
        (
            "a.ndjson",
            &EXAMPLE[..100],
            "line 1: expected a JSON object: EOF",
        ),
    ] {
        let file = dir.write(file, cut);
        dir.run(&["import", &file])
            .fails_with(&[error, "no line was imported"]);
    }
    assert_eq!(export(&dir), "");
}

#[test]
fn an_invalid_address_over_several_lines_is_reported_with_all_of_them() {
    let dir = TestDir::sqlite();
    // Two misplaced quotation marks that enclose one field.
    let csv =
        format!("{HEADER}\ncus_1,R,\"Home,RW\ncus_1,R,C,RW\ncus_1,R,Home\",RW\ncus_1,R,D,RW\n");
    let csv = csv.replace("D,RW\n", "D,RW\ncus_1,R,\"two\nlines\",RW\n");
    let skipped = dir.run_with_input(
        &["import", "-", "--format", "csv", "--on-error", "skip"],
        &csv,
    );
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    for error in [
        "lines 2 to 4: city: expected text without control characters, got U+000A; skipped",
        "lines 6 to 7: city: expected text without control characters, got U+000A; skipped",
    ] {
        assert!(skipped.stderr.contains(error), "{}", skipped.stderr);
    }
    assert!(
        skipped
            .stdout
            .contains("1 created, 0 updated, 0 unchanged, 2 skipped"),
        "{}",
        skipped.stdout
    );
}

#[test]
fn custom_data_may_have_line_breaks() {
    let dir = TestDir::sqlite();
    let csv = format!("{HEADER},custom_data\ncus_1,R,C,RW,\"{{\n  \"\"floor\"\": 3\r\n}}\"\n");
    let file = dir.write("a.csv", &csv);
    dir.run(&["import", &file]).succeeds();
    let exported = export(&dir);
    assert!(
        exported.contains(r#""custom_data":{"floor":3}"#),
        "{exported}"
    );
}
