//! Every example of `docs/http-api.md`, in its order, with its answer.

use std::fs;
use std::path::Path;

use framecache::model::frame::{Frame, StoredFrame};
use serde_json::Value;

use super::{Rig, at_millis, picture};

/// A `curl` line of the page and the JSON that it shows as the answer, if any.
struct Example {
    command: String,
    answer: Option<Value>,
}

fn examples(page: &str) -> Vec<Example> {
    let blocks: Vec<(&str, &str)> = page
        .split("\n```")
        .filter_map(|block| block.split_once('\n'))
        .filter(|(language, _)| matches!(*language, "sh" | "json"))
        .collect();
    let example = |at: usize| {
        let answer = blocks.get(at + 1).filter(|(language, _)| *language == "json");
        Example {
            command: blocks[at].1.trim().to_owned(),
            answer: answer.map(|(_, text)| serde_json::from_str(text).unwrap()),
        }
    };
    (0..blocks.len()).filter(|at| blocks[*at].0 == "sh").map(example).collect()
}

/// The words of a command line: split at blanks outside of single quotes.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    let words = parts.flat_map(|(n, part)| match n % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// Sends what `curl` would send, with a file of its kind for that of `--data-binary`.
fn request(rig: &Rig, command: &str) -> reqwest::RequestBuilder {
    let words = words(command);
    let mut words = words.iter().map(String::as_str);
    assert_eq!(words.next(), Some("curl"), "{command}");
    let mut request = rig.client.get("http://unset");
    let (mut method, mut body, mut header) = (reqwest::Method::GET, None, None);
    while let Some(word) = words.next() {
        match word {
            "-X" => method = words.next().unwrap().parse().unwrap(),
            "-H" => header = words.next().unwrap().split_once(": "),
            "-o" => assert!(words.next().is_some()),
            "-N" => {}
            "--data-binary" => body = words.next().map(file),
            url => {
                let path = url.strip_prefix("http://127.0.0.1:8080").unwrap();
                request = rig.client.request(method.clone(), rig.url(path));
            }
        }
    }
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    if let Some(body) = body { request.body(body) } else { request }
}

/// What lies in a file of the page: a picture, or a recording of one.
fn file(name: &str) -> bytes::Bytes {
    if !name.ends_with(".mcap") {
        return picture(1);
    }
    let key = "shop:frames:yard:1731023990000000000:00041".parse().unwrap();
    let frame = Frame { key, bytes: picture(1) };
    let stored = StoredFrame { frame, ttl: None, expires_at: None };
    framecache::archive::format::pack(&[stored], at_millis(0)).unwrap()
}

#[tokio::test]
async fn the_documented_examples_answer_as_shown() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/http-api.md");
    let examples = examples(&fs::read_to_string(page).unwrap());
    assert!(examples.len() >= 17, "the examples should be found");
    let rig = Rig::start().await;
    for Example { command, answer } in examples {
        let response = request(&rig, &command).send().await.unwrap();
        let status = response.status().as_u16();
        let Some(expected) = answer else {
            assert_eq!(status, 200, "{command}");
            continue;
        };
        let answered: Value = response.json().await.unwrap();
        assert_eq!(answered, expected, "{command} answered:\n{answered:#}");
        let shown =
            expected["status"].as_u64().map_or(status < 300, |shown| shown == u64::from(status));
        assert!(shown, "{command} answered {status}");
    }
}
