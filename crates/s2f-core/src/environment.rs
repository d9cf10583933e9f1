//! The environment variables that users may set.

use std::env;
use std::ffi::OsString;

/// An environment variable of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Path of ffmpeg.
    Ffmpeg,
    /// The instruction set that computes on the CPU.
    Isa,
    /// The folder of networks.
    Models,
    /// The table of networks.
    Registry,
}

impl Variable {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ffmpeg, Self::Isa, Self::Models, Self::Registry];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "SPEECH2FACE_FFMPEG",
            Self::Isa => "SPEECH2FACE_ISA",
            Self::Models => "SPEECH2FACE_MODELS",
            Self::Registry => "SPEECH2FACE_REGISTRY",
        }
    }

    /// Its former name, which is still read.
    pub const fn former_name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "S2F_FFMPEG",
            Self::Isa => "S2F_ISA",
            Self::Models => "S2F_MODELS",
            Self::Registry => "S2F_REGISTRY",
        }
    }

    /// Its value, if it is set and not empty.
    pub fn value(self) -> Option<OsString> {
        self.value_in(env::var_os)
    }

    /// Whether only its former name is set.
    pub fn is_outdated(self) -> bool {
        set(env::var_os, self.name()).is_none() && set(env::var_os, self.former_name()).is_some()
    }

    fn value_in(self, environment: impl Fn(&'static str) -> Option<OsString>) -> Option<OsString> {
        set(&environment, self.name()).or_else(|| set(&environment, self.former_name()))
    }
}

fn set(
    environment: impl Fn(&'static str) -> Option<OsString>,
    name: &'static str,
) -> Option<OsString> {
    environment(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_former_name_is_read_where_the_name_is_not_set() {
        let value = |variables: &'static [(&str, &str)]| {
            Variable::Models.value_in(move |name| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        assert_eq!(value(&[]), None);
        assert_eq!(value(&[("SPEECH2FACE_MODELS", "")]), None);
        assert_eq!(value(&[("S2F_MODELS", "a")]).unwrap(), "a");
        assert_eq!(value(&[("S2F_MODELS", "a"), ("SPEECH2FACE_MODELS", "b")]).unwrap(), "b");
        assert_eq!(value(&[("S2F_MODELS", "a"), ("SPEECH2FACE_MODELS", "")]).unwrap(), "a");
    }
}
