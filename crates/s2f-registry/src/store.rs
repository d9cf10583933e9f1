//! The folder of installed networks: find verified files, download them, copy them from files.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use s2f_core::{FileError, FileLock, Variable};

use crate::partial_file::{CHUNK_BYTES, PartialFile, remove};
use crate::verify::{Comparison, compare, open_regular_file};
use crate::{Entry, NetworkSource, Origin, Registry, RegistryError, RemoteFile, RetryPolicy};

/// Bytes of a registry's table that are read; the embedded one has about 6 KB.
const MAX_REGISTRY_BYTES: u64 = 1 << 20;
/// The lock of a folder of networks.
const LOCK: &str = ".lock";

/// A folder of installed networks, with the registry that lists them.
#[derive(Debug, Clone)]
pub struct Store {
    registry: Registry,
    folder: PathBuf,
    policy: RetryPolicy,
}

/// What [`Store::pull`] or [`Store::install`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullOutcome {
    /// All files were installed already, as published; nothing was changed.
    AlreadyInstalled,
    /// Files were downloaded or copied.
    Installed,
}

/// Whether a registered network can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// All its files are installed, as published.
    Installed,
    /// At least one file is missing.
    Missing,
    /// At least one file differs from the published one.
    Damaged,
    /// The user supplies its file wherever it is used.
    UserSupplied,
}

impl Store {
    /// The user's store.
    ///
    /// Its folder is `$SPEECH2FACE_MODELS`, otherwise `speech2face/models` in the data folder
    /// (`$XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support`, `%LOCALAPPDATA%`).
    /// Its registry is the file `$SPEECH2FACE_REGISTRY`, otherwise the embedded one.
    ///
    /// # Errors
    /// [`RegistryError::Io`] or [`RegistryError::InvalidTable`] if the registry cannot be read;
    /// [`RegistryError::NoFolder`] if no data folder is known.
    pub fn from_environment() -> Result<Self, RegistryError> {
        Self::in_folder(models_folder()?)
    }

