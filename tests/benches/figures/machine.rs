//! What the figures were measured on, so that nobody compares them with those of another machine.

use std::process::Command;

/// Machine and versions.
#[derive(Debug)]
pub(crate) struct Machine {
    load_before: String,
    load_after: String,
}

impl Machine {
    pub(crate) fn look(load_before: String) -> Self {
        Self { load_before, load_after: load() }
    }

    /// Everything worth knowing, by name.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let uname = rustix::system::uname();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        vec![
            ("cores", format!("{cores} x {}", processor())),
            ("load over 1, 5, 15 min before", self.load_before.clone()),
            ("load after, the bench itself included", self.load_after.clone()),
            ("system", format!("{} {}", text(uname.sysname()), text(uname.release()))),
            ("framecache", env!("CARGO_PKG_VERSION").to_owned()),
            ("crate redis", locked_version("redis")),
            ("rustc", version("rustc")),
            ("redis-server", version("redis-server")),
            ("redis-benchmark", version("redis-benchmark")),
        ]
    }
}

/// The three load averages of proc(5).
pub(crate) fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name"));
    model.map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':'])).to_owned()
}

fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let told = output.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    told.ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or("unknown".to_owned())
}

/// The version of a crate that Cargo.lock holds.
fn locked_version(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
    let lock = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = {name:?}"));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.unwrap_or("unknown").trim_matches('"').to_owned()
}

fn text(from: &std::ffi::CStr) -> String {
    from.to_string_lossy().into_owned()
}
