//! The bytes of a recording, in memory or in a file, and files put together from parts of them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

use crate::error::Problem;

/// Bytes read from a file at once.
const BLOCK: usize = 64 << 10;

/// The bytes of a recording. A file is read as it is needed, so its size takes no memory.
#[derive(Debug, Clone)]
pub(crate) enum Bytes {
    Memory(Arc<Vec<u8>>),
    File(Arc<Mutex<File>>, u64),
}

impl Bytes {
    pub(crate) fn of_file(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::File(Arc::new(Mutex::new(file)), length))
    }

    pub(crate) fn of_memory(bytes: Vec<u8>) -> Self {
        Self::Memory(Arc::new(bytes))
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// Reads from `at` on: as much as fits, less only at the end.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let count = buffer.len().min(bytes.len() - start);
                buffer[..count].copy_from_slice(&bytes[start..start + count]);
                Ok(count)
            }
            Self::File(file, _) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(at))?;
                let mut count = 0;
                while count < buffer.len() {
                    match file.read(&mut buffer[count..]) {
                        Ok(0) => break,
                        Ok(read) => count += read,
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(count)
            }
        }
    }

    /// `length` bytes from `at` on, or as many as there are.
    pub(crate) fn get(&self, at: u64, length: usize) -> Result<Vec<u8>, Problem> {
        let rest = usize::try_from(self.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(rest)];
        let count = self.read_at(at, &mut bytes).map_err(|e| Problem::Io(e.to_string()))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Where `pattern` is first found from `from` on.
    pub(super) fn find(&self, from: u64, pattern: &[u8]) -> Result<Option<u64>, Problem> {
        const STEP: usize = 16 * BLOCK;
        let mut at = from;
        loop {
            let block = self.get(at, STEP + pattern.len() - 1)?;
            if let Some(found) = block.windows(pattern.len()).position(|found| found == pattern) {
                return Ok(Some(at + found as u64));
            }
            if block.len() < STEP {
                return Ok(None);
            }
            at += STEP as u64;
        }
    }
}

/// Reads small pieces of [`Bytes`], mostly in order, through a buffer.
pub(super) struct Reader {
    bytes: Bytes,
    buffer: Vec<u8>,
    start: u64,
}

impl Reader {
    pub(super) fn new(bytes: &Bytes) -> Self {
        Self { bytes: bytes.clone(), buffer: Vec::new(), start: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// `length` bytes from `at` on, or as many as there are.
    pub(super) fn at(&mut self, at: u64, length: usize) -> Result<&[u8], Problem> {
        let end = at.saturating_add(length as u64).min(self.len());
        if at >= end {
            return Ok(&[]);
        }
        if at < self.start || end > self.start + self.buffer.len() as u64 {
            self.buffer = self.bytes.get(at, length.max(BLOCK))?;
            self.start = at;
        }
        let from = (at - self.start) as usize;
        Ok(&self.buffer[from..self.buffer.len().min(from + length)])
    }

    /// `N` bytes from `at` on; `None` beyond the end.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>, Problem> {
        Ok(self.at(at, N)?.try_into().ok())
    }
}

/// A piece of a file that is put together: new bytes, or a range of the recording's.
#[derive(Debug, Clone)]
pub(super) enum Part {
    New(Vec<u8>),
    Range(Range<u64>),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::New(bytes) => bytes.len() as u64,
            Self::Range(range) => range.end.saturating_sub(range.start),
        }
    }
}

/// A file that is put together from parts.
pub(super) struct Parts {
    bytes: Bytes,
    /// The position of each part, and the part.
    parts: Vec<(u64, Part)>,
    length: u64,
    position: u64,
    is_seekable: bool,
}

impl Parts {
    pub(super) fn new(bytes: &Bytes, parts: impl IntoIterator<Item = Part>) -> Self {
        let mut length = 0;
        let place = |part: Part| {
            let start = length;
            length += part.len();
            (start, part)
        };
        let parts = parts.into_iter().map(place).collect();
        Self { bytes: bytes.clone(), parts, length, position: 0, is_seekable: true }
    }

    /// The same file, to be read from its start to its end.
    pub(super) fn in_order(self) -> Self {
        Self { is_seekable: false, ..self }
    }
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.parts.partition_point(|(start, _)| *start <= self.position);
        let mut rest = self.parts[next.saturating_sub(1)..].iter();
        loop {
            let Some((start, part)) = rest.next() else { return Ok(0) };
            let inside = self.position - start;
            let left = part.len().saturating_sub(inside);
            if left == 0 {
                continue;
            }
            let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let buffer = &mut buffer[..length];
            let count = match part {
                Part::Range(range) => self.bytes.read_at(range.start + inside, buffer)?,
                Part::New(bytes) => {
                    buffer.copy_from_slice(&bytes[inside as usize..inside as usize + length]);
                    length
                }
            };
            self.position += count as u64;
            return Ok(count);
        }
    }
}

impl Seek for Parts {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = to.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for Parts {
    fn is_seekable(&self) -> bool {
        self.is_seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.is_seekable.then_some(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_one_file() {
        let bytes = Bytes::of_memory((0..100).collect());
        let parts = [
            Part::New(vec![200, 201]),
            Part::Range(10..13),
            Part::Range(5..5),
            Part::Range(98..100),
        ];
        let mut file = Parts::new(&bytes, parts);
        let mut all = Vec::new();
        file.read_to_end(&mut all).unwrap();
        assert_eq!(all, [200, 201, 10, 11, 12, 98, 99]);
        for at in 0..=7u64 {
            let mut rest = Vec::new();
            assert_eq!(file.seek(SeekFrom::Start(at)).unwrap(), at);
            file.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, all[at as usize..]);
        }
        assert_eq!(file.seek(SeekFrom::End(-1)).unwrap(), 6);
        assert!(file.seek(SeekFrom::Current(-7)).is_err());
        assert_eq!(file.seek(SeekFrom::Start(70)).unwrap(), 70);
        assert_eq!(file.read(&mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn pieces_are_read_through_a_buffer() {
        let bytes = Bytes::of_memory((0..200_000u32).map(|n| n as u8).collect());
        let mut reader = Reader::new(&bytes);
        for (at, length) in [(0, 4), (65_530, 100), (3, 9), (199_998, 10), (300_000, 1)] {
            let expected: Vec<u8> =
                (at..(at + length).min(200_000)).map(|n: u32| n as u8).collect();
            assert_eq!(reader.at(u64::from(at), length as usize).unwrap(), expected, "{at}");
        }
    }
}
