//! What each tenant has, summed over its families. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::FamilyStats;
use crate::model::name::{Prefix, Tenant};
use crate::model::time::UnixNanos;

/// What lives of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TenantStats {
    /// Whose.
    pub tenant: Tenant,
    /// Its families, sorted.
    pub prefixes: Vec<Prefix>,
    /// How many cameras have live frames.
    pub cameras: usize,
    /// Live frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time of the oldest.
    pub oldest: Option<UnixNanos>,
    /// Time of the newest.
    pub newest: Option<UnixNanos>,
    /// Frames a second over the last minute, of all cameras together.
    pub rate_fps: f64,
}

/// The sums of families by tenant, sorted.
#[must_use]
pub fn by_tenant(families: Vec<FamilyStats>) -> Vec<TenantStats> {
    let mut tenants: BTreeMap<Tenant, TenantStats> = BTreeMap::new();
    for family in families {
        let tenant = tenants.entry(family.tenant.clone()).or_insert_with(|| TenantStats {
            tenant: family.tenant,
            prefixes: Vec::new(),
            cameras: 0,
            frames: 0,
            bytes: 0,
            oldest: None,
            newest: None,
            rate_fps: 0.0,
        });
        tenant.prefixes.push(family.prefix);
        tenant.cameras += family.cameras.len();
        tenant.frames += family.frames;
        tenant.bytes += family.bytes;
        tenant.oldest = [tenant.oldest, family.oldest].into_iter().flatten().min();
        tenant.newest = tenant.newest.max(family.newest);
        tenant.rate_fps += family.rate_fps;
    }
    tenants.values_mut().for_each(|tenant| tenant.prefixes.sort_unstable());
    tenants.into_values().collect()
}
