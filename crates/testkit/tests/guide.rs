//! Checks that the guide to storage adapters shows the code of the example.

use std::fs;
use std::path::Path;

/// Returns the code blocks of a page whose title is a file, with the path of the file.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    for block in page.split("\n```").skip(1) {
        let Some((begin, code)) = block.split_once('\n') else {
            continue;
        };
        if let Some((_, title)) = begin.split_once("title=\"") {
            blocks.push((title.trim_end_matches('"'), code));
        }
    }
    blocks
}

#[test]
fn the_guide_shows_the_code_of_the_example() {
    let page = include_str!("../../../docs/guides/write-a-storage-adapter.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let blocks = blocks(page);
    assert!(
        blocks.len() > 20,
        "expected the blocks of the guide, got {blocks:?}"
    );
    for (path, code) in blocks {
        let file = fs::read_to_string(root.join(path));
        let file = file.unwrap_or_else(|error| panic!("the guide shows {path}: {error}"));
        assert!(
            file.contains(&format!("{code}\n")),
            "the guide shows code that is not in {path}:\n{code}"
        );
    }
}
