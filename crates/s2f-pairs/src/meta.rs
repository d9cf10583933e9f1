//! The metadata of a file of pairs.

use std::collections::BTreeSet;

use parquet::file::metadata::KeyValue;
use s2f_core::{FaceSpace, Normalisation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Version of the format.
pub(crate) const FORMAT: u32 = 1;

/// What the rows of a file have in common, for [`PairWriter`](crate::PairWriter).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFileInfo {
    /// Name of the face space of all features.
    pub face_space: String,
    /// Number of dimensions of a feature.
    pub face_dimension: usize,
    /// Hash of the table that the splits come from, [`SplitTable::hash`](crate::SplitTable::hash);
    /// empty if there was none.
    pub splits_sha256: String,
}

/// The normalisation of two sets together.
pub(crate) fn common(a: Normalisation, b: Normalisation) -> Normalisation {
    if a == b { a } else { Normalisation::None }
}

/// All metadata of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meta {
    pub(crate) face_space: FaceSpace,
    pub(crate) splits_sha256: String,
    pub(crate) licences: BTreeSet<String>,
    pub(crate) seal: Option<Seal>,
}

/// What binds the files of a set together, so that a lost, duplicated or replaced file is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// Number of this file in the set, from 0.
    pub(crate) file: usize,
    /// Files in the set.
    pub(crate) files: usize,
    /// Pairs in the set.
    pub(crate) pairs: u64,
    /// Hash of `speaker\tsplit\n` over the speakers that have pairs in the set.
    pub(crate) speakers_sha256: String,
    /// Hash of pairs, speakers, voices and faces of this file, in their order; empty if the file
    /// was never merged.
    pub(crate) rows_sha256: String,
}

/// The key of every file of pairs, by which other programs recognise one.
pub const KEY_FORMAT: &str = "speech2face.format";
/// Other keys in the file.
const KEY_FACE_SPACE: &str = "speech2face.face_space";
const KEY_SPLITS: &str = "speech2face.splits_sha256";
const KEY_LICENCES: &str = "speech2face.licences";
const KEY_SET: &str = "speech2face.set";

/// Why the metadata of a file cannot be read.
#[derive(Debug)]
pub(crate) enum MetaProblem {
    /// Not a file of this program.
    Foreign,
    /// Another version of the format.
    Version(String),
    /// A key that is missing or malformed.
    Key(&'static str),
}

impl Meta {
    pub(crate) fn to_key_values(&self) -> Vec<KeyValue> {
        // Serialising these types cannot fail.
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let mut pairs = vec![
            (KEY_FORMAT, FORMAT.to_string()),
            (KEY_FACE_SPACE, json(serde_json::to_string(&self.face_space))),
            (KEY_SPLITS, self.splits_sha256.clone()),
            (KEY_LICENCES, json(serde_json::to_string(&self.licences))),
        ];
        if let Some(seal) = &self.seal {
            pairs.push((KEY_SET, json(serde_json::to_string(seal))));
        }
        pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
    }

    pub(crate) fn from_key_values(pairs: &[KeyValue]) -> Result<Self, MetaProblem> {
        let find = |key: &str| {
            pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref())
        };
        match find(KEY_FORMAT) {
            None => return Err(MetaProblem::Foreign),
            Some(version) if version == FORMAT.to_string() => {}
            Some(version) => return Err(MetaProblem::Version(version.to_owned())),
        }
        Ok(Self {
            face_space: parse(find(KEY_FACE_SPACE), KEY_FACE_SPACE)?,
            splits_sha256: find(KEY_SPLITS).ok_or(MetaProblem::Key(KEY_SPLITS))?.to_owned(),
            licences: parse(find(KEY_LICENCES), KEY_LICENCES)?,
            seal: match find(KEY_SET) {
                None => None,
                text => Some(parse(text, KEY_SET)?),
            },
        })
    }
}

fn parse<T: DeserializeOwned>(text: Option<&str>, key: &'static str) -> Result<T, MetaProblem> {
    text.and_then(|text| serde_json::from_str(text).ok()).ok_or(MetaProblem::Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            face_space: FaceSpace {
                name: "mobileface".into(),
                dimension: 256,
                normalisation: Normalisation::UnitLength,
                traits: Vec::new(),
            },
            splits_sha256: "ab".into(),
            licences: BTreeSet::from(["CC BY 4.0".into()]),
            seal: Some(Seal {
                file: 1,
                files: 3,
                pairs: 9,
                speakers_sha256: "cd".into(),
                rows_sha256: "ef".into(),
            }),
        }
    }

    #[test]
    fn keys_read_back_as_written() {
        let open = Meta { seal: None, ..meta() };
        for meta in [meta(), open] {
            assert_eq!(Meta::from_key_values(&meta.to_key_values()).unwrap(), meta);
        }
    }

    #[test]
    fn other_keys_are_told_apart() {
        assert!(matches!(Meta::from_key_values(&[]), Err(MetaProblem::Foreign)));
        let mut keys = meta().to_key_values();
        keys[1].value = Some("{}".into());
        assert!(matches!(Meta::from_key_values(&keys), Err(MetaProblem::Key(KEY_FACE_SPACE))));
        keys[0].value = Some("2".into());
        assert!(matches!(Meta::from_key_values(&keys), Err(MetaProblem::Version(v)) if v == "2"));
    }
}
