//! What a request asks for: path, query parameters and headers, read into checked types.
//!
//! A parameter that a resource does not know is refused by name, because a mistyped `form=` that is
//! silently ignored answers another question. Only `camera` may be repeated.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chrono::Utc;
use url::form_urlencoded;

use super::WebState;
use super::caller::{Asker, Caller};
use super::problem::Problem;
use super::thumbnail;
use crate::model::key::StreamId;
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{TimeRange, UnixNanos, parse_instant};
use crate::query::{How, Scope, Via};
use crate::service::{ErrorKind, ServiceError};

/// Stands for any tenant or prefix where a scope is asked for.
const ANY: &str = "*";

/// A request without its body.
pub(super) struct Call {
    /// What every handler works with.
    pub(super) web: Arc<WebState>,
    /// The request's headers.
    pub(super) headers: HeaderMap,
    /// Who asks.
    pub(super) caller: Caller,
    path: Vec<(String, String)>,
    query: String,
}

impl FromRequestParts<Arc<WebState>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        web: &Arc<WebState>,
    ) -> Result<Self, Self::Rejection> {
        let caller = caller(parts)?;
        let path = RawPathParams::from_request_parts(parts, web)
            .await
            .map_err(|_| Problem::bad_input("the path is no UTF-8 text"))?;
        Ok(Self {
            web: Arc::clone(web),
            headers: parts.headers.clone(),
            caller,
            path: path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        })
    }
}

/// What the access layer found out; a route without that layer is a defect and lets nobody in.
fn caller(parts: &Parts) -> Result<Caller, Problem> {
    match parts.extensions.get::<Asker>() {
        Some(Asker(asker)) => asker.clone().map_err(Problem::from),
        None => {
            let said = "nobody checked who asks: this is a defect";
            Err(ServiceError::new(ErrorKind::Internal, said).into())
        }
    }
}

impl Call {
    /// The query parameters, of which only `accepted` ones, `tenant` and `prefix` may be given.
    pub(super) fn params(&self, accepted: &[&str]) -> Result<Params, Problem> {
        let pairs = read_pairs(&self.query, accepted)?;
        let WebState { tenant, prefix, clock, scan, .. } = self.web.as_ref();
        let tenant = self.caller.tenant.as_ref().unwrap_or(tenant).clone();
        let (prefix, caller) = (prefix.clone(), self.caller.clone());
        Ok(Params { pairs, now: clock.now(), tenant, prefix, caller, scan: *scan })
    }

    /// The camera that the path names, of the family that the parameters name.
    pub(super) fn stream(&self, params: &Params) -> Result<StreamId, Problem> {
        params.stream(self.path("camera"))
    }

    /// Refuses to write `stream` for a caller of one tenant where this process writes another. Which
    /// one that is, is not for such a caller; others are told by the service.
    pub(super) fn must_be_written_here(&self, stream: &StreamId) -> Result<(), Problem> {
        if self.caller.tenant.is_none() || stream.tenant == self.web.tenant {
            return Ok(());
        }
        let tenant = &stream.tenant;
        Err(Problem::bad_input(format!("frames of tenant {tenant} are not written here")))
    }

    /// A part of the path; empty when the route has no such part.
    pub(super) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value)
    }
}

