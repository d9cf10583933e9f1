//! A drawn face: pictures, numbers and what is known about it.

use std::error::Error;

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use speech2face::{Cartoon, CartoonStyle, Face, Picture, Reconstruction};

use crate::source::bytes;

/// A face, in values that need no model.
#[pyclass(frozen, get_all, module = "speech2face._native")]
pub struct Drawn {
    /// R, G, B of each pixel, `[side, side, 3]`.
    rgb: Py<PyByteArray>,
    /// Width and height, pixels.
    side: usize,
    /// `[landmarks, 2]`, 32-bit floats.
    landmarks: Py<PyByteArray>,
    /// `[D]`, 32-bit floats.
    feature: Py<PyByteArray>,
    /// The picture as the command writes it: a photograph or a cartoon.
    png: Py<PyBytes>,
    /// The cartoon.
    svg: Option<String>,
}

/// The same before the interpreter is needed.
pub struct Encoded {
    face: Face,
    png: Vec<u8>,
    svg: Option<String>,
}

impl Encoded {
    /// Encodes a face, as `cartoon` if there is one.
    pub fn new(
        drawn: Reconstruction,
        cartoon: Option<Cartoon>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (png, svg) = match cartoon {
            Some(cartoon) => {
                let svg = cartoon.svg().to_owned();
                (
                    cartoon.with_provenance(&drawn.provenance).to_png(CartoonStyle::USUAL_SIDE)?,
                    Some(svg),
                )
            }
            None => (drawn.to_png()?, None),
        };
        Ok(Self { face: drawn.face, png, svg })
    }

    /// The face for Python.
    pub fn into_python(self, py: Python<'_>) -> Drawn {
        let Self { face: Face { feature, landmarks, picture: Picture { side, rgb } }, png, svg } =
            self;
        let of = |bytes: &[u8]| PyByteArray::new(py, bytes).unbind();
        Drawn {
            rgb: of(&rgb),
            side,
            landmarks: of(&bytes(landmarks.as_flattened())),
            feature: of(&bytes(feature.values())),
            png: PyBytes::new(py, &png).unbind(),
            svg,
        }
    }
}
