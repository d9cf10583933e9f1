//! Exact search in a gallery that does not have to fit into memory: the ten nearest by cosine.
//!
//!     cargo run --release -p s2f-metrics --example search -- probes.npy gallery.npy ids.npy
//!
//! `probes.npy` and `gallery.npy` are NumPy files of `float32`, one row per face; the gallery is
//! read in blocks. Writes the indices of the nearest rows, nearest first, and prints one line of
//! JSON: seconds of the search including reading the gallery, seconds of reading alone, and peak
//! memory. `benches/search.py` compares it with faiss.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use npyz::{DType, NpyHeader, Order, WriterBuilder};
use s2f_metrics::{Distance, Vectors, nearest};
use serde_json::json;

/// Nearest rows of each probe.
const FOUND: usize = 10;
/// Bytes of the gallery in a block.
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
        return Err("probes and gallery have different dimensions".into());
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

/// A NumPy file of rows, read in blocks.
struct Rows {
    file: File,
    /// Rows not read yet.
    left: usize,
    dimension: usize,
    /// Buffer, reused from block to block.
    bytes: Vec<u8>,
}

impl Rows {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let header = NpyHeader::from_reader(&mut file)?;
        let is_float = matches!(header.dtype(), DType::Plain(kind) if kind.to_string() == "<f4");
        let &[rows, dimension] = header.shape() else {
            return Err(format!("{}: not a matrix", path.display()).into());
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

/// Peak memory of this process, where the system reports it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}
