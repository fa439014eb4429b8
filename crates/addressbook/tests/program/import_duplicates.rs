//! Lines of addresses that the customer has already.

use std::thread;

use rstest::rstest;

use crate::support::{Service, TestDir};

const HEADER: &str = "customer_id,region,city,country,first_line";

/// Customer and first line of each exported address, sorted.
fn exported(dir: &TestDir) -> Vec<[String; 2]> {
    let exported = dir.run(&["export"]).succeeds().stdout;
    let mut addresses: Vec<_> = exported
        .lines()
        .map(|line| {
            let address: serde_json::Value = serde_json::from_str(line).unwrap();
            ["customer_id", "first_line"].map(|name| address[name].as_str().unwrap().to_owned())
        })
        .collect();
    addresses.sort();
    addresses
}

/// A CSV file with these customers and first lines, all in Kigali.
fn csv(lines: &[(&str, &str)]) -> String {
    let mut text = format!("{HEADER}\n");
    for (customer_id, first_line) in lines {
        text.push_str(&format!(
            "{customer_id},Kigali,Kigali,RW,\"{first_line}\"\n"
        ));
    }
    text
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn duplicates_of_the_book_and_of_earlier_lines_are_skipped(#[case] dir: TestDir) {
    let stored = [("cus_1", "Flat 1, 1 High Street"), ("cus_2", "KG 7")];
    let file = dir.write("stored.csv", &csv(&stored));
    dir.run(&["import", &file]).succeeds();
    let lines = [
        ("cus_1", "FLAT 1 1 high street"),
        ("cus_1", "Flat 11, High Street"),
        ("cus_1", "flat 11 high street"),
        ("cus_2", "KG 7"),
        ("cus_3", "kg 7"),
        ("cus_3", "KG 7"),
    ];
    let file = dir.write("a.csv", &csv(&lines));
    let import = ["import", &file, "--on-duplicate", "skip"];
    let imported = dir.run(&import).succeeds();
    let outcomes = "2 created, 0 updated, 1 unchanged, 3 duplicate, 0 skipped";
    assert!(imported.stdout.contains(outcomes), "{}", imported.stdout);
    assert!(
        imported.stdout.starts_with("6 lines"),
        "{}",
        imported.stdout
    );
    for line in [2, 4, 7] {
        let listed = format!("line {line}: the customer has the same address already\n");
        assert!(imported.stderr.contains(&listed), "{}", imported.stderr);
    }
    let expected = [
        ["cus_1", "Flat 1, 1 High Street"],
        ["cus_1", "Flat 11, High Street"],
        ["cus_2", "KG 7"],
        ["cus_3", "kg 7"],
    ];
    assert_eq!(exported(&dir), expected);

    // Also if each line is a batch of its own.
    let again = [&import[..], &["--import-batch-lines", "1"]].concat();
    let again = dir.run(&again).succeeds();
    let outcomes = "0 created, 0 updated, 3 unchanged, 3 duplicate, 0 skipped";
    assert!(again.stdout.contains(outcomes), "{}", again.stdout);
    assert_eq!(exported(&dir), expected);
}

#[test]
fn duplicates_are_created_by_default() {
    let dir = TestDir::sqlite();
    let file = dir.write("a.csv", &csv(&[("cus_1", "KG 7"), ("cus_1", "kg 7")]));
    let imported = dir.run(&["import", &file]).succeeds();
    let outcomes = "2 created, 0 updated, 0 unchanged, 0 skipped";
    assert!(imported.stdout.contains(outcomes), "{}", imported.stdout);
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn lines_with_an_id_in_the_book_are_never_duplicates(#[case] dir: TestDir) {
    let line = |number: u32, first_line: &str| {
        format!("cus_1,Kigali,Kigali,RW,{first_line},add_{number:026}\n")
    };
    let import = |lines: &[String]| {
        let file = dir.write("a.csv", &format!("{HEADER},id\n{}", lines.concat()));
        let import = ["import", &file, "--on-conflict", "update"];
        let skipping = [&import[..], &["--on-duplicate", "skip"]].concat();
        dir.run(&skipping).succeeds().stdout
    };
    let first = import(&[line(1, "KG 7"), line(2, "KG 8"), line(3, "kg 7")]);
    let outcomes = "2 created, 0 updated, 0 unchanged, 1 duplicate, 0 skipped";
    assert!(first.contains(outcomes), "{first}");
    // The second address becomes the same as the first one, which then moves away.
    let second = import(&[
        line(1, "KG 7"),
        line(2, "kg 7"),
        line(1, "KG 9"),
        line(3, "KG 8"),
        line(4, "KG 7"),
    ]);
    let outcomes = "1 created, 2 updated, 1 unchanged, 1 duplicate, 0 skipped";
    assert!(second.contains(outcomes), "{second}");
    assert_eq!(
        exported(&dir),
        [["cus_1", "KG 8"], ["cus_1", "KG 9"], ["cus_1", "kg 7"]]
    );
}

/// Addresses that each import and each client spells in its own way.
const FLATS: u32 = 200;

fn spelled(flat: u32, spelling: usize) -> String {
    let street = ["High Street", "HIGH STREET", "high-street", "High. Street"];
    format!("Flat {flat}, {}", street[spelling])
}

fn create_all(service: &Service, spelling: usize) {
    for flat in 1..=FLATS {
        let first_line = spelled(flat, spelling);
        let address = format!(
            r#"{{"region":"Kigali","city":"Kigali","country":"RW","first_line":"{first_line}"}}"#
        );
        let path = "/v1/customers/cus_1/addresses?on_duplicate=return";
        let response = service.send("POST", path, &[], &address);
        assert!([200, 201].contains(&response.status), "{}", response.body);
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn imports_and_clients_at_once_create_each_address_once(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    let import = |spelling| {
        let flats: Vec<_> = (1..=FLATS).map(|flat| spelled(flat, spelling)).collect();
        let lines: Vec<_> = ["cus_1", "cus_2"]
            .into_iter()
            .flat_map(|customer_id| flats.iter().map(move |flat| (customer_id, &**flat)))
            .collect();
        let file = dir.write(&format!("{spelling}.csv"), &csv(&lines));
        // Many small batches meet more often. A large one is created in bulk.
        let batch_lines = ["5", "7", "100"][spelling];
        let skipping = [
            "--on-duplicate",
            "skip",
            "--import-batch-lines",
            batch_lines,
        ];
        dir.run(&[&["import", &file], &skipping[..]].concat())
            .succeeds();
    };
    thread::scope(|scope| {
        for spelling in 0..3 {
            scope.spawn(move || import(spelling));
        }
        scope.spawn(|| create_all(&service, 3));
    });
    let addresses = exported(&dir);
    for customer in ["cus_1", "cus_2"] {
        let mut flats: Vec<u32> = addresses
            .iter()
            .filter(|[customer_id, _]| customer_id == customer)
            .map(|[_, line]| line.split([' ', ',']).nth(1).unwrap().parse().unwrap())
            .collect();
        flats.sort_unstable();
        assert_eq!(flats, (1..=FLATS).collect::<Vec<_>>(), "{customer}");
    }
}
