//! Walking the keyspace without the index, in slices that no other client notices.
//!
//! COUNT 1000 keeps a slice under 4 ms; more gains little and blocks longer. No TYPE filter: it costs
//! a look-up for each hit, and a key of another type under a frame's name reads as missing anyway.
//! SCAN may answer a key twice and misses none that was there all the time.

use std::collections::HashSet;

use redis::{cmd, pipe};

use super::connect::Link;
use crate::model::key::{FrameKey, scan_pattern};
use crate::store::{ExpirySample, ScanAnswer, Selector, StoreError};

const COUNT: u32 = 1000;

/// Finds the frames that `selector` asks for.
pub(super) async fn scan(
    link: &mut Link<'_>,
    selector: &Selector,
) -> Result<ScanAnswer, StoreError> {
    let Selector { tenant, prefix, camera, window } = selector;
    let pattern = scan_pattern(tenant.as_ref(), prefix.as_ref(), camera.as_ref(), *window);
    let (mut keys, mut foreign) = (Vec::new(), HashSet::new());
    let mut cursor = 0_u64;
    let generation = link.generation();
    loop {
        let mut step = cmd("SCAN");
        step.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(COUNT);
        let (next, found): (u64, Vec<Vec<u8>>) = link.run(&step).await?;
        if cursor != 0 && link.generation() != generation {
            // a cursor means nothing to a server that started anew: keys would be missed in silence
            let said = "the server restarted during the walk of its keys: try again";
            return Err(StoreError::Unavailable(said.to_owned()));
        }
        for name in found {
            match parse(&name) {
                Some(key) if selector.matches(&key) => keys.push(key),
                Some(_) => {}
                None => {
                    foreign.insert(name);
                }
            }
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(ScanAnswer { keys, foreign: u64::try_from(foreign.len()).unwrap_or(u64::MAX) })
}

/// Looks at about `most` keys for frames that never expire, in slices of the same size.
pub(super) async fn sample_expiry(
    link: &mut Link<'_>,
    most: usize,
) -> Result<ExpirySample, StoreError> {
    let (mut cursor, mut met, mut sample) = (0_u64, 0, ExpirySample::default());
    loop {
        let mut step = cmd("SCAN");
        step.arg(cursor).arg("COUNT").arg(COUNT);
        let (next, found): (u64, Vec<Vec<u8>>) = link.run(&step).await?;
        met += found.len();
        let frames: Vec<FrameKey> = found.iter().filter_map(|name| parse(name)).collect();
        let mut ask = pipe();
        for key in &frames {
            ask.cmd("TTL").arg(key.to_string());
        }
        let lives: Vec<i64> = if frames.is_empty() { Vec::new() } else { link.pipe(&ask).await? };
        sample.looked_at += u64::try_from(lives.len()).unwrap_or(u64::MAX);
        // TTL answers -1 for a key without an end
        let endless = lives.iter().filter(|life| **life == -1).count();
        sample.without_expiry += u64::try_from(endless).unwrap_or(u64::MAX);
        cursor = next;
        if cursor == 0 || met >= most {
            return Ok(sample);
        }
    }
}

fn parse(name: &[u8]) -> Option<FrameKey> {
    std::str::from_utf8(name).ok()?.parse().ok()
}