    /// A store in `folder` with the user's registry, as [`Store::from_environment`] finds it.
    ///
    /// # Errors
    /// [`RegistryError::Io`] or [`RegistryError::InvalidTable`] if the registry cannot be read.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let registry = match Variable::Registry.value() {
            Some(path) => read_registry(Path::new(&path))?,
            None => Registry::embedded()?,
        };
        Ok(Self::new(registry, folder))
    }

    /// A store in `folder`, which is created when the first network is installed.
    pub fn new(registry: Registry, folder: impl Into<PathBuf>) -> Self {
        Self { registry, folder: folder.into(), policy: RetryPolicy::default() }
    }

    /// The same store with other timeouts and retries for downloads.
    #[must_use]
    pub fn with_retry_policy(self, policy: RetryPolicy) -> Self {
        Self { policy, ..self }
    }

    /// The timeouts and retries for downloads.
    pub fn retry_policy(&self) -> RetryPolicy {
        self.policy
    }

    /// The networks that can be installed here.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The folder; each network has a subfolder of its name.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the file to open for a network: of a registered one its main file (the first
    /// in the registry), after all its files were verified as [`Store::locate`] does; of a user's
    /// own file the file itself, which is not verified.
    ///
    /// # Errors
    /// For a registered network as [`Store::locate`], but [`RegistryError::UnknownSource`] for an
    /// unknown name. [`RegistryError::UnusableFile`] for a path at which there is no regular,
    /// readable file.
    pub fn find(&self, source: &NetworkSource) -> Result<PathBuf, RegistryError> {
        match source {
            NetworkSource::Registered(name) => {
                let paths = self.locate(name).map_err(|error| match error {
                    RegistryError::Unknown { name, known } => {
                        RegistryError::UnknownSource { name, known }
                    }
                    error => error,
                })?;
                paths.into_iter().next().ok_or_else(|| RegistryError::Missing {
                    name: name.clone(),
                    path: self.folder.join(name),
                })
            }
            NetworkSource::File(path) => match open_regular_file(path) {
                Ok(_) => Ok(path.clone()),
                Err(source) => Err(RegistryError::UnusableFile { path: path.clone(), source }),
            },
        }
    }

    /// Finds several networks as [`Store::find`] does, and reports all that are missing in one
    /// error, so that the user pulls them with one command.
    ///
    /// # Errors
    /// As [`Store::find`]; [`RegistryError::SeveralMissing`] if more than one is missing.
    pub fn find_all<const N: usize>(
        &self,
        sources: [&NetworkSource; N],
    ) -> Result<[PathBuf; N], RegistryError> {
        let mut missing = Vec::new();
        let mut paths: [PathBuf; N] = std::array::from_fn(|_| PathBuf::new());
        for (path, source) in paths.iter_mut().zip(sources) {
            match self.find(source) {
                Ok(found) => *path = found,
                Err(RegistryError::Missing { name, path }) => missing.push((name, path)),
                Err(error) => return Err(error),
            }
        }
        if missing.len() > 1 {
            let names = missing.into_iter().map(|(name, _)| name).collect();
            return Err(RegistryError::SeveralMissing { names });
        }
        match missing.pop() {
            Some((name, path)) => Err(RegistryError::Missing { name, path }),
            None => Ok(paths),
        }
    }

    /// The paths of all files of a registered network, in the order of the registry. The size and
    /// the SHA-256 of each are compared with the registered ones. Does not open the network.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], [`RegistryError::Missing`], [`RegistryError::Damaged`],
    /// [`RegistryError::Io`], or [`RegistryError::UserSupplied`] for a network that has no
    /// registered files.
    pub fn locate(&self, name: &str) -> Result<Vec<PathBuf>, RegistryError> {
        let (entry, files) = self.entry(name)?;
        files.iter().map(|file| self.verified(entry, file)).collect()
    }

    /// Whether a registered network can be used. Does not open the network.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], or [`RegistryError::Io`] for a file that cannot be read.
    pub fn availability(&self, name: &str) -> Result<Availability, RegistryError> {
        match self.locate(name) {
            Ok(_) => Ok(Availability::Installed),
            Err(RegistryError::Missing { .. }) => Ok(Availability::Missing),
            Err(RegistryError::Damaged { .. }) => Ok(Availability::Damaged),
            Err(RegistryError::UserSupplied { .. }) => Ok(Availability::UserSupplied),
            Err(error) => Err(error),
        }
    }

    /// Copies the missing files of a network from `from`, for computers without a connection:
    /// either the file itself, under any name, or a folder that holds the files under their
    /// registered names, directly or in a subfolder named like the network (as another store
    /// does).
    ///
    /// # Errors
    /// As [`Store::pull`]; and [`RegistryError::SingleFile`] if one file is given for a network of
    /// several.
    pub fn install(&self, name: &str, from: &Path) -> Result<PullOutcome, RegistryError> {
        let (entry, files) = self.entry(name)?;
        let missing = self.missing(entry, files)?;
        if missing.is_empty() {
            return Ok(PullOutcome::AlreadyInstalled);
        }
        let is_folder = from.metadata().map_err(RegistryError::io("read", from))?.is_dir();
        if !is_folder && files.len() > 1 {
            let files = files.iter().map(|file| file.name.clone()).collect();
            let (name, path) = (entry.name.clone(), from.to_owned());
            return Err(RegistryError::SingleFile { name, path, files });
        }
        let folder = self.create_folder(entry)?;
        let _lock = lock(&folder, &mut || {})?;
        for file in missing {
            let source = match is_folder {
                false => from.to_owned(),
                true => Some(from.join(&entry.name).join(&file.name))
                    .filter(|path| path.is_file())
                    .unwrap_or_else(|| from.join(&file.name)),
            };
            copy(&source, &folder, file)?;
        }
        Ok(PullOutcome::Installed)
    }

    /// Removes what is installed of a network, and what an interrupted download left. Returns
    /// whether there was anything.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], [`RegistryError::UserSupplied`], or [`RegistryError::Io`], also
    /// for a folder that holds other files: these stay.
    pub fn remove(&self, name: &str) -> Result<bool, RegistryError> {
        let (entry, files) = self.entry(name)?;
        let folder = self.folder.join(&entry.name);
        if !folder.is_dir() {
            return Ok(false);
        }
        let _lock = lock(&folder, &mut || {})?;
        remove_folder(&folder, files.iter().map(|file| file.name.as_str()))?;
        Ok(true)
    }

    /// A registered network and its files.
    pub(crate) fn entry(&self, name: &str) -> Result<(&Entry, &[RemoteFile]), RegistryError> {
        let entry = self.registry.entry(name)?;
        match &entry.origin {
            Origin::Download(files) => Ok((entry, files)),
            Origin::UserSupplied { instructions } => Err(RegistryError::UserSupplied {
                name: name.to_owned(),
                instructions: instructions.clone(),
            }),
        }
    }

    fn path(&self, entry: &Entry, file: &RemoteFile) -> PathBuf {
        self.folder.join(&entry.name).join(&file.name)
    }

    fn verified(&self, entry: &Entry, file: &RemoteFile) -> Result<PathBuf, RegistryError> {
        let (name, path) = (entry.name.clone(), self.path(entry, file));
        match compare(&path, file) {
            Ok(Comparison::Equal) => Ok(path),
            Ok(other) => Err(RegistryError::Damaged { name, path, reason: other.reason(file) }),
            Err(error) if is_missing(&error) => Err(RegistryError::Missing { name, path }),
            Err(error) => Err(RegistryError::io("read", &path)(error)),
        }
    }

    /// The files that are missing or damaged.
    pub(crate) fn missing<'a>(
        &self,
        entry: &Entry,
        files: &'a [RemoteFile],
    ) -> Result<Vec<&'a RemoteFile>, RegistryError> {
        let mut missing = Vec::new();
        for file in files {
            match self.verified(entry, file) {
                Ok(_) => {}
                Err(RegistryError::Missing { .. } | RegistryError::Damaged { .. }) => {
                    missing.push(file);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    pub(crate) fn create_folder(&self, entry: &Entry) -> Result<PathBuf, RegistryError> {
        let folder = self.folder.join(&entry.name);
        fs::create_dir_all(&folder).map_err(RegistryError::io("create the folder", &folder))?;
        Ok(folder)
    }
}

/// One process at a time fetches a network, the others wait and then find it installed. Without
/// locks, two processes may write into the same partial download; its hash is then wrong, it is not
/// installed, and one of them has to run again.
pub(crate) fn lock(folder: &Path, on_wait: &mut dyn FnMut()) -> Result<FileLock, RegistryError> {
    FileLock::take(&folder.join(LOCK), on_wait).map_err(|error| {
        let FileError { operation, path, source } = error;
        RegistryError::io(operation, &path)(source)
    })
}

/// Removes a folder that holds these files, parts of them, and a lock. Other files stay, and with
/// them the folder: an error.
pub(crate) fn remove_folder<'a>(
    folder: &Path,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), RegistryError> {
    let parts =
        names.flat_map(|name| ["", ".part", ".part.etag"].map(|end| format!("{name}{end}")));
    for name in parts.chain([LOCK.to_owned()]) {
        let path = folder.join(name);
        remove(&path).map_err(RegistryError::io("remove", &path))?;
    }
    fs::remove_dir(folder).map_err(RegistryError::io("remove the folder", folder))
}

/// Whether an error means that the file does not exist.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_registry(path: &Path) -> Result<Registry, RegistryError> {
    let mut table = String::new();
    open_regular_file(path)
        .and_then(|file| file.take(MAX_REGISTRY_BYTES).read_to_string(&mut table))
        .map_err(RegistryError::io("read the registry", path))?;
    Registry::from_toml(&table, &path.display().to_string())
}

