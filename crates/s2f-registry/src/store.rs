//! The folder in which networks lie: find, fetch, install from files.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::digest::{Comparison, compare, open_file};
use crate::fetch::fetch;
use crate::part::{PIECE_BYTES, Part};
use crate::{Entry, Event, Origin, Patience, Registry, RegistryError, RemoteFile, lock};

/// A larger registry is none.
const MAX_REGISTRY_BYTES: u64 = 1 << 20;

/// A folder of networks, with the registry that says what may lie in it.
#[derive(Debug, Clone)]
pub struct Store {
    registry: Registry,
    folder: PathBuf,
    patience: Patience,
}

/// What a pull did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// All files were there, as published; nothing was done.
    AlreadyThere,
    /// Files were fetched or copied.
    Installed,
}

/// Whether a network can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All its files are there, as published.
    Ready,
    /// Files are missing.
    Absent,
    /// A file is there and not as published.
    Damaged,
    /// The user brings it, wherever it is used.
    Yours,
}

impl Store {
    /// The store of the user: the folder `$S2F_MODELS`, or `speech2face/models` where programs
    /// keep data (`$XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support`,
    /// `%LOCALAPPDATA%`); with the registry in the file `$S2F_REGISTRY`, or the shipped one.
    ///
    /// # Errors
    /// The registry cannot be read, or nothing says where the user's data lie.
    pub fn from_environment() -> Result<Self, RegistryError> {
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let registry = match path("S2F_REGISTRY") {
            Some(path) => read_registry(&path)?,
            None => Registry::shipped()?,
        };
        let folder = match path("S2F_MODELS") {
            Some(folder) => folder,
            None => data_folder()?.join("speech2face").join("models"),
        };
        Ok(Self::new(registry, folder))
    }

    /// A store in `folder`, which is made when something is first put there.
    pub fn new(registry: Registry, folder: impl Into<PathBuf>) -> Self {
        Self { registry, folder: folder.into(), patience: Patience::default() }
    }

    /// The same with another patience for servers.
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// What may lie here.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The folder of all networks.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files of a network, in the order of the registry, each compared with its size and
    /// SHA-256 just now. Opens no network.
    ///
    /// # Errors
    /// An unknown name, a file that is missing, damaged or unreadable, or a network that the user
    /// brings; each says what to do.
    pub fn locate(&self, name: &str) -> Result<Vec<PathBuf>, RegistryError> {
        let (entry, files) = self.entry(name)?;
        files.iter().map(|file| self.verified(entry, file)).collect()
    }

    /// Whether a network can be used. Opens no network.
    ///
    /// # Errors
    /// An unknown name, or a file that cannot be read.
    pub fn state(&self, name: &str) -> Result<State, RegistryError> {
        match self.locate(name) {
            Ok(_) => Ok(State::Ready),
            Err(RegistryError::Absent { .. }) => Ok(State::Absent),
            Err(RegistryError::Damaged { .. }) => Ok(State::Damaged),
            Err(RegistryError::Yours { .. }) => Ok(State::Yours),
            Err(error) => Err(error),
        }
    }

