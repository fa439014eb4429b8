//! Files as other systems write them: other delimiters, names, compression and encodings.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;

use crate::support::TestDir;

const CSV: &str = "customer_id,region,city,country\ncus_1,R,Kigali,RW\ncus_1,R,Huye,RW\n";

/// Description, city, country and custom data of each exported address.
fn exported(dir: &TestDir) -> Vec<[String; 4]> {
    let exported = dir.run(&["export"]).succeeds().stdout;
    let mut addresses: Vec<_> = exported
        .lines()
        .map(|line| {
            let address: serde_json::Value = serde_json::from_str(line).unwrap();
            ["description", "city", "country", "custom_data"]
                .map(|name| address[name].to_string().replace('"', ""))
        })
        .collect();
    addresses.sort();
    addresses
}

fn address(description: &str, city: &str, country: &str) -> [String; 4] {
    [description, city, country, "null"].map(str::to_owned)
}

fn both() -> [[String; 4]; 2] {
    ["Huye", "Kigali"].map(|city| address("null", city, "RW"))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[rstest]
#[case::comma("a.csv", ",", &[])]
#[case::semicolon("a.csv", ";", &[])]
#[case::tab("a.tsv", "\t", &[])]
#[case::pipe("a.CSV", "|", &[])]
#[case::given_as_a_character("a.csv", "^", &["--delimiter", "^"])]
#[case::given_as_a_word("a.csv", "\t", &["--delimiter", "tab"])]
fn csv_is_read_with_its_delimiter(
    #[case] name: &str,
    #[case] delimiter: &str,
    #[case] flags: &[&str],
) {
    let dir = TestDir::sqlite();
    let text = CSV.replace(',', delimiter);
    // A field that contains every delimiter that is detected.
    let text = text.replace("Kigali", "\"A,B;C|D\"");
    let file = dir.write(name, &text);
    dir.run(&[&["import", &file], flags].concat()).succeeds();
    assert_eq!(
        exported(&dir),
        ["A,B;C|D", "Huye"].map(|city| address("null", city, "RW"))
    );
}

#[test]
fn the_delimiter_that_finds_most_known_fields_is_chosen() {
    let dir = TestDir::sqlite();
    let text = "Kunde;Ort;\"a,id,b\";region;country\ncus_1;Kigali;x;R;RW\n";
    let file = dir.write("a.csv", text);
    dir.run(&[
        "import",
        &file,
        "--map",
        "Kunde=customer_id",
        "--map",
        "Ort=city",
        "--ignore-unknown-columns",
    ])
    .succeeds();
    assert_eq!(exported(&dir), [address("null", "Kigali", "RW")]);
}

#[rstest]
#[case::csv(
    "csv",
    "Kunde,Ort,Bezeichnung,region,Telefon,\ncus_1,Kigali,Home,R,\"+250 \"\"1\"\"\",\ncus_1,Huye,,R,,\n"
)]
#[case::ndjson(
    "ndjson",
    r#"{"Kunde":"cus_1","Ort":"Kigali","Bezeichnung":"Home","region":"R","Telefon":[250]}
       {"Kunde":"cus_1","Ort":"Huye","region":"R"}"#
)]
fn columns_can_be_mapped_ignored_and_given_a_default(#[case] format: &str, #[case] text: &str) {
    let dir = TestDir::sqlite();
    let file = dir.write("a", text);
    let import = [
        "import",
        &file,
        "--format",
        format,
        "--map",
        "Kunde=customer_id",
        "--map",
        "Ort=city",
        "--map",
        "Bezeichnung=description",
        "--column-default",
        "country=rw",
        "--column-default",
        "description=Office",
        "--column-default",
        "custom_data={\"source\": \"crm\"}",
        "--ignore-unknown-columns",
    ];
    dir.run(&import).succeeds();
    // In CSV, the description of the second line is present and empty.
    let second = if format == "csv" { "null" } else { "Office" };
    let with_source = |description: &str, city: &str| {
        [description, city, "RW", "{source:crm}"].map(str::to_owned)
    };
    let mut expected = [with_source("Home", "Kigali"), with_source(second, "Huye")];
    expected.sort();
    assert_eq!(exported(&dir), expected);
}