/// `$SPEECH2FACE_MODELS`, otherwise `speech2face/models` in the user's data folder.
pub(crate) fn models_folder() -> Result<PathBuf, RegistryError> {
    Ok(match Variable::Models.value() {
        Some(folder) => PathBuf::from(folder),
        None => data_folder()?.join("speech2face").join("models"),
    })
}

fn data_folder() -> Result<PathBuf, RegistryError> {
    let base = etcetera::base_strategy::choose_native_strategy();
    let base = base.map_err(|_| RegistryError::NoFolder)?;
    // On Windows, the data folder roams between computers; networks should not.
    Ok(if cfg!(windows) { base.cache_dir() } else { base.data_dir() })
}

/// Copies `source` into `folder` as the published `file`, if it is that file.
fn copy(source: &Path, folder: &Path, file: &RemoteFile) -> Result<(), RegistryError> {
    let read = |error| RegistryError::io("read", source)(error);
    let origin = source.display().to_string();
    let mut open = open_regular_file(source).map_err(read)?;
    let found = open.metadata().map_err(read)?.len();
    if found != file.bytes {
        return Err(RegistryError::WrongSize {
            origin,
            found: found.to_string(),
            bytes: file.bytes,
        });
    }
    let mut part = PartialFile::open(folder, file)?;
    part.restart(None)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while part.len() < file.bytes {
        let wanted = chunk.len().min((file.bytes - part.len()) as usize);
        let read = open.read(&mut chunk[..wanted]).map_err(read)?;
        if read == 0 {
            break;
        }
        part.append(&chunk[..read])?;
    }
    part.install_or_discard(&origin)
}
