//! `/metrics` while frames come: every scrape adds up, and the last one equals the account.

use std::collections::BTreeMap;

use framecache::ingest::DropReason;
use framecache::model::retention::Retention;
use framecache::model::time::Ttl;

use super::{Rig, at_millis, picture, prefix, stream, tenant};
use framecache::query::Scope;
use framecache::service::status::Viewer;

/// The series of an exposition: name and labels, and value.
fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The sum over all series of a family.
fn sum(series: &BTreeMap<String, f64>, family: &str) -> f64 {
    let of = |name: &str| name.split('{').next() == Some(family);
    series.iter().filter(|(name, _)| of(name)).map(|(_, value)| value).sum()
}

/// Captured, and what became of them.
fn both_sides(series: &BTreeMap<String, f64>) -> (f64, f64) {
    let parts = ["frames_stored_total", "frames_dropped_total", "frames_pending"];
    let fates = parts.map(|part| sum(series, &format!("framecache_{part}"))).iter().sum();
    (sum(series, "framecache_frames_captured_total"), fates)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scrape_under_load_adds_up_and_the_last_equals_the_account() {
    let rig = Rig::start().await;
    let retention = Retention::single(Ttl::from_secs(60).unwrap());
    let lanes = ["cam1", "cam2"].map(|camera| rig.ingest.lane(&stream(camera), &retention, None));
    let capturing = std::thread::spawn(move || {
        for n in 0..2000_u64 {
            for lane in &lanes {
                lane.capture(at_millis(n), picture(u8::try_from(n % 200).unwrap()));
                if n % 10 == 0 {
                    lane.fragment(DropReason::Truncated);
                }
            }
            if n % 50 == 0 {
                std::thread::yield_now();
            }
        }
    });
    let mut scrapes = 0;
    loop {
        let done = capturing.is_finished();
        let response = rig.get("/metrics").await;
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let text = response.text().await.unwrap();
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        let series = series(&text);
        let (captured, fates) = both_sides(&series);
        assert_eq!(captured, fates, "scrape {scrapes}");
        scrapes += 1;
        if done && sum(&series, "framecache_frames_pending") == 0.0 {
            let total = rig.service.metrics().total();
            assert_eq!(captured, 2.0 * 2200.0);
            assert_eq!(captured, total.captured as f64);
            assert_eq!(sum(&series, "framecache_frames_stored_total"), total.stored as f64);
            let truncated = "framecache_frames_dropped_total{tenant=\"shop\",prefix=\"frames\",\
                             camera=\"cam2\",reason=\"truncated\"}";
            assert_eq!(series[truncated], 200.0);
            assert_eq!(series["framecache_frame_size_bytes_count"], total.stored as f64);
            return;
        }
    }
}

#[tokio::test]
async fn who_may_see_one_tenant_only_gets_the_series_of_its_cameras_and_no_others() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    let seen_by = async |own: &str, whole| {
        let scope = Scope { tenant: Some(own.parse().unwrap()), ..Scope::default() };
        let viewer = Viewer { tenant: tenant(), prefix: prefix(), scope, whole };
        series(&rig.service.exposition(&viewer).await)
    };
    let own = seen_by("shop", false).await;
    assert!(own.len() > 20, "{own:?}");
    let labelled = |name: &&String| !name.contains("{tenant=\"shop\",prefix=\"frames\",camera=");
    assert_eq!(own.keys().filter(labelled).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(seen_by("other", false).await, BTreeMap::new());
    assert_eq!(seen_by("shop", true).await["framecache_store_up"], 1.0);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_paths_that_lead_nowhere_are_not_told_apart() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    for path in ["/api/v1/cameras/door/latest", "/api/v1/cameras/attic/latest", "/a", "/b"] {
        let _ = rig.get(path).await;
    }
    let series = series(&rig.get("/metrics").await.text().await.unwrap());
    let count = |route: &str, status: u16| {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
        series.get(&format!("framecache_http_requests_total{labels}")).copied()
    };
    let latest = "/api/v1/cameras/{camera}/latest";
    assert_eq!((count(latest, 200), count(latest, 404)), (Some(1.0), Some(1.0)));
    assert_eq!((count("other", 404), count("/a", 404)), (Some(2.0), None));
}
