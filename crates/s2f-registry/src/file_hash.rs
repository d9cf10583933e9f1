//! The hash of a published file.

use serde::Deserialize;

/// The hash by which a file is recognised, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum FileHash {
    /// SHA-256 of its bytes: 64 digits.
    Sha256(String),
    /// The SHA-1 by which git names it: 40 digits.
    GitBlob(String),
}

impl FileHash {
    /// The digits.
    pub fn digits(&self) -> &str {
        match self {
            Self::Sha256(digits) | Self::GitBlob(digits) => digits,
        }
    }

    /// What it is called.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::GitBlob(_) => "git hash",
        }
    }

    /// Whether it has as many digits as its algorithm gives.
    pub(crate) fn is_valid(&self) -> bool {
        let digits = match self {
            Self::Sha256(_) => 64,
            Self::GitBlob(_) => 40,
        };
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        self.digits().len() == digits && self.digits().bytes().all(is_digit)
    }
}

impl From<String> for FileHash {
    fn from(digits: String) -> Self {
        Self::Sha256(digits)
    }
}
