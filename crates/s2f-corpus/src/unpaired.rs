//! Voices and faces of different people, each with what is known about the person.
//!
//! A folder of portraits holds `people.csv` (`person_id`, `sex`, `neutral_file`, optionally
//! `age`) and `landmarks.csv` (`file`, `x0`, `y0` … `x188`, `y188`: the 189-point template of the
//! Face Research Lab, in pixels). A folder of voices holds `speakers.csv` (`speaker_id`, `sex`,
//! `file`, optionally `age` or `age_band`, `release` and `language`). The column `sex` may be
//! called `gender`. Files are named relative to the folder; other columns are ignored.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use s2f_core::Sex;

use crate::CorpusError;
use crate::table::{Row, Statements, Table};

/// Number of landmarks of a portrait.
const POINTS: usize = 189;

/// A frontal, neutral photograph.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// Name of the person in the corpus.
    pub person_id: String,
    /// Sex, if stated.
    pub sex: Option<Sex>,
    /// Age in years, if stated.
    pub age: Option<f32>,
    /// The photograph.
    pub picture: PathBuf,
    /// The 189 points, x and y in pixels of the photograph.
    pub points: Vec<[f32; 2]>,
}

/// A recording of one voice.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Name of the speaker in the corpus.
    pub speaker_id: String,
    /// Sex, if stated.
    pub sex: Option<Sex>,
    /// Age in years, if stated; the middle of a band such as `30-39`, 35.
    pub age: Option<f32>,
    /// Release of the corpus that it is from, if stated: recordings of one release were coded in
    /// one way.
    pub release: Option<String>,
    /// Language, if stated.
    pub language: Option<String>,
    /// The recording.
    pub file: PathBuf,
}

/// The portraits of a folder, in the order of `people.csv`.
///
/// # Errors
/// [`CorpusError`] for an unreadable table, a missing column, a bad cell, or a photograph without
/// landmarks. Photographs are not opened.
pub fn portraits(folder: &Path) -> Result<Vec<Portrait>, CorpusError> {
    let people = Table::read(&folder.join("people.csv"))?;
    let landmarks = Table::read(&folder.join("landmarks.csv"))?;
    let by_file = by_file(&landmarks)?;
    let mut statements = Statements::default();
    people
        .rows()
        .map(|row| {
            let person = row.filled("person_id")?;
            statements.add(&row, "person_id", row.cells().clone())?;
            let file = row.filled("neutral_file")?;
            let points = by_file.get(file).ok_or_else(|| CorpusError::Person {
                path: landmarks.path().to_owned(),
                person: person.to_owned(),
            })?;
            Ok(Portrait {
                person_id: person.to_owned(),
                sex: row.sex()?,
                age: row.number("age")?,
                picture: folder.join(file),
                points: read_points(points, POINTS)?,
            })
        })
        .collect()
}

/// The lines of a table by the file that each is about.
fn by_file(table: &Table) -> Result<HashMap<&str, Row<'_>>, CorpusError> {
    let mut statements = Statements::default();
    let mut found = HashMap::new();
    for row in table.rows() {
        statements.add(&row, "file", row.cells().clone())?;
        found.insert(row.filled("file")?, row);
    }
    Ok(found)
}

fn read_points(row: &Row<'_>, count: usize) -> Result<Vec<[f32; 2]>, CorpusError> {
    let coordinate = |name: String| {
        row.text(&name)?;
        row.number(&name)?.ok_or_else(|| row.bad(&name, "a number"))
    };
    (0..count).map(|i| Ok([coordinate(format!("x{i}"))?, coordinate(format!("y{i}"))?])).collect()
}

/// A frontal photograph of somebody whose sex and age are known, for averages over many people.
#[derive(Debug, Clone, PartialEq)]
pub struct AgedPortrait {
    /// Sex.
    pub sex: Sex,
    /// Age in years.
    pub age: f32,
    /// The photograph.
    pub picture: PathBuf,
    /// The 68 points of iBUG 300-W, x and y in pixels of the photograph.
    pub points: Vec<[f32; 2]>,
}

/// The portraits of a folder with `people.csv` (`person_id`, `sex`, `age`, `file`) and
/// `landmarks68.csv` (`file`, `x0`, `y0` … `x67`, `y67`), in the order of `people.csv`. People
/// whose sex or age is not stated are left out.
///
/// # Errors
/// As [`portraits`].
pub fn aged_portraits(folder: &Path) -> Result<Vec<AgedPortrait>, CorpusError> {
    let people = Table::read(&folder.join("people.csv"))?;
    let landmarks = Table::read(&folder.join("landmarks68.csv"))?;
    let by_file = by_file(&landmarks)?;
    let mut portraits = Vec::new();
    let mut statements = Statements::default();
    for row in people.rows() {
        let file = row.filled("file")?;
        statements.add(&row, "file", row.cells().clone())?;
        let points = by_file.get(file).ok_or_else(|| CorpusError::Person {
            path: landmarks.path().to_owned(),
            person: file.to_owned(),
        })?;
        if let (Some(sex), Some(age)) = (row.sex()?, row.number("age")?) {
            let picture = folder.join(file);
            portraits.push(AgedPortrait { sex, age, picture, points: read_points(points, 68)? });
        }
    }
    Ok(portraits)
}

