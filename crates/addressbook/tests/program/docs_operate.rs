use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::TestDir;

fn guide(path: &str) -> String {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    fs::read_to_string(guides.join(path)).unwrap()
}

/// The texts between backticks.
fn named(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_for_operators_lists_every_setting_of_the_service() {
    let help = TestDir::sqlite()
        .run(&["serve", "--help"])
        .succeeds()
        .stdout;
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
        assert!(named.contains(&*setting), "the page lacks {setting}");
    }
}

#[test]
fn the_page_for_operators_lists_every_alert() {
    let rules = guide("operate/alerts.yml");
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 5, "{alerts:?}");
    let page = guide("operate.md");
    for alert in alerts {
        assert!(named(&page).contains(alert), "the page lacks {alert}");
    }
}

/// A row of the configuration page: flag, variable, default and range.
struct Row<'a> {
    flag: &'a str,
    cells: Vec<&'a str>,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines()
        .filter(|line| line.starts_with("| `--"))
        .map(|line| {
            let cells: Vec<_> = line.split(" | ").collect();
            let flag = cells[0].trim_start_matches("| ").trim_matches('`');
            Row { flag, cells }
        })
        .collect()
}

/// The flags in a command's help that have a variable, each with its variable and default.
fn settings_of(dir: &TestDir, command: &str) -> Vec<(String, String, Option<String>)> {
    let help = dir.run(&[command, "--help"]).succeeds().stdout;
    let mut settings = Vec::new();
    let mut flag = "";
    for line in help.lines().map(str::trim) {
        if line.starts_with("--") {
            flag = line.split_whitespace().next().unwrap();
        } else if let Some(variable) = line.strip_prefix("[env: ") {
            let variable = variable.trim_end_matches(['=', ']']);
            settings.push((flag.to_owned(), variable.to_owned(), None));
        } else if let (Some(default), Some(last)) =
            (line.strip_prefix("[default: "), settings.last_mut())
            && last.0 == flag
        {
            last.2 = Some(default.trim_end_matches(']').to_owned());
        }
    }
    settings
}

#[test]
fn the_configuration_page_matches_the_program() {
    let dir = TestDir::sqlite();
    let page = guide("configuration.md");
    let rows = rows(&page);
    let mut settings = settings_of(&dir, "serve");
    settings.extend(settings_of(&dir, "import"));
    assert!(settings.len() > 50, "{settings:?}");
    for (flag, variable, default) in settings {
        if flag == "--config" {
            continue;
        }
        let row = rows.iter().find(|row| row.flag == flag);
        let row = row.unwrap_or_else(|| panic!("the page lacks {flag}"));
        assert_eq!(row.cells[1], format!("`{variable}`"), "{flag}");
        if let Some(default) = default {
            assert_eq!(row.cells[2], format!("`{default}`"), "{flag}");
        }
    }
    let mut with_range = 0;
    for row in rows {
        let Some((least, most)) = row.cells[3].trim().split_once(" to ") else {
            continue;
        };
        if row.flag.starts_with("--otlp") {
            continue;
        }
        with_range += 1;
        let command: &[&str] = match row.flag {
            "--import-batch-lines" => &["import", "-"],
            _ => &["serve"],
        };
        let beyond = (most.parse::<u64>().unwrap() + 1).to_string();
        let refused = dir.run(&[command, &[row.flag, &beyond]].concat());
        refused.fails_with(&[row.flag, least, most]);
    }
    assert!(with_range > 25, "{with_range}");
}
