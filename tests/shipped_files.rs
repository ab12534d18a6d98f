//! What is shipped beside the program is right: compose file, image, scripts, top-level files.
//!
//! No container engine is needed: the compose file is held against the compose schema, read by
//! docker-compose, and its resolved form is compared with what the services expect of each other.
//! Building the image itself is not covered here.

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use framecache::config::{BusBackend, Config, Environment, RedisServer, StoreBackend, is_read};
use serde_json::{Value, json};
use support::python;

const YAML_TO_JSON: &str = "import json, sys; from ruamel.yaml import YAML; \
    print(json.dumps(YAML(typ='safe').load(sys.argv[1])))";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn compose_file() -> PathBuf {
    root().join("docker-compose.yml")
}

/// docker-compose with a fixed environment: nothing that a developer has set or wrote to .env reaches it.
fn docker_compose(environment: &[(&str, &str)]) -> Command {
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty.env");
    fs::write(&empty, "").expect("the target folder should be writable");
    let mut command = Command::new("docker-compose");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .arg("--env-file")
        .arg(empty)
        .arg("-f")
        .arg(compose_file());
    command
}

fn run(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("{program} did not start ({error}): run tests/run, which installs it")
    });
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The compose file as docker-compose understands it, variables put in.
fn services(environment: &[(&str, &str)]) -> Value {
    let mut compose = docker_compose(environment);
    compose.arg("config");
    let resolved = run(compose).stdout;
    let mut convert = Command::new(python::interpreter());
    convert.args(["-c", YAML_TO_JSON]).arg(String::from_utf8_lossy(&resolved).as_ref());
    let all: Value =
        serde_json::from_slice(&run(convert).stdout).expect("Python should print JSON");
    all["services"].clone()
}

fn option_of<'a>(command: &'a Value, name: &str) -> Option<&'a str> {
    let words = command.as_array()?;
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1)?.as_str()
}

#[test]
fn the_compose_file_follows_the_compose_schema() {
    let mut check = Command::new(python::program("check-jsonschema"));
    check.args(["--builtin-schema", "vendor.compose-spec"]).arg(compose_file());
    run(check);
}

