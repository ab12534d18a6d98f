//! The shipped configuration file and its documentation agree with the table of keys in the code.
//!
//! What single files and variables are read as is tested beside the code; here is only what is
//! written for people. `UPDATE_DOCS=1` rewrites the list of keys in docs/configuration.md.

#![allow(clippy::unwrap_used, reason = "a test may end where its files are missing")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use framecache::collect::SourceUrl;
use framecache::config::{
    CAMERA_KEYS, Config, Environment, KEYS, Key, Kind, OTHER_VARIABLES, Origin, SHIPPED, Secrecy,
    TIER_KEYS,
};

const BEGIN: &str = "<!-- keys: begin -->\n";
const END: &str = "<!-- keys: end -->\n";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")
}

/// The shipped file with every default that it shows in force.
fn uncommented() -> String {
    let take_away = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    SHIPPED.lines().map(take_away).collect()
}

fn load(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, text).unwrap();
    Config::load(Some(&path), &Environment::new()).unwrap().config
}

#[test]
fn the_shipped_file_shows_every_key_with_its_default() {
    let table: toml::Table = uncommented().parse().unwrap();
    let mut shown = BTreeSet::new();
    for (name, value) in &table {
        match value {
            toml::Value::Table(section) => {
                shown.extend(section.keys().map(|inner| format!("{name}.{inner}")));
            }
            _ => {
                shown.insert(name.clone());
            }
        }
    }
    let has_line = |key: &&Key| !matches!(key.kind, Kind::Items(_)) || key.name == "cameras";
    let expected: BTreeSet<_> =
        KEYS.iter().filter(has_line).map(|key| key.name.to_owned()).collect();
    assert_eq!(shown, expected);
    let in_force = load(&uncommented());
    let mut commented = load(SHIPPED);
    assert!(in_force.http.listen_is_given && !commented.http.listen_is_given);
    commented.http.listen_is_given = true;
    assert_eq!(in_force, commented);
}

#[test]
fn the_shipped_file_explains_every_key_of_a_camera_and_of_a_tier() {
    let explains = |key: &&Key| {
        let starts =
            |line: &str| line.trim_start_matches(['#', ' ']).starts_with(&format!("{} ", key.name));
        SHIPPED.lines().any(starts)
    };
    let missing: Vec<_> = CAMERA_KEYS
        .iter()
        .chain(TIER_KEYS)
        .filter(|key| !explains(key))
        .map(|key| key.name)
        .collect();
    assert!(missing.is_empty(), "config.toml does not explain {missing:?}");
}

#[test]
fn the_page_lists_every_key_as_the_code_has_it() {
    let text = fs::read_to_string(page()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    let expected = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(page(), format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert_eq!(listed, expected, "run: UPDATE_DOCS=1 cargo test --test configuration");
    }
}

/// URLs of every scheme that either side knows, and of some that none does.
const CAMERA_URLS: [&str; 30] = [
    "synthetic:",
    "synthetic:?fps=5",
    "push:",
    "dir:a",
    "dir:/a?fps=2",
    "dir:",
    "dir:?fps=2",
    "file:a.mp4",
    "file:///a.mp4",
    "file:",
    "a.mp4",
    "./a:b.mp4",
    "C:a.mp4",
    "rtsp://h/1",
    "RTSP://h/1",
    "rtsps://h",
    "rtsp:h",
    "rtsp://",
    "rtsp://u:p/1#2@h/1",
    "rtmp://h/a",
    "rtmps://h/a",
    "http://h",
    "https://h:1/x",
    "rtp://h:1",
    "udp://h:1",
    "tcp://h:1",
    "srt://h:1",
    "mms://h",
    "gopher://h",
    "http://h:99999",
];

#[test]
fn the_configuration_accepts_exactly_the_camera_urls_that_a_source_reads() {
    for url in CAMERA_URLS {
        let cameras = format!("[{{id = \"a\", url = {url:?}}}]");
        let env = Environment::from([("FRAMECACHE_CAMERAS".to_owned(), cameras)]);
        let accepted = Config::load(None, &env).is_ok();
        assert_eq!(accepted, SourceUrl::parse(url).is_ok(), "{url}");
    }
}

#[test]
fn a_file_that_is_named_but_missing_is_an_error_with_a_remedy() {
    let path = Path::new("/nowhere/config.toml");
    let said = Config::load(Some(path), &Environment::new()).unwrap_err().to_string();
    assert_eq!(
        said,
        "cannot read the configuration file /nowhere/config.toml: No such file or directory (os error 2); \
         give an existing file with --config or write one with `framecache config init`"
    );
}

#[test]
fn the_variable_that_names_the_file_is_followed_unless_an_option_names_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("tenant = \"{name}\"")).unwrap();
        path
    };
    let (by_variable, by_option) = (write("by-variable"), write("by-option"));
    let variable = ("FRAMECACHE_CONFIG".to_owned(), by_variable.display().to_string());
    let env = Environment::from([variable]);
    for (option, file) in [(None, &by_variable), (Some(by_option.as_path()), &by_option)] {
        let loaded = Config::load(option, &env).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_eq!(loaded.config.tenant.as_str(), name);
        let tenant = loaded.settings.into_iter().find(|shown| shown.key == "tenant").unwrap();
        assert_eq!(tenant.origin, Origin::File { path: file.display().to_string(), line: 1 });
    }
}

/// The list of keys as the page has it.
fn reference() -> String {
    let mut text = String::new();
    let mut section = "";
    text += "\n### Top level\n\n";
    text += HEAD;
    for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Items(_))) {
        let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            write!(text, "\n### `[{section}]`\n\n{HEAD}").unwrap();
        }
        text += &row(key, name);
    }
    for (key, items) in KEYS.iter().filter_map(|key| match key.kind {
        Kind::Items(items) => Some((key, items)),
        _ => None,
    }) {
        write!(
            text,
            "\n### `[[{}]]`\n\n{} Variable: `{}`{}.\n\n",
            key.name,
            key.meaning,
            key.variable(),
            by_file(key)
        )
        .unwrap();
        text += "| key | value | meaning |\n| --- | --- | --- |\n";
        for item in items {
            writeln!(text, "| `{}` | {} | {} |", item.name, item.kind.expected(), item.meaning)
                .unwrap();
        }
    }
    text += "\n### Variables that set no key\n\n| variable | meaning |\n| --- | --- |\n";
    for (name, meaning) in OTHER_VARIABLES {
        writeln!(text, "| `{name}` | {meaning} |").unwrap();
    }
    text += "\n";
    text
}

const HEAD: &str =
    "| key | value | default | environment | meaning |\n| --- | --- | --- | --- | --- |\n";

fn by_file(key: &Key) -> &'static str {
    if key.secrecy == Secrecy::Open { "" } else { " (or with `_FILE`)" }
}

fn row(key: &Key, name: &str) -> String {
    let default =
        if key.default.is_empty() { "not set".to_owned() } else { format!("`{}`", key.default) };
    let file = by_file(key);
    let variables: Vec<_> = std::iter::once(key.variable())
        .chain(key.also.iter().map(|also| (*also).to_owned()))
        .map(|variable| format!("`{variable}`"))
        .collect();
    let (value, variables, meaning) = (key.kind.expected(), variables.join(", "), key.meaning);
    format!("| `{name}` | {value} | {default} | {variables}{file} | {meaning} |\n")
}
