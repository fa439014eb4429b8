use std::fs;
use std::path::Path;

/// The page lists the tests for each risk, as `file`: `name`, `name`.
#[test]
fn every_test_on_the_security_page_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/architecture/security.md")).unwrap();
    let (mut source, mut found) = (String::new(), 0);
    for code in page.split('`').skip(1).step_by(2) {
        if code.starts_with("crates/") {
            source = fs::read_to_string(root.join(code)).unwrap();
        } else if code.contains('_')
            && code
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        {
            let function = format!("fn {code}(");
            assert!(
                source.contains(&function),
                "{code} is not in the file that the page names"
            );
            found += 1;
        }
    }
    assert!(found > 30, "only {found} tests are named");
}
