//! Pulling models from a hub that is correct, and from hubs that truncate, stall, redirect and lie.

use std::fs;
use std::time::Duration;

use s2f_registry::{HubError, PullOutcome, RetryPolicy};

use crate::hub::{COMMIT, NEXT, TOKEN, TestHub, model, name_of};
use crate::server::{Server, Step, first, good, rest, status};
use crate::support::{POLICY, published};

const WEIGHTS: &str =
    "/alice/small/resolve/1111111111111111111111111111111111111111/model.safetensors";

#[test]
fn a_model_is_pulled_found_listed_and_removed() {
    let test = TestHub::new();
    let message = test.cache.find(&name_of("hf:alice/small")).unwrap_err().to_string();
    assert!(message.ends_with("; hint: speech2face model pull hf:alice/small"), "{message}");

    let (pulled, outcome) = test.pull("hf:alice/small").unwrap();
    assert_eq!((outcome, pulled.commit.as_str()), (PullOutcome::Installed, COMMIT));
    for name in ["config.json", "model.safetensors", "README.md"] {
        assert!(fs::read(pulled.folder.join(name)).unwrap() == model()[name], "{name}");
    }
    // Neither programs nor anything else of the repository.
    assert_eq!(fs::read_dir(&pulled.folder).unwrap().count(), 3);
    assert_eq!(pulled.bytes, 200_000 + 2 + 8);
    assert_eq!(test.cache.find(&name_of("hf:alice/small")).unwrap(), pulled);
    assert_eq!(test.cache.list().unwrap(), std::slice::from_ref(&pulled));
    let by_commit = name_of(&format!("hf:alice/small@{COMMIT}"));
    assert_eq!(test.cache.find(&by_commit).unwrap().folder, pulled.folder);

    // A branch is asked for, a commit is not.
    let asked = test.paths().len();
    assert_eq!(test.pull("hf:alice/small").unwrap().1, PullOutcome::AlreadyInstalled);
    assert_eq!(test.paths().len(), asked + 1);
    assert_eq!(test.pull(&by_commit.to_string()).unwrap().1, PullOutcome::AlreadyInstalled);
    assert_eq!(test.paths().len(), asked + 1);

    // Another branch at the same commit takes no download.
    test.pull("hf:alice/small@refs/pr/1").unwrap();
    assert_eq!(test.paths().len(), asked + 2);
    let unknown = test.cache.find(&name_of("hf:alice/small@v9")).unwrap_err().to_string();
    assert!(unknown.contains("pulled are hf:alice/small, hf:alice/small@refs/pr/1;"), "{unknown}");

    assert!(test.cache.remove(&name_of("hf:alice/small@refs/pr/1")).unwrap());
    test.cache.find(&name_of("hf:alice/small")).unwrap();
    assert!(test.cache.remove(&name_of("hf:alice/small")).unwrap());
    assert!(!test.cache.remove(&name_of("hf:alice/small")).unwrap());
    assert!(test.cache.list().unwrap().is_empty());
    assert!(!test.folder.path().join("models/hf.co/alice").exists());
}

#[test]
fn what_is_not_as_published_is_not_used() {
    let test = TestHub::new();
    let (pulled, _) = test.pull("hf:alice/small").unwrap();
    let weights = pulled.folder.join("model.safetensors");
    let find = || test.cache.find(&name_of("hf:alice/small"));
    let mut wrong = published();
    wrong[7] ^= 1;
    fs::write(&weights, wrong).unwrap();
    assert!(matches!(find(), Err(HubError::Damaged { path, .. }) if path == weights));
    assert_eq!(test.pull("hf:alice/small").unwrap().1, PullOutcome::Installed);
    find().unwrap();
    fs::write(pulled.folder.join("config.json"), "[]").unwrap();
    let message = find().unwrap_err().to_string();
    assert!(message.contains("config.json has the git hash "), "{message}");
    fs::remove_file(pulled.folder.join("config.json")).unwrap();
    assert!(find().unwrap_err().to_string().contains("config.json is missing"));
    #[cfg(unix)]
    {
        let elsewhere = test.folder.path().join("elsewhere");
        fs::write(&elsewhere, "{}").unwrap();
        std::os::unix::fs::symlink(&elsewhere, pulled.folder.join("config.json")).unwrap();
        assert!(find().unwrap_err().to_string().contains("config.json is not a regular file"));
    }
    // The list of files in the cache is not believed either.
    let list = pulled.folder.with_extension("json");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("\"config.json\"", "\"../../config.json\"")).unwrap();
    assert!(find().unwrap_err().to_string().contains("cannot use "));
}

#[test]
fn the_token_stays_with_the_hub() {
    let storage = Server::start(good(&published()));
    // Another name of the same computer is another host.
    let url = storage.url.replace("127.0.0.1", "localhost");
    let test = TestHub::new().change(|state| {
        state.is_private = true;
        state.storage = Some(url);
    });
    test.pull("hf:alice/small").unwrap();
    assert_eq!(storage.requests().len(), 1);
    assert_eq!(storage.requests()[0].header("authorization"), None);
    let own = test.server.requests();
    assert!(own.iter().all(|r| r.header("authorization") == Some(&format!("Bearer {TOKEN}"))));

    let test = TestHub::new().change(|state| state.is_private = true);
    let name = name_of("hf:alice/small");
    let message = test.hub(None).pull(&name, &test.cache, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("status 401") && message.contains("HF_TOKEN"), "{message}");
}