#[test]
fn a_column_default_acts_like_a_value_in_the_file() {
    let dir = TestDir::sqlite();
    let id = format!("add_{:026}", 1);
    let update = |text: &str, flags: &[&str]| {
        let import = ["import", "-", "--format", "csv", "--on-conflict", "update"];
        dir.run_with_input(&[&import[..], flags].concat(), text)
            .succeeds();
        exported(&dir)[0][0].clone()
    };
    let bare = format!("id,customer_id,region,city,country\n{id},cus_1,R,C,RW\n");
    assert_eq!(
        update(&bare, &["--column-default", "description=Home"]),
        "Home"
    );
    assert_eq!(update(&bare, &[]), "Home");
    assert_eq!(update(&bare, &["--column-default", "description="]), "null");
}

#[rstest]
#[case(&["--map", "town=place"], "\"place\" is not a field of an address: expected one of customer_id")]
#[case(&["--map", "town=City"], "did you mean city?")]
#[case(&["--map", "town"], "expected THEIRS=OURS")]
#[case(&["--map", "town=city", "--map", "place=city"], "--map names city twice")]
#[case(&["--map", "town=city", "--map", "town=region"], "--map names town twice")]
#[case(&["--column-default", "zip=1"], "\"zip\" is not a field of an address")]
#[case(&["--column-default", "country"], "expected OURS=VALUE")]
#[case(&["--column-default", "country=Rwanda"], "country: expected a two-letter")]
#[case(&["--column-default", "country="], "country: is required")]
#[case(&["--column-default", "id=add_00000000000000000000000001"], "id cannot have a default")]
#[case(&["--column-default", "country=RW", "--column-default", "country=KE"], "--column-default names country twice")]
#[case(&["--delimiter", "a"], "expected comma, semicolon, tab, pipe")]
#[case(&["--delimiter", ";", "--format", "ndjson"], "pass --format csv")]
fn invalid_flags_are_refused_before_the_file_is_read(#[case] flags: &[&str], #[case] error: &str) {
    let dir = TestDir::sqlite();
    let refused = dir.run(&[&["import", "missing.csv"], flags].concat());
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    refused.fails_with(&["error: ", error, "--help"]);
}

#[rstest]
#[case(
    "customer_id,region,town,country",
    &[],
    "line 1: the CSV header names \"town\": expected some of customer_id, id, description, region, \
     city, country, recipient, organization, first_line, second_line, district, postal_code, \
     sorting_code, phone, custom_data, created_at, updated_at, default_for; read a column under another name with \
     --map THEIRS=OURS, or ignore such columns with --ignore-unknown-columns"
)]
#[case(
    "customerId,region,city,country,",
    &[],
    "the CSV header names \"customerId\" (did you mean customer_id?), \"\": expected some of"
)]
#[case(
    "Kunde;Ort",
    &[],
    "is read as one column, \"Kunde;Ort\": expected several; pass --delimiter semicolon"
)]
#[case(
    "customer_id,region,city,country",
    &["--map", "town=city"],
    "line 1: the CSV header lacks the column \"town\" that --map names: its columns are \"customer_id\", "
)]
#[case(
    "customer_id,region,Ort,country",
    &["--map", "ort=city"],
    "lacks the column \"ort\" that --map names (did you mean \"Ort\"?)"
)]
#[case(
    "customer_id,region,city,country,town",
    &["--map", "town=city"],
    "line 1: the CSV header has two columns for city: \"city\" and \"town\""
)]
#[case(
    "customer_id,region",
    &["--column-default", "city=Kigali"],
    "line 1: the CSV header lacks country: expected a column for each; use --map THEIRS=country to read \
     it from another column, or --column-default country=VALUE for all lines"
)]
#[case("id,region", &[], "lacks customer_id, country")]
#[case("customer_id,\"region", &[], "line 1: cannot read the CSV header: field 2: the quotation mark at line 1, character 13")]
#[case("{\"customer_id\":\"cus_1\"}", &[], "the file is JSON, but is read as CSV: pass --format ndjson")]
#[case("customer_id,region,city,country\rcus_1,R,C,RW\r", &[], "the lines of the file end with CR only")]
#[case("", &[], "the file is empty: expected a CSV header")]
#[case("\n\r\n", &[], "the file is empty: expected a CSV header")]
fn an_invalid_csv_header_is_refused_with_what_to_do(
    #[case] header: &str,
    #[case] flags: &[&str],
    #[case] error: &str,
) {
    let dir = TestDir::sqlite();
    let file = dir.write("a.csv", header);
    let refused = dir.run(&[&["import", &file, "--on-error", "skip"], flags].concat());
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    refused.fails_with(&[error]);
}

