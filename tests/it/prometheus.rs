//! What operators import: the alert rules, the dashboard and the table of metrics, held against a real
//! Prometheus that scrapes a loaded `up` on a real Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cli::{Place, Up};
use crate::support::prometheus::Prometheus;
use crate::support::redis::RedisServer;

/// Expressions that may have no data while all is well.
const MAY_BE_EMPTY: [&str; 0] = [];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// `up` with three synthetic cameras, one of them over its rate limit, and one that is away.
fn loaded(place: &Place, redis: &RedisServer) -> Up {
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[redis]\nenabled = true\naddress = \"{}\"\n\
         [[cameras]]\nid = \"cam1\"\nurl = \"synthetic:?fps=20\"\n\
         [[cameras]]\nid = \"cam2\"\nurl = \"synthetic:?fps=20\"\nfps = 5\n\
         [[cameras]]\nid = \"cam3\"\nurl = \"http://127.0.0.1:9/none\"\n",
        redis.address()
    );
    Up::start(place, &config)
}

fn target(up: &Up) -> &str {
    up.url().trim_start_matches("http://")
}

/// Name and type of every family of an exposition, names as its series have them.
fn families(exposition: &str) -> BTreeMap<String, String> {
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| match kind {
            "counter" => (format!("{name}_total"), kind.to_owned()),
            _ => (name.to_owned(), kind.to_owned()),
        })
        .collect()
}

/// Name and type of every row of the documented table.
fn documented() -> BTreeMap<String, String> {
    let page = text("docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().to_owned())).collect()
}

/// The expressions of the dashboard with its variables set.
fn dashboard() -> Vec<String> {
    let board: Value = serde_json::from_str(&text("docs/grafana-dashboard.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() > 20, "the panels should be found");
    let mut expressions = Vec::new();
    for panel in panels {
        assert!(!panel["title"].as_str().unwrap().is_empty(), "{panel}");
        assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let variables = [
                ("$__rate_interval", "30s"),
                ("$job", ".*"),
                ("$instance", ".*"),
                ("$camera", ".*"),
            ];
            let set = |text: String, (name, value): (&str, &str)| text.replace(name, value);
            expressions.push(variables.into_iter().fold(expression.to_owned(), set));
        }
    }
    expressions
}

/// The rules: name and expression.
fn rules() -> Vec<(String, String)> {
    let page = text("docs/prometheus-alerts.yml");
    let after = |line: &str, key: &str| line.trim().strip_prefix(key).map(str::to_owned);
    let names = page.lines().filter_map(|line| after(line, "- alert: "));
    let expressions = page.lines().filter_map(|line| after(line, "expr: "));
    let rules: Vec<_> =
        names.zip(expressions.map(|one| one.trim_matches('\'').to_owned())).collect();
    assert!(rules.len() > 10, "the rules should be found");
    rules
}

#[tokio::test]
async fn the_table_of_metrics_is_what_is_written_names_and_types_both_ways() {
    let redis = RedisServer::start_with(&["--maxmemory", "200mb"]);
    let place = Place::new();
    let up = loaded(&place, &redis);
    framecache::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let answer = client.get(format!("{}/metrics", up.url())).send().await.unwrap();
        let written = families(&answer.text().await.unwrap());
        // The first frame and the first counted request add their families.
        if written == documented() {
            return;
        }
        if std::time::Instant::now() > deadline {
            assert_eq!(written, documented());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn prometheus_reads_the_exposition_and_evaluates_every_expression_of_dashboard_and_rules() {
    let redis = RedisServer::start_with(&["--maxmemory", "200mb"]);
    let place = Place::new();
    let up = loaded(&place, &redis);
    let prometheus = Prometheus::start(target(&up));
    prometheus.until_it_has_data("up == 1").await;
    for expression in dashboard() {
        if MAY_BE_EMPTY.contains(&expression.as_str()) {
            prometheus.query(&expression).await.unwrap();
        } else {
            prometheus.until_it_has_data(&expression).await;
        }
    }
    for (name, expression) in rules() {
        let fired =
            prometheus.query(&expression).await.unwrap_or_else(|why| panic!("{name}: {why}"));
        let expected = usize::from(name == "FramecacheCameraDown");
        assert_eq!(fired.len(), expected, "{name}: {fired:?}");
    }
    let down = prometheus.until_it_has_data("ALERTS{alertname=\"FramecacheCameraDown\"}").await;
    assert_eq!(down[0]["metric"]["camera"], "cam3");
}

#[tokio::test]
async fn a_redis_that_dies_sets_the_alerts_off_and_leaves_its_own_series_out() {
    let mut redis = RedisServer::start();
    let place = Place::new();
    let up = loaded(&place, &redis);
    let prometheus = Prometheus::start(target(&up));
    prometheus.until_it_has_data("framecache_store_keys > 0 and framecache_store_up == 1").await;
    redis.kill9();
    prometheus.until_it_has_data("ALERTS{alertname=\"FramecacheStoreAway\"}").await;
    prometheus.until_it_has_data("framecache_ready == 0 unless framecache_store_keys").await;
    assert_eq!(prometheus.query("up").await.unwrap()[0]["value"][1], "1", "a scrape is answered");
    redis.restart();
    prometheus
        .until_it_has_data("framecache_store_up == 1 and framecache_store_reconnects_total > 0")
        .await;
}

#[test]
fn every_rule_fires_on_series_that_break_it_and_none_while_all_is_well() {
    let promtool = |arguments: &[&str]| {
        let ran = Command::new("promtool").args(arguments).current_dir(file("")).output();
        let ran = ran.expect("promtool should start: apt-get install prometheus, or run tests/run");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    };
    promtool(&["check", "rules", "docs/prometheus-alerts.yml"]);
    promtool(&["test", "rules", "tests/data/prometheus-alerts-test.yml"]);
    let tested = text("tests/data/prometheus-alerts-test.yml");
    for (name, _) in rules() {
        let fired = format!("alertname=\"{name}\",alertstate=\"firing\"");
        assert!(tested.contains(&fired), "{name} is not fired by any test");
    }
}

#[test]
fn rules_and_dashboard_ask_only_for_metrics_that_are_documented() {
    let known = documented();
    let mut asked = BTreeSet::new();
    for expression in dashboard().into_iter().chain(rules().into_iter().map(|(_, text)| text)) {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let named =
            words.filter(|word| word.starts_with("framecache_") || word.starts_with("process_"));
        asked.extend(named.map(|word| word.trim_end_matches("_bucket").to_owned()));
    }
    assert!(asked.len() > 30, "the names should be found");
    let unknown: Vec<_> = asked.iter().filter(|name| !known.contains_key(*name)).collect();
    assert_eq!(unknown, Vec::<&String>::new());
}
