//! Taking a range away: what is downloaded is what was marked.

use std::fs::File;

use super::browser::{Browser, Screen, one};
use super::{Site, id_of};

#[tokio::test]
async fn page_a_marked_range_is_downloaded_as_a_zip_of_its_frames() {
    let site = Site::start("[[cameras]]\nid = \"gate\"\nurl = \"push:\"\n");
    let keys = site.push_past("gate", 20).await;
    let browser =
        Browser::open(&site.view(&format!("camera/gate?f={}", id_of(&keys[5]))), Screen::Desk)
            .await;
    let is_shown = |key: &str| format!("{}?.dataset.frame === '{}'", one("camera"), id_of(key));
    browser.until(&is_shown(&keys[5])).await;
    browser.key('i').await;
    for key in &keys[6..=8] {
        browser.key('\u{e014}').await;
        browser.until(&is_shown(key)).await;
    }
    browser.key('o').await;
    browser.until_text("export-size", "4 frames").await;
    let cli = browser.text("export-cli").await;
    assert!(cli.starts_with("framecache range gate --from 20"), "{cli}");
    let curl = browser.text("export-curl").await;
    assert!(curl.starts_with("curl -fOJ 'http://127.0.0.1:"), "{curl}");
    browser.keep_screenshot("export").await;
    browser.click("export-go").await;
    let path = browser.download(".zip").await;
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut pictures = Vec::new();
    for at in 0..zip.len() {
        let mut bytes = Vec::new();
        let mut file = zip.by_index(at).unwrap();
        if file.name().unwrap().ends_with(".jpg") {
            std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
            pictures.push(bytes);
        }
    }
    let expected: Vec<Vec<u8>> = (5..=8).map(|number| super::picture(number).to_vec()).collect();
    assert!(pictures == expected, "{} pictures", pictures.len());
    browser.end().await;
}
