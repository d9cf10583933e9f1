//! Edit lists with several entries: the parts of the track, in their order.

use std::path::Path;

use s2f_audio::{DecodedBy, ReadOptions, Recording, Waveform};
use s2f_testing::{data, signal_to_noise_db};

use crate::support::{decoded, encoded, scratch};

const RATE_HZ: u32 = 44_100;

/// Entries of an edit list: length in ms, start in samples, or −1 for a pause.
type Entries = [(u32, i32)];

/// Checks that a file has these parts of its track, which ffmpeg decodes without the edit list.
fn check(path: &Path, entries: &Entries) {
    let Some(track) = decoded(path, &["-ignore_editlist", "1"], RATE_HZ) else { return };
    let samples = |ms: u32| (f64::from(ms) * f64::from(RATE_HZ) / 1000.0).round() as usize;
    let mut expected = Vec::new();
    for &(ms, start) in entries {
        match usize::try_from(start) {
            Ok(start) => expected.extend_from_slice(&track[start..start + samples(ms)]),
            Err(_) => expected.resize(expected.len() + samples(ms), 0.0),
        }
    }
    let expected = Waveform::from_interleaved(&expected, 1, RATE_HZ).unwrap();
    let found = Recording::open(path, &ReadOptions::default()).unwrap();
    assert_eq!((found.decoder, found.remarks), (DecodedBy::BuiltIn, vec![]));
    assert_eq!(found.voice.samples().len(), expected.samples().len(), "{entries:?}");
    let snr = signal_to_noise_db(expected.samples(), found.voice.samples());
    // Some bands are noise that a decoder draws, from where it starts on: the same part sounds the
    // same and has other samples.
    assert!(snr > 20.0, "{entries:?}: {snr:.1} dB");
}

#[test]
fn all_entries_are_heard_in_their_order() {
    if let Some(folder) = data("data/faults") {
        check(&folder.join("two_edits.m4a"), &[(1200, 1024), (3400, 62_764)]);
        check(&folder.join("two_edits_short_first.m4a"), &[(500, 1024), (3400, 62_764)]);
    }
    let folder = scratch("edits");
    let Some(plain) = encoded(&folder, "plain.m4a", "-ar 44100 -c:a aac") else { return };
    let bytes = std::fs::read(plain).unwrap();
    for (number, entries) in [
        // The second half first, and a part twice.
        &[(1500, 100_000), (1000, 1024)][..],
        &[(1000, 50_000), (1000, 50_000), (500, 1024)],
        // A pause between two parts.
        &[(1000, 1024), (400, -1), (1000, 80_000)],
        // Many short parts.
        &[(50, 90_000); 40],
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(format!("{number}.m4a"));
        std::fs::write(&path, with_edits(&bytes, entries)).unwrap();
        check(&path, entries);
    }
}

/// A file of ffmpeg, whose index is its last box, with another edit list.
fn with_edits(bytes: &[u8], entries: &Entries) -> Vec<u8> {
    let mut list = vec![0; 4];
    list.extend((entries.len() as u32).to_be_bytes());
    for (ms, start) in entries {
        list.extend(ms.to_be_bytes());
        list.extend(start.to_be_bytes());
        list.extend([0, 1, 0, 0]);
    }
    let position = |kind: &[u8; 4]| bytes.windows(4).position(|found| found == kind).unwrap() - 4;
    let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let (edts, elst) = (position(b"edts"), position(b"elst"));
    let longer = (8 + list.len()) as i64 - i64::from(size(elst));
    let mut out = bytes[..elst + 8].to_vec();
    out.extend(&list);
    out.extend(&bytes[elst + size(elst) as usize..]);
    for at in [position(b"moov"), position(b"trak"), edts, elst] {
        let new = (i64::from(size(at)) + longer) as u32;
        out[at..at + 4].copy_from_slice(&new.to_be_bytes());
    }
    out
}
