//! Recordings, replays and holds by hand: begun, paused, stopped, taken away, deleted, released.

use std::path::Path;

use framecache::archive::read::{Recording, Select};
use futures_util::TryStreamExt as _;

use super::browser::{Browser, Screen, one};
use super::{Site, id_of, synthetic};

/// The text of a cell or badge of the recording of this name.
fn of_recording(name: &str, testid: &str) -> String {
    format!(
        "document.querySelector('[data-testid=recording][data-name=\"{name}\"] [data-testid=\"{testid}\"]')"
    )
}

/// Whether the recording of this name stands so.
fn is(name: &str, state: &str) -> String {
    format!(
        "document.querySelector('[data-testid=recording][data-name=\"{name}\"]')?.dataset.state === '{state}'"
    )
}

/// Camera and time of each frame in a file, in its order.
async fn frames_in(path: &Path) -> Vec<(String, u64)> {
    let recording = Recording::open_path(path).await.unwrap();
    let entries: Vec<_> = recording.entries(&Select::ALL).try_collect().await.unwrap();
    entries
        .iter()
        .map(|entry| (entry.key.as_ref().unwrap().stream().camera.to_string(), entry.at.get()))
        .collect()
}

fn recorder(cameras: &str) -> Site {
    Site::start(&format!("{cameras}\n[recordings]\nfolder = \"recordings\"\n"))
}

#[tokio::test]
async fn page_a_recording_is_begun_paused_stopped_downloaded_and_deleted() {
    let site = recorder(&synthetic(2, "fps=10&size=160x96"));
    let browser = Browser::open(&site.view("recordings"), Screen::Desk).await;
    browser.until_text("recordings-note", "no recording yet").await;
    browser.js(&format!("{}.value = 'night'", one("record-name"))).await;
    browser.js(&format!("{}.value = 'cam01'", one("record-cameras"))).await;
    browser.choose("record-from", "-10s").await;
    browser.click("record-go").await;
    browser.until(&is("night", "recording")).await;
    let frames = "Number(document.querySelector('[data-name=night]').children[5].textContent) > 5";
    browser.until(frames).await;
    browser.keep_screenshot("recordings").await;
    browser.click("recording-pause").await;
    browser.until(&is("night", "paused")).await;
    browser.click("recording-resume").await;
    browser.until(&is("night", "recording")).await;
    browser.click("recording-stop").await;
    browser.until(&is("night", "finished")).await;
    browser.until(&of_recording("night", "recording-file")).await;
    browser.click("recording-file").await;
    let frames = frames_in(&browser.download(".mcap").await).await;
    assert!(frames.len() > 5 && frames.iter().all(|(camera, _)| camera == "cam01"), "{frames:?}");
    assert!(frames.is_sorted_by_key(|(_, at)| *at), "{frames:?}");

    browser.click("recording-delete").await;
    browser.until_text("recording-delete", "Delete for good?").await;
    browser.click("recording-delete").await;
    browser.until(&format!("!{}", one("recording"))).await;
    browser.until_text("recordings-note", "no recording yet").await;
    browser.end().await;
}

#[tokio::test]
async fn page_a_recording_is_played_paused_moved_and_watched() {
    let site = recorder(&synthetic(1, "fps=10&size=160x96"));
    let browser = Browser::open(&site.view("recordings"), Screen::Desk).await;
    browser.until(&one("record-form")).await;
    browser.js(&format!("{}.value = 'night'", one("record-name"))).await;
    browser.click("record-go").await;
    let frames =
        "Number(document.querySelector('[data-name=night]')?.children[5].textContent) > 30";
    browser.until(frames).await;
    browser.click("recording-stop").await;
    browser.until(&is("night", "finished")).await;
    browser.click("recording-play").await;
    browser.until(&format!("{}.value === 'night'", one("replay-recording"))).await;
    browser.choose("replay-rounds", "loop").await;
    browser.click("replay-go").await;
    let is_now = |state: &str| format!("{}?.dataset.state === '{state}'", one("replay"));
    browser.until(&is_now("playing")).await;
    let played = format!("Number({}.textContent)", one("replay-frames"));
    browser.until(&format!("{played} > 5")).await;
    browser.keep_screenshot("replays").await;

    browser.click("replay-pause").await;
    browser.until(&is_now("paused")).await;
    let seek = one("replay-seek");
    browser
        .js(&format!("{seek}.value = {seek}.min; {seek}.dispatchEvent(new Event('change'))"))
        .await;
    browser.until_text("replay-position", "0.0 s of").await;
    tokio::time::sleep(super::A_WHILE).await;
    assert!(browser.text("replay-position").await.starts_with("0.0 s of"), "it stands still");
    browser.choose("replay-pace", "10").await;
    browser.click("replay-resume").await;
    browser.until(&is_now("playing")).await;
    browser.until(&format!("{played} > 60")).await;

    let watch = browser.js(&format!("return {}.href", one("replay-watch"))).await;
    browser.js(&format!("location.href = {watch}")).await;
    browser.until(&format!("Number({}?.dataset.drawn) > 3", one("tile"))).await;
    browser.js("location.hash = '#/recordings'").await;
    browser.click("replay-stop").await;
    browser.until(&format!("!{}", one("replay"))).await;
    browser.until_text("replays-note", "Nothing is played").await;
    browser.end().await;
}

