//! The live page as files: types, caching, policy, and everything that it names.

use reqwest::{StatusCode, header};

use super::Rig;

async fn index(rig: &Rig) -> reqwest::Response {
    let browser = rig.client.get(rig.url("/")).header("accept", "text/html,*/*;q=0.8");
    browser.send().await.unwrap()
}

/// The files of the page that a text names, each behind `prefix` and before a quote.
fn named(text: &str, prefix: &str) -> Vec<String> {
    let rests = text.split(prefix).skip(1);
    rests.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_and_every_file_that_it_names_are_served_with_their_types() {
    let rig = Rig::start().await;
    let page = index(&rig).await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text().await.unwrap();
    let mut left = named(&html, "\"assets/");
    let (mut seen, mut bytes): (Vec<String>, usize) = (Vec::new(), html.len());
    while let Some(name) = left.pop() {
        if seen.contains(&name) {
            continue;
        }
        let file = rig.get(&format!("/assets/{name}")).await;
        assert_eq!(file.status(), StatusCode::OK, "{name}");
        let kind = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(file.headers()["content-type"], kind, "{name}");
        assert_eq!(file.headers()["x-content-type-options"], "nosniff", "{name}");
        let text = file.text().await.unwrap();
        bytes += text.len();
        left.extend(named(&text, "from \"./"));
        seen.push(name);
    }
    assert!(seen.len() > 20, "{seen:?}");
    assert!(bytes < 170_000, "the page has {bytes} bytes");
}

#[tokio::test]
async fn a_file_that_did_not_change_is_not_sent_again() {
    let rig = Rig::start().await;
    let first = rig.get("/assets/app.js").await;
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let etag = first.headers()["etag"].clone();
    let again = rig.client.get(rig.url("/assets/app.js")).header(header::IF_NONE_MATCH, &etag);
    let again = again.send().await.unwrap();
    assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::NOT_MODIFIED, &etag));
    let other = rig.get("/assets/base.css").await;
    assert_ne!(other.headers()["etag"], etag);
}

#[tokio::test]
async fn only_files_of_the_page_are_assets() {
    let rig = Rig::start().await;
    for name in ["none.js", "..%2Fpage.rs", "..%2f..%2f..%2fCargo.toml", "%2Fetc%2Fpasswd"] {
        let response = rig.get(&format!("/assets/{name}")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{name}");
    }
}
