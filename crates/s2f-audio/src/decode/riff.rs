//! WAV and its descendants for long recordings: RF64 and BW64 (EBU Tech 3306), Wave64 (Sony); and
//! RIFX, the same with big-endian numbers.
//!
//! Sizes in headers are hints: a recorder that was switched off, or a program that writes to a
//! pipe, leaves them 0 or huge. Samples reach from their header to the next chunk, or to the end of
//! the file if there is no chunk where the size says. Every `data` chunk is decoded, in order, and
//! so is every file that follows the first one.

use std::ops::Range;

use super::container;
use super::mpeg;
use super::pcm::{Coding, PcmFormat};
use super::sink::Sink;
use super::source::{Bytes, Part, Parts, Reader};
use super::tracks::TrackChoice;
use crate::error::Problem;

/// What a chunk is called, and how its size is written.
#[derive(Clone, Copy, PartialEq)]
enum Flavour {
    Riff,
    Rifx,
    Wave64,
}

/// One chunk: where its content is. `size` is what its header says.
struct Chunk {
    kind: [u8; 4],
    start: u64,
    size: u64,
}

/// The rest of the name of every chunk of Wave64 but `riff`.
const GUID_TAIL: [u8; 12] =
    [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0x00, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];
/// Up to so many bytes after the samples that are no chunk are junk, not samples.
const MAX_JUNK: u64 = 4096;
/// Sizes from here on stand for "unknown", in 32 bits: programs that write to a pipe use several.
const UNKNOWN_SIZE: u64 = 0x7fff_0000;
/// Longer `fmt ` chunks do not exist.
const MAX_FORMAT: u64 = 4096;

impl Flavour {
    fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"riff\x2e\x91\xcf\x11") {
            return Some(Self::Wave64);
        }
        if head.get(8..12) != Some(b"WAVE") {
            return None;
        }
        match &head[..4] {
            b"RIFF" | b"RF64" | b"BW64" => Some(Self::Riff),
            b"RIFX" => Some(Self::Rifx),
            _ => None,
        }
    }

    /// Bytes from the start of a file to its first chunk.
    fn head(self) -> u64 {
        if self == Self::Wave64 { 40 } else { 12 }
    }

    /// The chunk whose header is at `at`; `None` if there is none.
    fn chunk(self, reader: &mut Reader, at: u64) -> Result<Option<Chunk>, Problem> {
        if self == Self::Wave64 {
            let Some(head) = reader.array::<24>(at)? else { return Ok(None) };
            if head[4..16] != GUID_TAIL {
                return Ok(None);
            }
            let kind = [head[0], head[1], head[2], head[3]];
            let size = u64::from_le_bytes([
                head[16], head[17], head[18], head[19], head[20], head[21], head[22], head[23],
            ]);
            return Ok(Some(Chunk { kind, start: at + 24, size: size.saturating_sub(24) }));
        }
        let Some(head) = reader.array::<8>(at)? else { return Ok(None) };
        let [a, b, c, d, size @ ..] = head;
        let kind = [a, b, c, d];
        let size =
            if self == Self::Rifx { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        let is_name = kind.iter().all(|byte| matches!(byte, b' '..=b'~'));
        Ok(is_name.then_some(Chunk { kind, start: at + 8, size: size.into() }))
    }

    /// Whether a chunk, or another file, begins at `at`.
    fn continues(self, reader: &mut Reader, at: u64) -> Result<bool, Problem> {
        if at == reader.len() || Self::of(reader.at(at, 12)?).is_some() {
            return Ok(true);
        }
        let length = reader.len();
        let chunk = self.chunk(reader, at)?;
        Ok(chunk.is_some_and(|chunk| {
            chunk.start.checked_add(chunk.size).is_some_and(|end| end <= length + 1)
        }))
    }

    /// Where the chunk after this one begins, if its size is right.
    fn after(self, chunk: &Chunk) -> u64 {
        let alignment = if self == Self::Wave64 { 8 } else { 2 };
        let end = chunk.start.saturating_add(chunk.size);
        end.checked_next_multiple_of(alignment).unwrap_or(u64::MAX)
    }

    /// The same; some programs leave out the padding.
    fn next(self, reader: &mut Reader, chunk: &Chunk) -> Result<u64, Problem> {
        let padded = self.after(chunk);
        let is_padded = self.continues(reader, padded)?;
        Ok(if is_padded { padded } else { chunk.start.saturating_add(chunk.size) })
    }
}

/// Whether a file begins like WAV or one of its descendants.
pub(super) fn detect(head: &[u8]) -> bool {
    Flavour::of(head).is_some()
}

/// One format and the samples in it.
struct Wave {
    format: Vec<u8>,
    big_endian: bool,
    data: Vec<Range<u64>>,
    /// Bytes that the headers promise beyond the end of the file.
    missing: u64,
}

