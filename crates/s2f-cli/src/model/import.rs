//! `speech2face model import`: weights from PyTorch, Keras and re-implementations.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use s2f_core::{AtomicFile, ChannelOrder};
use s2f_nn::weights::{self, Checkpoint, Import, Imported, Precision};
use speech2face::{
    Device, DeviceChoice, ModelConfig, ModelSource, SHIPPED, Speech2Face, read_model_config,
};

use super::key_map::KeyMapFile;
use super::write_new;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// PyTorch checkpoint (.pth, .pt), Keras weights (.h5) or safetensors; no code in it is run
    file: PathBuf,

    /// Output: a file whose name ends in .safetensors, or otherwise a model folder
    #[arg(short, long, visible_alias = "out", value_name = "FILE.safetensors|FOLDER")]
    output: PathBuf,

    /// Network that the weights belong to
    #[arg(long, value_enum)]
    network: Network,

    /// Configuration of the networks: a config.json, or a model by name or folder [default: that
    /// of the key map, or compact]
    ///
    /// A model also supplies the network that the file lacks.
    #[arg(long, value_name = "FILE|MODEL")]
    config: Option<String>,

    /// Key map: a TOML file of lines "theirs" = "ours"
    ///
    /// Keys are names of tensors or modules; a module stands for everything in it, and an empty
    /// value skips the tensor. configs/import has the key maps of known re-implementations, with
    /// the configurations of their networks.
    #[arg(long, value_name = "FILE.toml")]
    key_map: Option<PathBuf>,

    /// Part of the file that holds the network, if several do: the beginning of the names of its
    /// tensors, as in G or ema.module
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,

    /// Channel order of VGG-Face weights: rgb from Torch or MatConvNet, bgr from Caffe or Keras
    ///
    /// The output always expects rgb.
    #[arg(long, value_name = "ORDER", default_value_t)]
    channels: ChannelOrder,

    /// Name of the model [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Network {
    /// VGG-Face, for `corpus prepare --encoder vgg-face --weights`
    VggFace,
    /// A voice encoder
    VoiceEncoder,
    /// A face decoder
    FaceDecoder,
    /// Both networks, with the mean feature
    Model,
}

const NOTES: &str = "\
Examples:
  speech2face model import vgg_face_dag.pth -o vgg-face.safetensors --network vgg-face
  speech2face model import voice.pth -o my-model --network voice-encoder --config old-model
  speech2face model import decoder.pth -o run/face-decoder.safetensors --network face-decoder
  speech2face model import final.h5 -o voice.safetensors --network voice-encoder \
      --key-map configs/import/saiteja-talluri.toml

Names and shapes of the networks in PyTorch are in reference/pytorch. VGG-Face weights may use the
names conv1_1 … fc8, conv_1_1 … fc8, features.0 … classifier.6 or 0 … 38.1.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<()> {
    let is_file = args.output.extension().is_some_and(|extension| extension == "safetensors");
    let map = args.key_map.as_deref().map(KeyMapFile::read).transpose()?;
    let program = map.as_ref().and_then(KeyMapFile::program);
    if program.is_some() && args.network != Network::VoiceEncoder {
        bail!("the key map is of a voice encoder; hint: use --network voice-encoder");
    }
    if args.network == Network::VggFace {
        if !is_file {
            bail!(
                "VGG-Face cannot be written as a model folder; hint: write it to a file with -o \
                 vgg-face.safetensors"
            );
        }
        let import = Import::VggFace(args.channels);
        let imported = read(&import, args, map.as_ref(), printer)?;
        return write_file(&args.output, imported.bytes, printer);
    }
    if args.channels == ChannelOrder::Bgr {
        bail!("--channels applies only to vgg-face; hint: omit it");
    }
    // Weights are converted on the CPU.
    let device = DeviceChoice::Cpu.open()?;
    let base = match (&args.config, program) {
        (None, Some(program)) => Base::Config(Box::new(program.config.clone())),
        (name, _) => Base::open(name.as_deref().unwrap_or(SHIPPED), &device)?,
    };
    let mut config = match program {
        Some(program) => with_voice_encoder(base.config(), &program.config, args)?,
        None => base.config().clone(),
    };
    let import = match args.network {
        Network::VoiceEncoder => Import::VoiceEncoder(config.clone()),
        Network::FaceDecoder => Import::FaceDecoder(config.clone()),
        Network::Model | Network::VggFace => Import::Model(config.clone()),
    };
    let imported = read(&import, args, map.as_ref(), printer)?;
    if is_file {
        return write_file(&args.output, imported.bytes, printer);
    }
    let (bytes, rest) = match import {
        Import::Model(_) => (imported.bytes, None),
        _ => completed(&import, &imported.bytes, base, args)?,
    };
    let folder = &args.output;
    config.name = args.name.clone().unwrap_or_else(|| name_of(folder));
    let files = [
        ("config.json", serde_json::to_vec_pretty(&config)?),
        ("model.safetensors", bytes),
        ("README.md", card(&config, args, rest.as_ref()).into_bytes()),
    ];
    verify(&files, &device)?;
    write_new(folder, &files, printer)?;
    printer.note(format_args!("{} is complete and works", config.name));
    Ok(())
}

