//! What the bench was asked for, and how much work that is.

/// The arguments.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) json: bool,
    quick: bool,
    sections: Vec<String>,
}

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Scale {
    /// Pairs of measurements from which each ratio is taken.
    pub(crate) rounds: usize,
    /// Calls of each side in one round, where a call takes microseconds.
    pub(crate) calls: usize,
    /// Frames that one round of writing stores.
    pub(crate) frames: usize,
    /// Length of the window that is looked up.
    pub(crate) window_secs: u64,
    /// Keys in the server when lookups are measured.
    pub(crate) keyspaces: &'static [usize],
    /// Length of what the memory of the index is measured on.
    pub(crate) memory_secs: u64,
}

impl Options {
    /// Reads the arguments; cargo itself adds `--bench`.
    pub(crate) fn parse(
        arguments: impl Iterator<Item = String>,
        sections: &[&str],
    ) -> Result<Self, String> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--bench" => {}
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                name if sections.contains(&name) => options.sections.push(name.to_owned()),
                other => {
                    let known = sections.join(", ");
                    return Err(format!("{other:?} is none of --quick, --json, {known}"));
                }
            }
        }
        Ok(options)
    }

    /// Whether a section is to be measured: all are unless some are named.
    pub(crate) fn selects(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|one| one == section)
    }

    pub(crate) fn scale(&self) -> Scale {
        if self.quick {
            Scale {
                rounds: 5,
                calls: 50,
                frames: 400,
                window_secs: 2,
                keyspaces: &[1_000, 10_000],
                memory_secs: 60,
            }
        } else {
            Scale {
                rounds: 11,
                calls: 500,
                frames: 8_000,
                window_secs: 30,
                keyspaces: &[10_000, 100_000, 1_000_000],
                memory_secs: 3_600,
            }
        }
    }
}
