//! A server with tokens: the page asks for one, keeps no secret itself, and lets go of it again.

use serde_json::json;

use super::Site;
use super::browser::{Browser, Screen, one};
use crate::cli::Place;

#[tokio::test]
async fn page_a_token_signs_in_and_a_wrong_one_is_told() {
    let made =
        Place::new().run(&["token", "new", "--name", "page", "--tenant", "*"]).ended(0).text();
    let token = made.lines().find_map(|line| line.strip_prefix("# token: ")).unwrap().trim();
    let camera = "[[cameras]]\nid = \"door\"\nurl = \"synthetic:?fps=5&size=320x180\"\n";
    let site = Site::start(&format!("{made}\n{camera}"));
    let browser = Browser::open(&site.view("wall"), Screen::Desk).await;
    browser.until(&one("sign-in")).await;
    for (text, then) in [
        ("fc_wrong", format!("{}.textContent.includes('not known')", one("sign-in-error"))),
        (
            token,
            "Number(document.querySelector('[data-camera=door]')?.dataset.drawn) > 1".to_owned(),
        ),
    ] {
        browser.js(&format!("{}.value = {}", one("token"), json!(text))).await;
        browser.click("sign-in-go").await;
        browser.until(&then).await;
    }
    let kept = "return document.cookie + JSON.stringify(localStorage) + location.href";
    let kept = browser.js(kept).await.to_string();
    assert!(!kept.contains(token) && !kept.contains("framecache_session"), "{kept}");
    browser.click("sign-out").await;
    browser.until(&one("sign-in")).await;
    browser.goto("about:blank").await;
    browser.goto(&site.view("wall")).await;
    browser.until(&one("sign-in")).await;
    browser.close().await;
}
