//! The overwrite policy: the program replaces files that it wrote itself, and no others.
//!
//! Files carry a mark of the program where their format has room for one; tables are recognised by
//! their header.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, bail};
use s2f_core::{AtomicFile, markdown};
use s2f_corpus::prepare::REJECTED_COLUMNS;
use s2f_eval::Evaluation;
use s2f_pairs::{KEY_FORMAT, SplitTable};

/// The start of a file that is read to recognise it.
const HEAD_BYTES: u64 = 1024;
/// The end of a Parquet file that is read to recognise it; its metadata are there.
const TAIL_BYTES: u64 = 1 << 16;
/// Largest card that is read to see whether it was edited, bytes.
const CARD_BYTES: u64 = 1 << 20;

/// In a JSON file, within its first bytes.
const JSON_MARK: &[u8] = br#""software":"speech2face "#;
const JSON_MARK_WITHIN: usize = 64;
/// In a PNG file, the first text, after the header and the colour space.
const PNG_MARK: &[u8] = b"tEXtSoftware\0speech2face ";
const PNG_MARK_WITHIN: usize = 256;
const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
/// In a cartoon, its first element.
const SVG_MARK: &[u8] = b"<metadata>speech2face ";
/// NumPy files have no room for a mark, so every NumPy file of such a name is taken for our own.
const NPY_MAGIC: &[u8] = b"\x93NUMPY";
const HTML_START: &[u8] = b"<!DOCTYPE html>";
const HTML_MARK: &[u8] = br#"name="generator" content="speech2face "#;
const CARD_START: &[u8] = b"---\n";
const PARQUET_MAGIC: &[u8] = b"PAR1";
/// Columns of tables: scores and map of a report; rejected clips and splits of a preparation.
const TABLES: [&[&str]; 4] =
    [&Evaluation::SCORE_COLUMNS, &Evaluation::MAP_COLUMNS, &REJECTED_COLUMNS, &SplitTable::COLUMNS];

/// Writes `bytes` to `path`, unless a file is there that the program did not write.
///
/// # Errors
/// Names the file and the reason.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    check(path)?;
    Ok(AtomicFile::write(path, bytes)?)
}

/// Refuses a path with a file, or a folder, that the program did not write.
///
/// # Errors
/// Names the file.
pub fn check(path: &Path) -> anyhow::Result<()> {
    let readable = may_replace(path).with_context(|| format!("cannot read {}", path.display()));
    if readable? { Ok(()) } else { refuse(path) }
}

/// [`check`] for several files of a folder, which may not exist yet.
///
/// # Errors
/// Names the first file that was not written by the program, or a folder that is a file.
pub fn check_in(folder: &Path, names: &[&str]) -> anyhow::Result<()> {
    if folder.exists() && !folder.is_dir() {
        let name = folder.display();
        bail!("{name} is a file; hint: name a folder with -o");
    }
    names.iter().try_for_each(|name| check(&folder.join(name)))
}

fn refuse(path: &Path) -> anyhow::Result<()> {
    bail!(
        "{} already exists and was not written by speech2face; hint: move it, or write elsewhere \
         with -o",
        path.display()
    )
}

/// Whether nothing would be lost by replacing what is at `path`.
fn may_replace(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    if head.starts_with(PARQUET_MAGIC) {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut tail)?;
        return Ok(contains(&tail, KEY_FORMAT.as_bytes()));
    }
    if head.starts_with(CARD_START) {
        file.take(CARD_BYTES).read_to_end(&mut head)?;
        return Ok(markdown::is_sealed(&head));
    }
    Ok(is_own(&head))
}

/// Whether a file that starts with `head` was written by this program.
fn is_own(head: &[u8]) -> bool {
    let within = |length: usize, mark| contains(&head[..head.len().min(length)], mark);
    head.starts_with(NPY_MAGIC)
        || (head.starts_with(b"{") && within(JSON_MARK_WITHIN, JSON_MARK))
        || (head.starts_with(PNG_MAGIC) && within(PNG_MARK_WITHIN, PNG_MARK))
        || (head.starts_with(b"<svg ") && contains(head, SVG_MARK))
        || (head.starts_with(HTML_START) && contains(head, HTML_MARK))
        || TABLES.iter().any(|columns| head.starts_with(header(columns).as_bytes()))
}

