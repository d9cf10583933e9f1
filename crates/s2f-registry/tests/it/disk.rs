//! Installing from files, and folders that are not writable.

use std::fs;

use s2f_registry::{Availability, PullOutcome, Registry, RegistryError, Store};

use crate::server::{Server, good};
use crate::support::{TestStore, published};

/// No server listens here: a test that opened the network would fail.
const NO_SERVER: &str = "http://127.0.0.1:1";

#[track_caller]
fn refused(result: Result<PullOutcome, RegistryError>, parts: &[&str]) {
    let message = result.unwrap_err().to_string();
    for part in parts.iter().chain(&["; hint: "]) {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
}

#[test]
fn a_file_of_any_name_is_installed_if_it_is_the_published_one() {
    let place = TestStore::new(NO_SERVER);
    let from = place.path("download (1)");
    refused(place.store.install("net", &from), &["cannot read ", "download (1)"]);
    fs::write(&from, &published()[1..]).unwrap();
    refused(place.store.install("net", &from), &["download (1) has 199999 bytes instead of"]);
    let mut wrong = published();
    wrong[0] ^= 1;
    fs::write(&from, wrong).unwrap();
    refused(place.store.install("net", &from), &["download (1) is not the published file"]);
    assert!(place.files().is_empty());
    fs::write(&from, published()).unwrap();
    assert_eq!(place.store.install("net", &from).unwrap(), PullOutcome::Installed);
    assert_eq!(place.files(), ["file.bin"]);
    place.store.locate("net").unwrap();
    fs::remove_file(&from).unwrap();
    assert_eq!(place.store.install("net", &from).unwrap(), PullOutcome::AlreadyInstalled);
}

#[test]
fn a_copy_replaces_a_damaged_file_and_a_partial_download() {
    let place = TestStore::new(NO_SERVER);
    place.put("file.bin", b"damaged");
    place.put("file.bin.part", b"begun");
    fs::write(place.path("copy"), published()).unwrap();
    assert_eq!(place.store.install("net", &place.path("copy")).unwrap(), PullOutcome::Installed);
    assert_eq!(place.files(), ["file.bin"]);
}

#[test]
fn several_files_are_copied_from_a_folder_or_from_another_store() {
    let files: [(&str, &[u8]); 2] = [("a.bin", b"aaa"), ("b.bin", b"bb")];
    let one = TestStore::with(NO_SERVER, &files);
    let from = one.path("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("a.bin"), b"aaa").unwrap();
    refused(
        one.store.install("net", &from.join("a.bin")),
        &["net consists of 2 files", "a.bin and b.bin"],
    );
    refused(one.store.install("net", &from), &["cannot read ", "b.bin"]);
    // The file that was there is installed; the other one can follow.
    assert_eq!(one.files(), ["a.bin"]);
    assert_eq!(one.store.availability("net").unwrap(), Availability::Missing);
    fs::write(from.join("b.bin"), b"bb").unwrap();
    assert_eq!(one.store.install("net", &from).unwrap(), PullOutcome::Installed);

    let other = TestStore::with(NO_SERVER, &files);
    assert_eq!(other.store.install("net", one.store.folder()).unwrap(), PullOutcome::Installed);
    other.store.locate("net").unwrap();
}

#[test]
fn only_regular_files_are_read() {
    let place = TestStore::new(NO_SERVER);
    fs::create_dir_all(place.path("from/file.bin")).unwrap();
    refused(place.store.install("net", &place.path("from")), &["cannot read "]);
    fs::create_dir_all(place.path("models/net/file.bin")).unwrap();
    refused(place.pull().0, &["cannot read "]);
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let server = Server::start(good(&published()));
    let place = TestStore::new(&server.url);
    fs::write(place.path("models"), "a file").unwrap();
    refused(place.pull().0, &["cannot create the folder ", "models", "SPEECH2FACE_MODELS"]);
    assert!(server.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn a_read_only_store_can_be_used() {
    use std::os::unix::fs::PermissionsExt;

    let server = Server::start(good(&published()));
    let place = TestStore::new(&server.url);
    place.put("file.bin", &published());
    let net = place.path("models/net");
    let allow = |mode| fs::set_permissions(&net, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    assert_eq!(place.pull().0.unwrap(), PullOutcome::AlreadyInstalled);
    assert!(fs::read_dir(&net).unwrap().count() == 1, "a lock was left");
    allow(0o755);
    fs::remove_file(net.join("file.bin")).unwrap();
    allow(0o555);
    // Root can write everywhere.
    if fs::write(net.join("probe"), "").is_err() {
        refused(place.pull().0, &["cannot write ", "net", "SPEECH2FACE_MODELS"]);
        assert!(server.requests().is_empty());
    } else {
        s2f_testing::skip("this user can write into any folder");
    }
    allow(0o755);
}

#[test]
fn a_network_that_the_user_supplies_comes_with_instructions() {
    let store = Store::new(Registry::embedded().unwrap(), "nowhere");
    assert_eq!(store.availability("vgg-face").unwrap(), Availability::UserSupplied);
    let parts = ["vgg-face cannot be pulled", "safetensors"];
    refused(store.pull("vgg-face", &mut |_| {}), &parts);
    refused(store.install("vgg-face", "file".as_ref()), &parts);
    refused(store.pull("vggface", &mut |_| {}), &["no network called vggface", "vgg-face"]);
}

#[test]
fn the_embedded_registry_has_the_sizes_and_hashes_of_the_published_files() {
    let Some(models) = s2f_testing::data("models") else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let store = Store::new(Registry::embedded().unwrap(), folder.path());
    for entry in store.registry().entries().iter().filter(|entry| !entry.files().is_empty()) {
        assert_eq!(store.install(&entry.name, &models).unwrap(), PullOutcome::Installed);
        assert_eq!(store.locate(&entry.name).unwrap().len(), entry.files().len());
    }
}
