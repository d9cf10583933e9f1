//! HDF5 files as Keras writes them: groups of contiguous tensors.
//!
//! Format: "HDF5 File Format Specification", version 3.0, The HDF Group. Only what `h5py` writes by
//! default is supported: superblocks 0 and 1, object headers 1, groups in symbol tables. Everything
//! is read through [`Reader`], which checks places and lengths against the file.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::Float;

/// The first bytes of a file.
pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Longest part of a file that is read at once, other than values.
const MAX_PART: u64 = 1 << 20;
/// Most bytes that are read in all, other than values: parts of a hostile file may overlap.
const MAX_READ: u64 = 1 << 26;
/// Most groups, tensors and nodes; the paper's voice encoder has about 80 groups and tensors.
const MAX_OBJECTS: usize = 1 << 16;
/// Deepest group.
const MAX_DEPTH: usize = 16;
/// Longest name of a group or tensor, bytes.
const MAX_NAME: u64 = 256;
const MAX_RANK: usize = 8;

/// Where the values of a tensor are.
#[derive(Debug, Clone)]
pub(super) struct Dataset {
    pub(super) shape: Vec<usize>,
    /// The type, or what it is otherwise.
    pub(super) float: Result<Float, String>,
    /// First byte of the values, and their number of bytes; `None` if they are compressed or in
    /// pieces.
    pub(super) place: Option<(u64, u64)>,
}

