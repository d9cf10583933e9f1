//! Several recordings in one file: all of them, in their order.

use s2f_audio::{DecodedBy, ReadOptions, Recording, Waveform, read};
use s2f_testing::signal_to_noise_db;

use crate::support::{encoded, scratch};

/// The extension, arguments for the first and the second part, and the signal-to-noise ratio in dB
/// of the joined file against its parts. At the seam, resamplers and decoders meet silence or the
/// other part.
const CASES: [(&str, &str, &str, f64); 9] = [
    ("mp3", "-c:a libmp3lame", "-c:a libmp3lame -b:a 64k", 40.0),
    ("mp3", "-ar 44100 -c:a libmp3lame", "-ar 22050 -c:a libmp3lame", 25.0),
    ("ogg", "-c:a libopus", "-c:a libopus -b:a 20k", 25.0),
    ("ogg", "-ar 44100 -c:a libvorbis", "-ar 44100 -c:a libvorbis", 25.0),
    ("webm", "-c:a libopus", "-c:a libopus", 25.0),
    ("wav", "-c:a pcm_s16le", "-ar 8000 -c:a pcm_alaw", 25.0),
    ("flac", "-c:a flac", "-ac 2 -c:a flac", 100.0),
    ("aiff", "-c:a pcm_s16be", "-c:a pcm_s24be", 100.0),
    ("m4a", "-ar 44100 -c:a aac", "-ar 44100 -c:a alac", 25.0),
];

#[test]
fn all_parts_of_a_joined_file_are_heard() {
    let folder = scratch("joined");
    for (extension, first, second, least_db) in CASES {
        let part = |name: &str, arguments: &str, cut: &str| {
            encoded(&folder, &format!("{name}.{extension}"), &format!("{cut} {arguments}"))
        };
        let (Some(a), Some(b)) = (part("a", first, "-t 1.5"), part("b", second, "-ss 3 -t 2"))
        else {
            continue;
        };
        let joined = folder.join(format!("joined.{extension}"));
        let bytes = [&a, &b].map(|path| std::fs::read(path).unwrap()).concat();
        std::fs::write(&joined, bytes).unwrap();
        let parts = [a, b].map(|path| read(&path, &Default::default()).unwrap());
        let expected: Vec<f32> = parts.iter().flat_map(|part| part.samples()).copied().collect();
        let found = Recording::open(&joined, &ReadOptions::default()).unwrap();
        let name = format!("{extension}: {first} + {second}");
        assert_eq!((found.decoder, found.remarks), (DecodedBy::BuiltIn, vec![]), "{name}");
        let longer = found.voice.samples().len().abs_diff(expected.len());
        let snr = signal_to_noise_db(&expected, found.voice.samples());
        eprintln!("{name}: lengths differ by {longer}, {snr:.1} dB");
        assert!(longer <= 2 && snr > least_db, "{name}: {longer} samples, {snr:.1} dB");
    }
}

#[test]
fn all_chunks_of_samples_are_heard() {
    // Two `data` chunks with another chunk between them, and three in a file of unknown size.
    let samples: Vec<u8> =
        (0..64_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let chunk = |kind: &[u8], content: &[u8]| {
        [kind, &(content.len() as u32).to_le_bytes(), content].concat()
    };
    let format = b"\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0";
    for pieces in [2, 3] {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        file.extend(chunk(b"fmt ", format));
        for piece in samples.chunks(samples.len().div_ceil(pieces).next_multiple_of(2)) {
            file.extend(chunk(b"data", piece));
            file.extend(chunk(b"note", b"here"));
        }
        let found = s2f_audio::decode(file, "x", &Default::default()).unwrap();
        let words =
            samples.as_chunks().0.iter().map(|b| f32::from(i16::from_le_bytes(*b)) / 32_768.0);
        let expected: Vec<f32> = words.collect();
        let expected = Waveform::from_interleaved(&expected, 1, 16_000).unwrap();
        assert!(found == expected, "{pieces} pieces");
    }
}
