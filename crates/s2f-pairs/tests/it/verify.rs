//! Bytes that were exchanged under their hashes, and values that cannot be, are found and named.

use std::fs;
use std::path::{Path, PathBuf};

use s2f_pairs::{Pair, PairFileInfo, PairSet, PairWriter, PairsError, Payload, Split};
use s2f_testing::pairs::{self, sample};

/// Pairs of one speaker each, half of them for training, with voices and faces of one length.
fn some(count: usize) -> Vec<Pair> {
    let one = |n: usize| {
        let split = if n.is_multiple_of(2) { Split::Train } else { Split::Test };
        sample(&format!("pair{n:04}"), &format!("speaker{n:04}"), split)
            .seconds(6.125)
            .feature("some", 4, |i| if i == n % 4 { 1.0 } else { 0.0 })
            .build()
    };
    (0..count).map(one).collect()
}

/// A file with these pairs in its own folder.
fn written(pairs: &[Pair]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    pairs::write(&path, pairs).unwrap();
    (folder, path)
}

/// Replaces bytes of a file in all places, and nothing else.
fn replace(path: &Path, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(new);
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_row_that_was_copied_under_its_old_hash_is_refused() {
    let pairs = some(10);
    let (copied, replaced) = (&pairs[2], &pairs[7]);
    for (old, new, column) in [
        (&replaced.audio, &copied.audio, "audio_sha256"),
        (&replaced.face, &copied.face, "face_sha256"),
    ] {
        let (_folder, path) = written(&pairs);
        PairSet::open(&path).unwrap();
        // A voice, or a face, of the training split is evaluated under another name.
        replace(&path, old, new);
        let message = PairSet::open(&path).unwrap_err().to_string();
        for word in ["some.parquet", "pair0007", column, "hint: "] {
            assert!(message.contains(word), "{message}");
        }
    }
}

/// Rows 0, 10, 20 … of 640 are sampled.
#[test]
fn opening_reads_a_sample_and_verifying_all() {
    let pairs = some(640);
    for (number, is_sampled) in [(0, true), (5, false), (310, true), (639, false)] {
        let (_folder, path) = written(&pairs);
        replace(&path, &pairs[number].audio, &pairs[(number + 1) % 640].audio);
        let name = &pairs[number].info.pair_id;
        match PairSet::open(&path) {
            Err(error) => assert!(is_sampled && error.to_string().contains(name), "{error}"),
            Ok(set) => {
                assert!(!is_sampled, "{number}");
                let mut reached = 0;
                let error = set.verify(&mut |done| reached = done).unwrap_err();
                assert!(matches!(&error, PairsError::Hash { pair_id, .. } if pair_id == name));
                assert_eq!(reached, number as u64);
                // Reading never returns it either.
                let audio = Payload { audio: true, ..Payload::default() };
                assert_eq!(set.rows(audio, None).filter(Result::is_ok).count(), number);
                let feature = Payload { feature: true, ..Payload::default() };
                assert_eq!(set.rows(feature, None).filter(Result::is_ok).count(), 640);
            }
        }
    }
    let (_folder, path) = written(&pairs);
    let mut reached = 0;
    PairSet::open(&path).unwrap().verify(&mut |done| reached = done).unwrap();
    assert_eq!(reached, 640);
}

#[test]
fn features_that_cannot_be_are_refused() {
    let mut pairs = some(3);
    pairs[1].feature = vec![0.6, 0.0, 0.8, 0.0];
    let bytes = |feature: [f32; 4]| feature.map(f32::to_le_bytes).concat();
    for (feature, words) in [
        ([0.6, f32::NAN, 0.8, 0.0], "not finite"),
        ([0.6, f32::INFINITY, 0.8, 0.0], "not finite"),
        ([0.6, 0.0, 0.9, 0.0], "length 1.082"),
    ] {
        let (_folder, path) = written(&pairs);
        replace(&path, &bytes([0.6, 0.0, 0.8, 0.0]), &bytes(feature));
        let message = PairSet::open(&path).unwrap_err().to_string();
        assert!(message.contains("pair0001") && message.contains(words), "{message}");
    }
}

#[test]
fn lengths_that_no_voice_has_are_refused() {
    for seconds in [f32::NAN, f32::INFINITY, 0.0, -6.125] {
        let (_folder, path) = written(&some(3));
        replace(&path, &6.125_f32.to_le_bytes(), &seconds.to_le_bytes());
        let message = PairSet::open(&path).unwrap_err().to_string();
        assert!(message.contains("pair0000 in"), "{message}");
        assert!(message.contains(&format!("a voice of {seconds} s")), "{message}");

        let mut pair = some(1).remove(0);
        pair.info.seconds = seconds;
        assert!(matches!(pairs::write(&path, &[pair]), Err(PairsError::Voice { .. })));
    }
}

/// A hash that is left out is computed, one that is wrong is refused.
#[test]
fn a_written_hash_is_right_by_construction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    let info =
        PairFileInfo { face_space: "some".into(), face_dimension: 4, splits_sha256: String::new() };
    let written = some(1).remove(0);
    let mut pair = written.clone();
    pair.info.audio_sha256.clear();
    pair.info.face_sha256.clear();
    let mut writer = PairWriter::create(&path, &info).unwrap();
    writer.push(&pair).unwrap();
    writer.finish().unwrap();
    let set = PairSet::open(&path).unwrap();
    assert_eq!(set.rows(Payload::ALL, None).next().unwrap().unwrap(), written);

    let mut writer = PairWriter::create(&path, &info).unwrap();
    let wrong = Pair { audio: b"another".to_vec(), ..written.clone() };
    let message = writer.push(&wrong).unwrap_err().to_string();
    assert!(message.contains("pair0000") && message.contains("audio_sha256"), "{message}");
    let wrong = Pair { face: b"another".to_vec(), ..written };
    let message = writer.push(&wrong).unwrap_err().to_string();
    assert!(message.contains("face_sha256"), "{message}");
}