/// The recordings of a folder, in the order of `speakers.csv`.
///
/// # Errors
/// [`CorpusError`] for an unreadable table, a missing column or a bad cell. Recordings are not
/// opened.
pub fn recordings(folder: &Path) -> Result<Vec<Recording>, CorpusError> {
    let speakers = Table::read(&folder.join("speakers.csv"))?;
    // A speaker may have several lines, one for each recording.
    let (mut people, mut files) = (Statements::default(), Statements::default());
    speakers
        .rows()
        .map(|row| {
            people.add(&row, "speaker_id", (row.sex()?, age(&row)?))?;
            files.add(&row, "file", row.cells().clone())?;
            Ok(Recording {
                speaker_id: row.filled("speaker_id")?.to_owned(),
                sex: row.sex()?,
                age: age(&row)?,
                release: stated(&row, "release"),
                language: stated(&row, "language"),
                file: folder.join(row.filled("file")?),
            })
        })
        .collect()
}

/// The cell of a column, if the table has it and it is filled.
fn stated(row: &Row<'_>, column: &str) -> Option<String> {
    row.optional(column).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The age in years: `age`, or else the middle of `age_band`, a first and a last year.
fn age(row: &Row<'_>) -> Result<Option<f32>, CorpusError> {
    let Some(band) = stated(row, "age_band") else { return row.number("age") };
    let ends = band.split_once('-').and_then(|(first, last)| {
        Some([first.trim().parse::<f32>().ok()?, last.trim().parse::<f32>().ok()?])
    });
    let [first, last] = ends.ok_or_else(|| row.bad("age_band", "two years such as 30-39"))?;
    // The last year is a whole one.
    Ok(Some(0.5 * (first + last + 1.0)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with the given files, removed when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let path =
                std::env::temp_dir().join(format!("s2f-unpaired-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            for (file, text) in files {
                fs::write(path.join(file), text).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn landmarks(file: &str, coordinate: &str) -> String {
        let names = (0..POINTS).map(|i| format!(",x{i},y{i}")).collect::<String>();
        let numbers = format!(",1.5,{coordinate}").repeat(POINTS);
        format!("person_id,file{names}\n7,{file}{numbers}\n")
    }

    #[test]
    fn portraits_join_people_and_landmarks() {
        let people = "person_id,gender,age,group,neutral_file\n7,female,31,x,a.jpg\n";
        let folder = Folder::with(
            "good",
            &[("people.csv", people), ("landmarks.csv", &landmarks("a.jpg", "2"))],
        );
        let found = portraits(&folder.0).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].sex, found[0].age), (Some(Sex::Female), Some(31.0)));
        assert_eq!(found[0].picture, folder.0.join("a.jpg"));
        assert_eq!(found[0].points, vec![[1.5, 2.0]; POINTS]);
    }

    #[test]
    fn recordings_may_lack_age_and_sex() {
        let folder = Folder::with(
            "voices",
            &[("speakers.csv", "speaker_id,gender,file\na,male,a.flac\nb,not_stated,b.flac\n")],
        );
        let found = recordings(&folder.0).unwrap();
        assert_eq!(found.iter().map(|r| r.sex).collect::<Vec<_>>(), [Some(Sex::Male), None]);
        assert!(found.iter().all(|r| r.age.is_none()));
    }

    #[test]
    fn the_column_of_the_sex_may_have_either_name() {
        for (number, (names, cells)) in
            [("gender", "female"), ("sex", "F"), ("Gender", "f"), ("gender,sex", "male,female")]
                .into_iter()
                .enumerate()
        {
            let table = format!("speaker_id,{names},file\na,{cells},a.flac\n");
            let folder = Folder::with(&format!("header{number}"), &[("speakers.csv", &table)]);
            assert_eq!(recordings(&folder.0).unwrap()[0].sex, Some(Sex::Female), "{names}");
        }
        let folder = Folder::with("none", &[("speakers.csv", "speaker_id,file\na,a.flac\n")]);
        let message = recordings(&folder.0).unwrap_err().to_string();
        assert!(message.contains("no column sex"), "{message}");
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let check = |name: &str, people: &str, landmarks: &str, words: &[&str]| {
            let folder =
                Folder::with(name, &[("people.csv", people), ("landmarks.csv", landmarks)]);
            let message = portraits(&folder.0).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        let good = "person_id,gender,age,neutral_file\n7,female,31,a.jpg\n";
        let points = landmarks("a.jpg", "2");
        check(
            "age",
            "person_id,gender,age,neutral_file\n7,f,old,a.jpg\n",
            &points,
            &["people.csv", "line 2", "age", "old"],
        );
        check(
            "sex",
            "person_id,gender,age,neutral_file\n7,3,31,a.jpg\n",
            &points,
            &["gender", "\"3\""],
        );
        check("column", "person_id,gender,age\n7,f,31\n", &points, &["people.csv", "neutral_file"]);
        check("other", good, &landmarks("b.jpg", "2"), &["landmarks.csv", "person 7"]);
        check("point", good, &landmarks("a.jpg", ""), &["landmarks.csv", "y0"]);
    }

    #[test]
    fn a_missing_table_is_named() {
        let message = recordings(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(message.contains("speakers.csv"), "{message}");
    }
}
