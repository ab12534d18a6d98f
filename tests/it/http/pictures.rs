//! Pictures: their headers, smaller ones, and what a browser saves them as.

use bytes::Bytes;
use framecache::model::frame::Dimensions;
use framecache::model::jpeg::inspect;
use reqwest::{Response, header};

use super::{Rig, at_millis, picture};

/// A real JPEG of this size.
fn sized(width: u16, height: u16) -> Bytes {
    let mut jpeg = Vec::new();
    let pixels = vec![90; usize::from(width) * usize::from(height)];
    jpeg_encoder::Encoder::new(&mut jpeg, 80)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Luma)
        .unwrap();
    Bytes::from(jpeg)
}

async fn size_of(response: Response) -> Dimensions {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    inspect(&response.bytes().await.unwrap()).unwrap().dimensions
}

#[tokio::test]
async fn every_picture_comes_in_the_height_asked_for() {
    let rig = Rig::start().await;
    let key = rig.push("door", 500, sized(320, 160)).await;
    let one = format!("frames/{}.jpg?", key.short_id());
    for path in ["latest.jpg?", "at.jpg?t=-1s&", &one] {
        let path = format!("/api/v1/cameras/door/{path}");
        let half = size_of(rig.get(&format!("{path}height=80")).await).await;
        assert_eq!(half, Dimensions { width: 160, height: 80 }, "{path}");
        let whole = rig.get(&format!("{path}height=161")).await;
        assert_eq!(whole.bytes().await.unwrap(), sized(320, 160), "{path}");
    }
}

#[tokio::test]
async fn a_smaller_picture_has_a_name_of_its_own() {
    let rig = Rig::start().await;
    let key = rig.push("door", 500, sized(320, 160)).await;
    let url = rig.url("/api/v1/cameras/door/latest.jpg?height=80");
    let ask = |etag: String| rig.client.get(&url).header(header::IF_NONE_MATCH, etag).send();
    let (whole, small) = (format!("\"{}\"", key.short_id()), format!("\"{}-h80\"", key.short_id()));
    let first = ask(whole).await.unwrap();
    assert_eq!((first.status().as_u16(), &first.headers()["etag"]), (200, &small.parse().unwrap()));
    let again = ask(small).await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn headers_say_when_it_was_taken_and_what_to_save_it_as() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    let response = rig.get("/api/v1/cameras/door/latest.jpg?download=1").await;
    let headers = response.headers();
    for (name, value) in [
        ("last-modified", "Thu, 07 Nov 2024 23:59:59 GMT"),
        ("x-frame-seq", "1"),
        ("content-disposition", "attachment; filename=\"door_2024-11-07T23-59-59.500000000Z.jpg\""),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let shown = rig.get("/api/v1/cameras/door/latest.jpg").await;
    assert_eq!(shown.headers().get("content-disposition"), None);
    let key = format!("shop:frames:old:{}", at_millis(0)).parse().unwrap();
    rig.put_foreign(&key, picture(2)).await;
    let old = rig.get(&format!("/api/v1/cameras/old/frames/{}.jpg", at_millis(0))).await;
    assert_eq!((old.status().as_u16(), old.headers().get("x-frame-seq")), (200, None));
}

#[tokio::test]
async fn what_cannot_be_made_smaller_is_said_with_its_key() {
    let rig = Rig::start().await;
    let mut deep = picture(1).to_vec();
    let header = deep.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
    // Twelve bits a sample, 32 lines.
    deep[header + 4..header + 7].copy_from_slice(&[12, 0, 32]);
    let deep = Bytes::from(deep);
    let key = rig.push("door", 0, deep.clone()).await;
    let (status, problem) = rig.json("/api/v1/cameras/door/latest.jpg?height=16").await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("urn:framecache:error:undecodable")));
    let detail = problem["detail"].as_str().unwrap();
    let said = format!("no smaller picture of {key}: the picture cannot be decoded: ");
    assert!(detail.starts_with(&said) && detail.ends_with("; ask without height="), "{detail}");
    let whole = rig.get("/api/v1/cameras/door/latest.jpg").await;
    assert_eq!(whole.bytes().await.unwrap(), deep);
}
