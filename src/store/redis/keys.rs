//! The names of all that lies in Redis beside the frames, printed and read back.
//!
//! None has a `:`, so no pattern that a consumer uses for frames ever matches one. The part in
//! braces is a hash tag: everything of one camera hashes to one slot. Where a name holds a bucket,
//! it holds the life too, so that a reader needs no configuration. Pure text, no connection.

use crate::model::bucket::{Bucket, BucketWidth, Life};
use crate::model::key::StreamId;
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::Ttl;
use crate::store::{CollectorId, FamilySeen};

/// Holds the version of everything here.
pub(super) const FORMAT: &str = "@framecache/format";

/// The version that this program reads and writes.
pub(super) const FORMAT_VERSION: &str = "1";

/// ZSET of `tenant/prefix`, scored by the newest key in unix microseconds.
pub(super) const STREAMS: &str = "@framecache/streams";

/// ZSET of the cameras of a family, scored as [`STREAMS`].
pub(super) fn cameras(tenant: &Tenant, prefix: &Prefix) -> String {
    format!("@framecache/{{{}}}/cameras", family(tenant, prefix))
}

/// HASH of the holds of a family: id -> JSON.
pub(super) fn holds(tenant: &Tenant, prefix: &Prefix) -> String {
    format!("@framecache/{{{}}}/holds", family(tenant, prefix))
}

/// A member of [`STREAMS`].
pub(super) fn family(tenant: &Tenant, prefix: &Prefix) -> String {
    format!("{tenant}/{prefix}")
}

/// Reads a member of [`STREAMS`] back, with its time.
pub(super) fn parse_family(text: &str) -> Option<(Tenant, Prefix)> {
    let (tenant, prefix) = text.split_once('/')?;
    Some((Tenant::new(tenant).ok()?, Prefix::new(prefix).ok()?))
}

/// The camera of a family as a stream.
pub(super) fn stream(family: &FamilySeen, camera: CameraId) -> StreamId {
    StreamId { tenant: family.tenant.clone(), prefix: family.prefix.clone(), camera }
}

/// The keys of one camera.
#[derive(Debug, Clone)]
pub(super) struct StreamKeys {
    base: String,
}

impl StreamKeys {
    pub(super) fn new(stream: &StreamId) -> Self {
        Self { base: format!("@framecache/{{{stream}}}/") }
    }

    /// ZSET of lives (`300/10`), scored by when their last bucket goes, in unix seconds.
    pub(super) fn lives(&self) -> String {
        format!("{}lives", self.base)
    }

    /// ZSET of buckets (`300/10/173102400`) that readers would not look for, scored by their start in
    /// unix seconds: those with `ask` records, which may outlive the span that their life tells of,
    /// and those of wide lives, whose span may be years.
    pub(super) fn late(&self) -> String {
        format!("{}late", self.base)
    }

    /// LIST of 12-byte dimensions.
    pub(super) fn dims(&self) -> String {
        format!("{}dims", self.base)
    }

    /// HASH of the held frames: the record's time, number and kind -> `<natural end ms> <size>`.
    pub(super) fn held(&self) -> String {
        format!("{}held", self.base)
    }

    /// String of the records of a bucket.
    pub(super) fn bucket(&self, bucket: Bucket) -> String {
        format!("{}{}", self.base, bucket_text(bucket))
    }

    /// String of notes of late frames that arrived in the span of this bucket.
    pub(super) fn arrived(&self, bucket: Bucket) -> String {
        format!("{}arrived/{}", self.base, bucket_text(bucket))
    }

    /// HASH bucket -> bytes known announced.
    pub(super) fn outbox(&self, collector: &CollectorId) -> String {
        format!("{}outbox/{collector}", self.base)
    }
}

/// `<ttl s>/<width s>`.
pub(super) fn life_text(life: Life) -> String {
    format!("{}/{}", life.ttl.as_secs(), life.width.as_secs())
}

/// `<ttl s>/<width s>/<bucket>`.
pub(super) fn bucket_text(bucket: Bucket) -> String {
    format!("{}/{}", life_text(bucket.life), bucket.number)
}

/// Reads [`life_text`] back.
pub(super) fn parse_life(text: &str) -> Option<Life> {
    let (ttl, width) = text.split_once('/')?;
    let ttl = Ttl::from_secs(number(ttl)?).ok()?;
    let width = BucketWidth::from_secs(u32::try_from(number(width)?).ok()?)?;
    Some(Life { ttl, width })
}

/// Reads [`bucket_text`] back.
pub(super) fn parse_bucket(text: &str) -> Option<Bucket> {
    let (life, at) = text.rsplit_once('/')?;
    let bucket = Bucket { life: parse_life(life)?, number: number(at)? };
    bucket.window().map(|_| bucket)
}

/// Digits alone, without a sign or leading zeros, so that printing and reading are inverse.
fn number(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UnixNanos;

    fn cam() -> StreamId {
        StreamId {
            tenant: Tenant::new("client-a").unwrap(),
            prefix: Prefix::new("frames").unwrap(),
            camera: CameraId::new("cam4").unwrap(),
        }
    }

    #[test]
    fn keys_read_as_documented_and_have_no_colon() {
        let keys = StreamKeys::new(&cam());
        let at = UnixNanos::new(1_731_024_000_123_456_789).unwrap();
        let bucket = Life::of(Ttl::from_secs(300).unwrap()).bucket(at);
        let all = [
            (FORMAT.to_owned(), "@framecache/format"),
            (STREAMS.to_owned(), "@framecache/streams"),
            (cameras(&cam().tenant, &cam().prefix), "@framecache/{client-a/frames}/cameras"),
            (holds(&cam().tenant, &cam().prefix), "@framecache/{client-a/frames}/holds"),
            (keys.held(), "@framecache/{client-a/frames/cam4}/held"),
            (keys.lives(), "@framecache/{client-a/frames/cam4}/lives"),
            (keys.late(), "@framecache/{client-a/frames/cam4}/late"),
            (keys.dims(), "@framecache/{client-a/frames/cam4}/dims"),
            (keys.bucket(bucket), "@framecache/{client-a/frames/cam4}/300/10/173102400"),
            (
                keys.outbox(&CameraId::new("host-1").unwrap()),
                "@framecache/{client-a/frames/cam4}/outbox/host-1",
            ),
        ];
        for (printed, documented) in all {
            assert_eq!(printed, documented);
            assert!(!printed.contains(':'));
        }
    }

    #[test]
    fn buckets_and_lives_are_read_back_or_refused() {
        for text in ["300/10/173102400", "86400/600/2885040", "1/1/0"] {
            assert_eq!(parse_bucket(text).map(bucket_text).as_deref(), Some(text));
        }
        for text in
            ["", "300/10", "300/10/", "0/10/1", "300/0/1", "300/10/-1", "0300/10/1", "300/10/+1"]
        {
            assert_eq!(parse_bucket(text), None, "{text}");
        }
        assert_eq!(parse_bucket("300/86400/18446744073709551615"), None);
        assert_eq!(parse_life("300/10").map(life_text).as_deref(), Some("300/10"));
        assert_eq!(parse_life("300/10/1"), None);
    }

    #[test]
    fn families_are_read_back() {
        let (tenant, prefix) = parse_family("client-a/frames").unwrap();
        assert_eq!(family(&tenant, &prefix), "client-a/frames");
        assert_eq!(parse_family("client-a"), None);
        assert_eq!(parse_family("a/b/c"), None);
    }
}
