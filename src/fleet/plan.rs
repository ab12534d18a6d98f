//! From the cameras that run to the cameras that are wanted: the steps, decided without doing any.
//!
//! Only what changed is done. A name, a limit or a lifetime changes in place; what the source is made
//! of (URL, mode, interval, quality) makes it start anew. A camera that is equal in both sets appears
//! in no step.

use crate::config::CameraConfig;
use crate::model::name::CameraId;

use super::FleetCamera;

/// One thing to do to one camera, in the order in which all are done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// End its task.
    Halt(CameraId),
    /// Drain and close its lane, and forget it; its frames stay until their lives end.
    Close(CameraId),
    /// Give its lane the limit and lifetimes that are wanted.
    Terms(CameraId),
    /// Give it its name.
    Rename(CameraId),
    /// Show it as one that is not collected for now.
    PutAside(CameraId),
    /// Start its task.
    Start(CameraId),
}

/// Whose cameras came, changed and went, for one sentence about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetChanges {
    /// Not there before.
    pub added: Vec<CameraId>,
    /// There before, with other settings.
    pub changed: Vec<CameraId>,
    /// No longer there.
    pub removed: Vec<CameraId>,
}

/// What leads from `old` to `new`; ids are unique in each.
pub(super) fn plan(old: &[FleetCamera], new: &[FleetCamera]) -> Vec<Step> {
    let gone = old.iter().filter(|camera| find(new, camera.id()).is_none());
    let mut steps: Vec<Step> = gone
        .flat_map(|camera| [Step::Halt(camera.id().clone()), Step::Close(camera.id().clone())])
        .collect();
    for camera in new {
        match find(old, camera.id()) {
            Some(before) => steps.extend(to_change(before, camera)),
            None if camera.paused => steps.push(Step::PutAside(camera.id().clone())),
            None => steps.push(Step::Start(camera.id().clone())),
        }
    }
    steps.sort();
    steps
}

fn to_change(old: &FleetCamera, new: &FleetCamera) -> Vec<Step> {
    let id = || new.id().clone();
    let mut steps = Vec::new();
    if (old.config.fps, old.config.ttl) != (new.config.fps, new.config.ttl) {
        steps.push(Step::Terms(id()));
    }
    let other_source = !is_same_source(&old.config, &new.config);
    match (old.paused, new.paused) {
        (false, true) => steps.extend([Step::Halt(id()), Step::PutAside(id())]),
        (true, true) if other_source => steps.push(Step::PutAside(id())),
        (true, false) => steps.push(Step::Start(id())),
        (false, false) if other_source => steps.extend([Step::Halt(id()), Step::Start(id())]),
        _ if old.config.name != new.config.name => steps.push(Step::Rename(id())),
        _ => {}
    }
    steps
}

/// Whether a running source need not start anew.
fn is_same_source(one: &CameraConfig, other: &CameraConfig) -> bool {
    let made_of =
        |camera: &CameraConfig| (camera.url.clone(), camera.mode, camera.interval, camera.quality);
    made_of(one) == made_of(other)
}

/// Which cameras differ between two sets; whether one is paused is no difference of settings.
pub(super) fn changes(old: &[FleetCamera], new: &[FleetCamera]) -> FleetChanges {
    let ids = |cameras: &[FleetCamera], wanted: &dyn Fn(&FleetCamera) -> bool| {
        cameras.iter().filter(|camera| wanted(camera)).map(|camera| camera.id().clone()).collect()
    };
    FleetChanges {
        added: ids(new, &|camera| find(old, camera.id()).is_none()),
        changed: ids(new, &|camera| {
            find(old, camera.id()).is_some_and(|before| before.config != camera.config)
        }),
        removed: ids(old, &|camera| find(new, camera.id()).is_none()),
    }
}

pub(super) fn find<'a>(cameras: &'a [FleetCamera], id: &CameraId) -> Option<&'a FleetCamera> {
    cameras.iter().find(|camera| camera.id() == id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::CameraOrigin;
    use super::*;

    /// Cameras by id; the key `paused` is ours, all others are of the configuration.
    fn cameras(text: &Value) -> Vec<FleetCamera> {
        let read = |(id, table): (&String, &Value)| {
            let mut table = table.as_object().unwrap().clone();
            let paused = table.remove("paused").is_some();
            table.entry("url").or_insert("synthetic:".into());
            let config = CameraConfig::from_table(&CameraId::new(id).unwrap(), &table, None);
            FleetCamera { config: config.unwrap(), origin: CameraOrigin::File, paused }
        };
        text.as_object().unwrap().iter().map(read).collect()
    }

    fn steps(old: &Value, new: &Value) -> Vec<String> {
        let steps = plan(&cameras(old), &cameras(new));
        let bare =
            |step: &Step| format!("{step:?}").replace(['"', '(', ')'], " ").replace("CameraId", "");
        let words = |step| bare(step).split_whitespace().collect::<Vec<_>>().join(" ");
        steps.iter().map(words).collect()
    }

    #[test]
    fn only_what_changed_is_done_and_ends_come_before_starts() {
        let table: [(Value, Value, &[&str]); 13] = [
            (json!({}), json!({}), &[]),
            (json!({"a": {}}), json!({"a": {}}), &[]),
            (json!({}), json!({"a": {}}), &["Start a"]),
            (json!({}), json!({"a": {"paused": 1}}), &["PutAside a"]),
            (json!({"a": {}}), json!({}), &["Halt a", "Close a"]),
            (json!({"a": {}}), json!({"a": {"fps": 5}}), &["Terms a"]),
            (
                json!({"a": {}}),
                json!({"a": {"ttl_seconds": 5, "name": "n"}}),
                &["Terms a", "Rename a"],
            ),
            (json!({"a": {}}), json!({"a": {"quality": 5}}), &["Halt a", "Start a"]),
            (
                json!({"a": {}}),
                json!({"a": {"interval": "5s", "fps": 1}}),
                &["Halt a", "Terms a", "Start a"],
            ),
            (json!({"a": {}}), json!({"a": {"paused": 1}}), &["Halt a", "PutAside a"]),
            (json!({"a": {"paused": 1}}), json!({"a": {"url": "push:"}}), &["Start a"]),
            (
                json!({"a": {"paused": 1}}),
                json!({"a": {"paused": 1, "quality": 7}}),
                &["PutAside a"],
            ),
            (
                json!({"a": {}, "b": {}, "c": {}, "d": {}}),
                json!({"b": {"url": "push:"}, "c": {}, "d": {"name": "D"}, "e": {}}),
                &["Halt a", "Halt b", "Close a", "Rename d", "Start b", "Start e"],
            ),
        ];
        for (old, new, expected) in table {
            assert_eq!(steps(&old, &new), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn who_came_changed_and_went_is_told() {
        let old = cameras(&json!({"a": {}, "b": {}, "c": {}}));
        let new = cameras(&json!({"b": {"fps": 1}, "c": {"paused": 1}, "d": {}}));
        let ids = |text: &str| vec![CameraId::new(text).unwrap()];
        let expected = FleetChanges { added: ids("d"), changed: ids("b"), removed: ids("a") };
        assert_eq!(changes(&old, &new), expected);
    }
}
