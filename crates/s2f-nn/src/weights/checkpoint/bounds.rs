//! Limits the length of a checkpoint's pickles before they are parsed.
//!
//! A pickle of 100 MB, which deflates to 100 kB, expands to 9 GB of values (measured), since one
//! byte can create a list. The description of a network's tensors takes only some 200 bytes per
//! tensor, so longer pickles are refused. So are pickles without a container, which hold no
//! tensors, and tar files, as PyTorch wrote them before 2017.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// Ten thousand tensors and more; at worst 360 MB of values.
const MAX_PICKLE_BYTES: u64 = 4 << 20;
/// In an old checkpoint: magic number, version, system, tensors, order of their storages.
const PICKLES: usize = 5;
/// 0x1950a86a20f9469cfc6c, as the first pickle of an old checkpoint holds it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The magic number is within this many bytes.
const MAGIC_SEARCH: usize = 64;

/// Checks a file that begins with `head`; the inner error is the reason why it is refused.
pub(super) fn check(file: File, head: &[u8]) -> io::Result<Result<(), String>> {
    let bytes = if head.starts_with(b"PK") {
        largest_in_zip(file)?
    } else if head[..head.len().min(MAGIC_SEARCH)].windows(MAGIC.len()).any(|w| w == MAGIC) {
        let mut file = BufReader::new(file.take(MAX_PICKLE_BYTES + 1));
        for _ in 0..PICKLES {
            match skip_pickle(&mut file) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                skipped => skipped?,
            }
        }
        // At the limit, nothing is left to take.
        let left = file.get_ref().limit() + file.buffer().len() as u64;
        if file.get_ref().limit() > 0 { 0 } else { MAX_PICKLE_BYTES + 1 - left }
    } else {
        return Ok(Err("it is neither a zip file nor in the format before PyTorch 1.6".into()));
    };
    Ok(if bytes > MAX_PICKLE_BYTES {
        Err(format!("its list of tensors is longer than {MAX_PICKLE_BYTES} bytes"))
    } else {
        Ok(())
    })
}

/// The largest size that any directory entry of a zip file states for a `data.pkl`, wherever in the
/// file it is: whichever directory a reader uses, it finds no larger one.
fn largest_in_zip(mut file: File) -> io::Result<u64> {
    const CHUNK: usize = 1 << 20;
    /// The longest entry: fixed part, name, extra field.
    const ENTRY: usize = 46 + 2 * 65_535;
    let mut largest = 0;
    let mut bytes = Vec::new();
    loop {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes)?;
        // An entry that the end of the chunk may cut is left for the next chunk.
        let whole = if read == 0 { bytes.len() } else { bytes.len().saturating_sub(ENTRY) };
        let starts = bytes.windows(4).take(whole).enumerate();
        for (at, _) in starts.filter(|(_, window)| window == b"PK\x01\x02") {
            largest = largest.max(pickle_size(&bytes[at..]).unwrap_or(0));
        }
        if read == 0 {
            return Ok(largest);
        }
        bytes.drain(..whole);
    }
}

/// The uncompressed size that a directory entry of a zip file states, if it is of a `data.pkl`.
fn pickle_size(entry: &[u8]) -> Option<u64> {
    const IN_EXTRA_FIELD: u32 = u32::MAX;
    let half = |at: usize| Some(u16::from_le_bytes(entry.get(at..at + 2)?.try_into().ok()?));
    let (name, extra) = (usize::from(half(28)?), usize::from(half(30)?));
    entry.get(46..46 + name)?.ends_with(b"data.pkl").then_some(())?;
    let size = u32::from_le_bytes(entry.get(24..28)?.try_into().ok()?);
    if size != IN_EXTRA_FIELD {
        return Some(size.into());
    }
    // Blocks of kind, length, contents; kind 1 begins with the size in 64 bits.
    let mut extra = entry.get(46 + name..46 + name + extra)?;
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if head[..2] == [1, 0] {
            return Some(rest.first_chunk().map_or(u64::MAX, |size| u64::from_le_bytes(*size)));
        }
        extra = rest.get(length..).unwrap_or_default();
    }
    Some(u64::MAX)
}

/// Skips a pickle.
fn skip_pickle(file: &mut impl BufRead) -> io::Result<()> {
    const STOP: u8 = b'.';
    loop {
        let operation = number(file, 1)? as u8;
        let length = match operation {
            STOP => return Ok(()),
            b'K' | b'h' | b'q' | 0x80 | 0x82 => 1,
            b'M' | 0x83 => 2,
            b'J' | b'j' | b'r' | 0x84 => 4,
            b'G' | 0x95 => 8,
            b'U' | b'C' | 0x8a | 0x8c => number(file, 1)?,
            b'T' | b'X' | b'B' | 0x8b => number(file, 4)?,
            0x8d | 0x8e | 0x96 => number(file, 8)?,
            b'I' | b'L' | b'F' | b'S' | b'V' | b'P' | b'g' | b'p' => {
                skip_line(file)?;
                0
            }
            b'c' | b'i' => {
                skip_line(file)?;
                skip_line(file)?;
                0
            }
            _ => 0,
        };
        let skipped = io::copy(&mut file.by_ref().take(length), &mut io::sink())?;
        if skipped < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A number of `bytes` bytes, little-endian.
fn number(file: &mut impl BufRead, bytes: usize) -> io::Result<u64> {
    let mut word = [0; 8];
    file.read_exact(&mut word[..bytes])?;
    Ok(u64::from_le_bytes(word))
}

fn skip_line(file: &mut impl BufRead) -> io::Result<()> {
    file.skip_until(b'\n').map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/pytorch/tiny");

    /// The result for a file with these contents.
    fn result_for(name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = std::env::temp_dir().join(format!("s2f-bounds-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        let result = check(File::open(&path).unwrap(), &bytes[..bytes.len().min(64)]).unwrap();
        fs::remove_file(path).unwrap();
        result
    }

    #[test]
    fn files_of_pytorch_are_short_enough() {
        for name in ["zip.pth", "legacy.pth", "whole-module.pth", "renamed.pth"] {
            let bytes = fs::read(Path::new(FOLDER).join(name)).unwrap();
            assert_eq!(result_for(name, &bytes), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_long_pickle_is_refused_in_either_format() {
        let legacy = fs::read(Path::new(FOLDER).join("legacy.pth")).unwrap();
        let long = vec![b']'; MAX_PICKLE_BYTES as usize + 1];
        assert!(result_for("legacy", &[&legacy[..20], &long].concat()).is_err());
        assert!(result_for("plain", &[b"\x80\x02", &long[..]].concat()).is_err());

        // The size in the directory, in 32 bits and in 64.
        let zip = fs::read(Path::new(FOLDER).join("zip.pth")).unwrap();
        let entry = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        let mut changed = zip.clone();
        changed[entry + 24..entry + 28].copy_from_slice(&(5u32 << 20).to_le_bytes());
        assert!(result_for("zip", &changed).is_err());
        changed[entry + 24..entry + 28].copy_from_slice(&[0xff; 4]);
        assert!(result_for("zip64", &changed).is_err());
    }
}
