//! The live page in a real Chromium, on a real `up` with real cameras.
//!
//! What is looked at is what a person sees: pixels of a canvas, words, files that were downloaded. Each test
//! also fails for an error on the console, a breach of the content security policy, or a request that
//! leaves the server.

mod browser;
mod camera;
mod export;
mod recordings;
mod sign_in;
mod views;
mod wall;

use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
use serde_json::Value;

use crate::cli::{Place, Up};

/// A running `up`.
struct Site {
    up: Up,
    client: Client,
    _place: Place,
}

impl Site {
    /// `up` with these lines of configuration, on a free port.
    fn start(config: &str) -> Self {
        Self::start_on(0, config)
    }

    fn start_on(port: u16, config: &str) -> Self {
        let place = Place::new();
        let config = format!("{config}\n[http]\nlisten = \"127.0.0.1:{port}\"\n");
        let up = Up::start(&place, &config);
        framecache::tls::install_provider();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { up, client, _place: place }
    }

    /// The address of a view: what stands behind `#/`.
    fn view(&self, name: &str) -> String {
        format!("{}/#/{name}", self.up.url())
    }

    /// Pushes a picture that was taken so many ms after 1970; answers its key.
    async fn push(&self, camera: &str, at_ms: u64, picture: Bytes) -> String {
        let url = format!("{}/api/v1/cameras/{camera}/frames", self.up.url());
        let request = self.client.post(url).header("x-timestamp", at_ms.to_string()).body(picture);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["key"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Pushes one picture each 200 ms, the last one now; answers their keys, oldest first.
    async fn push_past(&self, camera: &str, count: u64) -> Vec<String> {
        let now = now_ms();
        let mut keys = Vec::new();
        for number in 0..count {
            let at = now - (count - 1 - number) * 200;
            keys.push(self.push(camera, at, picture(u8::try_from(number).unwrap())).await);
        }
        keys
    }
}

/// This many cameras, `cam01` and so on.
fn synthetic(count: usize, options: &str) -> String {
    let camera =
        |number| format!("[[cameras]]\nid = \"cam{number:02}\"\nurl = \"synthetic:?{options}\"\n");
    (1..=count).map(camera).collect()
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// A JPEG of 320 x 180 pixels, of another shade for each number.
fn picture(number: u8) -> Bytes {
    let mut jpeg = Vec::new();
    let shade = [number.wrapping_mul(8), 255 - number.wrapping_mul(8), number.wrapping_mul(40)];
    let pixels = shade.repeat(320 * 180);
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
    encoder.encode(&pixels, 320, 180, jpeg_encoder::ColorType::Rgb).unwrap();
    Bytes::from(jpeg)
}

/// `<unix nanos>-<seq>` of a key: how the page names a frame.
fn id_of(key: &str) -> String {
    key.splitn(4, ':').last().unwrap().replace(':', "-")
}

/// Long enough for a person to notice that something stands still.
const A_WHILE: Duration = Duration::from_millis(1500);
