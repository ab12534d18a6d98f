//! docs/cli.md names every verb and every option that `--help` knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Place;

/// The verbs that the top-level help lists.
pub(super) fn verbs(place: &Place) -> Vec<String> {
    let help = place.run(&["--help"]).ended(0).text();
    let listed = help.split("Commands:\n").nth(1).unwrap();
    let listed = listed.split("\n\n").next().unwrap();
    let verbs: Vec<String> = listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(verbs.len() >= 17, "{verbs:?}");
    verbs
}

/// Long options in a help text.
fn options(help: &str) -> BTreeSet<String> {
    let words = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let words = words.flat_map(|line| line.split([' ', ',', '=']));
    let words = words.map(|word| word.trim_end_matches("..."));
    words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn the_page_names_every_verb_and_every_option() {
    let place = Place::new();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let page = fs::read_to_string(page).unwrap();
    let top = options(&place.run(&["--help"]).ended(0).text());
    let mut missing = Vec::new();
    for option in &top {
        if !page.contains(&format!("`{option}")) {
            missing.push(option.clone());
        }
    }
    for verb in verbs(&place) {
        let Some(section) = page.split(&format!("\n## {verb}")).nth(1) else {
            missing.push(verb);
            continue;
        };
        let section = section.split("\n## ").next().unwrap();
        if !section.contains(&format!("framecache {verb}")) {
            missing.push(format!("an example of {verb}"));
        }
        let help = place.run(&["help", &verb]).ended(0).text();
        for option in options(&help).difference(&top) {
            if !section.contains(option.as_str()) {
                missing.push(format!("{verb} {option}"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/cli.md lacks {missing:?}");
}
