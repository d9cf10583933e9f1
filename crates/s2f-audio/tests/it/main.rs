//! Tests of the whole way: real files of many kinds, broken files, reference values.

mod broken;
mod formats;
mod hostile;
mod reference;
mod support;
mod voices;
mod zoo;
