//! What a request may ask for: the options of `speech2face reconstruct`, by the same names.

use std::str::FromStr;

use speech2face::{CartoonStyle, ReconstructOptions, Sampling, VoicePolicy};

use crate::problem::{Kind, Problem};

/// Faces that a request may ask for.
const MAX_FACES: usize = 24;

/// How a face is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    pub exaggerate: f32,
    /// Number of plausible faces besides the mean face.
    pub faces: usize,
    pub seed: u64,
    pub truncate: Option<f64>,
    pub first_window: bool,
    /// Also as a cartoon.
    pub style: Option<CartoonStyle>,
    /// How far the cartoon moves away from the mean face.
    pub caricature: Option<f32>,
    /// Also the intermediate results.
    pub steps: bool,
}

impl Options {
    /// The options in pairs of names and values.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Problem> {
        let mut options = Self::default();
        for (name, value) in pairs {
            options.set(name, value)?;
        }
        Ok(options)
    }

    /// Sets one option.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let range = ReconstructOptions::EXAGGERATION;
        match name {
            "exaggerate" => {
                self.exaggerate =
                    parse(name, value, "a number from -1 to 3", |n| range.contains(n))?;
            }
            "faces" => {
                self.faces =
                    parse(name, value, "a number from 0 to 24", |n| (0..=MAX_FACES).contains(n))?;
            }
            "seed" => self.seed = parse(name, value, "a whole number from 0", |_| true)?,
            "truncate" => {
                let inside = |share: &f64| (0.0..=1.0).contains(share);
                self.truncate = Some(parse(name, value, "a number from 0 to 1", inside)?);
            }
            "window" => {
                self.first_window = match value {
                    "all" => false,
                    "first" => true,
                    _ => return Err(bad(name, value, "all or first")),
                };
            }
            "style" => {
                self.style = match value {
                    "photo" => None,
                    _ => Some(
                        value
                            .parse()
                            .map_err(|_| bad(name, value, "photo, cartoon, sticker or line"))?,
                    ),
                };
            }
            "caricature" => {
                let inside = |amount: &f32| CartoonStyle::CARICATURE.contains(amount);
                self.caricature = Some(parse(name, value, "a number from 0 to 2", inside)?);
            }
            "steps" => self.steps = parse(name, value, "true or false", |_| true)?,
            _ => {
                return Err(Problem::new(
                    Kind::BadRequest,
                    "there is an option with an unknown name",
                    "exaggerate, faces, seed, truncate, window, style, caricature and steps are \
                     known",
                ));
            }
        }
        Ok(())
    }

    /// The options of the library.
    pub fn reconstruct(&self) -> ReconstructOptions {
        let voice =
            if self.first_window { VoicePolicy::first_clip() } else { VoicePolicy::default() };
        ReconstructOptions { voice, exaggerate: self.exaggerate }
    }

    /// How plausible faces are drawn, if there are any.
    pub fn sampling(&self) -> Option<Sampling> {
        let truncation = self.truncate.unwrap_or(1.0);
        (self.faces > 0).then_some(Sampling { count: self.faces, seed: self.seed, truncation })
    }
}

fn parse<T: FromStr>(
    name: &str,
    value: &str,
    expected: &str,
    inside: impl Fn(&T) -> bool,
) -> Result<T, Problem> {
    let parsed = value.parse().ok().filter(|parsed| inside(parsed));
    parsed.ok_or_else(|| bad(name, value, expected))
}

fn bad(name: &str, value: &str, expected: &str) -> Problem {
    let value: String = value.chars().take(40).collect();
    Problem::new(
        Kind::BadRequest,
        format!("{name} is {value:?}"),
        format!("{name} must be {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_checked() {
        let options = Options::from_pairs([
            ("exaggerate", "0.7"),
            ("faces", "3"),
            ("seed", "9"),
            ("truncate", "0.5"),
            ("window", "first"),
            ("style", "line"),
            ("steps", "true"),
        ]);
        let options = options.unwrap();
        let expected = Sampling { count: 3, seed: 9, truncation: 0.5 };
        assert_eq!(options.sampling(), Some(expected));
        assert_eq!(options.reconstruct().voice, VoicePolicy::first_clip());
        assert_eq!(options.style, Some(CartoonStyle::Line));
        assert_eq!(Options::default().sampling(), None);
        for (name, value) in [
            ("exaggerate", "4"),
            ("exaggerate", "nan"),
            ("exaggerate", ""),
            ("faces", "25"),
            ("faces", "-1"),
            ("seed", "1.5"),
            ("truncate", "1.1"),
            ("window", "some"),
            ("style", "oil"),
            ("caricature", "9"),
            ("steps", "yes"),
            ("nonsense", "1"),
        ] {
            let problem = Options::from_pairs([(name, value)]).unwrap_err();
            assert_eq!(problem.kind, Kind::BadRequest, "{name} {value}");
            assert!(!problem.hint.is_empty());
        }
    }
}
