//! The wall: every camera over one socket, what is out of sight, what is down.

use serde_json::json;

use super::browser::{Browser, Screen};
use super::{A_WHILE, Site, synthetic};
use crate::support::port;

/// A number for what is on the canvas of a tile.
const PIXELS: &str = "(camera) => {\
    const canvas = document.querySelector(`[data-camera=${camera}] canvas`);\
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);\
    return data.reduce((sum, byte, at) => (sum + byte * (at % 251 + 1)) % 1000003, 7);\
}";

#[tokio::test]
async fn page_sixteen_cameras_move_over_one_socket() {
    let site = Site::start(&synthetic(16, "fps=5&size=320x180&render=live"));
    let browser = Browser::open(&site.view("wall"), Screen::Desk).await;
    browser.until("document.querySelectorAll('[data-testid=tile]').length === 16").await;
    browser.js(&format!("window.pixels = {PIXELS}; window.before = null")).await;
    let all = "[...document.querySelectorAll('[data-testid=tile]')]";
    for _ in 0..3 {
        browser.js("document.documentElement.scrollTop = 0").await;
    }
    browser.js("for (let i = 0; i < 4; i++) document.querySelector('[data-testid=columns-more]').click()").await;
    browser.until(&format!("{all}.every((tile) => tile.dataset.shown === 'true')")).await;
    browser.until(&format!("{all}.every((tile) => Number(tile.dataset.drawn) >= 2)")).await;
    browser.js(&format!("window.before = {all}.map((tile) => pixels(tile.dataset.camera))")).await;
    browser
        .until(&format!("{all}.every((tile, at) => pixels(tile.dataset.camera) !== before[at])"))
        .await;
    browser.until(&format!("{all}.every((tile) => tile.dataset.state === 'live')")).await;
    assert_eq!(browser.js("return window.sockets").await, json!(1));
    browser.keep_screenshot("wall").await;
    browser.end().await;
}

#[tokio::test]
async fn page_a_camera_that_goes_down_is_marked_and_comes_back() {
    let door = "[[cameras]]\nid = \"door\"\nurl = \"synthetic:?fps=5&size=320x180\"\n";
    let port = port::free();
    let device = Site::start_on(port, door);
    let source = format!("http://127.0.0.1:{port}/api/v1/cameras/door/latest.jpg");
    let config = format!(
        "[[cameras]]\nid = \"seen\"\nname = \"Front door\"\nurl = \"{source}\"\ninterval = \"200ms\"\n"
    );
    let site = Site::start(&config);
    let browser = Browser::open(&site.view("wall"), Screen::Desk).await;
    browser.until("document.querySelector('[data-camera=seen]')?.dataset.state === 'live'").await;
    browser
        .until(
            "document.querySelector('[data-camera=seen] .tile-name').textContent === 'Front door'",
        )
        .await;
    drop(device);
    browser.until("document.querySelector('[data-camera=seen]').dataset.state === 'down'").await;
    browser.until_text("badge", "down").await;
    browser.until("document.querySelector('[data-testid=trouble]').textContent !== ''").await;
    browser.until_text("spoken", "Front door: down").await;
    browser.keep_screenshot("down").await;
    let _device = Site::start_on(port, door);
    browser.until("document.querySelector('[data-camera=seen]').dataset.state === 'live'").await;
    browser.until_text("spoken", "Front door: live").await;
    browser.end().await;
}

#[tokio::test]
async fn page_a_camera_without_frames_is_a_tile_too_and_the_filter_finds_it() {
    let pushed = "[[cameras]]\nid = \"gate\"\nurl = \"push:\"\n";
    let site = Site::start(&format!("{}{pushed}", synthetic(2, "fps=5&size=320x180")));
    let browser = Browser::open(&site.view("wall"), Screen::Desk).await;
    browser
        .until("document.querySelector('[data-camera=gate]')?.dataset.state === 'waiting'")
        .await;
    browser.js("const f = document.querySelector('[data-testid=filter]'); f.value = 'GATE'; f.dispatchEvent(new Event('input'))").await;
    let shown = "return [...document.querySelectorAll('[data-testid=tile]:not([hidden])')].map((tile) => tile.dataset.camera)";
    assert_eq!(browser.js(shown).await, json!(["gate"]));
    browser.end().await;
}

#[tokio::test]
async fn page_a_hidden_page_and_hidden_tiles_ask_for_nothing() {
    let site = Site::start(&synthetic(12, "fps=10&size=320x180"));
    let browser = Browser::open(&site.view("wall"), Screen::Phone).await;
    let drawn = |camera: &str| {
        format!("Number(document.querySelector('[data-camera={camera}]').dataset.drawn)")
    };
    browser
        .until(&format!("document.querySelector('[data-camera=cam12]') && {} > 2", drawn("cam01")))
        .await;
    assert_eq!(browser.js(&format!("return {}", drawn("cam12"))).await, json!(0));
    browser.js("document.querySelector('[data-camera=cam12]').scrollIntoView()").await;
    browser.until(&format!("{} > 2", drawn("cam12"))).await;
    browser.until("document.querySelector('[data-camera=cam01]').dataset.shown === 'false'").await;

    browser.hide(true).await;
    let before = browser.js(&format!("return {}", drawn("cam12"))).await.as_u64().unwrap();
    tokio::time::sleep(A_WHILE).await;
    let after = browser.js(&format!("return {}", drawn("cam12"))).await.as_u64().unwrap();
    assert!(after <= before + 1, "{before} pictures, then {after}");
    browser.hide(false).await;
    browser.until(&format!("{} > {after} + 3", drawn("cam12"))).await;
    browser.end().await;
}

#[tokio::test]
async fn page_a_lost_connection_is_said_and_made_again() {
    let port = port::free();
    let config = synthetic(1, "fps=5&size=320x180");
    let site = Site::start_on(port, &config);
    let browser = Browser::open(&site.view("wall"), Screen::Desk).await;
    browser.until("Number(document.querySelector('[data-camera=cam01]')?.dataset.drawn) > 2").await;
    drop(site);
    browser.until_text("link-state", "connection lost").await;
    let _site = Site::start_on(port, &config);
    browser.until_text("link-state", "connected").await;
    browser
        .js("window.drawn = Number(document.querySelector('[data-camera=cam01]').dataset.drawn)")
        .await;
    browser
        .until("Number(document.querySelector('[data-camera=cam01]').dataset.drawn) > drawn + 2")
        .await;
    browser.close().await;
}
