//! Pushing a model folder: large files to the hub's storage, then one commit.

use std::fs::File;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s2f_core::FileError;
use s2f_core::hash::{GitBlobWriter, sha256};
use serde::Deserialize;
use serde_json::{Value, json};

use super::listing::quoted;
use super::name::is_commit;
use super::plan::{PushFile, PushPlan, Target};
use super::request::{JSON, LINES};
use super::{Hub, HubError, HubName};

/// The beginning of a file that the hub is shown to decide how it is stored.
const SAMPLE_BYTES: u64 = 512;
/// Files in a commit itself; larger ones go to the storage.
const MAX_INLINE_BYTES: u64 = 10 << 20;

/// A progress event of [`Hub::push`].
#[derive(Debug)]
pub enum PushProgress<'a> {
    /// The repository was created.
    Created,
    /// More of a file was sent.
    Sent {
        /// The file.
        file: &'a PushFile,
        /// Bytes so far.
        bytes: u64,
    },
    /// The hub has this file already.
    Present {
        /// The file.
        file: &'a PushFile,
    },
}

/// What a push changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The new commit; `None` if the repository had all files already.
    pub commit: Option<String>,
    /// The page of the repository.
    pub url: String,
}

/// What the hub says about a file before it is sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preupload {
    path: String,
    upload_mode: String,
    #[serde(default)]
    should_ignore: bool,
    /// The hash of the file of that name in the repository.
    oid: Option<String>,
}

impl Hub {
    /// Sends what was planned: creates the repository if it is new, sends large files that the hub
    /// does not have, and commits. A push that was interrupted can be repeated; files that arrived
    /// whole are not sent again.
    ///
    /// # Errors
    /// [`HubError`], among others [`HubError::NotPrivate`] if a new repository is not private as
    /// planned: then nothing is sent.
    pub fn push(
        &self,
        plan: &PushPlan,
        on_progress: &mut dyn FnMut(PushProgress<'_>),
    ) -> Result<Pushed, HubError> {
        let name = &plan.name;
        let parent = match &plan.target {
            Target::Existing { commit, .. } => commit.clone(),
            Target::New { is_private } => {
                let commit = self.create(name, *is_private)?;
                on_progress(PushProgress::Created);
                commit
            }
        };
        let url = format!("{}/{}", self.endpoint(), name.repository());
        let mut lines = vec![header(&plan.files, &parent)];
        let (mut stored, mut inline) = (Vec::new(), Vec::new());
        for (file, told) in plan.files.iter().zip(self.preupload(plan)?) {
            match told.upload_mode.as_str() {
                "lfs" if told.oid.as_deref() == Some(&file.sha256) => {
                    on_progress(PushProgress::Present { file });
                }
                "lfs" if file.bytes > 0 => stored.push(file),
                _ => inline.push((file, told.oid)),
            }
        }
        self.store(name, &stored, on_progress)?;
        lines.extend(stored.iter().map(|file| large(file)));
        for (file, oid) in inline {
            let contents = contents(file)?;
            if oid.is_some_and(|oid| oid == git_blob(&contents)) {
                on_progress(PushProgress::Present { file });
                continue;
            }
            lines.push(small(file, &contents));
            on_progress(PushProgress::Sent { file, bytes: file.bytes });
        }
        if lines.len() == 1 {
            return Ok(Pushed { commit: None, url });
        }
        let commit = self.commit(name, &lines)?;
        Ok(Pushed { commit: Some(commit), url })
    }

    /// Creates a repository; returns its first commit.
    fn create(&self, name: &HubName, is_private: bool) -> Result<String, HubError> {
        let url = format!("{}/api/repos/create", self.endpoint());
        let body = json!({
            "type": "model",
            "name": name.short_name(),
            "organization": name.owner(),
            "private": is_private,
        });
        self.notify(&url, JSON, &body)?;
        let listing = self.listing(name)?;
        if is_private && !listing.is_private {
            return Err(HubError::NotPrivate { name: name.to_string() });
        }
        Ok(listing.commit)
    }

    /// How the hub stores each file, in the order of the plan.
    fn preupload(&self, plan: &PushPlan) -> Result<Vec<Preupload>, HubError> {
        #[derive(Deserialize)]
        struct Answer {
            files: Vec<Preupload>,
        }
        let url = self.revision_url(&plan.name, "preupload");
        let mut files = Vec::new();
        for file in &plan.files {
            let mut sample = Vec::new();
            open(file)?
                .take(SAMPLE_BYTES)
                .read_to_end(&mut sample)
                .map_err(FileError::at("read", &file.path))?;
            files.push(json!({
                "path": file.name, "size": file.bytes, "sample": STANDARD.encode(sample),
            }));
        }
        let Answer { files: told } = self.post(&url, JSON, &json!({ "files": files }))?;
        let mut told: Vec<Option<Preupload>> = told.into_iter().map(Some).collect();
        let mut ordered = Vec::new();
        for file in &plan.files {
            let about =
                told.iter_mut().find(|it| it.as_ref().is_some_and(|it| it.path == file.name));
            let about = about.and_then(Option::take).ok_or_else(|| {
                let reason = format!("it says nothing about {}", file.name);
                HubError::Answer { url: url.clone(), reason }
            })?;
            if about.should_ignore {
                return Err(refused(
                    file,
                    "the .gitignore of the repository excludes it",
                    "change that file on the hub",
                ));
            }
            ordered.push(about);
        }
        Ok(ordered)
    }

    /// Commits; returns the new commit.
    fn commit(&self, name: &HubName, lines: &[Value]) -> Result<String, HubError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            commit_oid: String,
        }
        let url = self.revision_url(name, "commit");
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let Answer { commit_oid } = self.post_once(&url, LINES, body.as_bytes())?;
        if !is_commit(&commit_oid) {
            return Err(HubError::Answer { url, reason: format!("{commit_oid:?} is no commit") });
        }
        Ok(commit_oid)
    }

    fn revision_url(&self, name: &HubName, what: &str) -> String {
        format!("{}/{what}/{}", self.model_url(name), quoted(name.revision()))
    }
}

