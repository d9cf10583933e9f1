//! What the samples of a track are: sample descriptions of MP4 and QuickTime.
//!
//! ISO/IEC 14496-12, 12.2.3; QuickTime File Format Specification, "Sound Sample Descriptions" with
//! their versions 0 to 2; ISO/IEC 23003-5 for uncompressed sound in MP4.

use super::super::names;
use super::super::packets::Codec;
use super::super::pcm::{Coding, PcmFormat};
use super::boxes::{boxes, find, u16_at, u32_at, u64_at};
use crate::error::Problem;

/// How a track is decoded.
pub(super) enum Description {
    Pcm(PcmFormat),
    Packets(Codec),
}

/// The fields of a sound sample description before its boxes.
#[derive(Clone, Copy)]
struct Fields {
    channels: usize,
    bits: usize,
    /// 0 if it does not fit into 16 bits.
    rate_hz: u32,
    /// The flags of version 2.
    flags: Option<u32>,
}

/// Flags of `lpcm` (CoreAudioTypes.h, kAudioFormatFlag…).
const IS_FLOAT: u32 = 1;
const IS_BIG_ENDIAN: u32 = 2;
const IS_SIGNED: u32 = 4;

/// The description in an `stsd` box. `track_rate` is the number of ticks per second.
pub(super) fn describe(stsd: &[u8], track_rate: f64) -> Result<Description, Problem> {
    let damaged = || Problem::Damaged("its description of the sound".to_owned());
    // Version, flags and the number of entries; of several, the first is used.
    let (kind, entry) = stsd.get(8..).and_then(|list| boxes(list).next()).ok_or_else(damaged)?;
    let (fields, rest) = fields(entry, track_rate).ok_or_else(damaged)?;
    let inner = |kind: &[u8; 4]| find(rest, kind).or_else(|| find(find(rest, b"wave")?, kind));
    let boxed = |kind: &[u8; 4]| inner(kind).ok_or_else(damaged);
    let packets = |codec| Ok(Description::Packets(codec));
    match &kind {
        b"mp4a" => match decoder_config(boxed(b"esds")?) {
            Some((0x40 | 0x66..=0x68, config)) => packets(Codec::Aac(config.to_vec())),
            Some((0x69 | 0x6b, _)) => packets(Codec::Mp3),
            Some((0xa5, _)) => Err(Problem::UnsupportedCodec("AC-3".to_owned())),
            Some((0xdd, _)) => Err(Problem::UnsupportedCodec("Vorbis in MP4".to_owned())),
            Some((other, _)) => {
                Err(Problem::UnsupportedCodec(format!("MPEG-4 audio of type {other:#x}")))
            }
            None => Err(damaged()),
        },
        b".mp3" | b"ms\0\x55" => packets(Codec::Mp3),
        b".mp2" | b"ms\0\x50" => packets(Codec::Mp2),
        b"alac" => match boxed(b"alac")? {
            // Version and flags precede the cookie.
            cookie if cookie.len() >= 28 => packets(Codec::Alac(cookie[4..].to_vec())),
            _ => Err(damaged()),
        },
        b"Opus" => packets(Codec::OpusInMp4(boxed(b"dOps")?.to_vec())),
        b"fLaC" => {
            // Version and flags, then a block header (RFC 9639, 8.1), then the information.
            let info = boxed(b"dfLa")?.get(8..8 + 34).ok_or_else(damaged)?;
            packets(Codec::Flac(info.to_vec()))
        }
        _ => pcm(&kind, fields, inner(b"enda"), inner(b"pcmC")),
    }
}

/// The fields of an entry, and its boxes.
fn fields(entry: &[u8], track_rate: f64) -> Option<(Fields, &[u8])> {
    // Six reserved bytes and a reference come first.
    let entry = entry.get(8..)?;
    let (version, mut rate_hz) = (u16_at(entry, 0)?, u32_at(entry, 16)? >> 16);
    let (mut channels, mut bits) = (u16_at(entry, 8)? as usize, u16_at(entry, 10)? as usize);
    let (mut flags, rest) = (
        None,
        match version {
            1 => entry.get(36..)?,
            2 => entry.get(56..)?,
            _ => entry.get(20..)?,
        },
    );
    if version == 2 {
        rate_hz = f64::from_bits(u64_at(entry, 24)?) as u32;
        channels = u32_at(entry, 32)? as usize;
        bits = u32_at(entry, 40)? as usize;
        flags = Some(u32_at(entry, 44)?);
    }
    if rate_hz == 0 {
        rate_hz = track_rate as u32;
    }
    Some((Fields { channels, bits, rate_hz, flags }, rest))
}