/// Decodes all samples of the file at `start`, and of those after it.
pub(super) fn decode(bytes: &Bytes, start: u64, sink: &mut Sink) -> Result<(), Problem> {
    let waves = read(bytes, start)?;
    if waves.is_empty() {
        return Err(Problem::Damaged("it has no chunk that describes its samples".to_owned()));
    }
    waves.iter().try_for_each(|wave| wave.decode(bytes, sink))
}

/// The formats and samples in the file at `start` and in those after it.
fn read(bytes: &Bytes, start: u64) -> Result<Vec<Wave>, Problem> {
    let mut reader = Reader::new(bytes);
    let mut waves: Vec<Wave> = Vec::new();
    let (mut at, mut flavour, mut size_64) = (start, Flavour::Riff, None);
    loop {
        if let Some(next) = Flavour::of(reader.at(at, 12)?) {
            (flavour, size_64) = (next, None);
            at += next.head();
            continue;
        }
        let Some(chunk) = flavour.chunk(&mut reader, at)? else { break };
        at = flavour.after(&chunk);
        match &chunk.kind {
            b"fmt " => waves.push(Wave {
                format: bytes.get(chunk.start, chunk.size.min(MAX_FORMAT) as usize)?,
                big_endian: flavour == Flavour::Rifx,
                data: Vec::new(),
                missing: 0,
            }),
            b"ds64" => size_64 = reader.array(chunk.start + 8)?.map(u64::from_le_bytes),
            b"data" => {
                let size =
                    size_64.filter(|_| chunk.size == u64::from(u32::MAX)).unwrap_or(chunk.size);
                let chunk = Chunk { size, ..chunk };
                let end = end_of_data(&mut reader, flavour, &chunk)?;
                at = if end == chunk.start + size {
                    flavour.next(&mut reader, &chunk)?
                } else {
                    end
                };
                let Some(wave) = waves.last_mut() else { continue };
                if flavour == Flavour::Wave64 || size < UNKNOWN_SIZE {
                    wave.missing += size.saturating_sub(end - chunk.start);
                }
                wave.data.push(chunk.start..end);
            }
            _ => {}
        }
    }
    Ok(waves)
}

/// Where the samples of a `data` chunk end.
fn end_of_data(reader: &mut Reader, flavour: Flavour, chunk: &Chunk) -> Result<u64, Problem> {
    let length = reader.len();
    let end = chunk.start.checked_add(chunk.size).filter(|end| *end <= length);
    let Some(end) = end else { return next_file(reader, chunk.start) };
    let padded = flavour.after(chunk).min(length);
    if flavour.continues(reader, padded)? || flavour.continues(reader, end)? {
        return Ok(end);
    }
    // What follows is no chunk: a few bytes of junk, or samples that the size does not count.
    let is_junk = chunk.size > 0 && length - end <= MAX_JUNK;
    if is_junk { Ok(end) } else { next_file(reader, chunk.start) }
}

/// Where the file after samples of unknown length begins, or the end.
fn next_file(reader: &Reader, start: u64) -> Result<u64, Problem> {
    /// From the start of a file to this name.
    const OFFSET: u64 = 8;
    let mut from = start + OFFSET;
    while let Some(found) = reader.bytes().find(from, b"WAVEfmt ")? {
        if Flavour::of(&reader.bytes().get(found - OFFSET, 12)?).is_some() {
            return Ok(found - OFFSET);
        }
        from = found + 1;
    }
    Ok(reader.len().max(start))
}

impl Wave {
    fn decode(&self, bytes: &Bytes, sink: &mut Sink) -> Result<(), Problem> {
        let format = &self.format;
        let number = |at: usize, length: usize| {
            let digits = format.get(at..at + length).unwrap_or_default().iter();
            let add = |sum: usize, byte: &u8| 256 * sum + usize::from(*byte);
            if self.big_endian { digits.fold(0, add) } else { digits.rev().fold(0, add) }
        };
        let [tag, channels, block, bits] =
            [(0, 2), (2, 2), (12, 2), (14, 2)].map(|(at, n)| number(at, n));
        let [rate_hz, bytes_per_s] = [4, 8].map(|at| number(at, 4));
        // WAVE_FORMAT_EXTENSIBLE: the tag is the first part of a GUID.
        let tag = if tag == 0xfffe { number(24, 2) } else { tag };
        if format.len() < 14 || channels == 0 {
            return Err(Problem::Damaged("its description of the samples".to_owned()));
        }
        if bytes_per_s > 0 {
            sink.missing_s += self.missing as f64 / bytes_per_s as f64;
        }
        let size = if block.is_multiple_of(channels) && block > 0 {
            block / channels
        } else {
            bits.div_ceil(8)
        };
        let pcm = |coding| PcmFormat {
            coding,
            bytes: size,
            big_endian: self.big_endian,
            channels,
            rate_hz: rate_hz as u32,
        };
        let pcm = match tag {
            1 if size == 1 => pcm(Coding::Unsigned),
            1 => pcm(Coding::Signed),
            3 => pcm(Coding::Float),
            6 => pcm(Coding::ALaw),
            7 => pcm(Coding::MuLaw),
            // A stream of MPEG audio, cut into chunks anywhere.
            0x50 | 0x55 => return mpeg::decode(bytes, &self.data, sink),
            2 | 0x11 if !self.big_endian => return self.decode_adpcm(bytes, sink),
            _ => return Err(Problem::UnsupportedCodec(name(tag))),
        };
        let pcm = pcm.check()?;
        self.data.iter().try_for_each(|data| pcm.decode(bytes, data.clone(), sink))
    }

