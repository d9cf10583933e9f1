//! Faces as responses: JSON with pictures inside, or a single picture.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use speech2face::{
    Cartoon, CartoonStyle, Face, FaceFeature, FaceTraits, FacesDocument, FrontEndInput, LevelSpan,
    Picture, PlausibleFaces, Provenance, Reconstruction, SYNTHETIC, Speech2Face, VoiceRecording,
    synthetic_png,
};

use crate::options::Options;
use crate::problem::{Kind, Problem};
use crate::worker::{Rendered, Reply};

/// Width and height of a cartoon in pixels.
const CARTOON_SIDE: u32 = 512;
pub const JSON: &str = "application/json";

/// What a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Png,
    Svg,
}

impl Format {
    /// The first type that the client accepts and the server knows.
    pub fn accepted(headers: &HeaderMap) -> Result<Self, Problem> {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let types = accept.unwrap_or("*/*").split(',');
        let known = |kind: &str| match kind.split(';').next().unwrap_or_default().trim() {
            "" | "*/*" | "application/*" | JSON => Some(Self::Json),
            "image/png" | "image/*" => Some(Self::Png),
            "image/svg+xml" => Some(Self::Svg),
            _ => None,
        };
        types.into_iter().find_map(known).ok_or_else(|| {
            Problem::new(
                Kind::NotAcceptable,
                "the response cannot be of a type that the request accepts",
                "accept application/json, image/png or, with a cartoon style, image/svg+xml",
            )
        })
    }

    /// The format, if it exists for the style.
    pub fn for_style(self, style: Option<CartoonStyle>) -> Result<Self, Problem> {
        if self == Self::Svg && style.is_none() {
            return Err(Problem::new(
                Kind::NotAcceptable,
                "only cartoons are drawn as SVG",
                "add style=sticker or style=line, or accept image/png",
            ));
        }
        Ok(self)
    }
}

/// Pictures of one face.
#[derive(Serialize)]
struct Pictures {
    /// The picture as a PNG file, base64.
    png: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cartoon: Option<CartoonFiles>,
}

#[derive(Serialize)]
struct CartoonFiles {
    svg: String,
    /// Base64.
    png: String,
}

#[derive(Serialize)]
struct Response<'a> {
    #[serde(flatten)]
    document: FacesDocument<'a>,
    /// What the voice told, in sentences.
    told: Vec<String>,
    /// Whether there is any speech.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_speech: Option<bool>,
    picture: Pictures,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<Pictures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<StepFiles>,
}

#[derive(Serialize)]
struct StepFiles {
    waveform: Vec<LevelSpan>,
    input_frames: usize,
    input_bins: usize,
    /// Bytes from 0 to 255, base64.
    input: String,
    /// PNG, base64.
    texture: String,
    mean_landmarks: Vec<[f32; 2]>,
}

/// The faces of a recording.
pub fn faces(
    model: &Speech2Face,
    recording: &VoiceRecording,
    drawn: &PlausibleFaces,
    options: &Options,
    format: Format,
) -> Reply {
    match (format, options.style) {
        (Format::Json, _) => {}
        (Format::Png, None) => return Ok(png(drawn.mean.to_png()?)),
        (_, Some(style)) => {
            let provenance = Some(&drawn.mean.provenance);
            return cartoon(model, &drawn.mean.face, provenance, style, (options, format));
        }
        (Format::Svg, None) => return Err(internal()),
    }
    let pictures = |drawn: &Reconstruction| {
        pictures(model, &drawn.face, Some(&drawn.provenance), drawn.to_png()?, options)
    };
    let samples = drawn.samples.iter().map(pictures).collect::<Result<_, Problem>>()?;
    let uncertainty = drawn.mean.uncertainty.as_ref();
    let steps = if options.steps { Some(steps(model, recording, drawn, options)?) } else { None };
    json(&Response {
        document: drawn.document(),
        told: uncertainty.map(|told| told.sentences()).unwrap_or_default(),
        has_speech: uncertainty.map(|told| told.has_speech()),
        picture: pictures(&drawn.mean)?,
        pictures: samples,
        steps,
    })
}