/// The first line of a commit. The hub refuses it if the branch has changed since `parent`.
fn header(files: &[PushFile], parent: &str) -> Value {
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let version = env!("CARGO_PKG_VERSION");
    let description = format!("{}, by speech2face {version}", names.join(", "));
    let summary = "Upload a model folder";
    let value = json!({ "summary": summary, "description": description, "parentCommit": parent });
    json!({ "key": "header", "value": value })
}

/// A file in the commit itself.
fn small(file: &PushFile, contents: &[u8]) -> Value {
    let content = STANDARD.encode(contents);
    let value = json!({ "path": file.name, "content": content, "encoding": "base64" });
    json!({ "key": "file", "value": value })
}

/// A file in the storage.
fn large(file: &PushFile) -> Value {
    let PushFile { name, bytes, sha256, .. } = file;
    let value = json!({ "path": name, "algo": "sha256", "oid": sha256, "size": bytes });
    json!({ "key": "lfsFile", "value": value })
}

/// The bytes that the user agreed to send.
fn contents(file: &PushFile) -> Result<Vec<u8>, HubError> {
    if file.bytes > MAX_INLINE_BYTES {
        let reason = "the hub wants this large file in the commit itself";
        return Err(refused(file, reason, "let git LFS track it: see .gitattributes on the hub"));
    }
    let mut contents = Vec::new();
    open(file)?
        .take(file.bytes + 1)
        .read_to_end(&mut contents)
        .map_err(FileError::at("read", &file.path))?;
    if sha256(&contents) != file.sha256 {
        return Err(refused(file, "it was changed meanwhile", "run the same command again"));
    }
    Ok(contents)
}

fn git_blob(contents: &[u8]) -> String {
    let mut hash = GitBlobWriter::new(contents.len() as u64);
    // Hashing cannot fail.
    let _ = std::io::Write::write_all(&mut hash, contents);
    hash.finish()
}

pub(crate) fn open(file: &PushFile) -> Result<File, HubError> {
    Ok(File::open(&file.path).map_err(FileError::at("read", &file.path))?)
}

pub(crate) fn refused(file: &PushFile, reason: &str, hint: &'static str) -> HubError {
    HubError::Refused { file: file.path.display().to_string(), reason: reason.to_owned(), hint }
}
