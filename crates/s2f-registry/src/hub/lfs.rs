//! Large files to the hub's storage, by the interface of
//! [git LFS](https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md): whole, or in the
//! parts that the hub asks for.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::http::header::{CONTENT_LENGTH, ETAG};
use ureq::{Agent, Body, Error, SendBody};

use super::plan::PushFile;
use super::push::{PushProgress, open, refused};
use super::request::{LFS, successful};
use super::{Hub, HubError, HubName};
use crate::client::{agent, header_text};

/// What the storage wants to be done with a file.
#[derive(Deserialize)]
struct Object {
    oid: String,
    #[serde(default)]
    actions: Option<Actions>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

#[derive(Deserialize)]
struct Actions {
    upload: Option<Action>,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    /// With `chunk_size`, the addresses of parts by their numbers, from 1.
    #[serde(default)]
    header: BTreeMap<String, Value>,
}

impl Hub {
    /// Sends files that the storage does not have yet.
    pub(crate) fn store(
        &self,
        name: &HubName,
        files: &[&PushFile],
        on_progress: &mut dyn FnMut(PushProgress<'_>),
    ) -> Result<(), HubError> {
        #[derive(Deserialize)]
        struct Answer {
            objects: Vec<Object>,
        }
        if files.is_empty() {
            return Ok(());
        }
        let url = format!("{}/{}.git/info/lfs/objects/batch", self.endpoint(), name.repository());
        let object = |file: &&PushFile| json!({ "oid": file.sha256, "size": file.bytes });
        let objects: Vec<Value> = files.iter().map(object).collect();
        let body = json!({
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "hash_algo": "sha256",
            "ref": { "name": name.revision() },
            "objects": objects,
        });
        let Answer { objects } = self.post(&url, LFS, &body)?;
        for file in files {
            let object = objects.iter().find(|object| object.oid == file.sha256);
            let object = object.ok_or_else(|| {
                let reason = format!("it says nothing about {}", file.name);
                HubError::Answer { url: url.clone(), reason }
            })?;
            if let Some(Problem { message }) = &object.error {
                return Err(refused(file, message, "look the problem up in the hub's pages"));
            }
            self.upload(file, object, on_progress)?;
        }
        Ok(())
    }

    fn upload(
        &self,
        file: &PushFile,
        object: &Object,
        on_progress: &mut dyn FnMut(PushProgress<'_>),
    ) -> Result<(), HubError> {
        let actions = object.actions.as_ref();
        let Some(upload) = actions.and_then(|actions| actions.upload.as_ref()) else {
            on_progress(PushProgress::Present { file });
            return Ok(());
        };
        match part_bytes(upload) {
            None => {
                self.put(file, 0, file.bytes, &upload.href, on_progress)?;
            }
            Some(part_bytes) => self.upload_parts(file, part_bytes, upload, on_progress)?,
        }
        if let Some(verify) = actions.and_then(|actions| actions.verify.as_ref()) {
            let body = json!({ "oid": file.sha256, "size": file.bytes });
            self.notify(&verify.href, LFS, &body)?;
        }
        Ok(())
    }

    /// Sends the parts of a file, then the list of what the storage called them.
    fn upload_parts(
        &self,
        file: &PushFile,
        part_bytes: u64,
        upload: &Action,
        on_progress: &mut dyn FnMut(PushProgress<'_>),
    ) -> Result<(), HubError> {
        let unusable = |reason: &str| HubError::Answer {
            url: upload.href.clone(),
            reason: format!("{}: {reason}", file.name),
        };
        let mut parts = Vec::new();
        for number in 1..=file.bytes.div_ceil(part_bytes) {
            let url = upload.header.get(&number.to_string()).or_else(|| {
                // Numbers may have leading zeros.
                let same = |key: &str| key.parse() == Ok(number);
                upload.header.iter().find(|(key, _)| same(key)).map(|(_, url)| url)
            });
            let url = url.and_then(Value::as_str);
            let url = url.ok_or_else(|| unusable("the address of a part is missing"))?;
            let start = (number - 1) * part_bytes;
            let bytes = part_bytes.min(file.bytes - start);
            let response = self.put(file, start, bytes, url, on_progress)?;
            let etag = header_text(&response, ETAG);
            let etag = etag.ok_or_else(|| unusable("a part has no ETag"))?;
            parts.push(json!({ "partNumber": number, "etag": etag }));
        }
        let body = json!({ "oid": file.sha256, "parts": parts });
        self.notify(&upload.href, LFS, &body)
    }

    /// Sends a range of a file to an address of the storage, without the token: the address itself
    /// is the permission.
    fn put(
        &self,
        file: &PushFile,
        start: u64,
        bytes: u64,
        url: &str,
        on_progress: &mut dyn FnMut(PushProgress<'_>),
    ) -> Result<Response<Body>, HubError> {
        if self.endpoint().starts_with("https://") && !url.starts_with("https://") {
            let reason = "it wants the file without encryption".to_owned();
            return Err(HubError::Answer { url: url.to_owned(), reason });
        }
        let agent = agent(url, self.policy());
        let mut open = open(file)?;
        let response = self.retrying(url, || {
            open.seek(SeekFrom::Start(start))?;
            let mut part = Counted {
                part: (&mut open).take(bytes),
                sent: start,
                on_sent: &mut |bytes| on_progress(PushProgress::Sent { file, bytes }),
            };
            send(&agent, url, bytes, &mut part)
        })?;
        successful(url, response)
    }
}

fn send(
    agent: &Agent,
    url: &str,
    bytes: u64,
    part: &mut dyn Read,
) -> Result<Response<Body>, Error> {
    let request = agent.put(url).header(CONTENT_LENGTH, bytes);
    // Only pauses are limited: how long a large file takes depends on the line.
    let request = request.config().timeout_global(None).max_redirects(0).build();
    request.send(SendBody::from_reader(part))
}

/// The size of parts, if the storage wants them.
fn part_bytes(upload: &Action) -> Option<u64> {
    let size = upload.header.get("chunk_size")?;
    let size = size.as_u64().or_else(|| size.as_str()?.parse().ok())?;
    (size > 0).then_some(size)
}

/// A part of a file that tells how much of the file was read.
struct Counted<'a, R> {
    part: R,
    sent: u64,
    on_sent: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read(buffer)?;
        self.sent += read as u64;
        (self.on_sent)(self.sent);
        Ok(read)
    }
}
