//! Checks that each MUST of the ports names its tests, and that each test of the contract suites is
//! named by a MUST.

use std::collections::BTreeSet;

use addressbook_testkit::contract::{ADDRESS_PROMISES, API_KEY_PROMISES, Promise};

/// Returns the list items in the doc comments of a source file, each as one line.
fn points(source: &str) -> Vec<String> {
    let mut points: Vec<String> = Vec::new();
    let mut in_point = false;
    for line in source.lines() {
        let line = line.trim();
        if let Some(begin) = line.strip_prefix("/// * ") {
            points.push(begin.to_owned());
            in_point = true;
        } else if let (true, Some(rest)) = (in_point, line.strip_prefix("///   ")) {
            if let Some(point) = points.last_mut() {
                point.push(' ');
                point.push_str(rest);
            }
        } else {
            in_point = false;
        }
    }
    points
}

/// Returns the words between backticks that look like the name of a test.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |code: &&str| {
        let has_words = code.matches('_').count() >= 1;
        has_words
            && code
                .chars()
                .all(|char| char.is_ascii_lowercase() || char == '_')
    };
    text.split('`').skip(1).step_by(2).filter(is_name)
}

fn check<S: Send + 'static>(source: &str, promises: &[Promise<S>]) {
    let all: BTreeSet<_> = promises.iter().map(Promise::name).collect();
    let points = points(source);
    let mut named = BTreeSet::new();
    for point in &points {
        for rule in point.split("MUST").skip(1) {
            assert!(
                names(rule).any(|name| all.contains(name)),
                "expected the name of a test after: MUST{rule}"
            );
        }
        for name in names(point) {
            assert!(
                all.contains(name),
                "there is no test {name}, named in: {point}"
            );
            named.insert(name);
        }
    }
    let unnamed: Vec<_> = all.difference(&named).collect();
    assert!(unnamed.is_empty(), "no MUST names these tests: {unnamed:?}");
}

#[test]
fn each_must_of_the_address_port_has_its_tests() {
    let source = include_str!("../../domain/src/repository.rs");
    check(source, ADDRESS_PROMISES);
}

#[test]
fn each_must_of_the_api_key_port_has_its_tests() {
    let source = include_str!("../../domain/src/keys/api_key_repository.rs");
    check(source, API_KEY_PROMISES);
}
