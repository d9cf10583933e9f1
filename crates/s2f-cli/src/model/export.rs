//! `speech2face model export`: a model's networks for other programs.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::ValueEnum;
use s2f_nn::weights::onnx::{self, Frames, OnnxFile};
use s2f_nn::weights::{self, Precision};
use s2f_nn::{FaceDistributionConfig, FaceDistributionHead};
use speech2face::{DeviceChoice, ModelId, SOFTWARE, SYNTHETIC, Speech2Face};

use super::write_new;
use crate::model_choice::ModelChoice;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    #[command(flatten)]
    model: ModelChoice,

    /// Output folder
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    output: PathBuf,

    /// Output format: safetensors for PyTorch, onnx for any runtime
    #[arg(long, value_enum)]
    format: Format,

    /// Export only one of the networks
    #[arg(long, value_enum)]
    network: Option<Network>,

    /// Number of input frames of the voice encoder's ONNX file, or dynamic: for a clip of 6 s, 601
    /// frames of a mel spectrogram (speaker encoder) or 598 of a spectrogram (convolutions)
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic")]
    frames: FramesChoice,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Safetensors,
    Onnx,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Network {
    VoiceEncoder,
    FaceDistribution,
    FaceDecoder,
}

#[derive(Clone, Copy)]
struct FramesChoice(Frames);

impl FromStr for FramesChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "dynamic" {
            return Ok(Self(Frames::Dynamic));
        }
        let frames = text.parse().map_err(|_| "must be a number or dynamic".to_owned())?;
        Ok(Self(Frames::Fixed(frames)))
    }
}

const NOTES: &str = "\
Examples:
  speech2face model export -o for-pytorch --format safetensors
  speech2face model export -m my-model -o deploy --format onnx --network face-decoder

With safetensors, the output is a model folder in single precision with PyTorch's names; classes
that load it are in reference/pytorch. ONNX files contain only the networks: computing spectrograms
and saving pictures is up to you.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<()> {
    if args.format == Format::Safetensors && !matches!(args.frames.0, Frames::Dynamic) {
        bail!("--frames applies only to ONNX; hint: omit it, or use --format onnx");
    }
    let model = args.model.open(&DeviceChoice::Cpu.open()?)?;
    let files = match args.format {
        Format::Safetensors => safetensors(&model, args.network)?,
        Format::Onnx => onnx(&model, args, printer)?,
    };
    write_new(&args.output, &files, printer)
}

type Files = Vec<(&'static str, Vec<u8>)>;

fn safetensors(model: &Speech2Face, network: Option<Network>) -> anyhow::Result<Files> {
    let (networks, config) = (model.networks(), serde_json::to_vec_pretty(model.config())?);
    let config = ("config.json", config);
    Ok(match network {
        None => vec![
            config,
            ("model.safetensors", weights::save(networks, Precision::Full)?),
            ("README.md", model.card().as_bytes().to_vec()),
        ],
        Some(Network::VoiceEncoder) => vec![
            config,
            ("voice-encoder.safetensors", weights::save(&networks.voice_encoder, Precision::Full)?),
        ],
        Some(Network::FaceDistribution) => vec![
            config,
            (
                "face-distribution.safetensors",
                weights::save(distribution(model)?.0, Precision::Full)?,
            ),
        ],
        Some(Network::FaceDecoder) => vec![
            config,
            ("face-decoder.safetensors", weights::save(&networks.face_decoder, Precision::Full)?),
        ],
    })
}

fn onnx(model: &Speech2Face, args: &Args, printer: &Printer) -> anyhow::Result<Files> {
    let (networks, config) = (model.networks(), model.config());
    let metadata = metadata(model)?;
    let mut files = Files::new();
    let wanted = |network: Network| args.network.is_none_or(|only| only == network);
    if wanted(Network::VoiceEncoder) {
        let (network, config) = (&networks.voice_encoder, &config.voice_encoder);
        let OnnxFile { bytes, .. } =
            onnx::voice_encoder(network, config, args.frames.0, &metadata)?;
        files.push(("voice-encoder.onnx", bytes));
    }
    if wanted(Network::FaceDistribution)
        && (args.network.is_some() || networks.face_distribution.is_some())
    {
        let (network, config) = distribution(model)?;
        let OnnxFile { bytes, .. } = onnx::face_distribution(network, config, &metadata)?;
        files.push(("face-distribution.onnx", bytes));
    }
    if wanted(Network::FaceDecoder) {
        let (network, border) = (&networks.face_decoder, &config.border);
        let OnnxFile { bytes, outputs } =
            onnx::face_decoder(network, &config.face_decoder, border, &metadata)?;
        if !outputs.iter().any(|output| output == "picture") {
            printer.warning(
                "the border points of this model's warp span no triangle, so its face-decoder.onnx \
                 has the outputs landmarks and texture, but no picture",
            );
        }
        files.push(("face-decoder.onnx", bytes));
    }
    Ok(files)
}

/// The face distribution, for a user who asks for it.
fn distribution(
    model: &Speech2Face,
) -> anyhow::Result<(&FaceDistributionHead, &FaceDistributionConfig)> {
    let network = model.networks().face_distribution.as_ref();
    network.zip(model.config().face_distribution.as_ref()).with_context(|| {
        format!(
            "model {} has no face distribution; hint: omit --network, or choose another network",
            model.id().name
        )
    })
}

/// Metadata of the ONNX files, which most viewers show.
fn metadata(model: &Speech2Face) -> anyhow::Result<Vec<(String, String)>> {
    let ModelId { name, sha256 } = model.id();
    let line = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Ok(vec![
        line("software", SOFTWARE),
        line("model", name),
        line("model_sha256", sha256),
        line("face_space", &serde_json::to_string(model.face_space())?),
        line("licence", licence(model.card())),
        line("synthetic", SYNTHETIC),
    ])
}

/// The licence in the header of a model card, in the format of the Hugging Face hub.
fn licence(card: &str) -> &str {
    let header = card.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---"));
    let lines = header.into_iter().flat_map(|(header, _)| header.lines());
    let mut stated = lines.filter_map(|line| line.strip_prefix("license:"));
    stated.next().map_or("not stated", str::trim)
}
