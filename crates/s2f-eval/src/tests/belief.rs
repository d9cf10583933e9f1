//! Models whose scores are known in advance: a perfect one, a random one, one that gives everybody
//! the same face, and one that distinguishes only sex. Also what must be refused.

use s2f_core::Sex;
use s2f_metrics::{Bootstrap, Distance, Vectors};
use s2f_pairs::{Pair, Split};

use super::samples::{items, pair, random, set};
use crate::groups::Control;
use crate::items::Items;
use crate::options::PairSelection;
use crate::outcome::{Gap, search};
use crate::report::{Score, Unit};
use crate::scorer::{Baseline, Scorer, per_cent};

const DIMENSION: usize = 16;
const TEST: PairSelection = PairSelection::Split(Split::Test);

/// Searches with `voices`, scored in every way.
fn scores(items: &Items, voices: &Vectors, draws: usize) -> Vec<Score> {
    let bootstrap = Bootstrap::new(items.speakers.len(), draws, 0);
    let mut scorer = Scorer::new(items, &bootstrap);
    let centre = vec![0.0; DIMENSION];
    let found = search(items, voices, &items.faces, &centre, &Distance::ALL);
    for distance in Distance::ALL {
        let name = |what: &str| format!("{}/{what}", distance.name());
        let all = found.all(distance);
        for k in [1, 2, 5, 10] {
            scorer.recall(&name(&format!("at-{k}")), all, |_| k);
            scorer.recall(&name(&format!("at-{k}-percent")), all, per_cent(k));
        }
        for n in [2, 5, 10] {
            scorer.best_of(&name(&format!("1-of-{n}")), all, n);
            for control in [Control::Sex, Control::AgeBand] {
                let id = name(&format!("1-of-{n}/{}", control.name()));
                scorer.best_of(&id, found.among(distance, control), n);
            }
        }
        scorer.median_rank(&name("median-rank"), all);
    }
    scorer.into_scores()
}

#[test]
fn a_model_that_knows_the_answer_scores_everything() {
    let items = items(40, DIMENSION);
    for score in scores(&items, &items.faces, 200) {
        let expected = if score.unit == Unit::Rank { 1.0 } else { 100.0 };
        assert_eq!(score.value, expected, "{}", score.id);
    }
    let bootstrap = Bootstrap::new(items.speakers.len(), 100, 0);
    let mut scorer = Scorer::new(&items, &bootstrap);
    let gaps = Gap::Degrees.of_pairs(&items.faces, &items.faces, &[0.0; DIMENSION], Some);
    let id = scorer.mean("degrees", Unit::Degrees, &gaps, Baseline::default());
    assert!(scorer.get(&id).unwrap().value < 1e-5);
}

#[test]
fn a_model_that_knows_nothing_sits_at_chance() {
    const SEEDS: u64 = 100;
    let items = items(60, DIMENSION);
    let mut held = std::collections::BTreeMap::<String, u64>::new();
    for seed in 0..SEEDS {
        for score in scores(&items, &random(items.len(), DIMENSION, 1000 + seed), 500) {
            let ([low, high], chance) = (score.interval.unwrap(), score.chance.unwrap());
            *held.entry(score.id).or_default() += u64::from((low..=high).contains(&chance));
        }
    }
    let mean = held.values().sum::<u64>() as f64 / held.len() as f64;
    assert!(mean >= 95.0, "{mean}: {held:?}");
    // With 100 seeds, a correct 95 % interval misses more than 12 with probability 0.001, and
    // there are dozens of scores.
    assert!(held.values().all(|&held| held >= 88), "{held:?}");
}

#[test]
fn one_face_for_everybody_gets_just_what_chance_gives() {
    let items = items(30, DIMENSION);
    let voice = random(1, DIMENSION, 5);
    let same = Vectors::from_rows(std::iter::repeat_n(voice.row(0), items.len()));
    for score in scores(&items, &same, 100) {
        // The median of 1 to 30 and its chance level are both 15.5.
        let apart = (score.value - score.chance.unwrap()).abs();
        assert!(apart < 1e-9, "{} {apart}", score.id);
    }
    // And the other way round: voices that cannot be told apart are all tied.
    let centre = [0.0; DIMENSION];
    let found = search(&items, &items.faces, &same, &centre, &[Distance::Cosine]);
    let ranks = found.all(Distance::Cosine);
    assert!(ranks.iter().flatten().all(|rank| (rank.within(3) - 0.1).abs() < 1e-9));
}

