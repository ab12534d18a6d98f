//! The Python interpreters of the tests: the venv with the pinned clients, and the system's own; and
//! programs that run beside a test.
//!
//! `tests/run` makes the venv from `tests/requirements.txt`. Another one is taken by setting `TEST_PYTHON`
//! to the path of its interpreter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::process::Guarded;

/// How long a program may take for what a test waits for.
const LIMIT: Duration = Duration::from_secs(30);

/// The interpreter that has the packages of `tests/requirements.txt`.
pub(crate) fn interpreter() -> PathBuf {
    let path = match std::env::var_os("TEST_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python"),
    };
    assert!(
        path.is_file(),
        "{} is not there: run tests/run once, which makes the venv, or set TEST_PYTHON",
        path.display()
    );
    path
}

/// A program that the venv installed beside its interpreter, for example `check-jsonschema`.
pub(crate) fn program(name: &str) -> PathBuf {
    interpreter().with_file_name(name)
}

/// The distribution's interpreter, the only one that sees packages installed by apt.
pub(crate) fn system() -> &'static Path {
    Path::new("/usr/bin/python3")
}

/// Runs a script to its end in a folder; answers what it printed. Panics where it failed.
pub(crate) fn run(script: &str, folder: &Path) -> String {
    let mut command = std::process::Command::new(interpreter());
    let ran = command.args(["-c", script]).current_dir(folder).output();
    let ran = ran.expect("the interpreter should start");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "the script failed: {said}");
    String::from_utf8(ran.stdout).expect("a script should print text")
}

/// A running Python program and what it has printed; killed on drop.
pub(crate) struct Program {
    process: Guarded,
    _folder: TempDir,
}

impl Program {
    /// Runs `script` and waits until its output holds `ready`; arguments and variables are as given.
    pub(crate) fn start(
        script: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        ready: &str,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder should be creatable");
        let mut command = Guarded::command(&interpreter(), "run tests/run");
        command.arg(script).args(arguments).envs(variables.iter().copied());
        let process = Guarded::spawn(command, &folder.path().join("out"));
        let mut program = Self { process, _folder: folder };
        program.wait_until(|output| output.contains(ready));
        program
    }

    /// Waits until its output, stdout and stderr together, is as `ready` says; panics after 30 s.
    pub(crate) fn wait_until(&mut self, ready: impl Fn(&str) -> bool) {
        self.process.wait_until(LIMIT, ready);
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }

    /// Kills it; answers all that it had printed by then.
    pub(crate) fn kill9(mut self) -> String {
        self.process.kill9();
        self.process.output()
    }
}
