//! `Store::find` and `Store::find_all`: registered networks and the user's own files.

use std::fs;

use s2f_registry::{NetworkSource, Registry, RegistryError, Store};

use crate::support::{TestStore, published, registry};

/// No server listens here: finding a network must not open the network.
const NO_SERVER: &str = "http://127.0.0.1:1";

fn registered(name: &str) -> NetworkSource {
    NetworkSource::Registered(name.to_owned())
}

#[test]
fn a_registered_network_is_verified_and_its_first_file_is_the_one_to_open() {
    let files: [(&str, &[u8]); 2] = [("b.json", b"{}"), ("a.bin", b"aaa")];
    let place = TestStore::with(NO_SERVER, &files);
    let find = || place.store.find(&registered("net"));
    assert!(matches!(find(), Err(RegistryError::Missing { path, .. }) if path.ends_with("b.json")));
    place.put("b.json", b"{}");
    // The other files are verified as well.
    assert!(matches!(find(), Err(RegistryError::Missing { path, .. }) if path.ends_with("a.bin")));
    place.put("a.bin", b"aab");
    assert!(matches!(find(), Err(RegistryError::Damaged { path, .. }) if path.ends_with("a.bin")));
    place.put("a.bin", b"aaa");
    assert_eq!(find().unwrap(), place.path("models/net/b.json"));
    assert_eq!(place.store.registry().entries()[0].main_file().unwrap().name, "b.json");
}

#[test]
fn a_file_of_the_user_is_taken_as_it_is() {
    let place = TestStore::new(NO_SERVER);
    let own = place.path("own.bin");
    let source = NetworkSource::File(own.clone());
    let message = place.store.find(&source).unwrap_err().to_string();
    assert!(message.contains("own.bin as a network; hint: give the path"), "{message}");
    fs::create_dir(&own).unwrap();
    assert!(matches!(place.store.find(&source), Err(RegistryError::UnusableFile { .. })));
    fs::remove_dir(&own).unwrap();
    fs::write(&own, "any bytes").unwrap();
    assert_eq!(place.store.find(&source).unwrap(), own);
}

#[test]
fn unknown_and_user_supplied_networks_say_what_to_do() {
    let store = Store::new(Registry::embedded().unwrap(), "nowhere");
    let message = |name: &str| store.find(&registered(name)).unwrap_err().to_string();
    let unknown = message("mobilefac");
    assert!(unknown.contains("mobileface, face_landmark_68"), "{unknown}");
    assert!(unknown.contains("give its path (./mobilefac)"), "{unknown}");
    assert!(message("vgg-face").contains("safetensors"));
}

#[test]
fn all_missing_networks_are_reported_at_once() {
    // Three networks of one file each.
    let table: String = ["one", "two", "three"]
        .map(|name| {
            let entry = registry(NO_SERVER, &[("file.bin", &published())]);
            entry.replace("\"net\"", &format!("\"{name}\""))
        })
        .concat();
    let folder = tempfile::TempDir::new().unwrap();
    let store = Store::new(Registry::from_toml(&table, "the test").unwrap(), folder.path());
    let sources = ["one", "two", "three"].map(registered);
    let find = || store.find_all(sources.each_ref());

    let message = find().unwrap_err().to_string();
    assert_eq!(
        message,
        "these networks are not installed: one, two, three; hint: speech2face model pull one two \
         three"
    );
    let download = folder.path().join("download");
    fs::write(&download, published()).unwrap();
    store.install("one", &download).unwrap();
    store.install("three", &download).unwrap();
    assert!(matches!(find(), Err(RegistryError::Missing { name, .. }) if name == "two"));
    store.install("two", &download).unwrap();
    let paths = find().unwrap();
    for (path, name) in paths.iter().zip(["one", "two", "three"]) {
        assert_eq!(*path, folder.path().join(name).join("file.bin"));
    }
    // A damaged file is an error of its own, even if others are missing.
    fs::remove_file(&paths[0]).unwrap();
    fs::write(&paths[1], "damaged").unwrap();
    assert!(matches!(find(), Err(RegistryError::Damaged { name, .. }) if name == "two"));
}
