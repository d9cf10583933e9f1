//! MP4, M4A, 3GP and QuickTime (ISO/IEC 14496-12): one sound track, as its edit list plays it.
//!
//! Only what belongs to the sound track is read, so nothing that a video track holds matters. A
//! file that ends early gives the packets that are there.

use std::ops::Range;

use super::packets::PacketDecoder;
use super::sink::Sink;
use super::source::{Bytes, Reader};
use super::tracks::{TrackChoice, choose};
use crate::error::Problem;

mod boxes;
mod description;
mod edits;
mod part;
mod samples;

use boxes::{boxes, find, time_scale, u32_at};
use description::{Description, describe};
use edits::{Edit, edits};
use part::{PacketTrack, PcmTrack};
use samples::{Defaults, pcm_ranges, table};

/// Boxes that a file may begin with.
const FIRST: [&[u8; 4]; 10] =
    [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof", b"sidx"];
/// The index of a recording of two hours has 2 MB.
const MAX_INDEX: u64 = 32 << 20;

/// Whether a file begins like MP4 or QuickTime.
pub(super) fn detect(head: &[u8]) -> bool {
    head.get(4..8).is_some_and(|kind| FIRST.iter().any(|first| kind == *first))
}

/// A file, or one of several that follow each other.
#[derive(Default)]
struct Movie {
    start: u64,
    index: Option<Vec<u8>>,
    /// Start and content of each fragment's index.
    fragments: Vec<(u64, Range<u64>)>,
    has_media: bool,
}

/// Decodes the sound of the file.
pub(super) fn decode(bytes: &Bytes, choice: TrackChoice, sink: &mut Sink) -> Result<(), Problem> {
    for movie in movies(bytes)? {
        let Some(index) = movie.index.as_deref() else {
            return Err(if movie.has_media { Problem::Unfinished } else { Problem::NoAudioTrack });
        };
        if find(index, b"cmov").is_some() {
            return Err(Problem::UnsupportedFormat("QuickTime with a compressed index"));
        }
        Track::choose(index, choice)?.decode(bytes, &movie, index, sink)?;
    }
    Ok(())
}

/// The files in `bytes`, mostly one.
fn movies(bytes: &Bytes) -> Result<Vec<Movie>, Problem> {
    let mut reader = Reader::new(bytes);
    let mut movies = vec![Movie::default()];
    let mut at = 0;
    while let Some([a, b, c, d, e, f, g, h]) = reader.array::<8>(at)? {
        let (kind, small) = ([e, f, g, h], u32::from_be_bytes([a, b, c, d]));
        let (header, size) = match small {
            0 => (8, bytes.len() - at),
            1 => (16, reader.array(at + 8)?.map_or(0, u64::from_be_bytes)),
            size => (8, size.into()),
        };
        if size < header {
            break;
        }
        let end = at.saturating_add(size);
        let content = at + header..end.min(bytes.len());
        let Some(last) = movies.last_mut() else { break };
        match &kind {
            b"ftyp" if last.index.is_some() => {
                movies.push(Movie { start: at, ..Movie::default() });
            }
            b"moov" if last.index.is_none() => {
                let length = content.end.saturating_sub(content.start);
                if length > MAX_INDEX {
                    return Err(Problem::Damaged("its index is impossibly long".to_owned()));
                }
                last.index = Some(bytes.get(content.start, length as usize)?);
            }
            b"moof" => last.fragments.push((at, content)),
            b"mdat" => last.has_media = true,
            _ => {}
        }
        at = end;
    }
    // What follows the first file may be anything.
    let has_first = movies.first().is_some_and(|movie| movie.index.is_some());
    movies.retain(|movie| movie.index.is_some() || !has_first);
    Ok(movies)
}

/// A sound track.
struct Track<'m> {
    track: &'m [u8],
    number: u32,
    track_rate: f64,
    movie_rate: f64,
    stbl: &'m [u8],
    description: Description,
}

