//! Reconstructions as files: PNG for people, JSON and NumPy for programs.

use crate::{
    Face, FacesDocument, ModelId, Picture, PlausibleFaces, Provenance, Reconstruction, SOFTWARE,
    SYNTHETIC, SampleId,
};

/// Why a reconstruction could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// As PNG.
    #[error("cannot encode the picture as PNG ({0}); hint: free some memory and try again")]
    Png(#[from] png::EncodingError),
    /// A cartoon as pixels.
    #[error("cannot draw the cartoon with {side} pixels; hint: use 16 to 4096")]
    Cartoon {
        /// Width and height, pixels.
        side: u32,
    },
    /// As JSON.
    #[error("cannot encode the result as JSON ({0}); hint: free some memory and try again")]
    Json(#[from] serde_json::Error),
}

const NPY_MAGIC: &[u8] = b"\x93NUMPY";

/// IPTC's mark of generated pictures, which search engines and social networks show as a label.
const XMP: &str = concat!(
    r#"<x:xmpmeta xmlns:x="adobe:ns:meta/">"#,
    r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
    r#"<rdf:Description rdf:about="" "#,
    r#"xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" "#,
    r#"Iptc4xmpExt:DigitalSourceType="#,
    r#""http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>"#,
    "</rdf:RDF></x:xmpmeta>",
);

/// A picture of generated faces as a PNG file whose metadata say that it is synthetic and which
/// model generated it. `rgb` contains R, G, B of each pixel, row by row; `size` is width and
/// height.
///
/// # Errors
/// [`EncodingError::Png`] if `rgb` is not 3 · width · height bytes long.
pub fn synthetic_png(
    size: [u32; 2],
    rgb: &[u8],
    model: &ModelId,
) -> Result<Vec<u8>, EncodingError> {
    encode(size, rgb, (SYNTHETIC, XMP), model, &[], None)
}

/// [`synthetic_png`] with an opacity for each pixel: `rgba` contains R, G, B, A of each.
pub(crate) fn synthetic_rgba(
    size: [u32; 2],
    rgba: &[u8],
    model: &ModelId,
    provenance: Option<&Provenance>,
) -> Result<Vec<u8>, EncodingError> {
    match provenance {
        Some(provenance) => picture(size, rgba, provenance),
        None => encode(size, rgba, (SYNTHETIC, XMP), model, &[], None),
    }
}

/// The statement in every picture that contains photographs too.
const COMPOSITE: &str = "Photographs of people, or averages of photographs, together with \
                         synthetic images that a model generated, which show no real person.";

/// A picture of photographs and generated faces as a PNG file whose metadata say that a part of it
/// is synthetic. Otherwise as [`synthetic_png`].
///
/// # Errors
/// As [`synthetic_png`].
pub fn composite_png(
    size: [u32; 2],
    rgb: &[u8],
    model: &ModelId,
) -> Result<Vec<u8>, EncodingError> {
    let xmp = XMP.replace("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia");
    encode(size, rgb, (COMPOSITE, &xmp), model, &[], None)
}

/// `description` and `xmp` are the two marks of generated pictures. `pixels` has three or four
/// channels.
fn encode(
    [width, height]: [u32; 2],
    pixels: &[u8],
    (description, xmp): (&str, &str),
    model: &ModelId,
    texts: &[(&str, String)],
    provenance: Option<String>,
) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    let has_alpha = pixels.len() as u64 == 4 * u64::from(width) * u64::from(height);
    encoder.set_color(if has_alpha { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    encoder.add_text_chunk("Software".into(), SOFTWARE.into())?;
    encoder.add_text_chunk("Description".into(), description.into())?;
    for (keyword, text) in texts {
        encoder.add_text_chunk((*keyword).to_owned(), text.clone())?;
    }
    // The name of a model may be in any script, for which PNG has the chunk iTXt.
    let model = format!("{}, SHA-256 {}", model.name, model.sha256);
    encoder.add_itxt_chunk("Model".into(), model)?;
    if let Some(provenance) = provenance {
        encoder.add_itxt_chunk("speech2face".into(), provenance)?;
    }
    encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), xmp.into())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

impl Reconstruction {
    /// The picture as a PNG file. Its metadata say that it is synthetic, and hold the provenance as
    /// JSON under the keyword `speech2face`.
    ///
    /// # Errors
    /// [`EncodingError`].
    pub fn to_png(&self) -> Result<Vec<u8>, EncodingError> {
        let Picture { side, rgb } = &self.face.picture;
        picture([*side as u32; 2], rgb, &self.provenance)
    }

    /// The [document](Self::document) as one line of JSON.
    ///
    /// # Errors
    /// [`EncodingError`].
    pub fn to_json(&self) -> Result<Vec<u8>, EncodingError> {
        line(&self.document())
    }
}

impl PlausibleFaces {
    /// The [document](Self::document) as one line of JSON.
    ///
    /// # Errors
    /// [`EncodingError`].
    pub fn to_json(&self) -> Result<Vec<u8>, EncodingError> {
        line(&self.document())
    }

    /// All pictures on one sheet as a PNG file, row by row, the mean face first; about twice as
    /// wide as high. Its metadata are those of [`Reconstruction::to_png`].
    ///
    /// # Errors
    /// [`EncodingError`].
    pub fn sheet_png(&self) -> Result<Vec<u8>, EncodingError> {
        let faces: Vec<&Face> =
            std::iter::once(&self.mean).chain(&self.samples).map(|drawn| &drawn.face).collect();
        let columns = (2.0 * faces.len() as f64).sqrt().ceil() as usize;
        let (side, rows) = (self.mean.face.picture.side, faces.len().div_ceil(columns));
        let mut rgb = vec![255; 3 * columns * side * rows * side];
        for (place, face) in faces.into_iter().enumerate() {
            let corner = (place / columns * side * columns + place % columns) * side;
            for (y, row) in face.picture.rgb.chunks_exact(3 * side).enumerate() {
                rgb[3 * (corner + y * columns * side)..][..3 * side].copy_from_slice(row);
            }
        }
        let sampling = self.samples.first().and_then(|first| first.provenance.sample);
        let sample = sampling.map(|sample| SampleId { index: None, ..sample });
        let provenance = Provenance { sample, ..self.mean.provenance.clone() };
        picture([columns, rows].map(|count| (count * side) as u32), &rgb, &provenance)
    }
}

fn line(document: &FacesDocument<'_>) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = serde_json::to_vec(document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A picture with the marks of a synthetic one and its provenance.
fn picture(
    size: [u32; 2],
    pixels: &[u8],
    provenance: &Provenance,
) -> Result<Vec<u8>, EncodingError> {
    let source = format!("voice recording, SHA-256 {}", provenance.recording.sha256);
    let json = serde_json::to_string(provenance)?;
    let marks = (SYNTHETIC, XMP);
    encode(size, pixels, marks, &provenance.model, &[("Source", source)], Some(json))
}

impl Face {
    /// The feature as a NumPy file, `[D]`, `float32`.
    pub fn feature_npy(&self) -> Vec<u8> {
        let values = self.feature.values();
        npy(&format!("({},)", values.len()), values)
    }

    /// The landmarks as a NumPy file, `[landmarks, 2]`, `float32`.
    pub fn landmarks_npy(&self) -> Vec<u8> {
        npy(&format!("({}, 2)", self.landmarks.len()), self.landmarks.as_flattened())
    }
}

/// NumPy's format, version 1.0: magic, length of the header, header, values.
fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    /// The values start at a multiple of it.
    const ALIGNMENT: usize = 64;
    const PREFIX: usize = 10; // magic, version, length of the header
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (PREFIX + header.len() + 1).next_multiple_of(ALIGNMENT) - PREFIX;
    header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
    header.push('\n');
    let mut bytes =
        [NPY_MAGIC, &[1, 0], &(length as u16).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use s2f_core::FaceSpace;

    use super::*;
    use crate::{FaceFeature, ReconstructOptions, RecordingId};

    fn reconstruction() -> Reconstruction {
        let feature = (0..256).map(|n| (n as f32 - 100.0) / 300.0).collect();
        Reconstruction {
            face: Face {
                feature: FaceFeature::new(FaceSpace::mobileface(), feature).unwrap(),
                landmarks: vec![[1.5, 2.25], [-0.125, 200.0], [3.0, 4.0]],
                picture: Picture { side: 8, rgb: (0..192).collect() },
            },
            provenance: Provenance {
                software: SOFTWARE,
                synthetic: SYNTHETIC,
                model: ModelId { name: "größer 模".into(), sha256: "ab".repeat(32) },
                recording: RecordingId {
                    sha256: "cd".repeat(32),
                    seconds: 6.25,
                    decoder: "built-in".into(),
                },
                options: ReconstructOptions { exaggerate: 0.7, ..ReconstructOptions::default() },
                sample: None,
            },
            uncertainty: None,
            log_density: None,
        }
    }

    #[test]
    fn a_png_contains_the_picture_and_its_provenance() {
        let reconstruction = reconstruction();
        let bytes = reconstruction.to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, reconstruction.face.picture.rgb);
        let info = reader.info();
        let text = |keyword: &str| {
            let found = info.uncompressed_latin1_text.iter().find(|t| t.keyword == keyword);
            found.unwrap_or_else(|| panic!("no {keyword}")).text.clone()
        };
        assert_eq!(text("Software"), SOFTWARE);
        assert!(text("Description").starts_with("Synthetic image."));
        assert!(text("Description").ends_with("identifies nobody."));
        assert!(text("Source").ends_with(&"cd".repeat(32)));
        let long = |keyword: &str| {
            let found = info.utf8_text.iter().find(|t| t.keyword == keyword);
            found.unwrap_or_else(|| panic!("no {keyword}")).get_text().unwrap()
        };
        assert_eq!(long("Model"), format!("größer 模, SHA-256 {}", "ab".repeat(32)));
        assert!(long("XML:com.adobe.xmp").contains("trainedAlgorithmicMedia"));
        let provenance: serde_json::Value = serde_json::from_str(&long("speech2face")).unwrap();
        assert_eq!(provenance["model"]["name"], "größer 模");
        assert_eq!(provenance["settings"]["window"], "all");
        assert_eq!(provenance["recording"]["seconds"], 6.25);
    }

    #[test]
    fn json_contains_provenance_feature_and_landmarks() {
        let reconstruction = reconstruction();
        let json: serde_json::Value =
            serde_json::from_slice(&reconstruction.to_json().unwrap()).unwrap();
        assert_eq!(json["software"], SOFTWARE);
        assert_eq!(json["face_space"]["name"], "mobileface-v2");
        assert_eq!(json["landmarks"][1][0], -0.125);
        let feature: Vec<f32> = serde_json::from_value(json["feature"].clone()).unwrap();
        assert_eq!(feature, reconstruction.face.feature.values());
    }

    #[test]
    fn numpy_files_are_read_back_by_another_reader() {
        let face = reconstruction().face;
        let read = |bytes: &[u8]| {
            let file = npyz::NpyFile::new(bytes).unwrap();
            (file.shape().to_vec(), file.into_vec::<f32>().unwrap())
        };
        assert_eq!(read(&face.feature_npy()), (vec![256], face.feature.values().to_vec()));
        assert_eq!(
            read(&face.landmarks_npy()),
            (vec![3, 2], face.landmarks.as_flattened().to_vec())
        );
        assert_eq!(face.feature_npy().len() % 64, 0);
    }
}