/// The first line of a table.
fn header(columns: &[&str]) -> String {
    format!("{}\n", columns.join(","))
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use speech2face::{
        Face, FaceFeature, FaceSpace, ModelId, Picture, Provenance, ReconstructOptions,
        Reconstruction, RecordingId, SOFTWARE, SYNTHETIC,
    };

    use super::*;

    fn reconstruction() -> Reconstruction {
        Reconstruction {
            face: Face {
                feature: FaceFeature::new(FaceSpace::mobileface(), vec![0.0; 256]).unwrap(),
                landmarks: vec![[1.5, 2.25]],
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
                options: ReconstructOptions::default(),
                sample: None,
            },
            uncertainty: None,
            log_density: None,
        }
    }

    #[test]
    fn its_own_files_are_recognised_and_no_others() {
        let own = reconstruction();
        let page = format!("<!DOCTYPE html><meta name=\"generator\" content=\"{SOFTWARE}\">");
        let report = format!("{{\"format\":1,\"software\":\"{SOFTWARE}\"}}");
        for bytes in [
            own.to_png().unwrap(),
            own.to_json().unwrap(),
            own.face.feature_npy(),
            own.face.landmarks_npy(),
            page.into_bytes(),
            report.into_bytes(),
        ] {
            assert!(is_own(&bytes[..bytes.len().min(HEAD_BYTES as usize)]));
        }
        let mut foreign = Vec::new();
        let mut encoder = png::Encoder::new(&mut foreign, 1, 1);
        encoder.add_text_chunk("Software".into(), "camera".into()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
        for foreign in [
            &foreign[..],
            b"",
            b"{}",
            br#"{"software":"other 1"}"#,
            PNG_MAGIC,
            PNG_MARK,
            b"<!DOCTYPE html><meta name=\"generator\" content=\"other\">",
            b"id,value\n",
        ] {
            assert!(!is_own(foreign));
        }
    }

    #[test]
    fn tables_are_recognised_by_their_header() {
        for header in [
            "id,value,low,high,chance,unit,pairs,speakers,gallery,p,p_adjusted\n",
            "pair_id,x,y\n",
            "pair_id,speaker_id,source,file,reason,detail\n",
            "speaker_id,split,official\n",
        ] {
            assert!(is_own(header.as_bytes()), "{header}");
        }
    }

    #[test]
    fn a_parquet_file_is_recognised_by_its_key_and_not_by_a_word_in_it() {
        let path = std::env::temp_dir().join(format!("s2f-key-{}.parquet", std::process::id()));
        for (bytes, is_own) in [
            ("PAR1 speech2face.format 1 PAR1", true),
            ("PAR1 made of /home/me/speech2face/a.wav PAR1", false),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(may_replace(&path).unwrap(), is_own, "{bytes}");
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_card_is_replaced_until_it_is_edited() {
        let path = std::env::temp_dir().join(format!("s2f-card-{}.md", std::process::id()));
        let card = markdown::sealed("license: mit\n", &"# a\n".repeat(1000));
        fs::write(&path, &card).unwrap();
        write(&path, card.as_bytes()).unwrap();
        for edited in [format!("{card}mine\n"), "---\nlicense: mit\n---\n".to_owned()] {
            fs::write(&path, &edited).unwrap();
            assert!(write(&path, card.as_bytes()).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), edited);
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_or_folder_of_somebody_else_is_refused_and_untouched() {
        let folder = std::env::temp_dir().join(format!("s2f-owner-{}", std::process::id()));
        fs::create_dir_all(folder.join("x.png")).unwrap();
        let path = folder.join("a.json");
        fs::write(&path, "mine").unwrap();
        let error = write(&path, b"{}").unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} already exists", path.display())), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert!(check_in(&folder, &["b.json", "x.png"]).is_err());
        assert!(check_in(&path, &[]).is_err());
        check_in(&folder, &["b.json"]).unwrap();
        write(&folder.join("b.json"), &reconstruction().to_json().unwrap()).unwrap();
        write(&folder.join("b.json"), &reconstruction().to_json().unwrap()).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