#[test]
fn a_truncated_download_is_resumed_also_by_a_later_run() {
    let test = TestHub::scripted(|request, number| match request.range_start() {
        _ if request.path != WEIGHTS => None,
        Some(start) if number > 4 => Some(rest(&published(), start)),
        Some(_) => Some(Vec::new()),
        None => Some(first(&published(), 70_000)),
    });
    test.fails(&["cannot fetch "]);
    test.pull("hf:alice/small").unwrap();
    let last = test.server.requests().into_iter().rfind(|request| request.path == WEIGHTS);
    assert_eq!(last.unwrap().range_start(), Some(70_000));
}

#[test]
fn a_stalled_hub_is_given_up() {
    let read_timeout = Duration::from_millis(200);
    for stalls_at in ["/api/", "/alice/"] {
        let test = TestHub::scripted(move |request, _| {
            request.path.starts_with(stalls_at).then(|| vec![Step::Stall])
        });
        let hub = test.hub(None).with_retry_policy(RetryPolicy { read_timeout, ..POLICY });
        let name = name_of("hf:alice/small");
        let message = hub.pull(&name, &test.cache, &mut |_| {}).unwrap_err().to_string();
        assert!(message.contains("imeout"), "{message}");
    }
}

#[test]
fn other_bytes_than_listed_are_not_installed() {
    // The hub lists one file and sends another of the same size.
    for name in ["model.safetensors", "README.md"] {
        let test = TestHub::scripted(move |request, _| {
            let mut wrong = model().remove(name).unwrap();
            wrong[3] ^= 1;
            request.path.ends_with(name).then(|| good(&wrong)(request, 0))
        });
        test.fails(&["is not the published file", "not the file that the hub lists"]);
    }
    let test = TestHub::scripted(|request, _| {
        let longer = [&published()[..], b"x"].concat();
        (request.path == WEIGHTS).then(|| good(&longer)(request, 0))
    });
    test.fails(&["has 200001 bytes instead of 200000"]);
}

#[test]
fn listings_that_cannot_be_true_are_refused() {
    type Lie = fn(&mut serde_json::Value);
    let cases: [(Lie, &str); 11] = [
        (|it| it["siblings"][2]["lfs"]["size"] = 7.into(), "two sizes"),
        (|it| it["siblings"][2]["lfs"]["sha256"] = "ab".into(), "its hash is none"),
        (|it| it["siblings"][1]["blobId"] = "x".repeat(40).into(), "its hash is none"),
        (|it| it["siblings"][1]["size"] = serde_json::Value::Null, "size and hash are missing"),
        (|it| it["siblings"][1]["size"] = (2 << 20).into(), "at most 1048576 are read"),
        (|it| it["siblings"][4]["rfilename"] = "config.json".into(), "listed twice"),
        (|it| it["siblings"][4]["rfilename"] = "../../run.py".into(), "a file is called"),
        (|it| it["siblings"][4]["rfilename"] = "/etc/passwd".into(), "a file is called"),
        (|it| it["siblings"][1]["rfilename"] = "other.json".into(), "has no config.json"),
        (|it| it["sha"] = "../../../evil".into(), "is no commit"),
        (|it| it["siblings"] = "many".into(), "cannot be used"),
    ];
    for (lie, part) in cases {
        let test = TestHub::new().change(|state| state.lie = lie);
        test.fails(&[part]);
        assert_eq!(test.paths().len(), 1, "{part}: a file was fetched");
    }
    let endless = TestHub::scripted(|_, _| {
        let mut steps = vec![Step::Send(crate::server::head("200 OK", &[]))];
        steps.extend((0..200).map(|_| Step::Send(vec![b' '; 1 << 16])));
        Some(steps)
    });
    endless.fails(&["gives an answer that cannot be used"]);
}

#[test]
fn statuses_of_the_hub_are_explained() {
    for (line, part) in [
        ("404 Not Found", "check the name and the revision"),
        ("403 Forbidden", "accepted the terms"),
        ("503 Service Unavailable", "try again later"),
    ] {
        TestHub::scripted(move |_, _| Some(status(line))).fails(&[part, "status "]);
    }
    // One failure is retried.
    let test =
        TestHub::scripted(|_, number| (number == 0).then(|| status("503 Service Unavailable")));
    test.pull("hf:alice/small").unwrap();
}

#[test]
fn a_branch_that_moved_is_pulled_beside_the_old_commit() {
    let test = TestHub::new();
    test.pull("hf:alice/small").unwrap();
    test.state.lock().unwrap().commit = NEXT.to_owned();
    let next = TestHub::scripted(|request, _| {
        let name = request.path.strip_prefix(&format!("/alice/small/resolve/{NEXT}/"))?;
        Some(good(&model()[name])(request, 0))
    })
    .change(|state| state.commit = NEXT.to_owned());
    let name = name_of("hf:alice/small");
    let (pulled, _) = next.hub(None).pull(&name, &test.cache, &mut |_| {}).unwrap();
    assert_eq!(pulled.commit, NEXT);
    assert_eq!(test.cache.find(&name).unwrap().commit, NEXT);
    let listed: Vec<String> =
        test.cache.list().unwrap().iter().map(|model| model.name.to_string()).collect();
    assert_eq!(listed, ["hf:alice/small".to_owned(), format!("hf:alice/small@{COMMIT}")]);
}