/// Opens a model from its files and computes a face, before they are written to their place.
fn verify(files: &[(&str, Vec<u8>)], device: &Device) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    for (name, bytes) in files {
        AtomicFile::write(&folder.path().join(name), bytes)?;
    }
    Ok(Speech2Face::open(folder.path(), device)?.verify()?)
}

/// What the networks are built from.
enum Base {
    /// A `config.json` alone.
    Config(Box<ModelConfig>),
    /// A model, which can supply the network that is not imported.
    Model(Box<Speech2Face>),
}

impl Base {
    fn open(name: &str, device: &Device) -> anyhow::Result<Self> {
        // The name of a model comes before a file of that name.
        if name != SHIPPED && Path::new(name).is_file() {
            return Ok(Self::Config(Box::new(read_model_config(Path::new(name))?)));
        }
        match ModelSource::resolve(name)?.model_folder() {
            // A folder with only a config.json is enough for a whole model.
            Some(folder) if !folder.join("model.safetensors").exists() => {
                Ok(Self::Config(Box::new(read_model_config(&folder)?)))
            }
            Some(folder) => Ok(Self::Model(Box::new(Speech2Face::open(&folder, device)?))),
            None => Ok(Self::Model(Box::new(Speech2Face::shipped(device)?))),
        }
    }

    fn config(&self) -> &ModelConfig {
        match self {
            Self::Config(config) => config,
            Self::Model(model) => model.config(),
        }
    }
}

fn read(
    import: &Import,
    args: &Args,
    map: Option<&KeyMapFile>,
    printer: &Printer,
) -> anyhow::Result<Imported> {
    let checkpoint = Checkpoint::open(&args.file)?;
    printer.detail(format_args!(
        "{} contains {} tensors",
        args.file.display(),
        checkpoint.names().len()
    ));
    let layout = map.map(KeyMapFile::layout);
    let imported = import.read(&checkpoint, layout, args.prefix.as_deref())?;
    for note in &imported.notes {
        printer.note(format_args!("{}: {note}", args.file.display()));
    }
    Ok(imported)
}

/// The configuration of a model with the voice encoder of another program. A distribution of faces
/// is left out: it reads the voice encoder that it was trained on.
fn with_voice_encoder(
    base: &ModelConfig,
    theirs: &ModelConfig,
    args: &Args,
) -> anyhow::Result<ModelConfig> {
    let (own, other) = (&base.face_space, &theirs.face_space);
    if !own.is_compatible(other) {
        bail!(
            "the voice encoder predicts features of face space {other}, {} decodes {own}; hint: \
             name a model of {} with --config, or write the network alone with -o {}.safetensors",
            base.name,
            other.name,
            args.output.display()
        );
    }
    let voice_encoder = theirs.voice_encoder.clone();
    Ok(ModelConfig { voice_encoder, face_distribution: None, ..base.clone() })
}

/// The base model with one network replaced by the imported one, and the base model.
fn completed(
    import: &Import,
    bytes: &[u8],
    base: Base,
    args: &Args,
) -> anyhow::Result<(Vec<u8>, Option<Speech2Face>)> {
    let base = match base {
        Base::Model(model) => *model,
        Base::Config(config) => bail!(
            "the configuration {} has no weights of the other network; hint: name a model with \
             --config, or write the network alone with -o {}.safetensors",
            config.name,
            args.output.display()
        ),
    };
    let mut model = base.networks().clone();
    match import {
        Import::VoiceEncoder(config) => {
            let network = config.voice_encoder.init(&DeviceChoice::Cpu.open()?)?;
            model.voice_encoder = weights::load(network, bytes)?;
            model.face_distribution =
                model.face_distribution.filter(|_| config.face_distribution.is_some());
        }
        _ => model.face_decoder = weights::load(model.face_decoder, bytes)?,
    }
    Ok((weights::save(&model, Precision::Full)?, Some(base)))
}

fn write_file(path: &Path, bytes: Vec<u8>, printer: &Printer) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    write_new(path.parent().unwrap_or(Path::new("")), &[(&name, bytes)], printer)
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// A model card that says where the weights came from, for the user to complete. The card of the
/// base model follows, since its terms apply to the other network.
fn card(config: &ModelConfig, args: &Args, rest: Option<&Speech2Face>) -> String {
    let file = args.file.file_name().unwrap_or_default().to_string_lossy();
    let what = match args.network {
        Network::VoiceEncoder => "the voice encoder",
        Network::FaceDecoder => "the face decoder",
        Network::Model | Network::VggFace => "all weights",
    };
    let mut card = format!(
        "# {}\n\nImported from `{file}`: {what}.\n\nThe faces that it draws are synthetic. They \
         are nobody's faces and identify no one.\n\nTo be completed before it is published: data, \
         licence, training, limits.\n",
        config.name
    );
    if let Some(rest) = rest {
        let (name, below) = (&rest.id().name, rest.card());
        card += &format!(
            "\nThe other network is that of the model {name}, whose card follows.\n\n{below}"
        );
    }
    card
}
