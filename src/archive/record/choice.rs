//! Which cameras are recorded: by id or by pattern, less those that are left out. Pure.
//!
//! Patterns are judged against the cameras that the store knows at that moment, so one that first
//! appears while a recording runs is recorded too. `*` stands for any letters, `?` for one.

use wildmatch::WildMatch;

use super::RecordError;
use crate::model::name::{CameraId, NAME_MAX_BYTES};

/// Patterns of one recording, at most.
const PATTERNS_MAX: usize = 1000;

/// Cameras by pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// Empty = all.
    of: Vec<WildMatch>,
    except: Vec<WildMatch>,
}

impl Choice {
    /// Checks the patterns.
    ///
    /// # Errors
    /// [`RecordError::Misfit`]: a pattern that no camera id can match, or too many.
    pub(super) fn new(of: &[String], except: &[String]) -> Result<Self, RecordError> {
        if of.len() + except.len() > PATTERNS_MAX {
            let said = format!("over {PATTERNS_MAX} cameras are named: use a pattern, e.g. gate*");
            return Err(RecordError::Misfit(said));
        }
        let read = |texts: &[String]| -> Result<Vec<WildMatch>, RecordError> {
            texts.iter().map(|text| pattern(text)).collect()
        };
        Ok(Self { of: read(of)?, except: read(except)? })
    }

    /// Whether a camera is recorded.
    pub(super) fn takes(&self, camera: &CameraId) -> bool {
        let any = |patterns: &[WildMatch]| {
            patterns.iter().any(|pattern| pattern.matches(camera.as_str()))
        };
        (self.of.is_empty() || any(&self.of)) && !any(&self.except)
    }
}

fn pattern(text: &str) -> Result<WildMatch, RecordError> {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'*' | b'?');
    if text.is_empty() || text.len() > NAME_MAX_BYTES || !text.bytes().all(fits) {
        let cut: String = text.chars().take(100).collect();
        return Err(RecordError::Misfit(format!(
            "camera {cut:?} does not fit: write an id, or a pattern with * for any letters and ? for one"
        )));
    }
    Ok(WildMatch::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(of: &[&str], except: &[&str]) -> Vec<&'static str> {
        let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let choice = Choice::new(&texts(of), &texts(except)).unwrap();
        let cameras = ["cam1", "cam2", "cam11", "gate.north", "gate.south"];
        cameras.into_iter().filter(|id| choice.takes(&id.parse().unwrap())).collect()
    }

    #[test]
    fn ids_and_patterns_mix_and_exclusions_win() {
        assert_eq!(taken(&[], &[]).len(), 5);
        assert_eq!(taken(&["cam1"], &[]), ["cam1"]);
        assert_eq!(taken(&["cam?"], &[]), ["cam1", "cam2"]);
        assert_eq!(taken(&["cam1", "gate.*"], &["*south"]), ["cam1", "gate.north"]);
        assert_eq!(taken(&[], &["cam*"]), ["gate.north", "gate.south"]);
        assert_eq!(taken(&["CAM1", "am1"], &[]), [""; 0]);
    }

    #[test]
    fn what_no_camera_can_match_is_refused() {
        for odd in ["", "a b", "a/b", "[ab]", "{a}", "ä", &"x".repeat(65)] {
            let said = Choice::new(&[odd.to_owned()], &[]).unwrap_err().to_string();
            assert!(said.contains("does not fit: write an id, or a pattern"), "{odd:?}: {said}");
        }
        assert!(Choice::new(&vec!["a".to_owned(); 1001], &[]).is_err());
    }
}
