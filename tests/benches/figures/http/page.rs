//! From asking for the page to the first picture of a camera on it, in Chromium, against a page of nginx
//! that holds one image of the same bytes.

use std::path::Path;

use crate::options::Scale;
use crate::rig::{self, FRAME_BYTES};
use crate::rounds::{Better, Round, Row};

use super::browser::{Browser, Screen};
use super::latest::push;
use super::peer::{self, Nginx};
use super::process::Up;

/// Notes when a tile of the wall has been drawn, or the plain image is there, in ms since the document
/// was asked for.
const LOOK: &str = "const look = () => { \
    const tile = document.querySelector('[data-drawn]'), plain = document.querySelector('img.plain'); \
    if ((tile && Number(tile.dataset.drawn) > 0) || (plain && plain.complete && plain.naturalWidth > 0)) \
        window.firstPicture = performance.now(); \
    else requestAnimationFrame(look); }; \
    requestAnimationFrame(look);";

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    if !peer::is_here() || !Path::new("/usr/bin/chromedriver").exists() {
        eprintln!(
            "left out: the page's first picture; install nginx-light, wrk and chromium-driver"
        );
        return Vec::new();
    }
    let picture = rig::picture(FRAME_BYTES);
    let nginx = Nginx::start(&picture);
    let up = Up::start("[redis]\nttl_seconds = 3600");
    push(&up.address, &picture);
    let ours = format!("http://{}/", up.address);
    let theirs = format!("http://{}/page.html", nginx.address);
    let rounds = rig::on_one_thread(async {
        let browser = Browser::open("about:blank", Screen::Desk).await;
        browser.before_each_document(LOOK).await;
        let mut rounds = Vec::new();
        for _ in 0..scale.rounds {
            let ours = first_picture(&browser, &ours).await;
            rounds.push(Round { ours, baseline: first_picture(&browser, &theirs).await });
        }
        rounds
    });
    vec![Row {
        what: "first picture of the page, 50 kB".to_owned(),
        baseline: "nginx, a page with one image".to_owned(),
        unit: "ms",
        better: Better::Less,
        rounds,
    }]
}

async fn first_picture(browser: &Browser, url: &str) -> f64 {
    browser.goto("about:blank").await;
    browser.goto(url).await;
    browser.until("window.firstPicture").await;
    browser.js("return window.firstPicture").await.as_f64().unwrap()
}
