//! What a follower wants to hear of: some cameras, or whole families.
//!
//! Pure. It decides for frames by their stream, and for status messages, which name a camera and no
//! tenant, by the tenant whose bus they came over: nobody hears of another tenant's cameras.

use std::collections::HashSet;

use serde::Deserialize;

use crate::model::key::StreamId;
use crate::model::name::{CameraId, Prefix, Tenant};

/// Cameras by name, or, when none is named, all of a tenant and prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Only this tenant's; `None` for any.
    pub tenant: Option<Tenant>,
    /// Only this prefix; `None` for any. Status messages tell no prefix and are not cut by it.
    pub prefix: Option<Prefix>,
    /// Only these; empty for all of the tenant and prefix.
    pub streams: HashSet<StreamId>,
}

impl Interest {
    /// In one camera.
    #[must_use]
    pub fn camera(stream: &StreamId) -> Self {
        Self { streams: HashSet::from([stream.clone()]), ..Self::default() }
    }

    /// Whether frames of this camera are wanted.
    #[must_use]
    pub fn covers(&self, stream: &StreamId) -> bool {
        if !self.streams.is_empty() {
            return self.streams.contains(stream);
        }
        self.holds_family(&stream.tenant, &stream.prefix)
    }

    /// Whether cameras of this family may be wanted without being named.
    pub(super) fn holds_family(&self, tenant: &Tenant, prefix: &Prefix) -> bool {
        self.streams.is_empty()
            && self.tenant.as_ref().is_none_or(|own| own == tenant)
            && self.prefix.as_ref().is_none_or(|own| own == prefix)
    }

    /// Whether a status message of a bus that speaks of `tenant` is wanted: one of a camera that is
    /// covered, or of none in particular.
    pub(super) fn covers_status(&self, tenant: &Tenant, body: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Of {
            camera_id: Option<CameraId>,
        }
        let named = |id: &CameraId| {
            self.streams.iter().any(|stream| stream.camera == *id && stream.tenant == *tenant)
        };
        let of = serde_json::from_slice(body).ok().and_then(|of: Of| of.camera_id);
        match of {
            _ if self.streams.is_empty() => self.tenant.as_ref().is_none_or(|own| own == tenant),
            Some(id) => named(&id),
            None => self.streams.iter().any(|stream| stream.tenant == *tenant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> StreamId {
        let parts: Vec<&str> = text.split('/').collect();
        StreamId {
            tenant: parts[0].parse().unwrap(),
            prefix: parts[1].parse().unwrap(),
            camera: parts[2].parse().unwrap(),
        }
    }

    #[test]
    fn named_cameras_or_whole_families_are_covered() {
        let named = Interest::camera(&stream("a/f/cam1"));
        let family = Interest { tenant: Some("a".parse().unwrap()), ..Interest::default() };
        for (text, by_name, by_family) in [
            ("a/f/cam1", true, true),
            ("a/f/cam10", false, true),
            ("a/g/cam1", false, true),
            ("b/f/cam1", false, false),
        ] {
            let stream = stream(text);
            let covered = (named.covers(&stream), family.covers(&stream));
            assert_eq!(covered, (by_name, by_family), "{text}");
            assert!(Interest::default().covers(&stream));
        }
    }

    #[test]
    fn states_are_told_to_who_sees_their_tenant() {
        let (a, b): (Tenant, Tenant) = ("a".parse().unwrap(), "b".parse().unwrap());
        let camera: &[u8] = br#"{"camera_id":"cam1"}"#;
        let system: &[u8] = br#"{"total_cameras":1}"#;
        let of_a = Interest { tenant: Some(a.clone()), ..Interest::default() };
        let named = Interest::camera(&stream("a/f/cam1"));
        let other = Interest::camera(&stream("a/f/cam2"));
        for (interest, tenant, told) in [
            (&Interest::default(), &a, [true, true]),
            (&of_a, &a, [true, true]),
            (&of_a, &b, [false, false]),
            (&named, &a, [true, true]),
            (&named, &b, [false, false]),
            (&other, &a, [false, true]),
        ] {
            let said = [camera, system].map(|body| interest.covers_status(tenant, body));
            assert_eq!(said, told, "{interest:?} of {tenant}");
        }
    }
}