fn read_pairs(query: &str, accepted: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        if !accepted.contains(&name.as_str()) && name != "tenant" && name != "prefix" {
            let known = [accepted, &["tenant", "prefix"]].concat().join(", ");
            let said = format!("the parameter {name:?} is unknown here: {known} are accepted");
            return Err(Problem::bad_input(said));
        }
        if name != "camera" && pairs.iter().any(|(one, _)| *one == name) {
            let said = format!("the parameter {name} is given twice: give it once");
            return Err(Problem::bad_input(said));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// The query parameters of a request.
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    now: UnixNanos,
    tenant: Tenant,
    prefix: Prefix,
    caller: Caller,
    scan: bool,
}

impl Params {
    /// What `now` means in this request.
    pub(super) fn now(&self) -> UnixNanos {
        self.now
    }

    /// A parameter as it was given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter that may be repeated.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// A parameter, read by `read`; `right` says what it should have been.
    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
        right: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = read(text).ok_or_else(|| {
            let cut: String = text.chars().take(100).collect();
            Problem::bad_input(format!("{name}={cut} is refused: give {right}"))
        })?;
        Ok(Some(value))
    }

    /// An instant in any form that people write.
    pub(super) fn time(&self, name: &str) -> Result<Option<UnixNanos>, Problem> {
        self.text(name)
            .map(|text| parse_instant(text, self.now, &Utc))
            .transpose()
            .map_err(|error| Problem::bad_input(format!("{name}: {error}")))
    }

    /// The window `from` to `to`; each end reaches as far as time does where it is not given.
    pub(super) fn window(&self) -> Result<TimeRange, Problem> {
        let from = self.time("from")?.unwrap_or(TimeRange::ALL.from());
        let to = self.time("to")?.unwrap_or(TimeRange::ALL.to());
        TimeRange::new(from, to).map_err(Problem::bad_input)
    }

    /// As [`Params::window`], but ends now where `to` is not given.
    pub(super) fn window_until_now(&self) -> Result<TimeRange, Problem> {
        let from = self.time("from")?.unwrap_or(TimeRange::ALL.from());
        let to = self.time("to")?.unwrap_or(self.now());
        TimeRange::new(from, to).map_err(Problem::bad_input)
    }

    /// The window `from` to `to`, of which both must be given; `all` is as far as time reaches.
    pub(super) fn explicit_window(&self) -> Result<TimeRange, Problem> {
        let edge = |name, all| match self.text(name) {
            Some("all") => Ok(all),
            Some(_) => self.time(name).map(|at| at.unwrap_or(all)),
            None => Err(Problem::bad_input(format!(
                "the parameter {name} is missing: give an instant, or {name}=all for no bound"
            ))),
        };
        let (from, to) = (TimeRange::ALL.from(), TimeRange::ALL.to());
        TimeRange::new(edge("from", from)?, edge("to", to)?).map_err(Problem::bad_input)
    }

    /// A length of time with its unit.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let read = |text: &str| humantime::parse_duration(text).ok();
        self.read(name, read, "a length of time with its unit, e.g. 500ms, 10s or 1h")
    }

    /// A number within bounds, such as a rate or a speed.
    pub(super) fn rate(
        &self,
        name: &str,
        within: RangeInclusive<f64>,
    ) -> Result<Option<f64>, Problem> {
        let read = |text: &str| text.parse().ok().filter(|rate| within.contains(rate));
        let right = format!("a number from {} to {}", within.start(), within.end());
        self.read(name, read, &right)
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Problem> {
        self.read(name, |text| text.parse().ok(), "a whole number")
    }

    /// The height of a smaller picture, in pixels.
    pub(super) fn height(&self) -> Result<Option<u32>, Problem> {
        let height = self.read("height", |text| text.parse().ok(), "a whole number of pixels")?;
        height.map(|height| thumbnail::checked(height).map(|_| height)).transpose()
    }

    /// At most how many; `all` for no bound, `default` where it is not given.
    pub(super) fn limit(
        &self,
        default: impl Into<Option<usize>>,
    ) -> Result<Option<usize>, Problem> {
        let read = |text: &str| {
            if text == "all" { Some(None) } else { text.parse().ok().map(Some) }
        };
        let limit = self.read("limit", read, "a whole number, or all")?;
        Ok(limit.unwrap_or(default.into()))
    }

    /// A switch: `verify`, `verify=true`, `verify=1`; off where it is not given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        let read = |text: &str| match text {
            "" | "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
        Ok(self.read(name, read, "true or false")?.unwrap_or(false))
    }

    /// By which way frames are found; by the index where it is not given.
    pub(super) fn via(&self) -> Result<Via, Problem> {
        let read = |text: &str| match text {
            "index" => Some(Via::Index),
            "scan" => Some(Via::Scan),
            "auto" => Some(Via::Auto),
            _ => None,
        };
        match self.read("via", read, "index, scan or auto")?.unwrap_or_default() {
            Via::Scan => self.may_scan().map(|()| Via::Scan),
            Via::Auto if !self.scan => Ok(Via::Index),
            via => Ok(via),
        }
    }

    /// Refuses where requests must not walk the keyspace.
    pub(super) fn may_scan(&self) -> Result<(), Problem> {
        if self.scan {
            return Ok(());
        }
        Err(Problem::denied(
            "a request must not scan this store: set [index] foreign = true to allow it, \
             or use the command line with --redis",
        ))
    }

    /// `via` and `verify`.
    pub(super) fn how(&self) -> Result<How, Problem> {
        Ok(How { via: self.via()?, verify: self.flag("verify")? })
    }

    /// A number with or without a fraction.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<f64>, Problem> {
        self.read(name, |text| text.parse().ok(), "a number, e.g. 5 or 0.5")
    }

    /// A name, or what else is read from text, in its own words where it is refused.
    pub(super) fn name<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.text(name).map(T::from_str).transpose().map_err(Problem::bad_input)
    }

    fn stream(&self, camera: &str) -> Result<StreamId, Problem> {
        let stream = StreamId {
            tenant: self.name("tenant")?.unwrap_or_else(|| self.tenant.clone()),
            prefix: self.name("prefix")?.unwrap_or_else(|| self.prefix.clone()),
            camera: CameraId::new(camera).map_err(Problem::bad_input)?,
        };
        self.caller.must_see(&stream.tenant).map(|()| stream)
    }

    /// Every `camera`, each an id of the family or `tenant/prefix/camera`.
    pub(super) fn streams(&self) -> Result<Vec<StreamId>, Problem> {
        let cameras = self.pairs.iter().filter(|(name, _)| name == "camera");
        cameras.map(|(_, text)| self.stream_of(text)).collect()
    }

    /// A camera as a text names it: an id of the family or `tenant/prefix/camera`.
    pub(super) fn stream_of(&self, text: &str) -> Result<StreamId, Problem> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [tenant, prefix, camera] => {
                let tenant = Tenant::new(tenant).map_err(Problem::bad_input)?;
                self.caller.must_see(&tenant)?;
                let prefix = Prefix::new(prefix).map_err(Problem::bad_input)?;
                let camera = CameraId::new(camera).map_err(Problem::bad_input)?;
                Ok(StreamId { tenant, prefix, camera })
            }
            _ => self.stream(text),
        }
    }

    /// A family and at most one camera; `*` is any tenant that the caller may see, or any prefix.
    pub(super) fn scope(&self) -> Result<Scope, Problem> {
        if self.pairs.iter().filter(|(name, _)| name == "camera").count() > 1 {
            return Err(Problem::bad_input("the parameter camera is given twice: give it once"));
        }
        let (tenant, prefix) = self.family()?;
        Ok(Scope { tenant, prefix, camera: self.name("camera")? })
    }

    /// Tenant and prefix, `None` for any; a bound caller's any is its own tenant.
    pub(super) fn family(&self) -> Result<(Option<Tenant>, Option<Prefix>), Problem> {
        let family = |name, default: &str| match self.text(name).unwrap_or(default) {
            ANY => None,
            text => Some(text.to_owned()),
        };
        let tenant = family("tenant", self.tenant.as_str()).map(|text| Tenant::new(&text));
        let prefix = family("prefix", self.prefix.as_str()).map(|text| Prefix::new(&text));
        let tenant = tenant.transpose().map_err(Problem::bad_input)?;
        let tenant = tenant.or_else(|| self.caller.tenant.clone());
        tenant.iter().try_for_each(|tenant| self.caller.must_see(tenant))?;
        Ok((tenant, prefix.transpose().map_err(Problem::bad_input)?))
    }

    /// As [`Params::scope`], with any tenant or prefix where none is given.
    pub(super) fn wide_scope(&self) -> Result<Scope, Problem> {
        let mut scope = self.scope()?;
        if self.text("tenant").is_none() {
            scope.tenant = self.caller.tenant.clone();
        }
        if self.text("prefix").is_none() {
            scope.prefix = None;
        }
        Ok(scope)
    }
}
