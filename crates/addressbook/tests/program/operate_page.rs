use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::Place;

fn guide(path: &str) -> String {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    fs::read_to_string(guides.join(path)).unwrap()
}

/// What stands between backticks.
fn named(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_for_operators_has_every_setting_of_the_service() {
    let help = Place::sqlite().run(&["serve", "--help"]).succeeds().stdout;
    let settings: Vec<_> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| format!("--{name}"))
        .collect();
    assert!(settings.len() > 30, "{settings:?}");
    let page = guide("operate.md");
    let named: BTreeSet<_> = named(&page)
        .into_iter()
        .filter_map(|code| code.split(' ').next())
        .collect();
    for setting in settings {
        assert!(named.contains(&*setting), "{setting} is not there");
    }
}

#[test]
fn the_page_for_operators_has_every_alert() {
    let rules = guide("operate/alerts.yml");
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 5, "{alerts:?}");
    let page = guide("operate.md");
    for alert in alerts {
        assert!(named(&page).contains(alert), "{alert} is not there");
    }
}
