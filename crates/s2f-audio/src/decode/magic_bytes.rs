//! Refuses files that are clearly not decodable, by their first bytes, so that the message can name
//! their format. Without this, the search for an audio container could find one by chance inside a
//! picture and decode noise.

use crate::error::Problem;

/// A file is text if its first bytes are text, this many.
const TEXT_BYTES: usize = 512;

/// The first bytes of formats that are not audio, and a description.
const NOT_AUDIO: &[(&[u8], &str)] = &[
    (b"\xff\xd8\xff", "it is a JPEG picture"),
    (b"\x89PNG\r\n\x1a\n", "it is a PNG picture"),
    (b"GIF8", "it is a GIF picture"),
    (b"BM", "it is a BMP picture"),
    (b"%PDF-", "it is a PDF document"),
    (b"PK\x03\x04", "it is a ZIP archive or an office document"),
    (b"\x1f\x8b", "it is a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
    (b"\x7fELF", "it is a program"),
    (b"\x00\x05\x16\x07", "it holds what macOS notes about a file, not the file"),
];
/// The first bytes of audio and video formats that cannot be decoded.
const UNSUPPORTED: &[(&[u8], &str)] = &[
    (b"#!AMR", "AMR"),
    (b"\x30\x26\xb2\x75", "Windows Media"),
    (b"\x00\x00\x01\xba", "an MPEG program stream (.mpg)"),
    (b"FLV\x01", "Flash video"),
    (b"\x00\x00\x01\xb3", "an MPEG video stream"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA1", "TTA"),
    (b"TTA2", "TTA"),
    (b"ajkg", "Shorten"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"OFR ", "OptimFROG"),
    (b"tBaK", "TAK"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b"ADIF", "AAC (ADIF)"),
    (b"Creative Voice File", "Creative Voice"),
    (b".RMF", "RealMedia"),
    (b".ra\xfd", "RealAudio"),
    (b"\x0b\x77", "AC-3"),
    (b"\x7f\xfe\x80\x01", "DTS"),
    (b"\xf8\x72\x6f\xba", "TrueHD"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
];
/// A packet of a transport stream, and the byte that each of them begins with.
const TRANSPORT_PACKET: usize = 188;
const TRANSPORT_SYNC: u8 = 0x47;
/// Where the first packet of an Ogg stream begins, if its page has no other.
const OGG_PACKET: usize = 28;
const RIFF_VIDEO: &[u8] = b"AVI ";

/// The problem, if the first bytes are of a format that cannot be decoded.
pub(super) fn refuse(bytes: &[u8]) -> Option<Problem> {
    let starts = |table: &[(&[u8], &'static str)]| {
        table.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, kind)| kind)
    };
    if let Some(kind) = starts(UNSUPPORTED) {
        return Some(Problem::UnsupportedFormat(kind));
    }
    if bytes.get(8..12) == Some(RIFF_VIDEO) {
        return Some(Problem::UnsupportedFormat("AVI"));
    }
    if is_transport_stream(bytes) {
        return Some(Problem::UnsupportedFormat("an MPEG transport stream (.ts)"));
    }
    let kind = starts(NOT_AUDIO).or_else(|| is_text(bytes).then_some("it is a text file"));
    kind.map(Problem::NotAudio)
}

/// The codec of an Ogg stream that is not decoded here.
pub(super) fn ogg_codec(bytes: &[u8]) -> Option<&'static str> {
    let packet = bytes.get(OGG_PACKET..)?;
    packet.starts_with(b"Speex   ").then_some("Speex")
}

/// Whether packets of 188 bytes, or of 192 with a time before each (M2TS), follow each other.
fn is_transport_stream(bytes: &[u8]) -> bool {
    let syncs = |first: usize, step: usize| {
        let mut packets = (first..bytes.len()).step_by(step).take(5).peekable();
        packets.peek().is_some()
            && bytes.len() > first + 2 * step
            && packets.all(|at| bytes[at] == TRANSPORT_SYNC)
    };
    syncs(0, TRANSPORT_PACKET) || syncs(4, TRANSPORT_PACKET + 4)
}

fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(TEXT_BYTES)];
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The cut may be inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    !text.is_empty() && text.chars().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_refused_and_audio_is_not() {
        for (bytes, refused) in [
            (&b"Dear diary,\ntoday I said nothing\n"[..], true),
            ("nur ein Stück Text, mit Ümläuten".as_bytes(), true),
            (b"\xff\xd8\xff\xe0\x00\x10JFIF", true),
            (b"RIFF\x00\x01\x00\x00AVI LIST", true),
            (b"RIFF\x24\x08\x00\x00WAVEfmt ", false),
            (b"\xff\xfb\x90\x64\x00\x0f", false),
            (b"OggS\x00\x02", false),
        ] {
            assert_eq!(refuse(bytes).is_some(), refused, "{bytes:?}");
        }
    }
}