    /// Fetches what is missing of a network from the addresses in the registry. What is there and
    /// as published is left alone; a download that broke off goes on where it was.
    ///
    /// Proxies are those of the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    ///
    /// # Errors
    /// An unknown name or one that the user brings; what the server or the system refuses; a file
    /// that is not the published one, of which then nothing stays.
    pub fn pull(
        &self,
        name: &str,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Pulled, RegistryError> {
        let (entry, files) = self.entry(name)?;
        // First without the lock: a complete store may be one that cannot be written to.
        if self.missing(entry, files)?.is_empty() {
            return Ok(Pulled::AlreadyThere);
        }
        let folder = self.make_folder(entry)?;
        let _lock = lock::take(&folder, on_event)?;
        let missing = self.missing(entry, files)?;
        for file in &missing {
            fetch(file, &folder, self.patience, on_event)?;
        }
        Ok(if missing.is_empty() { Pulled::AlreadyThere } else { Pulled::Installed })
    }

    /// Copies what is missing of a network from `from`, for computers without a network: the file
    /// itself under any name, or a folder that holds the files by their names, as they are or in a
    /// folder called as the network (such as another store).
    ///
    /// # Errors
    /// As [`Store::pull`]; and a single file for a network of several.
    pub fn install(&self, name: &str, from: &Path) -> Result<Pulled, RegistryError> {
        let (entry, files) = self.entry(name)?;
        let missing = self.missing(entry, files)?;
        if missing.is_empty() {
            return Ok(Pulled::AlreadyThere);
        }
        let is_folder = from.metadata().map_err(RegistryError::io("read", from))?.is_dir();
        if !is_folder && files.len() > 1 {
            let files = files.iter().map(|file| file.name.clone()).collect();
            let (name, path) = (entry.name.clone(), from.to_owned());
            return Err(RegistryError::Several { name, path, files });
        }
        let folder = self.make_folder(entry)?;
        let _lock = lock::take(&folder, &mut |_| {})?;
        for file in missing {
            let source = match is_folder {
                false => from.to_owned(),
                true => Some(from.join(&entry.name).join(&file.name))
                    .filter(|path| path.is_file())
                    .unwrap_or_else(|| from.join(&file.name)),
            };
            copy(&source, &folder, file)?;
        }
        Ok(Pulled::Installed)
    }

    fn entry(&self, name: &str) -> Result<(&Entry, &[RemoteFile]), RegistryError> {
        let entry = self.registry.entry(name)?;
        match &entry.origin {
            Origin::Download(files) => Ok((entry, files)),
            Origin::Yours { how } => {
                Err(RegistryError::Yours { name: name.to_owned(), how: how.clone() })
            }
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
            Err(error) if is_absent(&error) => Err(RegistryError::Absent { name, path }),
            Err(error) => Err(RegistryError::io("read", &path)(error)),
        }
    }

    /// The files that are not there as published.
    fn missing<'a>(
        &self,
        entry: &Entry,
        files: &'a [RemoteFile],
    ) -> Result<Vec<&'a RemoteFile>, RegistryError> {
        let mut missing = Vec::new();
        for file in files {
            match self.verified(entry, file) {
                Ok(_) => {}
                Err(RegistryError::Absent { .. } | RegistryError::Damaged { .. }) => {
                    missing.push(file);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    fn make_folder(&self, entry: &Entry) -> Result<PathBuf, RegistryError> {
        let folder = self.folder.join(&entry.name);
        fs::create_dir_all(&folder).map_err(RegistryError::io("make the folder", &folder))?;
        Ok(folder)
    }
}

/// Whether the system says that there is nothing, and not that something is in the way.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_registry(path: &Path) -> Result<Registry, RegistryError> {
    let mut table = String::new();
    open_file(path)
        .and_then(|file| file.take(MAX_REGISTRY_BYTES).read_to_string(&mut table))
        .map_err(RegistryError::io("read the registry", path))?;
    Registry::from_toml(&table, &path.display().to_string())
}

fn data_folder() -> Result<PathBuf, RegistryError> {
    let base = etcetera::base_strategy::choose_native_strategy();
    let base = base.map_err(|_| RegistryError::NoFolder)?;
    // Windows carries its data folder from computer to computer, which networks need not be.
    Ok(if cfg!(windows) { base.cache_dir() } else { base.data_dir() })
}

/// Copies a file into `folder` if it is the published one.
fn copy(source: &Path, folder: &Path, file: &RemoteFile) -> Result<(), RegistryError> {
    let read = |error| RegistryError::io("read", source)(error);
    let origin = source.display().to_string();
    let mut open = open_file(source).map_err(read)?;
    let found = open.metadata().map_err(read)?.len();
    if found != file.bytes {
        return Err(RegistryError::Size { origin, found: found.to_string(), bytes: file.bytes });
    }
    let mut part = Part::open(folder, file)?;
    part.restart(None)?;
    let mut piece = vec![0; PIECE_BYTES];
    while part.here() < file.bytes {
        let left = piece.len().min((file.bytes - part.here()) as usize);
        let read = open.read(&mut piece[..left]).map_err(read)?;
        if read == 0 {
            break;
        }
        part.append(&piece[..read])?;
    }
    part.install_or_discard(&origin)
}
