//! A private Prometheus that scrapes one target each second, with the rules of `docs/`.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{port, process::Guarded};

const INSTALL: &str = "install Prometheus (apt-get install prometheus), or run tests/run";
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running Prometheus; the drop kills it and removes its folder.
pub(crate) struct Prometheus {
    process: Guarded,
    _folder: TempDir,
    url: String,
    client: reqwest::Client,
}

impl Prometheus {
    /// Scrapes `target`, e.g. `127.0.0.1:8080`, as the job `framecache`.
    pub(crate) fn start(target: &str) -> Self {
        framecache::tls::install_provider();
        let folder = tempfile::tempdir().expect("a temporary folder should be creatable");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/prometheus-alerts.yml");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{rules:?}]\n\
             scrape_configs: [{{job_name: framecache, static_configs: [{{targets: [{target:?}]}}]}}]\n"
        );
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config).expect("the configuration should be writable");
        let listen = format!("127.0.0.1:{}", port::free());
        let mut command = Guarded::command(Path::new("prometheus"), INSTALL);
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={listen}"));
        let mut process = Guarded::spawn(command, &folder.path().join("out"));
        process.wait_until(START_LIMIT, |output| output.contains("Server is ready"));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client should build");
        Self { process, _folder: folder, url: format!("http://{listen}"), client }
    }

    /// The result of an instant query: its series, or Prometheus' own words on what is wrong with it.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let asked = self.client.get(format!("{}/api/v1/query", self.url));
        let answer = asked.query(&[("query", expression)]).send().await;
        let answer: Value = match answer {
            Ok(answer) => answer.json().await.map_err(|error| error.to_string())?,
            Err(error) => panic!("Prometheus is gone ({error}):\n{}", self.process.output()),
        };
        match answer["data"]["result"].as_array() {
            Some(result) => Ok(result.clone()),
            None => Err(answer.to_string()),
        }
    }

    /// Asks until the result has a series, for at most a minute.
    pub(crate) async fn until_it_has_data(&self, expression: &str) -> Vec<Value> {
        let start = std::time::Instant::now();
        loop {
            match self.query(expression).await {
                Ok(series) if !series.is_empty() => return series,
                Ok(_) => {}
                Err(error) => panic!("{expression}: {error}"),
            }
            assert!(start.elapsed() < Duration::from_secs(60), "no data within 60 s: {expression}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
