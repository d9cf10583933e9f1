//! A folder of an object storage: listing, fetching, storing, removing.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, parse_url_opts};
use s2f_core::{AtomicFile, FileError};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::{CorpusError, RemoteError};

/// A folder of an object storage.
pub(super) struct Storage {
    store: Box<dyn ObjectStore>,
    prefix: Key,
    address: String,
    runtime: Runtime,
}

/// A file of the folder: its name relative to it, with `/`, and its size.
pub(super) type Entry = (String, u64);

/// Bytes that are sent with one request.
const SENT_BYTES: usize = 8 << 20;
/// Requests at a time.
const REQUESTS: usize = 16;
/// Of what the storage says.
const MAX_REASON_CHARS: usize = 300;

impl Storage {
    /// The folder at an address. Nothing is sent yet; accounts and endpoints are taken from the
    /// environment.
    pub(super) fn open(url: &Url) -> Result<Self, RemoteError> {
        let address = url.as_str().trim_end_matches('/').to_owned();
        let refused = |reason: String| RemoteError::Storage { place: address.clone(), reason };
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?.to_ascii_lowercase(), value.into_string().ok()?))
        });
        let (store, prefix) =
            parse_url_opts(url, variables).map_err(|error| refused(error.to_string()))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| refused(error.to_string()))?;
        Ok(Self { store, prefix, address, runtime })
    }

    /// The last part of the address.
    pub(super) fn name(&self) -> &str {
        self.prefix.filename().or_else(|| self.address.rsplit('/').next()).unwrap_or("corpus")
    }

    /// All files, sorted by name.
    pub(super) fn list(&self) -> Result<Vec<Entry>, RemoteError> {
        let listed = self.store.list(Some(&self.prefix)).try_filter_map(|object| async move {
            Ok(self.relative(&object.location).map(|name| (name, object.size)))
        });
        let mut files: Vec<Entry> =
            self.runtime.block_on(listed.try_collect()).map_err(|e| self.refused("", &e))?;
        files.sort_unstable();
        Ok(files)
    }

    /// The name of an object in this folder; `None` if no file can have it.
    fn relative(&self, key: &Key) -> Option<String> {
        let name = key.as_ref().strip_prefix(self.prefix.as_ref())?.trim_start_matches('/');
        // A drive of Windows would lead out of the folder.
        let leads_out =
            |part: &str| part.contains(['\\', '\0']) || cfg!(windows) && part.contains(':');
        let is_usable = |part: &str| !matches!(part, "" | "." | "..") && !leads_out(part);
        name.split('/').all(is_usable).then(|| name.to_owned())
    }

    /// Fetches files into a folder.
    pub(super) fn fetch_all<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        folder: &Path,
    ) -> Result<(), CorpusError> {
        let fetches = futures_util::stream::iter(names.map(Ok::<_, CorpusError>))
            .try_for_each_concurrent(REQUESTS, |name| async move {
                self.receive(name, &folder.join(name)).await
            });
        self.runtime.block_on(fetches)
    }

    /// Fetches a file. It is written whole or not at all.
    pub(super) fn fetch(&self, name: &str, to: &Path) -> Result<(), CorpusError> {
        self.runtime.block_on(self.receive(name, to))
    }

    async fn receive(&self, name: &str, to: &Path) -> Result<(), CorpusError> {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
        }
        let mut file = AtomicFile::create(to)?;
        let object = self.store.get(&self.key(name)?).await.map_err(|e| self.refused(name, &e))?;
        let mut bytes = object.into_stream();
        while let Some(some) = bytes.next().await {
            let some = some.map_err(|error| self.refused(name, &error))?;
            file.write_all(&some).map_err(FileError::at("write", to))?;
        }
        Ok(file.commit()?)
    }

    /// Stores a file, which replaces one of this name as a whole.
    pub(super) fn send(&self, from: &Path, name: &str) -> Result<(), CorpusError> {
        let mut file = File::open(from).map_err(FileError::at("read", from))?;
        let size = file.metadata().map_err(FileError::at("read", from))?.len();
        let key = self.key(name)?;
        let mut next = vec![0; SENT_BYTES.min(usize::try_from(size).unwrap_or(SENT_BYTES).max(1))];
        self.runtime.block_on(async {
            let refused = |error| self.refused(name, &error);
            if size <= SENT_BYTES as u64 {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(FileError::at("read", from))?;
                self.store.put(&key, bytes.into()).await.map_err(refused)?;
                return Ok(());
            }
            let upload = self.store.put_multipart(&key).await.map_err(refused)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, SENT_BYTES);
            loop {
                let read = file.read(&mut next).map_err(FileError::at("read", from))?;
                if read == 0 {
                    break;
                }
                upload.wait_for_capacity(2).await.map_err(refused)?;
                upload.write(&next[..read]);
            }
            upload.finish().await.map_err(refused)?;
            Ok(())
        })
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> Result<(), RemoteError> {
        let removed = self.runtime.block_on(self.store.delete(&self.key(name)?));
        removed.map_err(|error| self.refused(name, &error))
    }

    /// The key of a file, exactly as it is listed: joining its parts would escape some characters.
    fn key(&self, name: &str) -> Result<Key, RemoteError> {
        Key::parse(format!("{}/{name}", self.prefix))
            .map_err(|error| self.refused(name, &error.into()))
    }

    fn refused(&self, name: &str, error: &object_store::Error) -> RemoteError {
        let place = match name {
            "" => self.address.clone(),
            name => format!("{}/{name}", self.address),
        };
        let reason = error.to_string().replace("; hint:", "; hint").replace(['\n', '\r'], " ");
        RemoteError::Storage { place, reason: reason.chars().take(MAX_REASON_CHARS).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_memory() -> Storage {
        Storage::open(&Url::parse("memory:///a/b").unwrap()).unwrap()
    }

    #[test]
    fn names_are_kept_whatever_characters_they_have() {
        let folder = tempfile::tempdir().unwrap();
        let storage = in_memory();
        let names = ["#1/[x] {y}~.wav", "50 %/a?b.mp4", "größe/100%25.txt"];
        for name in names {
            let file = folder.path().join("sent");
            std::fs::write(&file, name).unwrap();
            storage.send(&file, name).unwrap();
        }
        let listed: Vec<String> = storage.list().unwrap().into_iter().map(|it| it.0).collect();
        assert_eq!(listed, names);
        storage.fetch_all(names.into_iter(), folder.path()).unwrap();
        for name in names {
            assert_eq!(std::fs::read_to_string(folder.path().join(name)).unwrap(), name);
        }
        storage.remove(names[0]).unwrap();
        assert_eq!(storage.list().unwrap().len(), 2);
        let error = storage.fetch(names[0], &folder.path().join("x")).unwrap_err().to_string();
        assert!(error.contains("memory:///a/b/#1/") && error.contains("; hint: "), "{error}");
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_not_listed() {
        let storage = in_memory();
        for (key, expected) in [("a/b/c/d", Some("c/d")), ("a/b/..\\\\c", None), ("x/b", None)] {
            let key = Key::parse(key).unwrap();
            assert_eq!(storage.relative(&key).as_deref(), expected, "{key}");
        }
    }
}
