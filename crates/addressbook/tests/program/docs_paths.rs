//! The documentation names existing paths, and all methods of the port.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The paths between backticks, from the root of the repository.
fn paths_in(page: &str) -> Vec<String> {
    let prefixes = [
        "domain/src/",
        "http/src/",
        "adapters/src/",
        "addressbook/src/",
        "testkit/src/",
    ];
    let mut paths = Vec::new();
    for code in page.split('`').skip(1).step_by(2) {
        let is_path = code
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "/._-".contains(char));
        if !is_path {
            continue;
        }
        if code.starts_with("crates/") || code.starts_with("examples/") {
            paths.push(code.to_owned());
        } else if prefixes.iter().any(|prefix| code.starts_with(prefix)) {
            paths.push(format!("crates/{code}"));
        }
    }
    paths
}

#[test]
fn every_path_in_the_documentation_exists() {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    pages(&root().join("docs"), &mut found);
    let mut named = 0;
    for page in found {
        for path in paths_in(&fs::read_to_string(&page).unwrap()) {
            named += 1;
            assert!(root().join(&path).exists(), "{path} in {}", page.display());
        }
    }
    assert!(named > 100, "{named}");
}

#[test]
fn the_overview_lists_every_method_of_the_port() {
    let port = fs::read_to_string(root().join("crates/domain/src/repository.rs")).unwrap();
    let methods: Vec<_> = port
        .lines()
        .filter_map(|line| line.strip_prefix("    async fn "))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    assert!(methods.len() > 8, "{methods:?}");
    let overview = fs::read_to_string(root().join("docs/architecture/overview.md")).unwrap();
    for method in methods {
        assert!(overview.contains(&format!("`{method}`")), "{method}");
    }
}