#[rstest]
#[case(
    r#"{"customer_id":"c","region":"R","town":"C","country":"RW"}"#,
    "line 1: town: expected one of customer_id, id, description, region, city, country, \
     recipient, organization, first_line, second_line, district, postal_code, sorting_code, phone, \
     custom_data, created_at, updated_at, default_for; see --map and --ignore-unknown-columns; city: is required"
)]
#[case(
    r#"{"customer_id":"c","region":"R","city":"C","country":"RW","line":"x"}"#,
    "line 1: line: expected one of customer_id, "
)]
#[case(
    r#"{"customer_id":"c","region":"R","City":"C","country":"RW"}"#,
    "line 1: City: expected one of customer_id, id, description, region, city, country, \
     recipient, organization, first_line, second_line, district, postal_code, sorting_code, phone, \
     custom_data, created_at, updated_at, default_for (did you mean city?)"
)]
#[case(
    r#"{"customer_id":"c","region":"R","place":"A","city":"B","country":"RW"}"#,
    "line 1: city: \"city\" is a second member for this field"
)]
#[case(
    r#"[{"customer_id":"c"}]"#,
    "line 1: the file is a JSON array: expected one JSON object per line; convert it: jq -c '.[]'"
)]
#[case(
    CSV,
    "line 1: the file is CSV, but is read as NDJSON: pass --format csv"
)]
#[case(
    "\u{feff}\n\nPlatz;place;id\n1;2;3",
    "line 3: the file is CSV, but is read as NDJSON: pass --format csv"
)]
#[case(
    "Kunde;Ort\n",
    "line 1: expected a JSON object (for CSV, pass --format csv): expected value at column 1"
)]
fn invalid_ndjson_is_refused_with_what_to_do(#[case] text: &str, #[case] error: &str) {
    let dir = TestDir::sqlite();
    let refused = dir.run_with_input(&["import", "-", "--map", "place=city"], text);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    refused.fails_with(&[error]);
}

#[rstest]
#[case::csv_by_its_name("a.csv.gz", CSV, &[])]
#[case::tsv_by_its_name("A.TSV.GZ", CSV, &[])]
#[case::csv_without_a_name_for_gzip("a.csv", CSV, &[])]
#[case::csv_from_standard_input("-", CSV, &["--format", "csv"])]
#[case::ndjson(
    "a.ndjson.gz",
    "{\"customer_id\":\"cus_1\",\"region\":\"R\",\"city\":\"Kigali\",\"country\":\"RW\"}\n\
     {\"customer_id\":\"cus_1\",\"region\":\"R\",\"city\":\"Huye\",\"country\":\"RW\"}\n",
    &[]
)]
fn gzip_is_detected_by_its_content(#[case] name: &str, #[case] text: &str, #[case] flags: &[&str]) {
    let (start, rest) = text.as_bytes().split_at(40);
    // Several members, one after another, as log rotation appends them.
    let several = [gzip(start), gzip(b""), gzip(rest)].concat();
    for packed in [gzip(text.as_bytes()), several] {
        let dir = TestDir::sqlite();
        let import = [&["import", name], flags].concat();
        let imported = match name {
            "-" => dir.run_with_input(&import, &packed),
            _ => {
                dir.write(name, &packed);
                dir.run(&import)
            }
        }
        .succeeds();
        assert_eq!(exported(&dir), both());
        // Progress counts the bytes of the file.
        assert_eq!(
            imported.stderr.contains("100 % done"),
            name != "-",
            "{}",
            imported.stderr
        );
    }
}

#[test]
fn truncated_or_damaged_gzip_is_an_error() {
    let dir = TestDir::sqlite();
    let packed = gzip(CSV.as_bytes());
    let mut damaged = packed.clone();
    damaged[packed.len() - 8] ^= 1;
    let trailing = [&packed[..], &[b'x'; 20]].concat();
    for bytes in 2..packed.len() {
        let file = dir.write("a.csv.gz", &packed[..bytes]);
        let refused = dir.run(&["import", &file, "--on-error", "skip"]);
        assert_eq!(refused.code, 1, "{bytes} bytes: {}", refused.stderr);
        refused.fails_with(&["the gzip data ends too early: the file is truncated"]);
    }
    let empty = dir.write("a.ndjson.gz", b"");
    let refused = dir.run(&["import", &empty]);
    refused.fails_with(&["a.ndjson.gz is empty: expected gzip data"]);
    for content in [damaged, trailing] {
        let file = dir.write("a.csv.gz", &content);
        dir.run(&["import", &file])
            .fails_with(&["the gzip data is damaged: ", "no line was imported"]);
    }
    assert_eq!(exported(&dir), [[""; 4]; 0]);
}

