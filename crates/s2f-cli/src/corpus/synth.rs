//! `corpus synth`: a synthetic corpus with known ground truth.

use std::error::Error;
use std::path::PathBuf;

use anyhow::Context;
use image::RgbImage;
use s2f_core::Sex;
use s2f_corpus::media::Ffmpeg;
use s2f_corpus::synth::{self, FaceModel, PopulationSettings, RANKS, Recall, SynthReport};
use speech2face::{FaceFeature, Speech2Face, VoicePolicy};

use crate::Outcome;
use crate::device::DeviceArgs;
use crate::model_choice::ModelChoice;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Output folder; the same command resumes an interrupted run
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    #[arg(required_unless_present = "folder")]
    output: Option<PathBuf>,

    /// The same, as it was given before there was --output
    #[arg(hide = true, conflicts_with = "output")]
    folder: Option<PathBuf>,

    /// Number of speakers
    #[arg(long, value_name = "N", default_value_t = PopulationSettings::default().speakers)]
    speakers: usize,

    /// Clips per speaker
    #[arg(long, value_name = "N", default_value_t = PopulationSettings::default().clips)]
    clips: usize,

    /// Length of a clip, seconds
    #[arg(long, value_name = "S", default_value_t = PopulationSettings::default().seconds)]
    seconds: f64,

    /// Correlation of the hidden traits of voice and face, 0 to 1
    #[arg(long, value_name = "R", default_value_t = PopulationSettings::default().strength)]
    strength: f64,

    /// Random seed
    #[arg(long, value_name = "N", default_value_t = PopulationSettings::default().seed)]
    seed: u64,

    /// Random seed of the faces alone: gives the same voices other faces
    #[arg(long, value_name = "N")]
    face_seed: Option<u64>,

    #[command(flatten)]
    model: ModelChoice,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
Voices are synthesised, faces are drawn by the model, and both depend on hidden traits whose
correlation is known (truth.csv). So the best possible retrieval is known too (synth.json), and a
trained model can be compared with it. None of these people exist, and nothing that is learnt from
them applies to real people.

The output has one folder per person; continue with corpus check and corpus prepare. It contains
videos if ffmpeg is installed, and sounds with pictures otherwise.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let model = args.model.open(&args.device.open()?)?;
    let draw = |feature: &[f32]| draw(&model, feature);
    let faces = FaceModel {
        name: format!("{} {}", model.id().name, model.id().sha256),
        women: mean_feature(&model, Sex::Female)?,
        men: mean_feature(&model, Sex::Male)?,
        draw: &draw,
    };
    let output = args.output.as_deref().or(args.folder.as_deref()).context("no output folder")?;
    let ffmpeg = Ffmpeg::find();
    if ffmpeg.is_err() {
        printer.warning("ffmpeg is not installed: writing sounds with pictures instead of videos");
    }
    let settings = args.settings();
    let bar = printer.with_progress(settings.speakers.saturating_mul(settings.clips));
    let report = synth::make(output, &settings, &faces, ffmpeg.ok().as_ref(), &|progress| {
        bar.reach(progress.done as u64);
    })?;
    drop(bar);
    if args.json {
        printer.json(&report.truth)?;
    } else {
        print(&report, printer);
    }
    printer.note(format_args!("wrote {}", output.display()));
    Ok(Outcome::AllGood)
}

fn print(report: &SynthReport, printer: &Printer) {
    let SynthReport { truth, made, kept } = report;
    printer.note(format_args!("{made} clips generated, {kept} already existed"));
    let ranks = RANKS.map(|rank| format!("{rank:>6}")).concat();
    printer.note(format_args!(
        "% of voices whose face is among the first of {} faces",
        truth.best.gallery
    ));
    printer.note(format_args!("{:18}{ranks}", ""));
    for (name, recall) in [("best possible", &truth.best), ("by chance", &truth.chance)] {
        printer.note(format_args!("{name:18}{}", percent(recall)));
    }
}

fn percent(recall: &Recall) -> String {
    recall.at.map(|share| format!("{:6.1}", 100.0 * share)).concat()
}

/// The mean of the features that the model predicts for voices of one sex.
fn mean_feature(model: &Speech2Face, sex: Sex) -> anyhow::Result<Vec<f32>> {
    let mut mean = vec![0.0; model.face_space().dimension];
    let mut voices = 0.0;
    for voice in synth::example_voices(sex) {
        let feature = model.embed_voice(&voice, &VoicePolicy::first_clip())?;
        mean.iter_mut().zip(feature.values()).for_each(|(sum, value)| *sum += value);
        voices += 1.0;
    }
    mean.iter_mut().for_each(|sum| *sum /= voices);
    Ok(mean)
}

fn draw(model: &Speech2Face, feature: &[f32]) -> Result<RgbImage, Box<dyn Error + Send + Sync>> {
    let feature = FaceFeature::new(model.face_space().clone(), feature.to_vec())?;
    let picture = model.decode(&feature, 0.0)?.picture;
    let side = picture.side as u32;
    Ok(RgbImage::from_raw(side, side, picture.rgb).context("the picture is not square")?)
}

impl Args {
    fn settings(&self) -> PopulationSettings {
        PopulationSettings {
            speakers: self.speakers,
            clips: self.clips,
            seconds: self.seconds,
            strength: self.strength,
            seed: self.seed,
            face_seed: self.face_seed,
        }
    }
}
