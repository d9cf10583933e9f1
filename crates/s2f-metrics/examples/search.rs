//! Exact search in a gallery that need not fit into memory: the ten nearest by cosine.
//!
//!     cargo run --release -p s2f-eval --example search -- probes.npy gallery.npy ids.npy
//!
//! Both are NumPy files of `float32`, a row a face; the gallery is read in blocks. Writes the
//! numbers of the found rows, nearest first, and prints one line of JSON: seconds of the search with
//! the reading of the gallery, of that reading alone, and the most memory that the process had.
//! `benches/search.py` runs it beside faiss.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use npyz::{DType, NpyHeader, Order, WriterBuilder};
use s2f_metrics::{Distance, Vectors, nearest};
use serde_json::json;

/// Rows that are found for each probe.
const FOUND: usize = 10;
/// Bytes of the gallery that are read at a time.
const BLOCK: usize = 16 << 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [probes, gallery, ids] = arguments.as_slice() else {
        return Err("usage: search PROBES.npy GALLERY.npy IDS.npy".into());
    };
    let mut probes = Rows::open(Path::new(probes))?;
    let probes = probes.read(probes.left)?;
    let mut gallery = Rows::open(Path::new(gallery))?;
    if gallery.dimension != probes.dimension() {
        return Err("probes and gallery have rows of different length".into());
    }
    let centre = vec![0.0; probes.dimension()];
    let mut reading = Duration::ZERO;
    let start = Instant::now();
    let blocks = std::iter::from_fn(|| {
        let start = Instant::now();
        let rows = (BLOCK / (4 * gallery.dimension)).max(1).min(gallery.left);
        let block = (rows > 0).then(|| gallery.read(rows));
        reading += start.elapsed();
        block
    });
    let found = nearest(&probes, blocks, FOUND, &centre, Distance::Cosine)?;
    let seconds = start.elapsed();

    let mut file = BufWriter::new(File::create(ids)?);
    let items = found.iter().flatten().map(|hit| hit.item as u64);
    let shape = [probes.len() as u64, found.first().map_or(0, Vec::len) as u64];
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut file).begin_nd()?;
    writer.extend(items)?;
    writer.finish()?;
    file.flush()?;
    println!(
        "{}",
        json!({
            "seconds": seconds.as_secs_f64(),
            "reading_seconds": reading.as_secs_f64(),
            "peak_bytes": peak_bytes(),
        })
    );
    Ok(())
}

/// Rows of a NumPy file that are still to be read.
struct Rows {
    file: File,
    left: usize,
    dimension: usize,
    /// Of the last rows, to be used again.
    bytes: Vec<u8>,
}

impl Rows {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let header = NpyHeader::from_reader(&mut file)?;
        let is_float = matches!(header.dtype(), DType::Plain(kind) if kind.to_string() == "<f4");
        let &[rows, dimension] = header.shape() else {
            return Err(format!("{}: not a table of rows", path.display()).into());
        };
        if !is_float || header.order() != Order::C {
            return Err(format!("{}: not float32 row by row", path.display()).into());
        }
        let (left, dimension) = (rows as usize, dimension as usize);
        Ok(Self { file, left, dimension, bytes: Vec::new() })
    }

    fn read(&mut self, rows: usize) -> io::Result<Vectors> {
        self.bytes.resize(4 * rows * self.dimension, 0);
        self.file.read_exact(&mut self.bytes)?;
        self.left -= rows;
        let numbers = self.bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        Ok(Vectors::new(numbers.collect(), self.dimension))
    }
}

/// The most memory that this process had, where the system says so.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}
