//! Where a checkpoint of PyTorch keeps the values of its tensors.
//!
//! Since version 1.6 it is a zip file without compression, with a pickle `data.pkl` and a file
//! `data/NAME` for each storage. Before, it was five pickles (magic number, version, system,
//! tensors, names of the storages) and then the storages, each after its number of values.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

use super::pickle::{self, Found};

/// Where each storage is in the file.
pub(super) type Places = HashMap<String, Range<u64>>;

/// The last part of a zip file, with a comment of the longest kind.
const MAX_END: u64 = 22 + 65_535 + 20;
/// `bounds.rs` lets no longer pickle through.
const MAX_PICKLES: u64 = 4 << 20;
/// The directory of a network of ten thousand tensors has 1 MB.
const MAX_DIRECTORY: u64 = 64 << 20;

/// The tensors of an open checkpoint, and where their storages are.
///
/// # Errors
/// The outer error is that of the system, the inner one says what is wrong with the file.
pub(super) fn read(file: &mut File) -> io::Result<Result<(Found, Places), String>> {
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    let read = if start == *b"PK" { zip(file) } else { legacy(file) };
    match read {
        Ok(read) => Ok(read),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Err("it ends early".into())),
        Err(error) => Err(error),
    }
}

/// `length` bytes at `at`.
fn bytes_at(file: &mut File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

/// An entry of a zip file's directory.
struct Entry {
    name: String,
    is_stored: bool,
    size: u64,
    header: u64,
}

impl Entry {
    /// Where its contents are. The local header has lengths of its own.
    fn place(&self, file: &mut File) -> io::Result<Range<u64>> {
        let header = bytes_at(file, self.header, 30)?;
        let length = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let start = self.header.saturating_add(30 + length(26) + length(28));
        Ok(start..start.saturating_add(self.size))
    }
}

fn zip(file: &mut File) -> io::Result<Result<(Found, Places), String>> {
    let length = file.metadata()?.len();
    let entries = match directory(file, length)? {
        Ok(entries) => entries,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some(pickle) =
        entries.iter().find(|entry| entry.name == "data.pkl" || entry.name.ends_with("/data.pkl"))
    else {
        return Ok(Err("it has no data.pkl".into()));
    };
    let folder = pickle.name.trim_end_matches("data.pkl").to_owned();
    if !pickle.is_stored || pickle.size > MAX_PICKLES {
        return Ok(Err("its data.pkl is compressed or too long".into()));
    }
    let place = pickle.place(file)?;
    let bytes = bytes_at(file, place.start, pickle.size)?;
    if let Some(order) = entries.iter().find(|entry| entry.name == format!("{folder}byteorder")) {
        let place = order.place(file)?;
        if bytes_at(file, place.start, order.size.min(16))?.starts_with(b"big") {
            return Ok(Err("its values are big-endian".into()));
        }
    }
    let found = match pickle::tensors(&bytes) {
        Ok((found, _)) => found,
        Err(reason) => return Ok(Err(format!("pickle: {reason}"))),
    };
    let mut places = Places::new();
    for entry in &entries {
        let name = entry.name.strip_prefix(&folder).and_then(|name| name.strip_prefix("data/"));
        if let Some(name) = name.filter(|name| found.storages.contains_key(*name)) {
            let place = entry.place(file)?;
            if !entry.is_stored || place.end > length {
                return Ok(Err(format!("storage {name} is compressed or cut off")));
            }
            places.insert(name.to_owned(), place);
        }
    }
    Ok(Ok((found, places)))
}

/// The entries of a zip file (APPNOTE.TXT 6.3.9, 4.3.12 and 4.3.14).
fn directory(file: &mut File, length: u64) -> io::Result<Result<Vec<Entry>, String>> {
    const IN_EXTRA_FIELD: u64 = 0xffff_ffff;
    let from = length.saturating_sub(MAX_END);
    let end = bytes_at(file, from, length - from)?;
    let Some(at) = end.windows(4).rposition(|mark| mark == b"PK\x05\x06") else {
        return Ok(Err("its end is missing".into()));
    };
    if end.len() < at + 22 {
        return Ok(Err("its end is missing".into()));
    }
    let (mut size, mut start) = (number(&end[at + 12..], 4), number(&end[at + 16..], 4));
    // The locator of the 64-bit record comes right before.
    if let Some(locator) = at.checked_sub(20).map(|at| &end[at..at + 20])
        && locator.starts_with(b"PK\x06\x07")
    {
        let record = bytes_at(file, number(&locator[8..], 8), 56)?;
        (size, start) = (number(&record[40..], 8), number(&record[48..], 8));
    }
    if size > MAX_DIRECTORY {
        return Ok(Err("its directory is too long".into()));
    }
    let directory = bytes_at(file, start, size)?;
    let mut entries = Vec::new();
    let mut rest = &directory[..];
    while let Some(fixed) = rest.get(..46) {
        if !fixed.starts_with(b"PK\x01\x02") {
            break;
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| number(&fixed[at..], 2) as usize);
        let (Some(name), Some(extra_field)) =
            (rest.get(46..46 + name), rest.get(46 + name..46 + name + extra))
        else {
            break;
        };
        let (mut size, mut header) = (number(&fixed[24..], 4), number(&fixed[42..], 4));
        // Numbers that do not fit are in the extra field of kind 1, in this order.
        let mut wide = wide_numbers(extra_field);
        for value in [&mut size, &mut { number(&fixed[20..], 4) }, &mut header] {
            if *value == IN_EXTRA_FIELD {
                *value = wide.next().unwrap_or(u64::MAX);
            }
        }
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            is_stored: number(&fixed[10..], 2) == 0,
            size,
            header,
        });
        rest = rest.get(46 + name.len() + extra + comment..).unwrap_or_default();
    }
    Ok(Ok(entries))
}

