//! Tenants, health, colours, time zone, and all of it on a phone.

use serde_json::json;

use super::browser::{Browser, Screen, one};
use super::{Site, synthetic};

#[tokio::test]
async fn page_tenants_are_listed_with_what_they_keep() {
    let config = format!("tenant = \"shop\"\n{}", synthetic(3, "fps=5&size=320x180"));
    let site = Site::start(&config);
    let browser = Browser::open(&site.view("tenants"), Screen::Desk).await;
    browser.until(&format!("{}?.dataset.tenant === 'shop'", one("tenant"))).await;
    browser.until(&format!("{}.textContent === '3'", one("cameras"))).await;
    browser.until(&format!("Number({}.textContent) > 5", one("frames"))).await;
    browser.until(&format!("Number({}.dataset.most) > 0", one("spark"))).await;
    browser.keep_screenshot("tenants").await;
    browser.end().await;
}

#[tokio::test]
async fn page_health_tells_of_store_bus_and_each_camera() {
    let down = "[[cameras]]\nid = \"attic\"\nurl = \"http://127.0.0.1:9/none.mjpg\"\n";
    let site = Site::start(&format!("{}{down}", synthetic(1, "fps=5&size=320x180")));
    let browser = Browser::open(&site.view("health"), Screen::Desk).await;
    browser.until_text("ready", "Ready").await;
    browser.until_text("store", "embedded").await;
    browser.until_text("bus", "ready").await;
    browser.until_text("totals", "captured").await;
    let attic =
        "document.querySelector('[data-testid=health-camera][data-camera=attic]')?.textContent";
    browser.until(&format!("{attic}.includes('down')")).await;
    browser
        .until("document.querySelector('[data-camera=cam01]').textContent.includes('live')")
        .await;
    browser.keep_screenshot("health").await;
    browser.end().await;
}

#[tokio::test]
async fn page_colours_and_time_zone_are_chosen_and_remembered() {
    let site = Site::start(&synthetic(1, "fps=5&size=320x180"));
    let browser = Browser::open(&site.view("wall"), Screen::Desk).await;
    let back = "getComputedStyle(document.body).backgroundColor";
    browser.until(&one("tile")).await;
    browser.js(&format!("window.before = {back}")).await;
    browser.click("theme").await;
    browser.until(&format!("{back} !== before")).await;
    let chosen = browser.js(&format!("return {back}")).await;
    browser.click("zone").await;
    browser.until_text("zone", "UTC").await;
    browser.goto("about:blank").await;
    browser.goto(&site.view("wall")).await;
    browser.until_text("zone", "UTC").await;
    assert_eq!(browser.js(&format!("return {back}")).await, chosen);
    browser.end().await;
}

#[tokio::test]
async fn page_a_phone_shows_every_view_without_scrolling_sideways() {
    let site = Site::start(&synthetic(3, "fps=5&size=320x180"));
    let browser = Browser::open(&site.view("wall"), Screen::Phone).await;
    for (view, ready) in [
        ("wall", "Number(document.querySelector('[data-testid=tile]')?.dataset.drawn) > 1"),
        (
            "camera/cam01",
            "Number(document.querySelector('[data-testid=picture]')?.dataset.drawn) > 1",
        ),
        ("recordings", "document.querySelector('[data-testid=record-form]')"),
        ("tenants", "document.querySelector('[data-testid=tenant]')"),
        ("health", "document.querySelector('[data-testid=health-camera]')"),
    ] {
        browser.js(&format!("location.hash = '#/{view}'")).await;
        browser.until(ready).await;
        if view.starts_with("camera") {
            browser.click("export-open").await;
        }
        let width = browser.js("return document.documentElement.scrollWidth").await;
        assert_eq!(width, json!(360), "{view}");
        let small = "return [...document.querySelectorAll('button, select, input, a.button, nav a')]\
            .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 44).map((e) => e.outerHTML)";
        assert_eq!(browser.js(small).await, json!([]), "{view}");
        browser.keep_screenshot(&format!("phone-{}", view.replace('/', "-"))).await;
    }
    browser.end().await;
}