#[tokio::test]
async fn page_what_the_recorder_refuses_is_said() {
    let site = recorder(&synthetic(1, "fps=5&size=160x96"));
    let browser = Browser::open(&site.view("recordings"), Screen::Desk).await;
    browser.until(&one("record-form")).await;
    // the form itself would not let it through; the server does not rely on that
    browser.js(&format!("{}.noValidate = true", one("record-form"))).await;
    browser.js(&format!("{}.value = '../escape'", one("record-name"))).await;
    browser.click("record-go").await;
    browser.until_text("recordings-error", "does not fit").await;
    browser.until_text("recordings-note", "no recording yet").await;
    // the browser itself reports the refused request on its console
    browser.close().await;
}

#[tokio::test]
async fn page_a_marked_range_is_downloaded_as_a_recording() {
    let site = Site::start("[[cameras]]\nid = \"gate\"\nurl = \"push:\"\n");
    let keys = site.push_past("gate", 20).await;
    let view = site.view(&format!("camera/gate?f={}", id_of(&keys[5])));
    let browser = Browser::open(&view, Screen::Desk).await;
    mark(&browser, &keys, 5, 8).await;
    browser.choose("export-form", "mcap").await;
    let cli = browser.text("export-cli").await;
    assert!(cli.starts_with("framecache export --camera gate --from 20"), "{cli}");
    browser.click("export-go").await;
    let frames = frames_in(&browser.download(".mcap").await).await;
    let time = |key: &String| key.split(':').nth(3).unwrap().parse::<u64>().unwrap();
    let expected: Vec<_> = keys[5..=8].iter().map(|key| ("gate".to_owned(), time(key))).collect();
    assert_eq!(frames, expected);
    browser.end().await;
}

#[tokio::test]
async fn page_a_marked_range_is_held_listed_and_released() {
    let site = Site::start("[[cameras]]\nid = \"gate\"\nurl = \"push:\"\n");
    let keys = site.push_past("gate", 20).await;
    let view = site.view(&format!("camera/gate?f={}", id_of(&keys[5])));
    let browser = Browser::open(&view, Screen::Desk).await;
    mark(&browser, &keys, 5, 8).await;
    browser.choose("hold-for", "8h").await;
    browser.js(&format!("{}.value = 'broken glass'", one("hold-note"))).await;
    browser.click("hold-go").await;
    browser.until_text("hold-told", "4 frames").await;
    browser.keep_screenshot("hold").await;
    browser.js("location.hash = '#/recordings'").await;
    browser.until_text("hold", "broken glass").await;
    browser.until_text("hold", "7 h 59 min").await;
    browser.keep_screenshot("holds").await;
    browser.click("hold-release").await;
    browser.until_text("hold-release", "Really release?").await;
    browser.click("hold-release").await;
    browser.until(&format!("!{}", one("hold"))).await;
    browser.until_text("holds-note", "Nothing is held").await;
    browser.end().await;
}

/// Marks a range from one frame to another by keyboard, both in it, with the camera's view open at the first.
async fn mark(browser: &Browser, keys: &[String], from: usize, to: usize) {
    let is_shown = |key: &str| format!("{}?.dataset.frame === '{}'", one("camera"), id_of(key));
    browser.until(&is_shown(&keys[from])).await;
    browser.key('i').await;
    for key in &keys[from + 1..=to] {
        browser.key('\u{e014}').await;
        browser.until(&is_shown(key)).await;
    }
    browser.key('o').await;
    browser.until_text("export-size", &format!("{} frames", to - from + 1)).await;
}
