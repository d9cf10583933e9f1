//! The columns of a file of pairs and how each is stored.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

/// Indices of columns; each is also the index of its Parquet column, as even a list has only one.
pub(crate) mod column {
    pub(crate) const PAIR_ID: usize = 0;
    pub(crate) const SPEAKER_ID: usize = 1;
    pub(crate) const SOURCE: usize = 2;
    pub(crate) const SPLIT: usize = 3;
    pub(crate) const AUDIO: usize = 4;
    pub(crate) const SECONDS: usize = 5;
    pub(crate) const FACE: usize = 6;
    pub(crate) const FACE_POINTS: usize = 7;
    pub(crate) const FEATURE: usize = 8;
    pub(crate) const GENDER: usize = 10;
    pub(crate) const AGE: usize = 11;
    pub(crate) const LANGUAGE: usize = 12;
    pub(crate) const LICENCE: usize = 13;
    pub(crate) const AUDIO_SHA256: usize = 14;
    pub(crate) const FACE_SHA256: usize = 15;
    pub(crate) const COUNT: usize = 16;
}

/// Large columns that do not compress: stored uncompressed.
const PAYLOAD: [&str; 4] = ["audio", "face", "face_points", "feature"];
/// Columns with a different value in each row, for which a dictionary would be useless.
const UNIQUE: [&str; 3] = ["pair_id", "audio_sha256", "face_sha256"];

/// The columns.
///
/// Lists are of variable length, as Parquet itself knows no other: DuckDB, pandas, Spark and
/// Hugging Face `datasets` all read them, and the length is checked in writing and in reading.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let bytes = |name: &str| Field::new(name, DataType::Binary, false);
        let number = |name: &str| Field::new(name, DataType::Float32, false);
        let list = |name: &str| Field::new(name, DataType::List(list_item()), false);
        Arc::new(Schema::new(vec![
            text("pair_id"),
            text("speaker_id"),
            text("source"),
            text("split"),
            bytes("audio"),
            number("seconds"),
            bytes("face"),
            list("face_points"),
            list("feature"),
            text("face_space"),
            text("gender").with_nullable(true),
            number("age").with_nullable(true),
            text("language").with_nullable(true),
            text("licence"),
            text("audio_sha256"),
            text("face_sha256"),
        ]))
    });
    SCHEMA.clone()
}

/// What a column of pairs holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A float of 32 bits.
    Number,
    /// A list of floats of 32 bits.
    Numbers,
    /// The bytes of a sound file.
    Audio,
    /// The bytes of a picture file.
    Image,
}

/// Names and kinds of the columns, in their order.
pub fn columns() -> Vec<(String, ColumnKind)> {
    let schema = schema();
    let kind = |(index, field): (usize, &Arc<Field>)| {
        let kind = match field.data_type() {
            DataType::Float32 => ColumnKind::Number,
            DataType::List(_) => ColumnKind::Numbers,
            DataType::Binary if index == column::AUDIO => ColumnKind::Audio,
            DataType::Binary => ColumnKind::Image,
            _ => ColumnKind::Text,
        };
        (field.name().clone(), kind)
    };
    schema.fields().iter().enumerate().map(kind).collect()
}

/// The elements of a list, under the name that the Parquet format gives them.
pub(crate) fn list_item() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Float32, false))
}

/// The same as a Parquet schema.
pub(crate) fn parquet_schema() -> Result<SchemaDescriptor, ParquetError> {
    ArrowSchemaConverter::new().convert(&schema())
}

/// How a file is stored. There is no time in it and no order that could change: the same rows give
/// the same bytes.
pub(crate) fn properties(key_values: Vec<KeyValue>) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_key_value_metadata(Some(key_values))
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Copying row groups would have to copy the page index; groups are small enough without.
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None);
    for name in PAYLOAD {
        // The values of a list are two levels below its name.
        let path = match name {
            "face_points" | "feature" => vec![name.into(), "list".into(), "element".into()],
            _ => vec![name.into()],
        };
        let path = ColumnPath::new(path);
        builder = builder
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    for name in UNIQUE {
        builder = builder.set_column_dictionary_enabled(name.into(), false);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_one_parquet_column_of_the_same_number() {
        let parquet = parquet_schema().unwrap();
        assert_eq!(parquet.num_columns(), schema().fields().len());
        assert_eq!(parquet.num_columns(), column::COUNT);
        for (column, field) in parquet.columns().iter().zip(schema().fields()) {
            assert_eq!(&column.path().parts()[0], field.name());
        }
        assert_eq!(schema().field(column::FACE_SHA256).name(), "face_sha256");
        assert_eq!(schema().field(column::FEATURE).name(), "feature");
    }

    #[test]
    fn the_kind_of_a_column_tells_sounds_from_pictures() {
        let columns = columns();
        assert_eq!(columns.len(), column::COUNT);
        for (name, kind) in [
            ("pair_id", ColumnKind::Text),
            ("audio", ColumnKind::Audio),
            ("seconds", ColumnKind::Number),
            ("face", ColumnKind::Image),
            ("face_points", ColumnKind::Numbers),
            ("face_sha256", ColumnKind::Text),
        ] {
            assert!(columns.contains(&(name.to_owned(), kind)), "{name}");
        }
    }

    #[test]
    fn what_is_large_is_stored_as_it_is() {
        let properties = properties(Vec::new());
        for column in parquet_schema().unwrap().columns() {
            let is_large = PAYLOAD.contains(&column.path().parts()[0].as_str());
            let stored_as_is = properties.compression(column.path()) == Compression::UNCOMPRESSED;
            assert_eq!(stored_as_is, is_large, "{}", column.path());
        }
    }
}
