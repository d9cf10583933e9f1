//! Files are written whole or not at all, and hold only what belongs in them.

use std::fs;
use std::path::Path;

use s2f_pairs::{Pair, PairFileInfo, PairWriter};
use s2f_testing::pairs::{self, DIMENSION, SPACE, varied};

#[test]
fn the_same_rows_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        pairs::write(&path, &varied(0, 50)).unwrap();
        fs::read(path).unwrap()
    };
    assert_eq!(write("a.parquet"), write("b.parquet"));
}

#[test]
fn a_feature_of_another_space_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.parquet");
    let check = |change: fn(&mut Pair), words: &[&str]| {
        // The first pair decides the face space of the file.
        let [first, mut pair] = [varied(1, 1).remove(0), varied(0, 1).remove(0)];
        change(&mut pair);
        let message = pairs::write(&path, &[first, pair]).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        assert!(message.contains("train._00000"), "{message}");
    };
    check(|pair| pair.face_space = "vgg-face".into(), &["vgg-face", "mobileface"]);
    check(|pair| pair.feature.truncate(3), &["3 dimensions", "mobileface has 8"]);
    check(|pair| pair.feature[1] = f32::NAN, &["not finite"]);
    // Not even a temporary file stays.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_is_seen_only_when_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.parquet");
    let info = PairFileInfo {
        face_space: SPACE.into(),
        face_dimension: DIMENSION,
        splits_sha256: String::new(),
    };
    let mut writer = PairWriter::create(&path, &info).unwrap();
    writer.push(&varied(0, 1)[0]).unwrap();
    assert!(!path.exists());
    writer.finish().unwrap();
    assert!(path.exists());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let path = Path::new("/nonexistent/pairs.parquet");
    let message = pairs::write(path, &[]).unwrap_err().to_string();
    assert!(message.contains("/nonexistent"), "{message}");
}
