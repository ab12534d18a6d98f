//! Which files have to go so that recordings stay within their quota. Pure.
//!
//! The oldest finished files go first, whichever recording they are of; what is being written never goes.
//! Where deleting all of them would not be enough, the recordings that run have to end.

use crate::archive::storage::Stored;

/// What a quota asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// These go, oldest first.
    pub(super) delete: Vec<Stored>,
    /// Even then it is too much: what is being written alone is over the quota.
    pub(super) is_full: bool,
}

/// Judges `finished` files and `open` bytes that are being written against `most` bytes.
pub(super) fn judge(mut finished: Vec<Stored>, open: u64, most: u64) -> Verdict {
    finished.sort_by(|a, b| (a.modified, &a.file).cmp(&(b.modified, &b.file)));
    let held: u64 = finished.iter().map(|one| one.bytes).sum();
    let mut over = held.saturating_add(open).saturating_sub(most);
    let mut delete = Vec::new();
    for one in finished {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(one.bytes);
        delete.push(one);
    }
    Verdict { delete, is_full: open >= most }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UnixNanos;

    fn stored(file: &str, bytes: u64, modified: u64) -> Stored {
        let modified = UnixNanos::new(modified).unwrap();
        Stored { file: file.parse().unwrap(), bytes, modified }
    }

    fn judged(open: u64, most: u64) -> (Vec<String>, bool) {
        let files = [("b/2.mcap", 10, 2), ("a.mcap", 5, 3), ("b/1.mcap", 10, 1)];
        let files = files.map(|(file, bytes, modified)| stored(file, bytes, modified)).to_vec();
        let Verdict { delete, is_full } = judge(files, open, most);
        (delete.into_iter().map(|one| one.file.to_string()).collect(), is_full)
    }

    #[test]
    fn the_oldest_files_go_until_the_rest_fits() {
        assert_eq!(judged(5, 30), (vec![], false));
        assert_eq!(judged(6, 30), (vec!["b/1.mcap".to_owned()], false));
        assert_eq!(judged(15, 30), (vec!["b/1.mcap".to_owned()], false));
        assert_eq!(judged(16, 30).0, ["b/1.mcap", "b/2.mcap"]);
        assert_eq!(judged(29, 30).0, ["b/1.mcap", "b/2.mcap", "a.mcap"]);
    }

    #[test]
    fn what_is_being_written_never_goes_and_ends_where_it_alone_is_too_much() {
        let (gone, is_full) = judged(30, 30);
        assert_eq!((gone.len(), is_full), (3, true));
    }
}
