//! A layout that this file alone adds goes the whole way: detection, plan, check, preparation,
//! pairs and rejections. Nothing else in the project names it.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use s2f_audio::SpeechDetector;
use s2f_core::{FaceSpace, Normalisation};
use s2f_corpus::CorpusError;
use s2f_corpus::check::check;
use s2f_corpus::layout::{CorpusContents, LAYOUTS, Layout, detect};
use s2f_corpus::media::{Ffmpeg, encode_wav};
use s2f_corpus::plan::{Clip, FaceSource, LayoutProperties, Media, Person};
use s2f_corpus::prepare::{PrepareSettings, PrepareTools, Remote, merge, prepare};
use s2f_corpus::reject::Reason;
use s2f_corpus::shard::Shard;
use s2f_face::{Detector, FaceEncoder, FaceError, PairFace};
use s2f_pairs::{PairSet, Payload};
use s2f_testing::data;
use tempfile::TempDir;

/// Interviews: a list with a line `SPEAKER FILE` per video.
static INTERVIEWS: Layout = Layout {
    properties: LayoutProperties {
        name: "interviews",
        title: "Interviews",
        treatment: "each video becomes one voice; the face is the best one of its frames",
        default_licence: "ours",
        cuts_into_segments: false,
    },
    needs: "interviews.txt and the videos that it lists",
    detected_by_table: true,
    detect: |root| Ok(root.join(LIST).is_file()),
    read,
};

const LIST: &str = "interviews.txt";

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let mut contents = CorpusContents::default();
    for line in fs::read_to_string(root.join(LIST)).unwrap().lines() {
        let (speaker, file) = line.split_once(' ').unwrap();
        let media = Media { file: root.join(file), start_s: 0.0, end_s: None };
        contents.clips.push(Clip {
            pair_id: format!("{speaker}.{}", file.replace('.', "-")),
            speaker_id: speaker.to_owned(),
            source: file.to_owned(),
            sound: media.clone(),
            face: FaceSource::Video { media, at: None },
            split: None,
        });
        contents.people.insert(speaker.to_owned(), Person::default());
    }
    Ok(contents)
}

/// A corpus with these lines in its list.
fn corpus(lines: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(LIST), lines).unwrap();
    root
}

#[test]
fn it_is_detected_planned_and_checked() {
    let root = corpus("anna 1.mp4\nberta 2.mp4\nberta 3.mp4\n");
    let unknown = detect(root.path(), &LAYOUTS).unwrap_err();
    assert!(matches!(unknown, CorpusError::UnknownLayout { .. }), "{unknown}");

    let layouts = [&LAYOUTS[..], &[&INTERVIEWS]].concat();
    let layout = detect(root.path(), &layouts).unwrap();
    assert_eq!(layout.name(), "interviews");
    let plan = layout.plan(root.path()).unwrap();
    assert_eq!((plan.clips.len(), plan.people.len(), plan.licence.as_str()), (3, 2, "ours"));

    let found = check(&plan);
    assert_eq!((found.layout, found.clips, found.people.present), ("interviews", 3, 2));
    assert_eq!(found.estimate.pairs_at_most, Some(3));
    let text = found.to_string();
    assert!(text.starts_with("layout    Interviews (interviews)\n"), "{text}");
    assert!(text.contains(INTERVIEWS.properties.treatment), "{text}");

    // It does not hide the layouts that are built in.
    fs::write(root.path().join("vox2_meta.csv"), "").unwrap();
    let several = detect(root.path(), &layouts).unwrap_err().to_string();
    assert!(several.contains("voxceleb2, interviews"), "{several}");
}

/// A face encoder that needs no network.
struct PointEncoder(FaceSpace);

impl FaceEncoder for PointEncoder {
    fn face_space(&self) -> &FaceSpace {
        &self.0
    }

    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError> {
        let point = |face: &PairFace| face.points()[2].map(|x| x / 224.0).to_vec();
        Ok(faces.iter().map(point).collect())
    }
}

#[test]
fn it_becomes_pairs_and_rejections() {
    let (Some(grid), Some(yunet)) =
        (data("data/videos/grid/s1_bbaf2n.mpg"), data("models/yunet/yunet_n_dynamic.onnx"))
    else {
        return;
    };
    let ffmpeg = match Ffmpeg::find() {
        Ok(ffmpeg) => ffmpeg,
        Err(error) => return s2f_testing::missing(&error.to_string()),
    };
    let root = corpus("anna talk.mpg\nberta silent.wav\n");
    fs::copy(grid, root.path().join("talk.mpg")).unwrap();
    fs::write(root.path().join("silent.wav"), encode_wav(&[0.0; 48_000])).unwrap();
    let space = FaceSpace {
        name: "points".to_owned(),
        dimension: 2,
        normalisation: Normalisation::None,
        traits: Vec::new(),
    };
    let (encoder, detector) = (PointEncoder(space), Detector::open(yunet).unwrap());
    let speech = SpeechDetector::shipped().unwrap();
    let cancel = AtomicBool::new(true);
    let mut tools = PrepareTools {
        ffmpeg: &ffmpeg,
        detector: &detector,
        speech: &speech,
        encoder: &encoder,
        remote: Remote::default(),
        cancel: Some(&cancel),
    };

    let out = tempfile::tempdir().unwrap();
    let plan = INTERVIEWS.plan(root.path()).unwrap();
    let settings = PrepareSettings::default();
    let run = prepare(&plan, &settings, &tools, Shard::ALL, out.path(), &|_| ());
    assert!(matches!(run, Err(CorpusError::Cancelled)), "{run:?}");
    let merged = merge(&[out.path().to_owned()], out.path()).unwrap_err();
    assert!(matches!(merged, CorpusError::PartsMissing { .. }), "{merged}");
    tools.cancel = None;
    prepare(&plan, &settings, &tools, Shard::ALL, out.path(), &|_| ()).unwrap();
    let summary = merge(&[out.path().to_owned()], out.path()).unwrap();
    assert_eq!((summary.clips, summary.pairs), (2, 1));
    assert_eq!(summary.rejected, [(Reason::NoPicture, 1)].into());
    let pairs = PairSet::open(out.path()).unwrap();
    let rows: Vec<_> = pairs.rows(Payload::ALL, None).map(Result::unwrap).collect();
    let info = &rows[0].info;
    assert_eq!((info.pair_id.as_str(), info.licence.as_str()), ("anna.talk-mpg", "ours"));
    let rejected = fs::read_to_string(out.path().join("rejected.csv")).unwrap();
    assert!(rejected.contains("berta.silent-wav,berta,silent.wav,silent.wav,"), "{rejected}");
}