/// Why a file is not read: the operating system, or its contents.
pub(super) enum Problem {
    Io(io::Error),
    Contents(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Found<T> = Result<T, Problem>;

fn wrong<T>(reason: impl Into<String>) -> Found<T> {
    Err(Problem::Contents(reason.into()))
}

/// The tensors of a file, by the names of their groups and their own, joined by dots.
pub(super) fn read(file: File) -> Found<HashMap<String, Dataset>> {
    const OTHER_SUPERBLOCK: &str =
        "it was written in a newer layout of HDF5; hint: save it from h5py without libver";
    let length = file.metadata()?.len();
    let mut reader = Reader { file, length, left: MAX_READ, seen: HashSet::new() };
    let head = reader.part(0, 16)?;
    let root_entry: u64 = match head[8] {
        0 => 56,
        1 => 60,
        _ => return wrong(OTHER_SUPERBLOCK),
    };
    if head[13..15] != [8, 8] {
        return wrong("its addresses do not have 8 bytes");
    }
    let end = reader.number(root_entry - 16)?;
    if end > length {
        return wrong(format!("it has {length} of {end} bytes"));
    }
    let root = reader.number(root_entry + 8)?;
    let mut tensors = HashMap::new();
    reader.object(root, "", 0, &mut tensors)?;
    Ok(tensors)
}

struct Reader {
    file: File,
    length: u64,
    /// Bytes that may still be read.
    left: u64,
    /// Places of objects and nodes that were read: none is read twice.
    seen: HashSet<u64>,
}

/// What an object's header says.
#[derive(Default)]
struct Header {
    shape: Option<Vec<usize>>,
    float: Option<Result<Float, String>>,
    place: Option<(u64, u64)>,
    /// Tree and heap of a group.
    group: Option<(u64, u64)>,
}

impl Reader {
    fn part(&mut self, at: u64, length: u64) -> Found<Vec<u8>> {
        let end = at.checked_add(length);
        if length > MAX_PART || end.is_none_or(|end| end > self.length) {
            return wrong(format!("it ends before {length} bytes at {at}"));
        }
        let Some(left) = self.left.checked_sub(length) else {
            return wrong(format!("its groups take more than {MAX_READ} bytes"));
        };
        self.left = left;
        let mut bytes = vec![0; length as usize];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self, at: u64) -> Found<u64> {
        Ok(number(&self.part(at, 8)?, 0))
    }

    /// Notes that a place is read.
    fn enter(&mut self, at: u64) -> Found<()> {
        if !self.seen.insert(at) {
            return wrong(format!("two references to {at}"));
        }
        if self.seen.len() > MAX_OBJECTS {
            return wrong(format!("more than {MAX_OBJECTS} objects"));
        }
        Ok(())
    }

    /// Reads a group or a tensor.
    fn object(
        &mut self,
        at: u64,
        name: &str,
        depth: usize,
        tensors: &mut HashMap<String, Dataset>,
    ) -> Found<()> {
        self.enter(at)?;
        let header = self.header(at)?;
        if let Some((tree, heap)) = header.group {
            if depth == MAX_DEPTH {
                return wrong(format!("groups deeper than {MAX_DEPTH}"));
            }
            let heap = self.heap(heap)?;
            let mut children = Vec::new();
            self.node(tree, MAX_DEPTH, &mut children)?;
            for (place, child) in children {
                let inner = self.name(heap, place)?;
                let inner = if name.is_empty() { inner } else { format!("{name}.{inner}") };
                self.object(child, &inner, depth + 1, tensors)?;
            }
        } else if let (Some(shape), Some(float)) = (header.shape, header.float) {
            let end = header.place.map(|(start, length)| start.saturating_add(length));
            if end.is_some_and(|end| end > self.length) {
                return wrong(format!("it ends before the values of {name}"));
            }
            tensors.insert(name.to_owned(), Dataset { shape, float, place: header.place });
        }
        Ok(())
    }

    /// The messages of an object's header, which may continue elsewhere.
    fn header(&mut self, at: u64) -> Found<Header> {
        let prefix = self.part(at, 16)?;
        if prefix[0] != 1 {
            return wrong(format!("no object is at {at}"));
        }
        let mut header = Header::default();
        let mut blocks = vec![(at + 16, u64::from(small(&prefix, 8, 4)))];
        while let Some((at, length)) = blocks.pop() {
            self.enter(at)?;
            let block = self.part(at, length)?;
            let mut rest = &block[..];
            while rest.len() >= 8 {
                let size = small(rest, 2, 2) as usize;
                let kind = small(rest, 0, 2);
                let Some(message) = rest.get(8..8 + size) else {
                    return wrong(format!("the header at {at} is cut"));
                };
                if kind == 0x10 && size >= 16 {
                    blocks.push((number(message, 0), number(message, 8)));
                }
                header.take(kind, message, at)?;
                rest = &rest[8 + size..];
            }
        }
        Ok(header)
    }

    /// Place and length of the names of a group.
    fn heap(&mut self, at: u64) -> Found<(u64, u64)> {
        let heap = self.part(at, 32)?;
        if !heap.starts_with(b"HEAP") {
            return wrong(format!("no names are at {at}"));
        }
        Ok((number(&heap, 24), number(&heap, 8)))
    }

    fn name(&mut self, (start, length): (u64, u64), at: u64) -> Found<String> {
        let Some(rest) = length.checked_sub(at).filter(|_| start.checked_add(at).is_some()) else {
            return wrong("a name is outside its group");
        };
        let bytes = self.part(start + at, rest.min(MAX_NAME))?;
        let end = bytes.iter().position(|&byte| byte == 0);
        match end.map(|end| std::str::from_utf8(&bytes[..end])) {
            Some(Ok(name)) if !name.is_empty() => Ok(name.to_owned()),
            _ => wrong("a name is not text"),
        }
    }

    /// The members of a group below a node: places of their names and of themselves.
    fn node(&mut self, at: u64, levels: usize, members: &mut Vec<(u64, u64)>) -> Found<()> {
        self.enter(at)?;
        let head = self.part(at, 24)?;
        if head.starts_with(b"SNOD") {
            let count = u64::from(small(&head, 6, 2));
            let entries = self.part(at + 8, count * 40)?;
            let entries = entries.chunks_exact(40);
            members.extend(entries.map(|entry| (number(entry, 0), number(entry, 8))));
            return Ok(());
        }
        if !head.starts_with(b"TREE") || head[4] != 0 || levels == 0 {
            return wrong(format!("no group is at {at}"));
        }
        let count = u64::from(small(&head, 6, 2));
        // Keys and children in turn.
        let children = self.part(at + 24, count * 16)?;
        for child in children.chunks_exact(16) {
            self.node(number(child, 8), levels - 1, members)?;
        }
        Ok(())
    }
}

impl Header {
    fn take(&mut self, kind: u32, message: &[u8], at: u64) -> Found<()> {
        let short = || Problem::Contents(format!("the header at {at} is cut"));
        match kind {
            0x1 => {
                let [version, rank, ..] = message else { return Err(short()) };
                let start = match version {
                    1 => 8,
                    2 => 4,
                    _ => return wrong(format!("a shape of version {version}")),
                };
                let rank = usize::from(*rank);
                if rank > MAX_RANK {
                    return wrong(format!("a tensor of {rank} axes"));
                }
                let lengths = message.get(start..start + 8 * rank).ok_or_else(short)?;
                let lengths = lengths.chunks_exact(8).map(|length| number(length, 0) as usize);
                self.shape = Some(lengths.collect());
            }
            0x3 => {
                let [class, order, _, _, size, ..] = message else { return Err(short()) };
                // Class 1 is floating point; the lowest bit is 0 for little-endian.
                self.float = Some(match (class & 0xf, order & 0x41, size) {
                    (1, 0, 2) => Ok(Float::F16),
                    (1, 0, 4) => Ok(Float::F32),
                    (1, 0, 8) => Ok(Float::F64),
                    (class, ..) => Err(format!("HDF5 class {class} of {size} bytes")),
                });
            }
            0x8 => {
                let [version, class, ..] = message else { return Err(short()) };
                // Class 1 is contiguous.
                if let (3 | 4, 1) = (version, class) {
                    let place = message.get(2..18).ok_or_else(short)?;
                    self.place = Some((number(place, 0), number(place, 8)));
                }
            }
            0x11 => {
                let group = message.get(..16).ok_or_else(short)?;
                self.group = Some((number(group, 0), number(group, 8)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A little-endian number of 8 bytes, which have to be there.
fn number(bytes: &[u8], at: usize) -> u64 {
    let bytes = &bytes[at..at + 8];
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// A little-endian number of `width` bytes, which have to be there.
fn small(bytes: &[u8], at: usize, width: usize) -> u32 {
    let bytes = &bytes[at..at + width];
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group whose nodes lie within one another: each names a megabyte of members.
    #[test]
    fn overlapping_nodes_do_not_multiply() {
        const NODES: u64 = 60_000;
        let (header, heap, tree) = (96_u64, 136_u64, 168_u64);
        let nodes = tree + 24 + 16 * NODES;
        let end = nodes + 8 * NODES + MAX_PART;
        let mut file = vec![0; end as usize];
        let mut put = |at: u64, bytes: &[u8]| {
            file[at as usize..][..bytes.len()].copy_from_slice(bytes);
        };
        put(0, SIGNATURE);
        put(13, &[8, 8]);
        put(40, &end.to_le_bytes());
        put(64, &header.to_le_bytes());
        // One message of a group: its tree and its names.
        put(header, &[1, 0, 1, 0, 1, 0, 0, 0, 24]);
        put(header + 16, &[0x11, 0, 16]);
        put(header + 24, &tree.to_le_bytes());
        put(header + 32, &heap.to_le_bytes());
        put(heap, b"HEAP");
        put(tree, b"TREE");
        put(tree + 6, &(NODES as u16).to_le_bytes());
        for node in 0..NODES {
            put(tree + 24 + 16 * node + 8, &(nodes + 8 * node).to_le_bytes());
            put(nodes + 8 * node, &[b'S', b'N', b'O', b'D', 1, 0, 0x00, 0x66]);
        }
        let path = std::env::temp_dir().join(format!("s2f-{}-nodes.h5", std::process::id()));
        std::fs::write(&path, &file).unwrap();
        let Err(Problem::Contents(reason)) = read(File::open(&path).unwrap()) else {
            panic!("it was read");
        };
        std::fs::remove_file(path).unwrap();
        assert!(reason.contains("its groups take more than 67108864 bytes"), "{reason}");
    }
}
