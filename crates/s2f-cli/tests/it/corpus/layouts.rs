//! Small trees in the layouts of the real corpora, from names to pairs.

use s2f_testing::data;

use super::{Kit, run};
use crate::support::Folder;

#[test]
fn voxceleb1_becomes_pairs_with_its_test_speakers_apart() {
    let (Some(kit), Some(corpus)) = (Kit::find(), data("data/corpora/voxceleb1")) else { return };
    let folder = Folder::new();
    let corpus = corpus.to_str().unwrap();
    let check = folder.run(["corpus", "check", corpus, "--json"]).exits(0).json();
    assert_eq!(check[0]["layout"], "voxceleb1");
    assert_eq!(check[0]["clips"], 21);
    run(&folder, &kit.prepare(&[corpus, "-o", "out"]))
        .exits(0)
        .says(&["21 pairs of 7 speakers", "1 rejected"]);
    let stats = folder.run(["corpus", "stats", "out", "--json"]).exits(0).json();
    assert_eq!(stats[0]["pairs"], 21);
    let splits = String::from_utf8(folder.read("out/splits.csv")).unwrap();
    for speaker in ["id90006,test", "id90007,test"] {
        assert!(splits.contains(speaker), "{splits}");
    }
}

#[test]
fn avspeech_becomes_pairs_and_names_the_video_that_is_gone() {
    let (Some(kit), Some(corpus)) = (Kit::find(), data("data/corpora/avspeech")) else { return };
    let folder = Folder::new();
    let corpus = corpus.to_str().unwrap();
    run(&folder, &kit.prepare(&[corpus, "-o", "out"]))
        .exits(0)
        .says(&["14 pairs of 14 speakers", "1 rejected"]);
    let rejected = String::from_utf8(folder.read("out/rejected.csv")).unwrap();
    assert!(rejected.contains("GRIDs99gone"), "{rejected}");
}