#[test]
fn docker_compose_reads_the_compose_file_on_a_clean_clone() {
    let mut compose = docker_compose(&[]);
    compose.args(["config", "--quiet"]);
    let output = run(compose);
    // an unset variable without a default is a warning, not an error
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn every_published_port_is_on_the_loopback_only() {
    let services = services(&[]);
    let mut published = Vec::new();
    for (name, service) in services.as_object().unwrap() {
        for port in service["ports"].as_array().unwrap() {
            published.push(format!("{name} {}", port.as_str().unwrap()));
        }
    }
    published.sort();
    assert_eq!(
        published,
        [
            "camera-collector 127.0.0.1:8080:8080/tcp",
            "rabbitmq 127.0.0.1:15672:15672/tcp",
            "rabbitmq 127.0.0.1:5672:5672/tcp",
            "redis 127.0.0.1:6379:6379/tcp",
            "redisinsight 127.0.0.1:5540:5540/tcp",
        ]
    );
}

#[test]
fn the_collector_waits_for_its_servers_and_redisinsight_only_starts_when_asked_for() {
    let services = services(&[]);
    assert_eq!(
        services["camera-collector"]["depends_on"],
        json!({
            "redis": {"condition": "service_healthy"},
            "rabbitmq": {"condition": "service_healthy"},
        })
    );
    assert!(services["redis"]["healthcheck"]["test"].is_array());
    assert!(services["rabbitmq"]["healthcheck"]["test"].is_array());
    assert_eq!(services["redisinsight"]["profiles"], json!(["insight"]));
}

#[test]
fn the_collector_has_the_logins_that_the_servers_demand() {
    let chosen = [
        ("REDIS_PASSWORD", "r3dis"),
        ("RABBITMQ_USER", "fleet"),
        ("RABBITMQ_PASSWORD", "r4bbit"),
        ("RABBITMQ_VHOST", "site-a"),
    ];
    for environment in [&[] as &[_], &chosen] {
        let services = services(environment);
        let collector = &services["camera-collector"]["environment"];
        let redis = &services["redis"];
        let rabbit = &services["rabbitmq"]["environment"];
        let part = |name: &str| rabbit[name].as_str().unwrap().to_owned();
        assert_eq!(
            option_of(&redis["command"], "--requirepass"),
            collector["REDIS_PASSWORD"].as_str()
        );
        assert_eq!(redis["environment"]["REDISCLI_AUTH"], collector["REDIS_PASSWORD"]);
        assert_eq!(
            collector["AMQP_URL"],
            json!(format!(
                "amqp://{}:{}@rabbitmq:5672/{}",
                part("RABBITMQ_DEFAULT_USER"),
                part("RABBITMQ_DEFAULT_PASS"),
                part("RABBITMQ_DEFAULT_VHOST")
            ))
        );
    }
    let services = services(&chosen);
    assert_eq!(
        services["camera-collector"]["environment"]["AMQP_URL"],
        json!("amqp://fleet:r4bbit@rabbitmq:5672/site-a")
    );
    assert_eq!(services["camera-collector"]["environment"]["REDIS_PASSWORD"], json!("r3dis"));
}

#[test]
fn the_collector_reads_every_variable_that_it_is_given_and_uses_both_servers() {
    let services = services(&[]);
    let given: Environment =
        serde_json::from_value(services["camera-collector"]["environment"].clone()).unwrap();
    let unread: Vec<_> = given.keys().filter(|name| !is_read(name)).collect();
    assert!(unread.is_empty(), "nothing reads {unread:?}");
    let config = Config::load(Some(&root().join("config.toml")), &given).unwrap().config;
    assert_eq!(config.tenant.to_string(), "cameras");
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8080");
    assert!(matches!(config.store_backend(), StoreBackend::Redis(_)));
    assert!(matches!(config.bus_backend(), BusBackend::Amqp(..)));
    let target = config.redis.target;
    let server = RedisServer::Tcp { host: "redis".to_owned(), port: 6379, tls: false };
    assert_eq!(target.server, server);
    assert_eq!(target.password.unwrap().expose(), "framecache");
    assert_eq!(
        config.amqp.unwrap().url.expose(),
        "amqp://framecache:framecache@rabbitmq:5672/cameras"
    );
}

#[test]
fn redis_is_bounded_and_evicts_what_expires_first() {
    let command = &services(&[])["redis"]["command"];
    assert_eq!(option_of(command, "--maxmemory-policy"), Some("volatile-ttl"));
    assert_eq!(option_of(command, "--maxmemory"), Some("1gb"));
}

#[test]
fn the_image_runs_without_root_and_checks_its_own_health() {
    let text = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let run_stage = text.rsplit("\nFROM ").next().unwrap();
    let has = |line: &str| run_stage.lines().any(|l| l == line);
    assert!(has("USER 10001:10001"));
    assert!(has("ENTRYPOINT [\"framecache\"]"));
    assert!(has("CMD [\"up\"]"));
    assert!(run_stage.contains("\nHEALTHCHECK ") && run_stage.contains("\"healthcheck\"]"));
}

#[test]
fn the_image_gets_exactly_the_files_that_its_build_copies() {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let mut copied: Vec<&str> = dockerfile
        .lines()
        .filter(|line| line.starts_with("COPY ") && !line.contains("--from="))
        .flat_map(|line| {
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            words[..words.len() - 1].to_vec()
        })
        .collect();
    copied.sort_unstable();
    let ignore = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let mut sent: Vec<&str> = ignore.lines().filter_map(|l| l.strip_prefix('!')).collect();
    sent.sort_unstable();
    assert_eq!(copied, sent);
}

#[test]
fn every_page_that_is_linked_to_exists() {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut linked = 0;
    for page in docs.chain([root().join("README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") {
                let file = page.parent().unwrap().join(target);
                assert!(file.exists(), "{} links to {target}", page.display());
                linked += 1;
            }
        }
    }
    assert!(linked > 15, "the links should be found");
}

#[test]
fn the_top_level_is_complete() {
    let expected = [
        ".ci/run",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "Dockerfile",
        "LICENSE",
        "README.md",
        "config.toml",
        "docker-compose.yml",
        "docs",
        "src",
        "tests",
    ];
    let missing: Vec<_> = expected.into_iter().filter(|name| !root().join(name).exists()).collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
}

#[test]
fn the_scripts_are_executable_and_bash_can_read_them() {
    for name in ["tests/run", ".ci/run"] {
        let path = root().join(name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name} is not executable");
        let mut parse = Command::new("bash");
        parse.arg("-n").arg(&path);
        run(parse);
    }
}
