//! Who was written to: families, cameras, and their dimensions over time.
//!
//! ZSETs scored by the newest key in unix microseconds (exact in a double, nanoseconds are not), read
//! whole: a fleet has hundreds of cameras. Members that are no names are skipped; other programs'
//! frames show up here only once they are reindexed.

use redis::cmd;

use super::connect::Link;
use super::keys::{self, StreamKeys};
use super::write::parse_dimensions;
use crate::model::frame::Dimensions;
use crate::model::key::StreamId;
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{Ttl, UnixNanos};
use crate::store::{CameraSeen, FamilySeen, StoreError};

/// Every family; only `home` where the user may not read the list of all tenants.
pub(super) async fn families(
    link: &mut Link<'_>,
    home: Option<&(Tenant, Prefix)>,
) -> Result<Vec<FamilySeen>, StoreError> {
    let members = match (members(link, keys::STREAMS).await, home) {
        (Ok(members), _) => members,
        (Err(StoreError::Refused(_)), Some((tenant, prefix))) => {
            tracing::debug!(
                "the list of tenants is not for this user: only {tenant}/{prefix} is told of"
            );
            let cameras = cameras(link, tenant, prefix).await?;
            let newest = cameras.iter().map(|camera| camera.newest).max();
            let (tenant, prefix) = (tenant.clone(), prefix.clone());
            return Ok(newest
                .map(|newest| FamilySeen { tenant, prefix, newest })
                .into_iter()
                .collect());
        }
        (Err(error), _) => return Err(error),
    };
    let family = |(name, newest): &(String, UnixNanos)| {
        let (tenant, prefix) = keys::parse_family(name)?;
        Some(FamilySeen { tenant, prefix, newest: *newest })
    };
    let mut families: Vec<FamilySeen> = members.iter().filter_map(family).collect();
    families.sort_unstable_by(|a, b| (&a.tenant, &a.prefix).cmp(&(&b.tenant, &b.prefix)));
    Ok(families)
}

pub(super) async fn cameras(
    link: &mut Link<'_>,
    tenant: &Tenant,
    prefix: &Prefix,
) -> Result<Vec<CameraSeen>, StoreError> {
    let members = members(link, &keys::cameras(tenant, prefix)).await?;
    let camera = |(name, newest): &(String, UnixNanos)| {
        Some(CameraSeen { camera: CameraId::new(name).ok()?, newest: *newest })
    };
    let mut cameras: Vec<CameraSeen> = members.iter().filter_map(camera).collect();
    cameras.sort_unstable_by(|a, b| a.camera.cmp(&b.camera));
    Ok(cameras)
}

async fn members(link: &mut Link<'_>, key: &str) -> Result<Vec<(String, UnixNanos)>, StoreError> {
    let mut range = cmd("ZRANGE");
    range.arg(key).arg(0).arg(-1).arg("WITHSCORES");
    let scored: Vec<(String, f64)> = link.run(&range).await?;
    Ok(scored.into_iter().map(|(name, micros)| (name, from_score(micros))).collect())
}

pub(super) async fn last_seen(
    link: &mut Link<'_>,
    stream: &StreamId,
) -> Result<Option<UnixNanos>, StoreError> {
    let mut score = cmd("ZSCORE");
    score.arg(keys::cameras(&stream.tenant, &stream.prefix)).arg(stream.camera.as_str());
    let micros: Option<f64> = link.run(&score).await?;
    Ok(micros.map(from_score))
}

/// The longest of the camera's lives, those that are over included where they are still listed.
pub(super) async fn longest_life(
    link: &mut Link<'_>,
    stream: &StreamId,
) -> Result<Option<Ttl>, StoreError> {
    let mut lives = cmd("ZRANGE");
    lives.arg(StreamKeys::new(stream).lives()).arg(0).arg(-1);
    let texts: Vec<String> = link.run(&lives).await?;
    Ok(texts.iter().filter_map(|text| keys::parse_life(text)).map(|life| life.ttl).max())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast stops at the ends, and scores are whole microseconds below 2^53"
)]
fn from_score(micros: f64) -> UnixNanos {
    let nanos = (micros as u64).saturating_mul(1000);
    UnixNanos::new(nanos).unwrap_or(UnixNanos::MAX)
}

/// Sorted by time; of entries for one instant the last written holds.
pub(super) async fn dimensions(
    link: &mut Link<'_>,
    stream: &StreamId,
) -> Result<Vec<(UnixNanos, Dimensions)>, StoreError> {
    let mut range = cmd("LRANGE");
    range.arg(StreamKeys::new(stream).dims()).arg(0).arg(-1);
    let entries: Vec<Vec<u8>> = link.run(&range).await?;
    let mut known: Vec<_> = entries.iter().rev().filter_map(|e| parse_dimensions(e)).collect();
    known.sort_by_key(|(from, _)| *from);
    known.dedup_by_key(|(from, _)| *from);
    known.dedup_by_key(|(_, dimensions)| *dimensions);
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_whole_microseconds() {
        assert_eq!(from_score(1_731_024_000_123_456.0).get(), 1_731_024_000_123_456_000);
        assert_eq!(from_score(-1.0), UnixNanos::MIN);
        assert_eq!(from_score(f64::INFINITY), UnixNanos::MAX);
    }
}
