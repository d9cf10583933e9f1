//! Sets are read back as written, whole, by split and by row group.

use s2f_core::Normalisation;
use s2f_pairs::{Pair, PairInfo, PairSet, Payload, Split};
use s2f_testing::pairs::{self, varied};

fn read(set: &PairSet, payload: Payload, split: Option<Split>) -> Vec<Pair> {
    set.rows(payload, split).collect::<Result<_, _>>().unwrap()
}

#[test]
fn rows_read_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    // Empty bytes and texts, nothing stated, every script: see the samples.
    let written = varied(0, 300);
    pairs::write(&path, &written).unwrap();
    let set = PairSet::open(&path).unwrap();
    assert_eq!(read(&set, Payload::ALL, None), written);
    assert_eq!(set.pairs(), 300);
    assert_eq!(set.face_space().normalisation, Normalisation::UnitLength);
    assert_eq!(set.speakers()["t e s t"], Split::Test);
    assert_eq!(set.licences().len(), 6);

    let infos: Vec<PairInfo> = set.infos(None).collect::<Result<_, _>>().unwrap();
    assert!(infos.iter().zip(written.iter().map(|pair| &pair.info)).all(|(info, pair)| {
        (&info.pair_id, info.age, &info.language, info.sex, &info.face_sha256)
            == (&pair.pair_id, pair.age, &pair.language, pair.sex, &pair.face_sha256)
    }));
}

#[test]
fn what_is_not_asked_for_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    let written = varied(0, 40);
    pairs::write(&path, &written).unwrap();
    let set = PairSet::open(&path).unwrap();
    let features = Payload { feature: true, ..Payload::default() };
    for (read, written) in read(&set, features, None).iter().zip(&written) {
        assert_eq!((read.audio.len(), read.face.len()), (0, 0));
        assert_eq!((&read.feature, read.face_points), (&written.feature, written.face_points));
    }
}

#[test]
fn a_split_is_read_on_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    let written = varied(0, 100);
    pairs::write(&path, &written).unwrap();
    let set = PairSet::open(&path).unwrap();
    for split in Split::ALL {
        let wanted: Vec<Pair> =
            written.iter().filter(|pair| pair.info.split == split).cloned().collect();
        assert_eq!(read(&set, Payload::ALL, Some(split)), wanted);
        assert_eq!(set.infos(Some(split)).count(), wanted.len());
    }
}

#[test]
fn groups_together_are_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    // Two groups in the first file, one in the second.
    let written = varied(0, 5000);
    pairs::write(&folder.path().join("pairs-00000.parquet"), &written[..4500]).unwrap();
    pairs::write(&folder.path().join("pairs-00001.parquet"), &written[4500..]).unwrap();
    let set = PairSet::open(folder.path()).unwrap();
    assert_eq!(set.groups(), [4096, 404, 500]);
    let group = |number| set.group(number, Payload::ALL, None).map(Result::unwrap);
    assert!((0..4).flat_map(group).eq(written));
}

#[test]
fn a_feature_that_is_not_of_unit_length_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    let mut pairs = varied(0, 5);
    pairs[3].feature[0] += 0.5;
    pairs::write(&path, &pairs).unwrap();
    let set = PairSet::open(&path).unwrap();
    assert_eq!(set.face_space().normalisation, Normalisation::None);
}

#[test]
fn a_file_that_changes_under_the_reader_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.parquet");
    pairs::write(&path, &varied(0, 5)).unwrap();
    let set = PairSet::open(&path).unwrap();
    pairs::write(&path, &varied(0, 6)).unwrap();
    let mut rows = set.infos(None);
    let message = rows.next().unwrap().unwrap_err().to_string();
    assert!(message.contains("changed while"), "{message}");
    assert!(rows.next().is_none());
}

#[test]
fn an_empty_folder_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let message = PairSet::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("no pairs-*.parquet"), "{message}");
}
