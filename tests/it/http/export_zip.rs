//! Pictures of a window as a zip: complete, named by their time, and honest about what is missing.

use std::io::{Cursor, Read as _};

use serde_json::{Value, json};
use zip::ZipArchive;

use super::{Rig, at_millis, picture};

type Zip = ZipArchive<Cursor<Vec<u8>>>;

async fn zip(rig: &Rig, path: &str) -> (String, Zip) {
    let response = rig.get(&format!("/api/v1{path}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/zip");
    let name = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    let bytes = response.bytes().await.unwrap().to_vec();
    (name, ZipArchive::new(Cursor::new(bytes)).unwrap())
}

fn read(zip: &mut Zip, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn manifest(zip: &mut Zip) -> Value {
    serde_json::from_slice(&read(zip, "manifest.json")).unwrap()
}

#[tokio::test]
async fn every_picture_of_the_window_is_inside_as_it_was_pushed() {
    let rig = Rig::start().await;
    let mut keys = Vec::new();
    for (camera, millis_ago, shade) in
        [("door", 2500, 1), ("yard", 1500, 2), ("door", 1500, 3), ("door", 500, 4)]
    {
        keys.push(rig.push(camera, millis_ago, picture(shade)).await);
    }
    let (name, mut inside) = zip(&rig, "/frames.zip?from=-2s").await;
    let file = "attachment; filename=\"frames_2024-11-07T23-59-58.500000000Z.zip\"";
    assert_eq!(name, file);
    let expected = [
        ("door/2024-11-07T23-59-58.500000000Z_00002.jpg", &keys[2], 3),
        ("yard/2024-11-07T23-59-58.500000000Z_00001.jpg", &keys[1], 2),
        ("door/2024-11-07T23-59-59.500000000Z_00003.jpg", &keys[3], 4),
    ];
    for (name, _, shade) in expected {
        assert_eq!(read(&mut inside, name), picture(shade), "{name}");
        let time = inside.by_name(name).unwrap().last_modified().unwrap();
        assert_eq!((time.year(), time.minute(), time.second()), (2024, 59, 58));
    }
    assert_eq!(inside.len(), 4);
    let frames = expected.map(|(name, key, shade)| {
        json!({"name": name, "key": key.to_string(), "size": picture(shade).len()})
    });
    let from = at_millis(0).minus(std::time::Duration::from_secs(2)).to_string();
    let told = json!({
        "query": {
            "cameras": ["shop/frames/door", "shop/frames/yard"],
            "from": from, "to": at_millis(0).to_string(), "every": null, "limit": null,
        },
        "expired": [], "more_from": null, "frames": frames,
    });
    assert_eq!(manifest(&mut inside), told);
}

#[tokio::test]
async fn steps_and_limits_choose_and_the_manifest_tells_what_expired() {
    let rig = Rig::start().await;
    for millis_ago in [3500, 3000, 2500, 2000, 1500] {
        rig.push("door", millis_ago, picture(1)).await;
    }
    let path = "/cameras/door/frames.zip?from=-4s&every=1s&limit=2";
    let (name, mut inside) = zip(&rig, path).await;
    assert!(name.ends_with("\"door_2024-11-07T23-59-56.500000000Z.zip\""), "{name}");
    let told = manifest(&mut inside);
    assert_eq!(
        (inside.len(), &told["more_from"], &told["query"]["every"]),
        (3, &Value::Null, &json!("1s"))
    );
    let (_, mut inside) = zip(&rig, "/frames.zip?camera=door&camera=attic").await;
    assert_eq!((inside.len(), manifest(&mut inside)["expired"].clone()), (6, json!([])));
}

#[tokio::test]
async fn a_window_without_an_end_ends_now() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    let ahead = format!("shop:frames:door:{}:00002", at_millis(500));
    rig.put_foreign(&ahead.parse().unwrap(), picture(2)).await;
    let files =
        async |query: &str| zip(&rig, &format!("/frames.zip?via=scan{query}")).await.1.len() - 1;
    assert_eq!((files("").await, files("&to=%2B1s").await), (1, 2));
}

#[tokio::test]
async fn a_window_without_frames_is_404_with_a_sentence() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    for path in ["/frames.zip?to=-1h", "/cameras/attic/frames.zip", "/frames.zip?limit=0"] {
        let (status, problem) = rig.json(&format!("/api/v1{path}")).await;
        let said = "no frame lives in this window: /api/v1/timeline shows where frames are";
        assert_eq!((status, &problem["detail"]), (404, &json!(said)), "{path}");
    }
}