    /// ADPCM is decoded by way of a WAV file with correct sizes.
    fn decode_adpcm(&self, bytes: &Bytes, sink: &mut Sink) -> Result<(), Problem> {
        let data: u64 = self.data.iter().map(|range| range.end - range.start).sum();
        let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX - 1).to_le_bytes();
        let mut head = b"RIFF".to_vec();
        head.extend(size(4 + 8 + self.format.len() as u64 + 8 + data));
        head.extend(b"WAVEfmt ");
        head.extend(size(self.format.len() as u64));
        head.extend(&self.format);
        head.extend(b"data");
        head.extend(size(data));
        let ranges = self.data.iter().cloned().map(Part::Range);
        let parts = Parts::new(bytes, std::iter::once(Part::New(head)).chain(ranges));
        container::decode(parts, TrackChoice::Default, sink)
    }
}

/// The usual name of a codec by its number in WAV.
fn name(tag: usize) -> String {
    let name = match tag {
        0x22 => "TrueSpeech",
        0x31 | 0x32 => "GSM 6.10",
        0x14 | 0x40 | 0x45 | 0x64 | 0x65 => "ADPCM (G.72x)",
        0x160..=0x163 => "Windows Media Audio",
        0xff | 0x1600..=0x1610 | 0xa106 => "AAC",
        0x2000 => "AC-3",
        0x2001 => "DTS",
        0xa109 => "Speex",
        0xf1ac => "FLAC",
        0x566f | 0x674f..=0x6771 => "Vorbis",
        _ => return format!("WAV codec {tag:#06x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
        [kind, &size.to_le_bytes()[..], content].concat()
    }

    /// 16 bit, mono, 16 kHz.
    const FORMAT: &[u8] = b"\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0";

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF\xff\xff\xff\xffWAVE", &chunk(b"fmt ", 16, FORMAT)[..], &chunks.concat()].concat()
    }

    /// Lengths of the samples of each format in bytes, and what is missing.
    fn found(bytes: Vec<u8>) -> Vec<(Vec<u64>, u64)> {
        let waves = read(&Bytes::of_memory(bytes), 0).unwrap();
        let lengths = |wave: &Wave| wave.data.iter().map(|data| data.end - data.start).collect();
        waves.iter().map(|wave| (lengths(wave), wave.missing)).collect()
    }

    #[test]
    fn samples_reach_to_the_next_chunk_or_to_the_end() {
        // No four of these bytes are the name of a chunk.
        let samples = [7u8; 10_000];
        let data = |size: u32| chunk(b"data", size, &samples);
        let info = chunk(b"LIST", 8, b"INFOISFT");
        let check = |chunks: &[Vec<u8>], lengths: &[u64], missing: u64| {
            assert_eq!(found(file(chunks)), [(lengths.to_vec(), missing)], "{lengths:?}");
        };
        check(&[data(10_000)], &[10_000], 0);
        check(&[data(10_000), info.clone()], &[10_000], 0);
        check(&[info.clone(), data(10_000), info.clone(), data(10_000)], &[10_000, 10_000], 0);
        // Sizes that were never filled in, and one that is too small.
        for size in [0, 2000, u32::MAX, 0x7fff_f000, 0xffff_fff0] {
            check(&[data(size)], &[10_000], 0);
        }
        // A recording that ends early.
        check(&[data(30_000)], &[10_000], 20_000);
        check(&[data(10_000), vec![0; 100]], &[10_000], 0);
        check(&[chunk(b"data", 0, &[])], &[0], 0);
        check(&[chunk(b"data", 0, &[]), info], &[0], 0);
        // An odd length, with and without the byte of padding.
        let odd = chunk(b"data", 9_999, &samples[1..]);
        check(&[odd.clone(), vec![0], data(10_000)], &[9_999, 10_000], 0);
        check(&[odd, data(10_000)], &[9_999, 10_000], 0);
    }

    #[test]
    fn files_may_follow_each_other() {
        let one = file(&[chunk(b"data", 4000, &[7; 4000])]);
        let two = file(&[chunk(b"data", 6000, &[7; 6000])]);
        let expected = [(vec![4000], 0), (vec![6000], 0)];
        assert_eq!(found([one.clone(), two.clone()].concat()), expected);
        let mut unknown = one;
        unknown[40..44].fill(0);
        assert_eq!(found([unknown, two].concat()), expected);
    }
}
