//! One camera: live, the timeline under a hand, frame by frame, playing, and frames that are gone.

use std::time::Duration;

use serde_json::{Value, json};

use super::browser::{Browser, Screen, one};
use super::{Site, id_of, now_ms, picture, synthetic};

/// As WebDriver numbers them.
const LEFT: char = '\u{e012}';
const RIGHT: char = '\u{e014}';
const HOME: char = '\u{e011}';
const END: char = '\u{e010}';

const PUSHED: &str = "[[cameras]]\nid = \"gate\"\nurl = \"push:\"\n";

/// The id of the frame that is shown.
async fn shown(browser: &Browser) -> String {
    let id = browser.js(&format!("return {}.dataset.frame", one("camera"))).await;
    id.as_str().unwrap().to_owned()
}

/// What is shown once nothing new has appeared for half a second: a drag asks for pictures on its way.
async fn settled(browser: &Browser) -> String {
    let (mut last, mut same) = (shown(browser).await, 0);
    while same < 5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = shown(browser).await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

async fn until_shown(browser: &Browser, id: &str) {
    browser.until(&format!("{}.dataset.frame === '{id}'", one("camera"))).await;
}

async fn until_mode(browser: &Browser, mode: &str) {
    browser.until(&format!("{}?.dataset.mode === '{mode}'", one("camera"))).await;
}

/// The first byte of each channel in the middle of the big picture.
async fn colour(browser: &Browser) -> Value {
    let script = "const c = document.querySelector('[data-testid=picture]');\
        return [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data].slice(0, 3)";
    browser.js(script).await
}

#[tokio::test]
async fn page_the_arrow_keys_move_by_exactly_one_frame() {
    let site = Site::start(PUSHED);
    let keys = site.push_past("gate", 20).await;
    let ids: Vec<String> = keys.iter().map(|key| id_of(key)).collect();
    let browser = Browser::open(&site.view("camera/gate"), Screen::Desk).await;
    until_mode(&browser, "live").await;
    until_shown(&browser, &ids[19]).await;
    for id in ids[10..19].iter().rev() {
        browser.key(LEFT).await;
        until_shown(&browser, id).await;
    }
    browser.key(RIGHT).await;
    until_shown(&browser, &ids[11]).await;
    assert_eq!(browser.text("key").await, keys[11]);
    browser.key(HOME).await;
    until_shown(&browser, &ids[0]).await;
    browser.until(&format!("{}.dataset.drawn > 0", one("picture"))).await;
    browser.key(LEFT).await;
    browser.until_text("stage-note", "oldest frame").await;
    assert_eq!(shown(&browser).await, ids[0]);
    browser.key(END).await;
    until_shown(&browser, &ids[19]).await;
    browser.key('l').await;
    until_mode(&browser, "live").await;
    browser.end().await;
}

#[tokio::test]
async fn page_the_picture_is_that_of_the_frame_and_new_ones_appear_live() {
    let site = Site::start(PUSHED);
    let keys = site.push_past("gate", 2).await;
    let browser = Browser::open(&site.view("camera/gate"), Screen::Desk).await;
    until_shown(&browser, &id_of(&keys[1])).await;
    browser.until(&format!("{}.dataset.drawn > 0", one("picture"))).await;
    let first = colour(&browser).await;
    let key = site.push("gate", now_ms(), picture(25)).await;
    until_shown(&browser, &id_of(&key)).await;
    browser.until(&format!("{}.dataset.drawn > 1", one("picture"))).await;
    let second = colour(&browser).await;
    let near = |value: &Value, wanted: i64| (value.as_i64().unwrap() - wanted).abs() < 12;
    assert!(near(&first[0], 8) && near(&first[1], 247), "{first}");
    assert!(near(&second[0], 200) && near(&second[1], 55), "{second}");
    browser.end().await;
}

#[tokio::test]
async fn page_dragging_the_timeline_changes_what_is_shown() {
    let site = Site::start(PUSHED);
    let keys = site.push_past("gate", 30).await;
    let browser = Browser::open(&site.view("camera/gate"), Screen::Desk).await;
    until_shown(&browser, &id_of(&keys[29])).await;
    let view = "[Number(document.querySelector('.timeline').dataset.from), Number(document.querySelector('.timeline').dataset.to)]";
    for _ in 0..2 {
        browser.click("zoom-in").await;
    }
    browser.until(&format!("{view}[1] - {view}[0] < 150000")).await;
    let older = keys[5].split(':').nth(3).unwrap();
    let share =
        format!("return (Number({older}n / 1000000n) - {view}[0]) / ({view}[1] - {view}[0])");
    let share = browser.js(&share).await.as_f64().unwrap();

    browser.drag("timeline", (share - 0.1, 8.0), (share, 8.0)).await;
    until_mode(&browser, "still").await;
    browser.until(&format!("{}.dataset.frame !== '{}'", one("camera"), id_of(&keys[29]))).await;
    let dragged = settled(&browser).await;
    let ids: Vec<String> = keys.iter().map(|key| id_of(key)).collect();
    assert!(ids[..29].contains(&dragged), "{dragged}");

    let before = browser.js(&format!("return {view}")).await;
    browser.drag("timeline", (0.5, 70.0), (0.7, 70.0)).await;
    let after = browser.js(&format!("return {view}")).await;
    let moved = before[0].as_f64().unwrap() - after[0].as_f64().unwrap();
    let length = before[1].as_f64().unwrap() - before[0].as_f64().unwrap();
    assert!((moved / length - 0.2).abs() < 0.05, "{before} {after}");
    assert_eq!(shown(&browser).await, dragged);
    let spoken = format!("return {}.getAttribute('aria-valuetext')", one("timeline"));
    assert!(browser.js(&spoken).await.as_str().unwrap().starts_with("20"));
    browser.end().await;
}

#[tokio::test]
async fn page_an_expired_frame_is_said_to_be_expired_and_the_nearest_is_offered() {
    let site = Site::start(&format!("[redis]\nttl_seconds = 3\n{PUSHED}"));
    let old = id_of(&site.push("gate", now_ms(), picture(1)).await);
    let browser = Browser::open(&site.view(&format!("camera/gate?f={old}")), Screen::Desk).await;
    until_shown(&browser, &old).await;
    browser.until_text("stage-note", "This frame has expired").await;
    let next = id_of(&site.push("gate", now_ms(), picture(2)).await);
    browser.goto("about:blank").await;
    browser.goto(&site.view(&format!("camera/gate?f={old}"))).await;
    browser.until_text("stage-note", "This frame has expired").await;
    browser.keep_screenshot("expired").await;
    browser.click("nearest").await;
    until_shown(&browser, &next).await;
    browser.until(&format!("{}.hidden", one("stage-note"))).await;
    browser.close().await;
}

#[tokio::test]
async fn page_playing_goes_on_frame_by_frame_and_becomes_live() {
    let site = Site::start(&synthetic(1, "fps=10&size=320x180&render=live"));
    let browser = Browser::open(&site.view("camera/cam01"), Screen::Desk).await;
    until_mode(&browser, "live").await;
    browser.until(&format!("Number({}.dataset.drawn) > 30", one("picture"))).await;
    browser.key(HOME).await;
    until_mode(&browser, "still").await;
    let first = shown(&browser).await;
    browser.choose("speed", "4").await;
    browser.js("document.activeElement.blur()").await;
    browser.key(' ').await;
    until_mode(&browser, "play").await;
    browser.until(&format!("{}.dataset.frame > '{first}'", one("camera"))).await;
    browser.until(&format!("{}.dataset.mode === 'live'", one("camera"))).await;
    browser.key(' ').await;
    until_mode(&browser, "still").await;
    browser.until(&format!("location.hash.includes({}.dataset.frame)", one("camera"))).await;
    browser.end().await;
}

#[tokio::test]
async fn page_pointing_at_the_timeline_shows_a_small_picture() {
    let site = Site::start(PUSHED);
    let keys = site.push_past("gate", 10).await;
    let browser = Browser::open(&site.view("camera/gate"), Screen::Desk).await;
    until_shown(&browser, &id_of(&keys[9])).await;
    browser.drag("timeline", (0.2, 60.0), (0.2, 60.0)).await;
    browser.drag("timeline", (0.4, 60.0), (0.4, 61.0)).await;
    browser.until(&format!("!{0}.hidden && {0}.dataset.nanos", one("preview"))).await;
    assert_eq!(
        browser.js(&format!("return {}.dataset.nanos", one("preview"))).await,
        json!(id_of(&keys[0]).split('-').next().unwrap())
    );
    browser.end().await;
}
