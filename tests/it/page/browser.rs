//! A real Chromium without a screen, private to one test: its own driver, port, profile and downloads.
//!
//! Before each document it counts the page's sockets and keeps what breaks the content security policy,
//! so that a test can ask for both. Waiting is by condition with a limit. A test ends with
//! [`Browser::end`], which also fails it for anything that the console called an error and for any request that
//! left the server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::actions::{MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::port;
use crate::support::process::Guarded;

const INSTALL: &str = "install the Debian packages chromium and chromium-driver";

/// Longer than anything here should take, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs before any script of the page.
const WATCH: &str = "window.sockets = 0; window.refused = [];\
    window.WebSocket = class extends window.WebSocket {\
        constructor(...all) { super(...all); window.sockets += 1; }\
    };\
    document.addEventListener('securitypolicyviolation', (e) => window.refused.push(e.violatedDirective + ' ' + e.blockedURI));";

/// How large the window is, and whether it is a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Desk,
    Phone,
}

/// A page in a browser.
pub(super) struct Browser {
    client: Client,
    folder: TempDir,
    _driver: Guarded,
}

impl Browser {
    /// A browser that shows `url`.
    pub(super) async fn open(url: &str, screen: Screen) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = port::free();
        let mut command = Guarded::command(Path::new("/usr/bin/chromedriver"), INSTALL);
        command.arg(format!("--port={port}"));
        let mut driver = Guarded::spawn(command, &folder.path().join("driver.log"));
        driver.wait_until(LIMIT, |_| port::is_open(port));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(folder.path(), screen))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let browser = Self { client, folder, _driver: driver };
        browser.before_each_document(WATCH).await;
        browser.goto(url).await;
        browser
    }

    /// Runs a script before any of the page's own, in each document from now on.
    pub(super) async fn before_each_document(&self, script: &str) {
        let params = json!({ "source": script });
        let added = json!({"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": params});
        self.driver("goog/cdp/execute", added).await;
    }

    /// Shows another page.
    pub(super) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// What the body of a script returns.
    pub(super) async fn js(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// Waits until an expression is true.
    pub(super) async fn until(&self, condition: &str) {
        let start = Instant::now();
        while self.js(&format!("return Boolean({condition})")).await != json!(true) {
            if start.elapsed() > LIMIT {
                self.keep_screenshot("failed").await;
                let text = self.js("return document.body.innerText").await;
                panic!("this never held: {condition}\nthe page: {text}\n{:?}", self.errors().await);
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Waits until the first element with this `data-testid` has text that holds `part`.
    pub(super) async fn until_text(&self, testid: &str, part: &str) {
        self.until(&format!("{}?.textContent.includes({})", one(testid), json!(part))).await;
    }

    /// The text of the first element with this `data-testid`.
    pub(super) async fn text(&self, testid: &str) -> String {
        let text = self.js(&format!("return {}.textContent", one(testid))).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Presses the first element with this `data-testid`.
    pub(super) async fn click(&self, testid: &str) {
        self.until(&one(testid)).await;
        self.js(&format!("{}.click()", one(testid))).await;
    }

    /// Chooses from a list.
    pub(super) async fn choose(&self, testid: &str, value: &str) {
        let list = one(testid);
        let value = json!(value);
        self.js(&format!("{list}.value = {value}; {list}.dispatchEvent(new Event('change'))"))
            .await;
    }

    /// Presses a key, as WebDriver numbers it, in what has the focus.
    pub(super) async fn key(&self, value: char) {
        let keys = KeyActions::new("keys".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// Presses the mouse at one place of an element and lets it go at another, both in shares of the
    /// element's width and in pixels from its top.
    pub(super) async fn drag(&self, testid: &str, from: (f64, f64), to: (f64, f64)) {
        let place = async |(share, down): (f64, f64)| {
            let script = format!(
                "const box = {}.getBoundingClientRect(); return [box.left + box.width * {share}, box.top + {down}]",
                one(testid)
            );
            let at = self.js(&script).await;
            (at[0].as_f64().unwrap().round(), at[1].as_f64().unwrap().round())
        };
        let move_to =
            |(x, y)| PointerAction::MoveTo { duration: Some(Duration::from_millis(250)), x, y };
        let (from, to) = (place(from).await, place(to).await);
        let hand = MouseActions::new("mouse".to_owned())
            .then(move_to(from))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(move_to(to))
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(hand).await.unwrap();
    }

    /// Puts the window away, so that the page is hidden, or shows it again.
    pub(super) async fn hide(&self, hidden: bool) {
        if hidden {
            self.client.minimize_window().await.unwrap();
        } else {
            self.client.set_window_rect(0, 0, 1300, 900).await.unwrap();
        }
        self.until(&format!("document.hidden === {hidden}")).await;
    }

    /// The first complete download with this ending.
    pub(super) async fn download(&self, ending: &str) -> PathBuf {
        let start = Instant::now();
        loop {
            let entries = std::fs::read_dir(self.folder.path().join("downloads")).unwrap();
            let mut paths = entries.map(|entry| entry.unwrap().path());
            if let Some(path) = paths.find(|path| path.to_string_lossy().ends_with(ending)) {
                return path;
            }
            assert!(start.elapsed() < LIMIT, "nothing that ends with {ending} was downloaded");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Keeps a picture of the page below `target/`, for people.
    pub(super) async fn keep_screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let png = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    /// What the console called an error since it was last asked, and what the policy refused.
    pub(super) async fn errors(&self) -> Vec<String> {
        let log = self.driver("se/log", json!({"type": "browser"})).await;
        let severe = log.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE");
        let mut errors: Vec<String> = severe.map(|line| line["message"].to_string()).collect();
        let refused = self.js("return window.refused").await;
        errors.extend(refused.as_array().unwrap().iter().map(Value::to_string));
        errors
    }

    /// Ends the browser, and the test if something was wrong on the page.
    pub(super) async fn end(self) {
        let outside = "return performance.getEntriesByType('resource').map((e) => e.name)\
            .filter((url) => !url.startsWith(location.origin) && !url.startsWith('blob:'))";
        assert_eq!(self.js(outside).await, json!([]), "requests to elsewhere");
        let none: Vec<String> = Vec::new();
        assert_eq!(self.errors().await, none);
        self.close().await;
    }

    /// Ends the browser where errors on the console belong to what was tested.
    pub(super) async fn close(self) {
        self.client.close().await.unwrap();
    }

    /// Asks the driver something of its own.
    async fn driver(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Own { path, body }).await.unwrap()
    }
}

/// The first element with this `data-testid`, as an expression.
pub(super) fn one(testid: &str) -> String {
    format!("document.querySelector('[data-testid=\"{testid}\"]')")
}

fn capabilities(folder: &Path, screen: Screen) -> Map<String, Value> {
    let downloads = folder.join("downloads");
    std::fs::create_dir(&downloads).unwrap();
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let mut options = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--window-size=1300,900", profile,
        ],
        "prefs": {"download.default_directory": downloads},
    });
    if screen == Screen::Phone {
        let metrics = json!({"width": 360, "height": 740, "pixelRatio": 2, "touch": true});
        options["mobileEmulation"] = json!({"deviceMetrics": metrics});
    }
    let all = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
    all.as_object().unwrap().clone()
}

/// A command that only this driver has.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        (axum::http::Method::POST, Some(self.body.to_string()))
    }
}
