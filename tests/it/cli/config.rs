//! `config init`, `check` and `show`, and how a wrong configuration is refused by every verb.

use std::fs;

use super::{PUSHED, Place, Up};

#[test]
fn init_writes_a_file_that_is_right_and_replaces_none() {
    let place = Place::new();
    let written = place.run(&["config", "init"]).ended(0);
    assert!(written.text().starts_with("config.toml written;"), "{}", written.text());
    let text = fs::read_to_string(place.path("config.toml")).unwrap();
    assert_eq!(text, framecache::config::SHIPPED);
    let refused = place.run(&["config", "init"]).ended(1);
    assert_eq!(refused.stderr, "error: config.toml is already there: replace it with --force\n");
    place.write("config.toml", "tenat = 1");
    place.run(&["config", "init", "--force"]).ended(0);
    assert_eq!(fs::read_to_string(place.path("config.toml")).unwrap(), text);
    let checked = place.run(&["config", "check"]).ended(0).text();
    assert!(
        checked.starts_with("the configuration is right: 3 cameras of default/frames"),
        "{checked}"
    );
    place.run(&["config", "init", "other.toml"]).ended(0);
    assert!(place.path("other.toml").is_file());
}

#[test]
fn a_wrong_configuration_is_refused_by_every_verb_with_the_place() {
    let place = Place::new();
    place.write("config.toml", "[redis]\nttl_second = 10\n");
    for arguments in [&["config", "check"][..], &["up"], &["latest"], &["check"]] {
        let ran = place.run(arguments).ended(2);
        let said = "error: config.toml:2: unknown key \"redis.ttl_second\": did you mean";
        assert!(ran.stderr.starts_with(said), "{arguments:?}: {}", ran.stderr);
    }
    let ran = place.run(&["latest", "--config", "none.toml"]).ended(2);
    assert!(ran.stderr.starts_with("error: cannot read the configuration file none.toml"));
}

#[test]
fn an_option_that_no_camera_has_is_refused_before_anything_runs() {
    let place = Place::new();
    let camera = "[[cameras]]\nid = \"door\"\nurl = \"synthetic:?siz=64x48\"\n";
    place.write("config.toml", format!("[http]\nlisten = \"127.0.0.1:0\"\n{camera}"));
    for arguments in [&["config", "check"][..], &["up"], &["check"]] {
        let ran = place.run(arguments).ended(2);
        let said =
            "error: camera door: a synthetic camera has no option \"siz\" (did you mean \"size\"?)";
        assert!(ran.stderr.starts_with(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn show_tells_each_value_its_origin_and_no_secret() {
    let place = Place::new();
    place.write("config.toml", "[redis]\nprefix = \"front\"\n");
    let show = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("REDIS_PASSWORD", "hunter2").env("AMQP_URL", "amqp://u:hunter2@h/v");
        super::ran(command).ended(0)
    };
    let lines = show(&["config", "show", "--json", "--tenant", "acme"]).json();
    let of = |key: &str| lines.iter().find(|line| line["key"] == key).unwrap().clone();
    assert_eq!(of("redis.prefix")["value"], "\"front\"");
    assert_eq!(of("redis.prefix")["origin"], "config.toml:2");
    assert_eq!(of("tenant")["origin"], "--tenant");
    assert_eq!(of("redis.password")["value"], "\"***\"");
    assert_eq!(of("redis.password")["origin"], "environment variable REDIS_PASSWORD");
    let table = show(&["config", "show"]).text();
    assert!(table.starts_with("KEY "), "{table}");
    assert!(table.contains("amqp://u:***@h/v") && !table.contains("hunter2"), "{table}");
}

#[test]
fn a_new_token_is_printed_once_and_a_server_reads_its_entry() {
    let place = Place::new();
    let new = place.run(&["token", "new", "--name", "wall", "--tenant", "default", "--json"]);
    let new = new.ended(0).json().remove(0);
    let token = new["token"].as_str().unwrap();
    assert_eq!((token.len(), &token[..3]), (46, "fc_"));
    let printed = place.run(&["token", "new", "--name", "gate", "--write"]).ended(0).text();
    let (first, entry) = printed.split_once('\n').unwrap();
    let other = first.strip_prefix("# token: ").unwrap();
    assert_ne!(token, other);
    let entry = entry.trim_end();
    assert!(entry.ends_with("tenant = \"*\"\naccess = \"write\""), "{entry}");
    let hash = new["hash"].as_str().unwrap();
    let config = format!(
        "{PUSHED}{entry}\n[[tokens]]\nname = \"wall\"\nhash = \"{hash}\"\ntenant = \"default\"\n"
    );
    let up = Up::start(&place, &config);
    let shown = place.run(&["config", "show", "--config", "up.toml"]).ended(0).text();
    assert!(shown.contains(hash) && !shown.contains(token), "{shown}");
    let log = fs::read_to_string(place.path("up.log")).unwrap();
    assert!(!log.contains(other) && !log.contains(token), "{log}");
    drop(up);
    for (arguments, said) in [
        (["--name", "a b"], "--name \"a b\" does not fit: write 1 to 64 letters"),
        (["--tenant", "a:b"], "tenant \"a:b\" does not fit"),
    ] {
        let refused = place.run(&[&["token", "new"][..], &arguments].concat()).ended(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}
