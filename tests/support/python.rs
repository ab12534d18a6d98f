//! The Python interpreters of the tests: the venv with the pinned clients, and the system's own.
//!
//! `tests/run` makes the venv from `tests/requirements.txt`. Another one is taken by setting `TEST_PYTHON`
//! to the path of its interpreter.

use std::path::{Path, PathBuf};

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