#[rstest]
#[case::utf_16le(
    b"\xff\xfec\0u\0",
    "text in UTF-16:",
    "iconv -f UTF-16 -t UTF-8 FILE > NEW"
)]
#[case::utf_16be(
    b"\xfe\xff\0c\0u",
    "text in UTF-16:",
    "iconv -f UTF-16 -t UTF-8 FILE > NEW"
)]
#[case::utf_16le_bare(b"c\0u\0", "text in UTF-16LE", "iconv -f UTF-16LE -t UTF-8")]
#[case::utf_16be_bare(b"\0c\0u", "text in UTF-16BE", "iconv -f UTF-16BE -t UTF-8")]
#[case::utf_32(b"\xff\xfe\0\0c\0\0\0", "text in UTF-32:", "iconv -f UTF-32 -t UTF-8")]
#[case::workbook(
    b"PK\x03\x04....",
    "a spreadsheet workbook",
    "save the sheet as CSV in UTF-8"
)]
#[case::zstd(b"\x28\xb5\x2f\xfd....", "compressed with zstd", "zstd -d FILE")]
#[case::xz(b"\xfd7zXZ\0..", "compressed with xz", "xz -d FILE")]
#[case::bzip2(b"BZh91AY", "compressed with bzip2", "bzip2 -d FILE")]
fn a_file_that_is_not_utf_8_text_is_refused_with_what_to_do(
    #[case] content: &[u8],
    #[case] what: &str,
    #[case] remedy: &str,
) {
    let dir = TestDir::sqlite();
    for (name, content) in [
        ("a.csv", content.to_vec()),
        ("a.ndjson", content.to_vec()),
        ("a.csv.gz", gzip(content)),
    ] {
        let file = dir.write(name, &content);
        let refused = dir.run(&["import", &file, "--on-error", "skip"]);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        refused.fails_with(&["the file is ", what, "expected text in UTF-8", remedy]);
    }
}

#[test]
fn windows_1252_is_refused_with_the_command_that_converts_it() {
    let dir = TestDir::sqlite();
    let convert = "iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW";
    let windows = |text: &str| {
        text.replace("Kigali", "Zürich")
            .chars()
            .map(|char| char as u8)
            .collect::<Vec<_>>()
    };
    let text = windows(CSV);
    let file = dir.write("a.csv", &text);
    dir.run(&["import", &file]).fails_with(&[
        "line 2: city: expected text in UTF-8",
        convert,
        "no line was imported",
    ]);
    let skipped = dir.run(&["import", &file, "--on-error", "skip"]);
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    assert_eq!(exported(&dir), [address("null", "Huye", "RW")]);

    let header = windows("customer_id,region,city,country,Größe\n");
    let file = dir.write("b.csv", &header);
    dir.run(&["import", &file, "--ignore-unknown-columns"])
        .fails_with(&[
            "line 1: cannot read the CSV header: expected text in UTF-8",
            convert,
        ]);

    let object = windows(r#"{"customer_id":"c","region":"R","city":"Kigali","country":"CH"}"#);
    dir.run_with_input(&["import", "-"], &object)
        .fails_with(&["line 1: expected text in UTF-8", convert]);
}

#[test]
fn null_and_backslash_n_are_ordinary_text() {
    let dir = TestDir::sqlite();
    let header = "customer_id,region,city,country,description,custom_data";
    let text = format!(
        "{header}\ncus_1,R,\\N,RW,NULL,\ncus_1,R,null,RW,\\N,null\n\
         cus_1,R,C,NULL,,\ncus_1,R,C,RW,,NULL\ncus_1,R,C,RW,,\\N\n"
    );
    let file = dir.write("a.csv", &text);
    let skipped = dir.run(&["import", &file, "--on-error", "skip"]);
    assert_eq!(skipped.code, 2, "{}", skipped.stderr);
    for error in [
        "line 4: country: ",
        "line 5: custom_data: ",
        "line 6: custom_data: ",
    ] {
        assert!(skipped.stderr.contains(error), "{}", skipped.stderr);
    }
    assert_eq!(
        exported(&dir),
        [
            address("NULL", "\\\\N", "RW"),
            address("\\\\N", "null", "RW")
        ]
    );
}

#[test]
fn a_nul_is_a_field_error() {
    let dir = TestDir::sqlite();
    let file = dir.write("a.csv", &CSV.replace("Kigali", "Ki\0gali"));
    dir.run(&["import", &file]).fails_with(&[
        "line 2: city: expected text without control characters, got U+0000",
        "no line was imported",
    ]);
    let file = dir.write("b.csv", &CSV.replace("city", "city\0"));
    dir.run(&["import", &file])
        .fails_with(&["line 1: the CSV header names \"city\\0\" (did you mean city?)"]);
}
