//! Where the samples of a track are: the tables of ISO/IEC 14496-12, 8.6.1 and 8.7, and the
//! fragments of 8.8. A "sample" is a packet here, as in that standard.

use std::ops::Range;

use super::boxes::{boxes, find, u32_at, u64_at};

/// A packet: where it is in the file, and how long it lasts in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) ticks: u32,
}

/// More packets than any recording within the limits has: 12 h of AAC.
const MAX_SAMPLES: usize = 2 << 20;
/// More chunks than that either.
const MAX_CHUNKS: usize = 2 << 20;

/// The chunks of a track: where each is, and how many samples it has.
fn chunks(stbl: &[u8]) -> Option<Vec<(u64, u64)>> {
    let runs = find(stbl, b"stsc")?;
    let run_count = u32_at(runs, 4)? as usize;
    let run = |index: usize| {
        let at = 8 + 12 * index;
        (index < run_count).then(|| Some((u32_at(runs, at)?, u32_at(runs, at + 4)?))).flatten()
    };
    let (offsets, wide) = match (find(stbl, b"stco"), find(stbl, b"co64")) {
        (Some(offsets), _) => (offsets, false),
        (None, Some(offsets)) => (offsets, true),
        (None, None) => return None,
    };
    let count = (u32_at(offsets, 4)? as usize).min(MAX_CHUNKS);
    let mut found = Vec::new();
    let (mut current, mut per_chunk) = (0, 0);
    for index in 0..count {
        while let Some((first, samples)) = run(current)
            && first as usize <= index + 1
        {
            (current, per_chunk) = (current + 1, samples);
        }
        let offset = match wide {
            true => u64_at(offsets, 8 + 8 * index),
            false => u32_at(offsets, 8 + 4 * index).map(u64::from),
        };
        let Some(offset) = offset else { break };
        found.push((offset, per_chunk.into()));
    }
    Some(found)
}

/// The ranges of uncompressed samples, with `frame` bytes for each.
pub(super) fn pcm_ranges(stbl: &[u8], frame: usize) -> Vec<Range<u64>> {
    let chunks = chunks(stbl).unwrap_or_default();
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (start, samples) in chunks {
        let end = start.saturating_add(samples.saturating_mul(frame as u64));
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}

/// The packets of a track that the tables in `stbl` list.
pub(super) fn table(stbl: &[u8]) -> Vec<Sample> {
    read_table(stbl).unwrap_or_default()
}

fn read_table(stbl: &[u8]) -> Option<Vec<Sample>> {
    let sizes = find(stbl, b"stsz")?;
    let (all, count) = (u32_at(sizes, 4)?, u32_at(sizes, 8)? as usize);
    let size = |index: usize| if all > 0 { Some(all) } else { u32_at(sizes, 12 + 4 * index) };
    let mut times = Times::new(find(stbl, b"stts").unwrap_or_default());
    let mut samples = Vec::new();
    for (start, per_chunk) in chunks(stbl)? {
        let mut offset = start;
        for _ in 0..per_chunk {
            let index = samples.len();
            if index >= count.min(MAX_SAMPLES) {
                return Some(samples);
            }
            let Some(size) = size(index) else { return Some(samples) };
            samples.push(Sample { offset, size, ticks: times.next() });
            offset = offset.saturating_add(size.into());
        }
    }
    Some(samples)
}

/// How long each packet lasts, from an `stts` box: runs of equal ones.
struct Times<'b> {
    runs: &'b [u8],
    left: u32,
    ticks: u32,
}

impl<'b> Times<'b> {
    fn new(stts: &'b [u8]) -> Self {
        Self { runs: stts.get(8..).unwrap_or_default(), left: 0, ticks: 0 }
    }

    /// The last run goes on if there are more packets than it says.
    fn next(&mut self) -> u32 {
        while self.left == 0 {
            let Some((run, rest)) = self.runs.split_at_checked(8) else { return self.ticks };
            (self.left, self.runs) = (u32_at(run, 0).unwrap_or(0), rest);
            self.ticks = u32_at(run, 4).unwrap_or(0);
        }
        self.left -= 1;
        self.ticks
    }
}

/// The defaults for fragments of a track: duration and size of its packets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    ticks: u32,
    size: u32,
}

impl Defaults {
    /// Those that the movie declares for the track with this number; `None` if it has no fragments.
    pub(super) fn of(moov: &[u8], track: u32) -> Option<Self> {
        let extends = find(moov, b"mvex")?;
        let (_, trex) =
            boxes(extends).find(|(kind, b)| kind == b"trex" && u32_at(b, 4) == Some(track))?;
        Some(Self { ticks: u32_at(trex, 12)?, size: u32_at(trex, 16)? })
    }

