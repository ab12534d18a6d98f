//! The programs of `docs/consumers.md`, cut out of the page and run against a real `framecache up`.
//!
//! Each is put through what the page says that it bears: being killed, losing its broker or server. What
//! it prints, key and SHA-256 of each frame, is compared with what the cameras made.
#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cli::{Place, Up};
use crate::engine::{config, made, read};
use crate::support::digest::sha256;
use crate::support::port;
use crate::support::python::Program;
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

const CAMERAS: [(&str, &str); 2] =
    [("cam1", "synthetic:?size=160x96&fps=20"), ("yard.2", "synthetic:?size=320x180&fps=10")];

/// The programs of the page as files, by the names in their first lines.
struct Page {
    folder: TempDir,
}

impl Page {
    fn cut() -> Self {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/consumers.md");
        let page = fs::read_to_string(page).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for block in page.split("```python\n").skip(1) {
            let program = block.split("```").next().unwrap();
            let name = program.lines().next().unwrap().strip_prefix("# ").unwrap();
            fs::write(folder.path().join(name), program).unwrap();
        }
        Self { folder }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Ends `up` in order; answers how many frames it stored.
fn stop(up: Up) -> usize {
    let (code, account) = up.terminate();
    assert_eq!(code, 0, "{account}");
    usize::try_from(account["stored"].as_u64().unwrap()).unwrap()
}

/// Each line `key sha256` in the output of a program of the page.
///
/// A last line without its end is still being printed: the program runs on while this looks.
fn processed(output: &str) -> Vec<(String, String)> {
    let (printed, _) = output.rsplit_once('\n').unwrap_or_default();
    let words = printed.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let frames = words.filter(|words| words.len() == 2 && words[0].split(':').count() == 5);
    frames.map(|words| (words[0].to_owned(), words[1].to_owned())).collect()
}

fn by_key(frames: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    frames.into_iter().collect()
}

fn times(output: &str, said: &str) -> usize {
    output.matches(said).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_amqp_consumer_gets_every_frame_across_its_end_and_a_cut_connection() {
    let (redis, rabbit) = (RedisServer::start(), RabbitServer::start_with_vhost("client-a"));
    let (page, place, url) = (Page::cut(), Place::new(), rabbit.amqp_url("client-a"));
    let variables = [("AMQP_URL", url.as_str()), ("REDIS_URL", &redis.url())];
    let consume =
        || Program::start(&page.program("amqp_consumer.py"), &[], &variables, "consuming");

    let mut first = consume();
    let configured = config(&redis, Some(&url), &CAMERAS);
    let up = Up::start(&place, &configured);
    first.wait_until(|output| processed(output).len() >= 20);
    let taken = processed(&first.kill9()); // in its work; meanwhile the queue keeps what comes

    let mut second = consume();
    second.wait_until(|output| processed(output).len() >= 20);
    rabbit.ctl(&["close_all_connections", "--vhost", "client-a", "cut by a test"]);
    second.wait_until(|output| times(output, "consuming") == 2);
    let before = processed(&second.output()).len();
    second.wait_until(|output| processed(output).len() >= before + 20);
    let stored = stop(up);

    let made = made(&read(&configured), sha256).await;
    assert_eq!(made.len(), stored);
    let all = |output: &str| by_key(processed(output).into_iter().chain(taken.clone()));
    second.wait_until(|output| all(output).len() >= stored);
    assert_eq!(all(&second.output()), made);
    let printed = processed(&second.output());
    assert_eq!(printed.len(), by_key(printed.clone()).len(), "no frame is processed twice");
    assert_eq!(times(&second.output(), "gone:"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_http_consumers_get_their_frames_across_a_restart() {
    let (redis, address) = (RedisServer::start(), port::free());
    let (page, place) = (Page::cut(), Place::new());
    let listen = |text: String| text.replace("127.0.0.1:0", &format!("127.0.0.1:{address}"));
    let url = format!("http://127.0.0.1:{address}");
    let variables = [("FRAMECACHE_URL", url.as_str())];
    let configured = listen(config(&redis, None, &CAMERAS));
    let follower = page.program("http_consumer.py");

    let mut follower = Program::start(&follower, &[], &variables, "again in 1 s");
    let up = Up::start(&place, &configured);
    let poller = page.program("http_latest.py");
    let mut poller = Program::start(&poller, &["yard.2"], &variables, "");
    follower.wait_until(|output| processed(output).len() >= 60);
    poller.wait_until(|output| processed(output).len() >= 10);
    let stored = stop(up);
    let made = made(&read(&configured), sha256).await;
    assert_eq!(made.len(), stored);

    let without_cameras = Up::start(&place, &listen(config(&redis, None, &[])));
    follower.wait_until(|output| processed(output).len() >= stored);
    let followed = processed(&follower.output());
    assert_eq!((followed.len(), by_key(followed)), (stored, made.clone()));
    stop(without_cameras);

    let polled = processed(&poller.output());
    let keys: Vec<&String> = polled.iter().map(|(key, _)| key).collect();
    assert!(keys.is_sorted_by(|one, next| one < next), "a picture came twice: {keys:?}");
    assert!(polled.iter().all(|(key, digest)| made.get(key) == Some(digest)), "{keys:?}");
    assert!(keys.iter().all(|key| key.contains(":yard.2:")), "{keys:?}");
}
