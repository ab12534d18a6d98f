//! Lists in pages and in one stream: the same frames, each once, whatever happens in between.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Rig, at_millis, picture};

/// So many frames of `door`, and half as many of `yard`, 250 ms apart, the last one now.
async fn filled(count: u64) -> Rig {
    let rig = Rig::start().await;
    for number in 0..count {
        let millis_ago = (count - 1 - number) * 250;
        rig.push("door", millis_ago, picture(1)).await;
        if number % 2 == 0 {
            rig.push("yard", millis_ago, picture(2)).await;
        }
    }
    rig
}

fn keys(answer: &Value) -> Vec<String> {
    let frames = answer["frames"].as_array().unwrap();
    frames.iter().map(|frame| frame["key"].as_str().unwrap().to_owned()).collect()
}

async fn page(rig: &Rig, query: &str) -> (Vec<String>, Option<String>) {
    let (status, answer) = rig.json(&format!("/api/v1/frames?{query}")).await;
    assert_eq!(status, 200, "{answer}");
    (keys(&answer), answer["next_cursor"].as_str().map(str::to_owned))
}

/// Every page of a list.
async fn pages(rig: &Rig, query: &str) -> Vec<Vec<String>> {
    let (first, mut next) = page(rig, query).await;
    let mut all = vec![first];
    while let Some(cursor) = next {
        let (frames, further) = page(rig, &format!("{query}&cursor={cursor}")).await;
        assert!(!frames.is_empty(), "a cursor should lead to something");
        all.push(frames);
        next = further;
    }
    all
}

#[tokio::test]
async fn a_listed_frame_says_where_and_when() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    let at = at_millis(0).get() - 500_000_000;
    let expected = json!({
        "frames": [{
            "key": format!("shop:frames:door:{at}:00001"),
            "size": picture(1).len(),
            "expires_at": (at + 60_000_000_000).to_string(),
            "dimensions": {"width": 16, "height": 8},
            "time": "2024-11-07T23:59:59.500000000Z",
            "url": format!("/api/v1/cameras/door/frames/{at}-00001.jpg?tenant=shop&prefix=frames"),
        }],
        "dead": 0,
        "foreign": 0,
        "scanned": false,
        "next_cursor": null,
    });
    for path in ["/frames", "/frames?limit=all", "/cameras/door/frames?limit=1"] {
        assert_eq!(rig.json(&format!("/api/v1{path}")).await, (200, expected.clone()), "{path}");
    }
    let url = expected["frames"][0]["url"].as_str().unwrap();
    assert_eq!(rig.get(url).await.bytes().await.unwrap(), picture(1));
}

#[tokio::test]
async fn pages_together_are_the_whole_list() {
    let rig = filled(9).await;
    for query in [
        "from=-1h",
        "from=-1h&reverse",
        "from=-1h&every=500ms",
        "from=-1h&every=1s&reverse",
        "from=-1500ms&to=-250ms",
        "camera=yard&every=300ms&from=-1750ms",
        "via=scan&verify",
    ] {
        let (status, whole) = rig.json(&format!("/api/v1/frames?{query}&limit=all")).await;
        let whole = keys(&whole);
        assert_eq!((status, whole.len() > 2), (200, true), "{query}");
        for limit in [1, 2, 3, 5, whole.len(), 100] {
            let pages = pages(&rig, &format!("{query}&limit={limit}")).await;
            assert!(pages.iter().all(|page| page.len() <= limit), "{query} {limit}");
            assert_eq!(pages.concat(), whole, "{query} {limit}");
        }
    }
}

#[tokio::test]
async fn nothing_is_repeated_or_skipped_when_frames_arrive_and_expire() {
    let rig = filled(9).await;
    let (_, whole) = rig.json("/api/v1/frames?limit=all").await;
    let whole = keys(&whole);
    let (first, next) = page(&rig, "from=-1h&limit=6").await;
    assert_eq!(first, whole[..6]);
    // Behind the cursor one arrives late, ahead of it one comes; the two oldest expire.
    let rest = format!("from=-1h&limit=6&cursor={}", next.unwrap());
    rig.push("door", 1900, picture(3)).await;
    let new = rig.push("gate", 0, picture(4)).await.to_string();
    rig.clock.set(at_millis(58_100));
    let (second, next) = page(&rig, &rest).await;
    assert_eq!(second, whole[6..12]);
    let (third, next) = page(&rig, &format!("from=-1h&limit=6&cursor={}", next.unwrap())).await;
    let mut expected = whole[12..].to_vec();
    expected.push(new);
    expected.sort_by_key(|key| (key.split(':').nth(3).map(str::to_owned), key.clone()));
    assert_eq!((third, next), (expected, None));
}

#[tokio::test]
async fn a_step_is_answered_once_though_its_first_frame_expired() {
    let rig = filled(9).await;
    let query = "camera=door&from=-2s&every=1s&limit=1";
    let (first, next) = page(&rig, query).await;
    assert_eq!(first.len(), 1);
    // The answered frame goes; the next one of its step lives.
    rig.clock.set(at_millis(58_100));
    let (live, _) = page(&rig, "camera=door&limit=1").await;
    assert_ne!(live, first);
    let (second, _) = page(&rig, &format!("{query}&cursor={}", next.unwrap())).await;
    let at = at_millis(0).minus(Duration::from_secs(1));
    assert_eq!(second, [format!("shop:frames:door:{at}:00005")]);
}

#[tokio::test]
async fn a_long_list_is_written_while_it_is_read() {
    let rig = Rig::start().await;
    for number in 0..2500 {
        rig.push("door", number, picture(1)).await;
    }
    let (status, whole) = rig.json("/api/v1/cameras/door/frames?limit=all").await;
    let whole = keys(&whole);
    assert_eq!((status, whole.len()), (200, 2500));
    let (first, next) = page(&rig, "").await;
    assert_eq!((&first[..], next.is_some()), (&whole[..1000], true));
    let (_, rest) = rig.json(&format!("/api/v1/frames?limit=all&cursor={}", next.unwrap())).await;
    assert_eq!(keys(&rest), whole[1000..]);
}
