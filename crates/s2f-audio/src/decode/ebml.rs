//! The head of WebM and Matroska (RFC 8794, RFC 9559): where the files are that are joined to one,
//! and sizes that are wrong.
//!
//! Symphonia refuses a segment that is longer than the file. Here its size becomes "unknown", as
//! it is in a recording of a browser.

use super::source::{Bytes, Part, Parts, Reader};
use crate::error::Problem;

const EBML: &[u8; 4] = b"\x1a\x45\xdf\xa3";
const SEGMENT: &[u8; 4] = b"\x18\x53\x80\x67";
/// The size "unknown" in eight bytes.
const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// The head of a file has some 40 bytes.
const MAX_HEAD: u64 = 4096;

/// Whether a file begins like WebM or Matroska.
pub(super) fn detect(head: &[u8]) -> bool {
    head.starts_with(EBML)
}

/// The files in `bytes`, mostly one, each with a segment of unknown size.
pub(super) fn files(bytes: &Bytes) -> Result<Vec<Parts>, Problem> {
    let mut reader = Reader::new(bytes);
    let mut heads = Vec::new();
    let mut from = 0;
    while let Some(found) = bytes.find(from, EBML)? {
        if let Some(segment) = segment(&mut reader, found)? {
            heads.push((found, segment));
        }
        from = found + EBML.len() as u64;
    }
    let ends: Vec<u64> = heads.iter().skip(1).map(|(start, _)| *start).collect();
    let ends = ends.into_iter().chain([bytes.len()]);
    let file = |((start, segment), end): ((u64, u64), u64)| {
        let head = Part::Range(start..segment + SEGMENT.len() as u64);
        // The size of the segment, which is replaced.
        let size = reader.array::<1>(segment + 4)?.map_or(8, |[first]| first.leading_zeros() + 1);
        let content = Part::Range((segment + 4 + u64::from(size)).min(end)..end);
        // Otherwise it looks for an index first, and refuses files that end early.
        Ok(Parts::new(bytes, [head, Part::New(UNKNOWN.to_vec()), content]).in_order())
    };
    heads.into_iter().zip(ends).map(file).collect()
}

/// Where the segment of the file at `start` begins, if a file does begin there.
fn segment(reader: &mut Reader, start: u64) -> Result<Option<u64>, Problem> {
    let at = start + EBML.len() as u64;
    let Some([first, rest @ ..]) = reader.array::<8>(at)? else { return Ok(None) };
    // The number of leading zeros is that of further bytes.
    let more = first.leading_zeros() as usize;
    if more > 7 {
        return Ok(None);
    }
    let high = u64::from(first) & (0x7f >> more);
    let size = rest[..more].iter().fold(high, |size, byte| size << 8 | u64::from(*byte));
    if size > MAX_HEAD {
        return Ok(None);
    }
    let segment = at + 1 + more as u64 + size;
    Ok((reader.at(segment, 4)? == SEGMENT).then_some(segment))
}
