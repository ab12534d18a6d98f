//! The zips of redis-record: `NAME/STREAM/FIRSTID_LASTID.zip`, members `<ms>-<n>` of the field `d`.
//!
//! Members are taken by their positions, never by name: `<n>` counts equal milliseconds over all streams,
//! so that one name can stand for many entries, and as text 10 comes before 2. The list is the central
//! directory at the end (APPNOTE.TXT 4.3.12); where that is missing, because the file was cut, the
//! members are walked from the start. Only what redis-record writes is read: stored, 32-bit sizes.

use bytes::Bytes;

use crate::archive::ArchiveError;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const LOCAL_HEAD: usize = 30;
const CENTRAL_HEAD: usize = 46;
const END_HEAD: usize = 22;

/// An entry of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its time, in unix nanoseconds, exact to the millisecond.
    pub(crate) at: u64,
    /// The second half of its name.
    pub(crate) number: u32,
    /// Where its bytes begin in the file.
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// CRC-32 of its bytes.
    pub(crate) crc: u32,
}

/// The members of a zip file in the order of its list, and whether that list is there.
///
/// # Errors
/// [`ArchiveError::Format`]: no zip, or none of redis-record.
pub(crate) fn members(zip: &Bytes) -> Result<(Vec<Member>, bool), ArchiveError> {
    // What looks like the end can be part of a picture, in a file that was cut.
    let listed = end(zip).map(|end| listed(zip, end));
    match listed {
        Some(Ok(members)) => Ok((members, true)),
        Some(Err(refused)) => walked(zip).map(|members| (members, false)).map_err(|_| refused),
        None => walked(zip).map(|members| (members, false)),
    }
}

/// Compares the checksums of all members.
///
/// # Errors
/// [`ArchiveError::Format`]: the bytes of a member are not those that were written.
pub(crate) fn check(zip: &[u8], members: &[Member]) -> Result<(), ArchiveError> {
    for member in members {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let found = crc32fast::hash(part(zip, size(member.offset), size(member.length))?);
        if found != member.crc {
            let (millis, number) = (member.at / 1_000_000, member.number);
            let why = format!("the checksum of {millis}-{number} is {found:08x}");
            return Err(ArchiveError::Format(format!("{why}, not {:08x}", member.crc)));
        }
    }
    Ok(())
}

fn end(zip: &[u8]) -> Option<usize> {
    let last = zip.len().checked_sub(END_HEAD)?;
    let from = last.saturating_sub(usize::from(u16::MAX));
    (from..=last).rev().find(|at| zip[*at..].starts_with(END))
}

fn listed(zip: &[u8], end: usize) -> Result<Vec<Member>, ArchiveError> {
    let count = number2(zip, end + 10)?;
    let mut at = number4(zip, end + 16)?;
    let mut members = Vec::new();
    for _ in 0..count {
        if !zip.get(at..).is_some_and(|rest| rest.starts_with(CENTRAL)) {
            return Err(refused("its list of members is broken"));
        }
        let (name, extra, comment) =
            (number2(zip, at + 28)?, number2(zip, at + 30)?, number2(zip, at + 32)?);
        let local = number4(zip, at + 42)?;
        let text = part(zip, at + CENTRAL_HEAD, name)?;
        let data = local + LOCAL_HEAD + number2(zip, local + 26)? + number2(zip, local + 28)?;
        members.push(member(zip, &Place { head: at + 10, data, text, size_at: at + 20 })?);
        at += CENTRAL_HEAD + name + extra + comment;
    }
    Ok(members)
}

fn walked(zip: &[u8]) -> Result<Vec<Member>, ArchiveError> {
    let mut at = 0;
    let mut members = Vec::new();
    while zip.get(at..).is_some_and(|rest| rest.starts_with(LOCAL)) {
        let Ok(name) = number2(zip, at + 26) else { break };
        let Ok(extra) = number2(zip, at + 28) else { break };
        let Ok(text) = part(zip, at + LOCAL_HEAD, name) else { break };
        let data = at + LOCAL_HEAD + name + extra;
        let Ok(size) = number4(zip, at + 18) else { break };
        if part(zip, data, size).is_err() {
            break;
        }
        members.push(member(zip, &Place { head: at + 8, data, text, size_at: at + 18 })?);
        at = data + size;
    }
    if members.is_empty() { Err(refused("it is no zip file")) } else { Ok(members) }
}

struct Place<'a> {
    /// Where its compression method stands.
    head: usize,
    /// Where its bytes begin.
    data: usize,
    text: &'a [u8],
    /// Where its two sizes stand.
    size_at: usize,
}

fn member(zip: &[u8], place: &Place<'_>) -> Result<Member, ArchiveError> {
    if number2(zip, place.head)? != 0 {
        return Err(refused("its members are compressed, and redis-record only stores them"));
    }
    let size = number4(zip, place.size_at)?;
    part(zip, place.data, size)?;
    let name = String::from_utf8_lossy(place.text);
    let id = name.split_once('-').and_then(|(millis, number)| {
        Some((millis.parse::<u64>().ok()?.checked_mul(1_000_000)?, number.parse().ok()?))
    });
    let (at, number) = id.ok_or_else(|| {
        refused(&format!("its member {name:.100?} should be called <milliseconds>-<number>"))
    })?;
    let small = |size| u32::try_from(size).map_err(|_| refused("it is too large"));
    // The sizes come right behind the checksum.
    let crc = small(number4(zip, place.size_at - 4)?)?;
    Ok(Member { at, number, offset: small(place.data)?, length: small(size)?, crc })
}

fn part(zip: &[u8], at: usize, length: usize) -> Result<&[u8], ArchiveError> {
    let end = at.checked_add(length);
    end.and_then(|end| zip.get(at..end)).ok_or_else(|| refused("a member lies behind its end"))
}

fn number2(zip: &[u8], at: usize) -> Result<usize, ArchiveError> {
    let bytes = part(zip, at, 2)?;
    Ok(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
}

fn number4(zip: &[u8], at: usize) -> Result<usize, ArchiveError> {
    let bytes = part(zip, at, 4)?;
    let number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    usize::try_from(number).map_err(|_| refused("it is too large"))
}

fn refused(why: &str) -> ArchiveError {
    ArchiveError::Format(format!("no zip of redis-record: {why}"))
}
