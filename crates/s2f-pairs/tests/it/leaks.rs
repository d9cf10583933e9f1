//! Pairs that a model was trained on are refused by name.

use std::fs;

use s2f_pairs::{Pair, PairInfo, PairSet, PairsError, Split, leaks};
use s2f_testing::pairs::{sample, set};

/// A pair of each of `people`, those in `train` for training, the others for the test.
fn corpus(people: usize, train: std::ops::Range<usize>) -> Vec<Pair> {
    let one = |person: usize| {
        let split = if train.contains(&person) { Split::Train } else { Split::Test };
        sample(&format!("pair-{person:02}"), &format!("person-{person:02}"), split).build()
    };
    (0..people).map(one).collect()
}

/// Writes and opens both, and checks the test split of the first against the second.
fn check(evaluated: &[Pair], trained_on: &[Pair]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let evaluated = set(&folder.path().join("now.parquet"), evaluated);
    let trained_on = set(&folder.path().join("then.parquet"), trained_on);
    let test = infos(&evaluated);
    leaks::check(&test.iter().collect::<Vec<_>>(), &evaluated, "m", &trained_on)
        .map_err(|error| error.to_string())
}

fn infos(set: &PairSet) -> Vec<PairInfo> {
    set.infos(Some(Split::Test)).map(Result::unwrap).collect()
}

#[test]
fn the_splits_of_the_training_are_clean() {
    check(&corpus(20, 0..10), &corpus(20, 0..10)).unwrap();
}

#[test]
fn speakers_of_other_splits_are_named() {
    let message = check(&corpus(20, 0..10), &corpus(20, 5..12)).unwrap_err();
    assert!(message.contains("model m was trained on speakers"), "{message}");
    assert!(message.contains("person-10, person-11; hint: "), "{message}");
    let message = check(&corpus(20, 0..10), &corpus(20, 0..20)).unwrap_err();
    assert!(message.contains("person-14, and 5 more; hint: "), "{message}");
}

#[test]
fn the_same_voice_or_face_under_other_names_is_found() {
    let with = |change: fn(&mut Pair)| {
        let mut then = corpus(20, 5..12);
        for (person, pair) in then.iter_mut().enumerate() {
            pair.info.pair_id = format!("other-{person}");
            pair.info.speaker_id = format!("somebody-{person}");
            change(pair);
        }
        check(&corpus(20, 0..10), &then)
    };
    let wanted = "pair-10 is other-10, pair-11 is other-11; hint: ";
    for change in [(|_| ()) as fn(&mut Pair), |pair| pair.audio.push(0), |pair| pair.face.push(0)] {
        let message = with(change).unwrap_err();
        assert!(message.contains(wanted), "{message}");
    }
    with(|pair| {
        pair.audio.push(0);
        pair.face.push(0);
    })
    .unwrap();
}

/// The same name means different people in unrelated corpora.
#[test]
fn names_count_only_in_the_same_corpus() {
    let mut then = corpus(20, 0..20);
    for pair in &mut then {
        pair.info.pair_id.insert_str(0, "other-");
        pair.info.source.insert_str(0, "other-");
        pair.audio.push(0);
        pair.face.push(0);
    }
    let now = corpus(20, 0..10);
    check(&now, &then).unwrap();
    // One pair or one source is enough, also of a split that is not evaluated.
    for common in [3, 13] {
        let mut same = then.clone();
        same[common].info.pair_id.clone_from(&now[common].info.pair_id);
        let message = check(&now, &same).unwrap_err();
        assert!(message.contains("trained on speakers that are evaluated"), "{message}");
        let mut same = then.clone();
        same[common].info.source.clone_from(&now[common].info.source);
        let message = check(&now, &same).unwrap_err();
        assert!(message.contains("trained on speakers that are evaluated"), "{message}");
    }
    // Sources that are not stated say nothing.
    let without = |mut pairs: Vec<Pair>| {
        pairs.iter_mut().for_each(|pair| pair.info.source.clear());
        pairs
    };
    check(&without(now), &without(then)).unwrap();
}

#[test]
fn pairs_without_faces_share_none() {
    let without = |mut pairs: Vec<Pair>| {
        pairs.iter_mut().for_each(|pair| pair.face.clear());
        pairs
    };
    check(&without(corpus(20, 0..10)), &without(corpus(20, 0..10))).unwrap();
}

#[test]
fn the_training_split_of_the_same_set_is_searched_too() {
    let folder = tempfile::tempdir().unwrap();
    let check = |pairs: &[Pair]| {
        let set = set(&folder.path().join("some.parquet"), pairs);
        let test = infos(&set);
        leaks::check_training_split(&test.iter().collect::<Vec<_>>(), &set)
            .map_err(|error| error.to_string())
    };
    let mut pairs = corpus(20, 0..10);
    check(&pairs).unwrap();
    pairs[3].audio = pairs[15].audio.clone();
    let message = check(&pairs).unwrap_err();
    assert!(message.contains("pair-15 is pair-03"), "{message}");
    assert!(message.contains("worthless"), "{message}");
}

/// A voice or a face of the test that replaces one of the training, whose hash stays, is found even
/// in a row that opening does not look at.
#[test]
fn the_training_split_is_compared_by_its_bytes() {
    for (old, new, wrong) in [
        ("voice of pair-04", "voice of pair-50", "audio_sha256"),
        ("face of pair-04", "face of pair-50", "face_sha256"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        set(&path, &corpus(80, 0..40));
        let mut bytes = fs::read(&path).unwrap();
        let place = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
        bytes[place..place + old.len()].copy_from_slice(new.as_bytes());
        fs::write(&path, bytes).unwrap();
        let set = PairSet::open(&path).unwrap();
        let test = infos(&set);
        let test: Vec<&PairInfo> = test.iter().collect();
        for result in
            [leaks::check_training_split(&test, &set), leaks::check(&test, &set, "m", &set)]
        {
            let error = result.unwrap_err();
            let PairsError::Hash { pair_id, column, .. } = &error else { panic!("{error}") };
            assert_eq!((pair_id.as_str(), *column), ("pair-04", wrong));
        }
    }
}