/// The format of uncompressed samples.
///
/// `twos` is big-endian and `sowt` little-endian by definition. The formats of 24 and 32 bits are
/// big-endian unless an `enda` box says otherwise; `lpcm` has flags, and `ipcm` and `fpcm` have a
/// `pcmC` box.
fn pcm(
    kind: &[u8; 4],
    fields: Fields,
    enda: Option<&[u8]>,
    pcm_c: Option<&[u8]>,
) -> Result<Description, Problem> {
    let Fields { channels, bits, rate_hz, flags } = fields;
    let little = enda.and_then(|enda| u16_at(enda, 0)) == Some(1);
    let bytes = bits.div_ceil(8);
    let (coding, bytes, big_endian) = match kind {
        b"twos" if bytes <= 1 => (Coding::Signed, 1, true),
        b"raw " | b"NONE" if bytes <= 1 => (Coding::Unsigned, 1, true),
        b"twos" | b"NONE" | b"raw " => (Coding::Signed, bytes, true),
        b"sowt" => (Coding::Signed, bytes, false),
        b"in24" => (Coding::Signed, 3, !little),
        b"in32" => (Coding::Signed, 4, !little),
        b"fl32" => (Coding::Float, 4, !little),
        b"fl64" => (Coding::Float, 8, !little),
        b"alaw" => (Coding::ALaw, 1, true),
        b"ulaw" => (Coding::MuLaw, 1, true),
        b"lpcm" => {
            let flags = flags.unwrap_or(IS_SIGNED | IS_BIG_ENDIAN);
            let coding = match (flags & IS_FLOAT != 0, flags & IS_SIGNED != 0 || bytes > 2) {
                (true, _) => Coding::Float,
                (false, true) => Coding::Signed,
                (false, false) => Coding::Unsigned,
            };
            (coding, bytes, flags & IS_BIG_ENDIAN != 0)
        }
        b"ipcm" | b"fpcm" => {
            // Version and flags, then whether it is little-endian, then the number of bits.
            let damaged = || Problem::Damaged("its description of the sound".to_owned());
            let &[.., order, bits] = pcm_c.and_then(|b| b.get(..6)).ok_or_else(damaged)? else {
                return Err(damaged());
            };
            let coding = if kind == b"ipcm" { Coding::Signed } else { Coding::Float };
            (coding, usize::from(bits).div_ceil(8), order & 1 == 0)
        }
        _ => return Err(Problem::UnsupportedCodec(names::mp4(kind))),
    };
    let format = PcmFormat { coding, bytes, big_endian, channels, rate_hz };
    Ok(Description::Pcm(format.check()?))
}

/// The object type and the configuration in an `esds` box (ISO/IEC 14496-1, 7.2.6): descriptors
/// inside each other, each with a tag and a length.
fn decoder_config(esds: &[u8]) -> Option<(u8, &[u8])> {
    const STREAM: u8 = 3;
    const DECODER: u8 = 4;
    const SPECIFIC: u8 = 5;
    let mut stream = descriptor(esds.get(4..)?, STREAM)?.get(2..)?;
    let (&flags, rest) = stream.split_first()?;
    stream = rest;
    if flags & 0x80 != 0 {
        stream = stream.get(2..)?; // depends on another stream
    }
    if flags & 0x40 != 0 {
        let (&length, rest) = stream.split_first()?;
        stream = rest.get(usize::from(length)..)?; // its address
    }
    if flags & 0x20 != 0 {
        stream = stream.get(2..)?; // its clock
    }
    let decoder = descriptor(stream, DECODER)?;
    let specific = decoder.get(13..).and_then(|rest| descriptor(rest, SPECIFIC));
    Some((*decoder.first()?, specific.unwrap_or_default()))
}

/// The content of the descriptor with this tag, which comes first.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (&found, mut rest) = bytes.split_first()?;
    if found != tag {
        return None;
    }
    // Seven bits of the length in each byte; the top bit says that more follow.
    let mut length = 0;
    for _ in 0..4 {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(&rest[..length.min(rest.len())])
}
