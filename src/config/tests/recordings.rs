//! `[recordings]` and `[control]`: what is read, and what is refused.

use super::{config, load, refusal};
use crate::config::{BucketConfig, Secret};

const MINIO: &str = "[recordings]\nfolder = \"/data\"\nstorage = \"s3://cams/site-7/north/\"\nendpoint = \"http://minio:9000/\"\nregion = \"eu-1\"\naccess_key = \"me\"\nsecret_key = \"very-secret\"\nallow_http = true";

#[test]
fn a_bucket_is_read_with_its_login_and_its_secret_is_not_shown() {
    let loaded = load(MINIO, &[]).unwrap();
    let bucket = BucketConfig {
        bucket: "cams".to_owned(),
        prefix: "site-7/north".to_owned(),
        endpoint: Some("http://minio:9000".to_owned()),
        region: Some("eu-1".to_owned()),
        keys: Some(("me".to_owned(), Secret::new("very-secret".to_owned()))),
        allow_http: true,
    };
    assert_eq!(bucket.place(), "s3://cams/site-7/north");
    assert_eq!(loaded.config.recordings.storage, Some(bucket));
    assert_eq!(loaded.config.recordings.folder, std::path::Path::new("/data"));
    assert!(!format!("{loaded:?}").contains("very-secret"));
    let bare = config("[recordings]\nstorage = \"s3://cams\"", &[]).recordings.storage.unwrap();
    assert_eq!((bare.place().as_str(), bare.keys, bare.endpoint), ("s3://cams", None, None));
}

#[test]
fn buckets_that_cannot_be_meant_are_refused_with_what_fits() {
    let storage = |text: &str| format!("[recordings]\nstorage = {text:?}");
    for bad in [
        "cams",
        "/data",
        "s3://",
        "s3://a",
        "s3://Cams",
        "s3://cams//x",
        "s3://cams/../x",
        "s3://cams/a b",
        "s3://cams/x?y=1",
        "gs://cams",
        "https://cams.s3.amazonaws.com",
    ] {
        assert_eq!(
            refusal(&storage(bad), &[]),
            format!(
                "c.toml:2: recordings.storage {bad:?} does not fit: write s3://BUCKET or s3://BUCKET/PREFIX, and the server as [recordings] endpoint; for a folder set recordings.folder"
            )
        );
    }
    assert!(!refusal(&storage("s3://me:very-secret@cams"), &[]).contains("very-secret"));
    let with = |line: &str| format!("[recordings]\nstorage = \"s3://cams\"\n{line}");
    for (text, said) in [
        (
            with("access_key = \"me\""),
            "c.toml:3: recordings.access_key is set and recordings.secret_key is not: a login needs both",
        ),
        (
            with("secret_key = \"very-secret\""),
            "c.toml:3: recordings.secret_key is set and recordings.access_key is not: a login needs both",
        ),
        (
            with("endpoint = \"http://minio:9000\""),
            "c.toml:3: recordings.endpoint \"http://minio:9000\" would carry recordings unencrypted: use https://, or set [recordings] allow_http = true",
        ),
        (
            with("endpoint = \"https://me:pw@minio\""),
            "c.toml:3: recordings.endpoint \"https://me:***@minio\" does not fit: write scheme, host and port, e.g. \"https://minio.example.org:9000\", and the login as access_key and secret_key",
        ),
        (
            "[recordings]\nregion = \"eu-1\"".to_owned(),
            "c.toml:2: recordings.region is set and recordings.storage is not: name the bucket, e.g. recordings.storage = \"s3://bucket/prefix\"",
        ),
    ] {
        assert_eq!(refusal(&text, &[]), said);
    }
}

#[test]
fn orders_come_only_by_ways_that_were_switched_on_and_exist() {
    use crate::config::{ControlConfig, RedisControlConfig};
    const SERVERS: &str = "[amqp]\namqp_url = \"amqp://h/v\"\n[redis]\nenabled = true\n";
    assert_eq!(config(SERVERS, &[]).control, ControlConfig::default());
    let on = format!("{SERVERS}[control]\namqp = true\nredis = true\nredis_stream = \"X\"");
    let streams = RedisControlConfig {
        name_stream: "X".to_owned(),
        pause_stream: "XRECORD:PAUSE".to_owned(),
        answer_stream: "XRECORD:STATE".to_owned(),
    };
    let expected =
        ControlConfig { amqp_queue: Some("framecache.control".to_owned()), redis: Some(streams) };
    assert_eq!(config(&on, &[]).control, expected);
    for (text, said) in [
        (
            "[control]\namqp = true".to_owned(),
            "c.toml:2: control.amqp = true needs a broker: set amqp.amqp_url too",
        ),
        (
            "[control]\nredis = true".to_owned(),
            "c.toml:2: control.redis = true needs Redis: set redis.enabled = true too",
        ),
        (
            "[control]\nredis_stream = \"XRECORD:PAUSE\"".to_owned(),
            "c.toml:2: the three streams of [control] must have different names",
        ),
    ] {
        assert_eq!(refusal(&text, &[]), said);
    }
}