fn wide_numbers(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut found = Vec::new();
    while extra.len() >= 4 {
        let (kind, length) = (number(extra, 2), number(&extra[2..], 2) as usize);
        let content = extra.get(4..4 + length).unwrap_or_default();
        if kind == 1 {
            found = content.chunks_exact(8).map(|bytes| number(bytes, 8)).collect();
        }
        extra = extra.get(4 + length..).unwrap_or_default();
    }
    found.into_iter()
}

/// The first `length` bytes as a number, little-endian.
fn number(bytes: &[u8], length: usize) -> u64 {
    let bytes = bytes.get(..length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn legacy(file: &mut File) -> io::Result<Result<(Found, Places), String>> {
    let length = file.metadata()?.len();
    let pickles = bytes_at(file, 0, length.min(MAX_PICKLES))?;
    let parsed = || {
        let mut at = 0;
        // Magic number, version and system.
        for _ in 0..3 {
            at += pickle::length(&pickles[at..])?;
        }
        let (found, length) = pickle::tensors(&pickles[at..])?;
        at += length;
        let (names, length) = pickle::texts(&pickles[at..])?;
        Ok::<_, String>((found, names, at + length))
    };
    let (found, names, mut at) = match parsed() {
        Ok((found, names, at)) => (found, names, at as u64),
        Err(reason) => return Ok(Err(format!("pickle: {reason}"))),
    };
    let mut places = Places::new();
    for name in names {
        let Some(width) = found.storages.get(&name).and_then(|kind| width(kind)) else {
            return Ok(Err(format!("storage {name} is of an unknown type")));
        };
        let count = number(&bytes_at(file, at, 8)?, 8);
        let start = at + 8;
        let end = count.checked_mul(width).and_then(|bytes| start.checked_add(bytes));
        let Some(end) = end.filter(|end| *end <= length) else {
            return Ok(Err(format!("storage {name} is cut off")));
        };
        places.insert(name, start..end);
        at = end;
    }
    Ok(Ok((found, places)))
}

/// Bytes of a value.
fn width(kind: &str) -> Option<u64> {
    match kind {
        "Byte" | "Char" | "Bool" | "Untyped" | "QInt8" | "QUInt8" => Some(1),
        "Half" | "BFloat16" | "Short" => Some(2),
        "Float" | "Int" | "QInt32" => Some(4),
        "Double" | "Long" | "ComplexFloat" => Some(8),
        "ComplexDouble" => Some(16),
        _ => None,
    }
}