    /// Appends the packets of the track that the fragment `moof` lists; it begins at `start`.
    pub(super) fn fragment(&self, moof: &[u8], start: u64, track: u32, samples: &mut Vec<Sample>) {
        for (_, traf) in boxes(moof).filter(|(kind, _)| kind == b"traf") {
            let header = find(traf, b"tfhd").unwrap_or_default();
            if u32_at(header, 4) == Some(track) {
                // One that is cut off has the packets that are there.
                let _ = self.track_fragment(traf, header, start, samples);
            }
        }
    }

    fn track_fragment(
        &self,
        traf: &[u8],
        header: &[u8],
        start: u64,
        samples: &mut Vec<Sample>,
    ) -> Option<()> {
        let (flags, mut at) = (u32_at(header, 0)?, 8);
        let mut defaults = *self;
        let mut base = start;
        if flags & 0x1 != 0 {
            (base, at) = (u64_at(header, at)?, at + 8);
        }
        at += if flags & 0x2 != 0 { 4 } else { 0 };
        if flags & 0x8 != 0 {
            (defaults.ticks, at) = (u32_at(header, at)?, at + 4);
        }
        if flags & 0x10 != 0 {
            defaults.size = u32_at(header, at)?;
        }
        let mut offset = base;
        for (_, run) in boxes(traf).filter(|(kind, _)| kind == b"trun") {
            let (flags, count) = (u32_at(run, 0)?, u32_at(run, 4)?);
            let mut at = 8;
            if flags & 0x1 != 0 {
                let by = u32_at(run, at)?.cast_signed();
                (offset, at) = (base.checked_add_signed(by.into())?, at + 4);
            }
            at += if flags & 0x4 != 0 { 4 } else { 0 };
            for _ in 0..count {
                if samples.len() >= MAX_SAMPLES {
                    return None;
                }
                let mut field = |bit: u32, default: u32| {
                    if flags & bit == 0 {
                        return Some(default);
                    }
                    let value = u32_at(run, at);
                    at += 4;
                    value
                };
                let ticks = field(0x100, defaults.ticks)?;
                let size = field(0x200, defaults.size)?;
                field(0x400, 0)?;
                field(0x800, 0)?;
                samples.push(Sample { offset, size, ticks });
                offset = offset.checked_add(size.into())?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let content: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        [&(8 + content.len() as u32).to_be_bytes(), &kind[..], &content].concat()
    }

    #[test]
    fn tables_list_packets_in_chunks() {
        // Chunks at 100 and 200 with two packets each, one at 300 with one.
        let stbl = [
            boxed(b"stsc", &[0, 2, 1, 2, 1, 3, 1, 1]),
            boxed(b"stco", &[0, 3, 100, 200, 300]),
            boxed(b"stsz", &[0, 0, 5, 10, 11, 12, 13, 14]),
            boxed(b"stts", &[0, 2, 1, 1024, 9, 512]),
        ]
        .concat();
        let sample = |offset, size, ticks| Sample { offset, size, ticks };
        let expected = [
            sample(100, 10, 1024),
            sample(110, 11, 512),
            sample(200, 12, 512),
            sample(212, 13, 512),
            sample(300, 14, 512),
        ];
        assert_eq!(table(&stbl), expected);
        // The same chunks of frames of 4 bytes.
        assert_eq!(pcm_ranges(&stbl, 4), [100..108, 200..208, 300..304]);
        for cut in 0..stbl.len() {
            assert!(table(&stbl[..cut]).len() <= 5);
        }
    }

    #[test]
    fn counts_that_nothing_is_behind_take_no_memory() {
        let stbl = [
            boxed(b"stsc", &[0, 1, 1, u32::MAX, 1]),
            boxed(b"stco", &[0, u32::MAX, 100]),
            boxed(b"stsz", &[0, 1, u32::MAX]),
        ]
        .concat();
        assert_eq!(table(&stbl).len(), MAX_SAMPLES);
        let run = boxed(b"trun", &[0, u32::MAX]);
        let traf = [boxed(b"tfhd", &[0, 7]), run].concat();
        let moof = [&(8 + traf.len() as u32).to_be_bytes(), &b"traf"[..], &traf].concat();
        let mut samples = Vec::new();
        Defaults::default().fragment(&moof, 0, 7, &mut samples);
        assert_eq!(samples.len(), MAX_SAMPLES);
    }
}
