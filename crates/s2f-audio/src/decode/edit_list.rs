//! The edit list of an MP4: which part of its audio track is to be played.
//!
//! An AAC encoder puts one or two frames of silence before the audio, and the container declares
//! them in the edit list (ISO/IEC 14496-12, 8.6.6). The demuxer does not apply it, so this module
//! reads the four boxes needed: `moov/mvhd`, and in the first `moov/trak` with audio `mdia/mdhd`,
//! `mdia/hdlr` and `edts/elst`.

/// The part of a track to be played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edit {
    /// Its start in the track, s.
    pub(super) start_s: f64,
    /// Its length, s, if the list declares it.
    pub(super) length_s: Option<f64>,
}

/// The edit of the first audio track, if `bytes` are an MP4 with an edit list.
pub(super) fn audio_edit(bytes: &[u8]) -> Option<Edit> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let movie = find(bytes, b"moov")?;
    let movie_rate = time_scale(find(movie, b"mvhd")?)?;
    let audio = boxes(movie).filter(|(kind, _)| kind == b"trak").find_map(|(_, track)| {
        let media = find(track, b"mdia")?;
        (find(media, b"hdlr")?.get(8..12)? == b"soun").then_some((track, media))
    });
    let (track, media) = audio?;
    let track_rate = time_scale(find(media, b"mdhd")?)?;
    let list = find(find(track, b"edts")?, b"elst")?;
    let (&version, entries) = (list.first()?, list.get(8..)?);
    let is_64_bit = version == 1;
    for entry in entries.chunks_exact(if is_64_bit { 20 } else { 12 }) {
        let (length, start) = if is_64_bit {
            (u64_at(entry, 0)?, u64_at(entry, 8)?.cast_signed())
        } else {
            (u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)?.cast_signed()))
        };
        // A negative start is an empty edit: a pause before the track.
        if start >= 0 {
            let length_s = (length > 0).then(|| length as f64 / movie_rate);
            return Some(Edit { start_s: start as f64 / track_rate, length_s });
        }
    }
    None
}

/// Ticks per second in an `mvhd` or `mdhd` box: after the two times, which have 64 bit in version
/// 1.
fn time_scale(header: &[u8]) -> Option<f64> {
    let at = if *header.first()? == 1 { 4 + 16 } else { 4 + 8 };
    let scale = u32_at(header, at)?;
    (scale > 0).then_some(f64::from(scale))
}

/// The content of the first box of this `kind` in `bytes`.
fn find<'b>(bytes: &'b [u8], kind: &[u8; 4]) -> Option<&'b [u8]> {
    boxes(bytes).find(|(k, _)| k == kind).map(|(_, content)| content)
}

/// Kind and content of each box in `bytes`, up to the first that is truncated.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = bytes.get(4..8)?.try_into().ok()?;
        // A size of 0 means up to the end; with a size of 1, a 64-bit size follows the kind.
        let (header, size) = match u32_at(bytes, 0)? {
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(u64_at(bytes, 8)?).ok()?),
            size => (8, size as usize),
        };
        let content = bytes.get(header..size)?;
        bytes = &bytes[size..];
        Some((kind, content))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