/// A face that was decoded from a feature.
pub fn face(model: &Speech2Face, face: &Face, options: &Options, format: Format) -> Reply {
    #[derive(Serialize)]
    struct Decoded<'a> {
        synthetic: &'static str,
        #[serde(flatten)]
        feature: &'a FaceFeature,
        landmarks: &'a [[f32; 2]],
        side: usize,
        traits: FaceTraits,
        picture: Pictures,
    }
    match (format, options.style) {
        (Format::Json, _) => {}
        (Format::Png, None) => return Ok(png(plain_png(model, &face.picture)?)),
        (_, Some(style)) => return cartoon(model, face, None, style, (options, format)),
        (Format::Svg, None) => return Err(internal()),
    }
    json(&Decoded {
        synthetic: SYNTHETIC,
        feature: &face.feature,
        landmarks: &face.landmarks,
        side: face.picture.side,
        traits: face.feature.traits(),
        picture: pictures(model, face, None, plain_png(model, &face.picture)?, options)?,
    })
}

/// Serialises a response.
pub fn json(value: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(value).map_err(|_| internal())?;
    Ok(Rendered { content_type: JSON, body })
}

fn png(body: Vec<u8>) -> Rendered {
    Rendered { content_type: "image/png", body }
}

fn pictures(
    model: &Speech2Face,
    face: &Face,
    provenance: Option<&Provenance>,
    png: Vec<u8>,
    options: &Options,
) -> Result<Pictures, Problem> {
    let cartoon = match options.style {
        None => None,
        Some(style) => {
            let cartoon = drawing(model, face, provenance, style, options)?;
            let png = cartoon.to_png(CARTOON_SIDE)?;
            Some(CartoonFiles { svg: cartoon.into_svg(), png: STANDARD.encode(png) })
        }
    };
    Ok(Pictures { png: STANDARD.encode(png), cartoon })
}

/// The cartoon alone, in the requested format.
fn cartoon(
    model: &Speech2Face,
    face: &Face,
    provenance: Option<&Provenance>,
    style: CartoonStyle,
    (options, format): (&Options, Format),
) -> Reply {
    let cartoon = drawing(model, face, provenance, style, options)?;
    if format == Format::Svg {
        let body = cartoon.into_svg().into_bytes();
        return Ok(Rendered { content_type: "image/svg+xml", body });
    }
    Ok(png(cartoon.to_png(CARTOON_SIDE)?))
}

fn drawing(
    model: &Speech2Face,
    face: &Face,
    provenance: Option<&Provenance>,
    style: CartoonStyle,
    options: &Options,
) -> Result<Cartoon, Problem> {
    let caricature = options.caricature.unwrap_or(CartoonStyle::USUAL_CARICATURE);
    let cartoon = model.cartoon(face, style, caricature);
    let cartoon = cartoon.map_err(|error| Problem::from_error(Kind::BadRequest, &error))?;
    Ok(match provenance {
        Some(provenance) => cartoon.with_provenance(provenance),
        None => cartoon,
    })
}

fn plain_png(model: &Speech2Face, picture: &Picture) -> Result<Vec<u8>, Problem> {
    Ok(synthetic_png([picture.side as u32; 2], &picture.rgb, model.id())?)
}

fn steps(
    model: &Speech2Face,
    recording: &VoiceRecording,
    drawn: &PlausibleFaces,
    options: &Options,
) -> Result<StepFiles, Problem> {
    let policy = options.reconstruct().voice;
    let steps = model.steps(recording.voice(), &policy, &drawn.mean.face.feature)?;
    let FrontEndInput { frames, bins, values } = steps.input;
    Ok(StepFiles {
        waveform: steps.waveform,
        input_frames: frames,
        input_bins: bins,
        input: STANDARD.encode(values),
        texture: STANDARD.encode(plain_png(model, &steps.texture)?),
        mean_landmarks: steps.mean_landmarks,
    })
}

fn internal() -> Problem {
    let hint = "report it with the request id";
    Problem::new(Kind::Internal, "the result could not be encoded", hint)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_first_known_type_is_chosen() {
        let accepted = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::ACCEPT, HeaderValue::from_static(value));
            }
            Format::accepted(&headers).ok()
        };
        assert_eq!(accepted(None), Some(Format::Json));
        assert_eq!(accepted(Some("*/*")), Some(Format::Json));
        assert_eq!(accepted(Some("image/png")), Some(Format::Png));
        assert_eq!(accepted(Some("text/html, image/svg+xml;q=0.9")), Some(Format::Svg));
        assert_eq!(accepted(Some("text/html")), None);
        assert!(Format::Svg.for_style(None).is_err());
        assert!(Format::Svg.for_style(Some(CartoonStyle::Line)).is_ok());
    }
}
