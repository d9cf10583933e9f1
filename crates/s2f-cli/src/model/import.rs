//! `speech2face model import`: weights from PyTorch.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use s2f_nn::vgg_face::ChannelOrder;
use s2f_nn::weights::{self, Checkpoint, Import, Imported, KeyMap, Precision};
use speech2face::{DeviceChoice, ModelConfig, Speech2Face, read_model_config};

use super::write_new;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Checkpoint of PyTorch (.pth, .pt) or safetensors; nothing in it is run
    file: PathBuf,

    /// What to write: a name that ends in .safetensors, or else a model folder
    #[arg(short, long, value_name = "FILE.safetensors|FOLDER")]
    out: PathBuf,

    /// The network that the weights are of
    #[arg(long, value_enum)]
    network: Network,

    /// Shape of our own networks, a config.json or a model folder; that of the shipped model where
    /// not said. A folder also gives what the file lacks of a whole model
    #[arg(long, value_name = "FILE|FOLDER")]
    config: Option<PathBuf>,

    /// Names, a TOML file of lines `"theirs" = "ours"`; of a tensor or of a module with all below
    /// it, and `"theirs" = ""` leaves it out
    #[arg(long, value_name = "FILE.toml")]
    key_map: Option<PathBuf>,

    /// Order in which VGG-Face weights read colours: rgb where they came through Torch or
    /// MatConvNet, bgr through Caffe or Keras. What is written always reads rgb
    #[arg(long, value_enum, value_name = "ORDER", default_value = "rgb")]
    channels: Channels,

    /// Name of the model in a model folder [default: that of the folder]
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
    /// Both, with the mean feature
    Model,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Channels {
    Rgb,
    Bgr,
}

const NOTES: &str = "\
Examples:
  speech2face model import vgg_face_dag.pth -o vgg-face.safetensors --network vgg-face
  speech2face model import voice.pth -o my-model --network voice-encoder --config old-model
  speech2face model import decoder.pth -o run/face-decoder.safetensors --network face-decoder

Names and shapes of our networks in PyTorch: reference/pytorch. VGG-Face is recognised by the names
conv1_1 … fc8, conv_1_1 … fc8, features.0 … classifier.6 and 0 … 38.1.";

/// A key map is a line for each tensor at most.
const MAX_MAP_BYTES: u64 = 1 << 20;

/// Does what was asked.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<()> {
    let is_file = args.out.extension().is_some_and(|extension| extension == "safetensors");
    let map = args.key_map.as_deref().map(key_map).transpose()?;
    if args.network == Network::VggFace {
        if !is_file {
            bail!(
                "VGG-Face is no model of ours; hint: write it to a file with -o \
                 vgg-face.safetensors"
            );
        }
        let channels = match args.channels {
            Channels::Rgb => ChannelOrder::Rgb,
            Channels::Bgr => ChannelOrder::Bgr,
        };
        let imported = read(&Import::VggFace(channels), args, map.as_ref(), printer)?;
        return write_file(&args.out, imported.bytes, printer);
    }
    if args.channels == Channels::Bgr {
        bail!("only vgg-face reads colours; hint: leave --channels out");
    }
    let mut config = match &args.config {
        Some(path) => read_model_config(path)?,
        None => Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?.config().clone(),
    };
    let import = match args.network {
        Network::VoiceEncoder => Import::VoiceEncoder(config.clone()),
        Network::FaceDecoder => Import::FaceDecoder(config.clone()),
        Network::Model | Network::VggFace => Import::Model(config.clone()),
    };
    let imported = read(&import, args, map.as_ref(), printer)?;
    if is_file {
        return write_file(&args.out, imported.bytes, printer);
    }
    let (bytes, rest) = match import {
        Import::Model(_) => (imported.bytes, None),
        _ => completed(&import, &imported.bytes, args)?,
    };
    let folder = &args.out;
    config.name = args.name.clone().unwrap_or_else(|| name_of(folder));
    let files = [
        ("config.json", serde_json::to_vec_pretty(&config)?),
        ("model.safetensors", bytes),
        ("README.md", card(&config, args, rest.as_ref()).into_bytes()),
    ];
    write_new(folder, &files, printer)?;
    Speech2Face::open(folder, &DeviceChoice::Cpu.open()?)?.verify()?;
    printer.note(format_args!("{} is whole and draws a face", config.name));
    Ok(())
}

fn read(
    import: &Import,
    args: &Args,
    map: Option<&KeyMap>,
    printer: &Printer,
) -> anyhow::Result<Imported> {
    let checkpoint = Checkpoint::open(&args.file)?;
    printer.detail(format_args!(
        "{} holds {} tensors",
        args.file.display(),
        checkpoint.names().len()
    ));
    let imported = import.read(&checkpoint, map)?;
    for note in &imported.notes {
        printer.note(format_args!("{}: {note}", args.file.display()));
    }
    Ok(imported)
}

/// A model of which one network is the imported one and the rest stays, and the model that it is of.
fn completed(
    import: &Import,
    bytes: &[u8],
    args: &Args,
) -> anyhow::Result<(Vec<u8>, Option<Speech2Face>)> {
    let base = match &args.config {
        None => Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?,
        Some(folder) if folder.is_dir() => Speech2Face::open(folder, &DeviceChoice::Cpu.open()?)?,
        Some(file) => bail!(
            "{} says nothing of the other network of a model; hint: give a whole model folder with \
             --config, or write the network alone with -o {}.safetensors",
            file.display(),
            args.out.display()
        ),
    };
    let mut model = base.networks().clone();
    match import {
        Import::VoiceEncoder(_) => {
            model.voice_encoder = weights::load(model.voice_encoder, bytes)?;
        }
        _ => model.face_decoder = weights::load(model.face_decoder, bytes)?,
    }
    Ok((weights::save(&model, Precision::Full)?, Some(base)))
}

fn key_map(path: &Path) -> anyhow::Result<KeyMap> {
    let named = || format!("cannot read {}", path.display());
    if fs::metadata(path).with_context(named)?.len() > MAX_MAP_BYTES {
        bail!("{} is no key map: it has more than {MAX_MAP_BYTES} bytes", path.display());
    }
    let text = fs::read_to_string(path).with_context(named)?;
    let entries: BTreeMap<String, String> = toml::from_str(&text).with_context(|| {
        format!(
            "{} is no key map; hint: each line is \"theirs\" = \"ours\", with quotes around names \
             with dots",
            path.display()
        )
    })?;
    Ok(KeyMap::new(entries))
}

fn write_file(path: &Path, bytes: Vec<u8>, printer: &Printer) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    write_new(path.parent().unwrap_or(Path::new("")), &[(&name, bytes)], printer)
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// A model card that says where the weights came from, for its owner to go on with; the card of the
/// model that the rest is from stands below, since its terms hold for that.
fn card(config: &ModelConfig, args: &Args, rest: Option<&Speech2Face>) -> String {
    let file = args.file.file_name().unwrap_or_default().to_string_lossy();
    let what = match args.network {
        Network::VoiceEncoder => "the voice encoder",
        Network::FaceDecoder => "the face decoder",
        Network::Model | Network::VggFace => "all weights",
    };
    let mut card = format!(
        "# {}\n\nImported from `{file}`: {what}.\n\nThe faces that it draws are synthetic. They are \
         nobody's and identify no one.\n\nTo be filled in by whoever passes it on: data, licence, \
         training, limits.\n",
        config.name
    );
    if let Some(rest) = rest {
        let (name, below) = (&rest.id().name, rest.card());
        card += &format!("\nThe rest is that of the model {name}, whose card follows.\n\n{below}");
    }
    card
}