#[test]
fn a_model_that_distinguishes_only_sex_is_at_chance_among_people_of_one_sex() {
    let mut items = items(40, DIMENSION);
    // True faces differ by sex.
    let rows: Vec<Vec<f32>> = (0..items.len())
        .map(|pair| {
            let mut row = items.faces.row(pair).to_vec();
            row[0] = if items.items[pair].info.sex == Some(Sex::Male) { 2.0 } else { -2.0 };
            row
        })
        .collect();
    items.faces = Vectors::from_rows(rows.iter().map(Vec::as_slice));
    let voices = Vectors::new(
        items
            .items
            .iter()
            .flat_map(|item| {
                let mut voice = [0.1; DIMENSION];
                voice[0] = if item.info.sex == Some(Sex::Male) { 1.0 } else { -1.0 };
                voice
            })
            .collect(),
        DIMENSION,
    );
    let scores = scores(&items, &voices, 100);
    let value = |id: &str| scores.iter().find(|score| score.id == id).unwrap().value;
    // Wrong only where the other is of the same sex, and then at chance: 1/2 · 19/39.
    let expected = 100.0 * (1.0 - 0.5 * 19.0 / 39.0);
    assert!((value("cosine/1-of-2") - expected).abs() < 1e-9);
    assert!((value("cosine/1-of-2/same-sex") - 50.0).abs() < 1e-9);
}

#[test]
fn the_same_recording_or_picture_in_the_training_split_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let check = |change: &dyn Fn(&mut Pair)| {
        let mut pairs: Vec<Pair> = (0..20).map(|person| pair(person, 0, DIMENSION)).collect();
        pairs[..10].iter_mut().for_each(|pair| pair.info.split = Split::Train);
        change(&mut pairs[3]);
        let set = set(&folder.path().join("some.parquet"), &pairs);
        let (items, _) = Items::choose(&set, TEST, 100, None).unwrap();
        items.check_leaks(&set, TEST, "m", None).map_err(|error| error.to_string())
    };
    check(&|_| ()).unwrap();
    for change in
        [(|twin: &mut Pair| twin.audio = pair(15, 0, DIMENSION).audio) as fn(&mut Pair), |twin| {
            twin.face = pair(15, 0, DIMENSION).face
        }]
    {
        let message = check(&change).unwrap_err();
        assert!(message.contains("pair-015-0 is pair-003-0"), "{message}");
        assert!(message.contains("worthless"), "{message}");
    }
}

#[test]
fn a_model_that_was_trained_on_who_is_evaluated_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, train: std::ops::Range<usize>, rename: bool| {
        let pairs: Vec<Pair> = (0..20)
            .map(|person| {
                let mut pair = pair(person, 0, DIMENSION);
                pair.info.split = if train.contains(&person) { Split::Train } else { Split::Test };
                if rename {
                    pair.info.speaker_id = format!("somebody-{person}");
                    pair.info.pair_id = format!("other-{person}");
                }
                pair
            })
            .collect();
        set(&folder.path().join(name), &pairs)
    };
    let now = with("now.parquet", 0..10, false);
    let (items, _) = Items::choose(&now, TEST, 100, None).unwrap();
    items.check_leaks(&now, TEST, "m", Some(&now)).unwrap();
    let message =
        |trained_on| items.check_leaks(&now, TEST, "m", Some(&trained_on)).unwrap_err().to_string();
    // Split again after the training.
    let speakers = message(with("then.parquet", 5..12, false));
    assert!(speakers.contains("person-010, person-011;"), "{speakers}");
    // The same files in a corpus with other names.
    let files = message(with("other.parquet", 5..12, true));
    assert!(files.contains("pair-010-0 is other-10, pair-011-0 is other-11;"), "{files}");
}

#[test]
fn a_corpus_that_grew_since_is_still_known_by_its_speakers() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, people: usize, train: usize| {
        let pairs: Vec<Pair> = (0..people)
            .map(|person| {
                let mut pair = pair(person, 0, DIMENSION);
                pair.info.split = if person < train { Split::Train } else { Split::Test };
                // No voice and no face, so that only names are compared.
                (pair.audio, pair.face) = (Vec::new(), Vec::new());
                pair
            })
            .collect();
        set(&folder.path().join(name), &pairs)
    };
    let (then, now) = (with("then.parquet", 20, 12), with("now.parquet", 21, 10));
    let (items, _) = Items::choose(&now, TEST, 100, None).unwrap();
    let message = items.check_leaks(&now, TEST, "m", Some(&then)).unwrap_err().to_string();
    assert!(message.contains("person-010, person-011;"), "{message}");
    let train = PairSelection::Split(Split::Train);
    items.check_leaks(&now, train, "m", Some(&then)).unwrap();
}

#[test]
fn pairs_that_would_be_scored_wrongly_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut pairs: Vec<Pair> = (0..6).map(|person| pair(person, 0, DIMENSION)).collect();
    pairs[4].info.pair_id = pairs[2].info.pair_id.clone();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    let message = Items::choose(&set, TEST, 100, None).unwrap_err().to_string();
    assert!(message.contains("pair-002-0"), "{message}");
}
