use std::path::Path;

use serde_json::Value;

use crate::support::TestDir;

/// The committed document, for readers without a running service.
const COMMITTED: &str = "../../docs/api/openapi.json";

#[test]
fn the_printed_served_and_committed_documents_are_the_same() {
    let dir = TestDir::sqlite();
    let printed = dir.run(&["openapi"]).succeeds().stdout;
    let (status, served) = dir.serve(&[]).get("/openapi.json");
    assert_eq!((status, served.as_str()), (200, printed.as_str()));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == printed,
        "docs/api/openapi.json is out of date. Update it, and read what changed:\n\
         cargo run -- openapi > docs/api/openapi.json",
    );
}

/// Checks what the derived declarations could get wrong silently.
#[test]
fn operation_ids_are_unique_and_references_resolve() {
    let printed = TestDir::sqlite().run(&["openapi"]).succeeds().stdout;
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["openapi"], "3.1.0");

    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            operations.push(operation["operationId"].as_str().unwrap().to_owned());
            for (status, slug) in [("429", "rate-limited"), ("503", "busy")] {
                let problems =
                    &operation["responses"][status]["content"]["application/problem+json"];
                assert!(problems["examples"][slug].is_object(), "{method} {path}");
            }
        }
    }
    operations.sort();
    operations.dedup();
    assert_eq!(operations.len(), 14, "{operations:?}");

    for reference in printed.split("\"$ref\": \"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