impl<'m> Track<'m> {
    /// The track to decode: the one that was asked for, the default track, or the first that can be
    /// decoded.
    fn choose(moov: &'m [u8], choice: TrackChoice) -> Result<Self, Problem> {
        let movie_rate = find(moov, b"mvhd").and_then(time_scale).unwrap_or(1000.0);
        let sound = boxes(moov).filter(|(kind, _)| kind == b"trak").map(|(_, track)| track);
        let sound = sound.filter(|track| {
            let handler = find(track, b"mdia").and_then(|media| find(media, b"hdlr"));
            handler.and_then(|handler| handler.get(8..12)) == Some(b"soun")
        });
        let tracks: Vec<(bool, Result<Self, Problem>)> =
            sound.map(|track| Self::of(track, movie_rate)).collect();
        choose(tracks, choice)
    }

    /// A track, and whether it is enabled.
    fn of(track: &'m [u8], movie_rate: f64) -> (bool, Result<Self, Problem>) {
        let header = find(track, b"tkhd").unwrap_or_default();
        let is_enabled = header.get(3).is_some_and(|flags| flags & 1 != 0);
        let at = if header.first() == Some(&1) { 20 } else { 12 };
        let number = u32_at(header, at).unwrap_or(0);
        let parts = || {
            let media = find(track, b"mdia")?;
            let stbl = find(find(media, b"minf")?, b"stbl")?;
            Some((find(media, b"mdhd").and_then(time_scale)?, stbl, find(stbl, b"stsd")?))
        };
        let Some((track_rate, stbl, stsd)) = parts() else {
            return (is_enabled, Err(Problem::Damaged("its index is incomplete".to_owned())));
        };
        let found = describe(stsd, track_rate).map(|description| Self {
            track,
            number,
            track_rate,
            movie_rate,
            stbl,
            description,
        });
        (is_enabled, found)
    }

    fn decode(
        self,
        bytes: &Bytes,
        movie: &Movie,
        moov: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Problem> {
        let mut edits = edits(self.track, self.movie_rate, self.track_rate);
        let whole = || vec![Edit::Play(0.0..f64::INFINITY)];
        match self.description {
            Description::Pcm(format) => {
                let ranges = pcm_ranges(self.stbl, format.frame_bytes());
                let pcm = PcmTrack { bytes, format, ranges, start: movie.start };
                play(&edits.unwrap_or_else(whole), format.rate_hz, sink, |range, sink| {
                    pcm.decode(range, sink)
                })
            }
            Description::Packets(codec) => {
                let mut samples = table(self.stbl);
                if let Some(defaults) = Defaults::of(moov, self.number) {
                    for (start, content) in &movie.fragments {
                        let length = (content.end - content.start).min(MAX_INDEX) as usize;
                        let moof = bytes.get(content.start, length)?;
                        let start = start - movie.start;
                        defaults.fragment(&moof, start, self.number, &mut samples);
                    }
                }
                let packets = PacketTrack {
                    bytes,
                    start: movie.start,
                    samples,
                    track_rate: self.track_rate,
                    codec,
                };
                // One edit of an Opus track may leave out the pre-skip, or not mention it.
                let pre_skip = PacketDecoder::of_codec(&packets.codec)?.pre_skip();
                if let Some(pre_skip) = pre_skip
                    && !matches!(edits.as_deref(), Some([Edit::Play(range)]) if range.start > 0.0)
                    && edits.as_ref().is_none_or(|edits| edits.len() == 1)
                {
                    let start_s = pre_skip as f64 / f64::from(super::opus::RATE_HZ);
                    edits = Some(vec![Edit::Play(start_s..f64::INFINITY)]);
                }
                play(&edits.unwrap_or_else(whole), 48_000, sink, |range, sink| {
                    packets.decode(range, sink)
                })
            }
        }
    }
}

/// Decodes the parts of a track in the order of its edits.
fn play(
    edits: &[Edit],
    rate_hz: u32,
    sink: &mut Sink,
    mut part: impl FnMut(Range<f64>, &mut Sink) -> Result<(), Problem>,
) -> Result<(), Problem> {
    for edit in edits {
        match edit {
            Edit::Pause(seconds) => sink.push_silence(*seconds, rate_hz)?,
            Edit::Play(range) => part(range.clone(), sink)?,
        }
    }
    Ok(())
}
