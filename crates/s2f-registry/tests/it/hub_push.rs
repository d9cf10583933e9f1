//! Pushing model folders.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s2f_core::hash::sha256;
use s2f_registry::{PushPlan, PushProgress, Pushed, Target};
use serde_json::Value;

use crate::hub::{COMMIT, NEXT, TOKEN, TestHub, model, name_of};
use crate::server::status;
use crate::support::published;

fn plan(test: &TestHub) -> PushPlan {
    let name = name_of("hf:alice/small");
    test.hub(Some(TOKEN)).plan_push(&test.model_folder(), &name, true).unwrap()
}

/// Pushes; returns what was pushed and the names of files that were there already.
fn push(test: &TestHub, plan: &PushPlan) -> (Pushed, Vec<String>) {
    let mut present = Vec::new();
    let pushed = test.hub(Some(TOKEN)).push(plan, &mut |event| {
        if let PushProgress::Present { file } = event {
            present.push(file.name.clone());
        }
    });
    (pushed.unwrap(), present)
}

/// Checks the lines of a commit against the files.
#[track_caller]
fn commits_all(lines: &[Value], parent: &str) {
    assert_eq!(lines[0]["key"], "header");
    assert_eq!(lines[0]["value"]["parentCommit"], parent);
    let mut names = Vec::new();
    for line in &lines[1..] {
        let value = &line["value"];
        let name = value["path"].as_str().unwrap();
        let bytes = &model()[name];
        if name == "model.safetensors" {
            assert_eq!((&line["key"], &value["algo"]), (&"lfsFile".into(), &"sha256".into()));
            assert_eq!((&value["oid"], &value["size"]), (&sha256(bytes).into(), &200_000.into()));
        } else {
            assert_eq!((&line["key"], &value["encoding"]), (&"file".into(), &"base64".into()));
            assert_eq!(&STANDARD.decode(value["content"].as_str().unwrap()).unwrap(), bytes);
        }
        names.push(name);
    }
    names.sort_unstable();
    assert_eq!(names, ["README.md", "config.json", "model.safetensors"]);
}

#[test]
fn a_new_repository_is_private_and_gets_one_commit() {
    let test = TestHub::new().change(|state| {
        state.exists = false;
        state.files.clear();
    });
    let plan = plan(&test);
    assert_eq!(plan.target, Target::New { is_private: true });
    assert_eq!(plan.bytes(), 200_010);
    assert!(!plan.is_public());
    // Planning asks, and changes nothing.
    assert!(test.server.requests().iter().all(|request| request.method == "GET"));

    let (pushed, present) = push(&test, &plan);
    assert_eq!((pushed.commit.as_deref(), present.len()), (Some(NEXT), 0));
    assert_eq!(pushed.url, format!("{}/alice/small", test.server.url));
    let state = test.state.lock().unwrap();
    assert!(state.is_private);
    assert_eq!(state.commits.len(), 1);
    commits_all(&state.commits[0], COMMIT);
    assert!(state.stored[&sha256(&published())] == published());
}

#[test]
fn large_files_are_sent_in_the_parts_that_the_hub_wants() {
    let test = TestHub::new().change(|state| {
        state.files.clear();
        state.part_bytes = Some(60_000);
    });
    let plan = plan(&test);
    assert!(plan.is_public());
    push(&test, &plan);
    let state = test.state.lock().unwrap();
    assert!(state.stored[&sha256(&published())] == published());
    commits_all(&state.commits[0], COMMIT);
    let puts = test.server.requests().into_iter().filter(|request| request.method == "PUT");
    assert_eq!(puts.map(|it| it.body.len()).collect::<Vec<_>>(), [60_000, 60_000, 60_000, 20_000]);
}

#[test]
fn what_the_hub_has_is_not_sent_again() {
    let test = TestHub::new();
    let (pushed, mut present) = push(&test, &plan(&test));
    present.sort();
    assert_eq!(pushed.commit, None);
    assert_eq!(present, ["README.md", "config.json", "model.safetensors"]);
    assert!(test.state.lock().unwrap().commits.is_empty());

    // The storage has the weights of a push that ended before its commit.
    let test = TestHub::new().change(|state| {
        state.files.clear();
        state.stored.insert(sha256(&published()), published());
    });
    let (_, present) = push(&test, &plan(&test));
    assert_eq!(present, ["model.safetensors"]);
    assert!(!test.server.requests().iter().any(|request| request.method == "PUT"));
    commits_all(&test.state.lock().unwrap().commits[0], COMMIT);
}

#[test]
fn a_failed_part_is_sent_again() {
    let test = TestHub::scripted(|request, number| {
        (request.method == "PUT" && number < 4).then(|| status("503 Service Unavailable"))
    })
    .change(|state| state.files.clear());
    push(&test, &plan(&test));
    assert!(test.state.lock().unwrap().stored[&sha256(&published())] == published());
}

#[test]
fn nothing_is_sent_where_it_must_not_be() {
    let test = TestHub::new().change(|state| {
        state.exists = false;
        state.obeys = false;
    });
    let (name, folder) = (name_of("hf:alice/small"), test.model_folder());
    let planned = plan(&test);
    let message = test.hub(Some(TOKEN)).push(&planned, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("the hub made hf:alice/small public"), "{message}");
    assert!(!test.paths().iter().any(|path| path.contains("preupload")));

    let message = |hub: s2f_registry::Hub, folder: &std::path::Path, name: &str| {
        hub.plan_push(folder, &name_of(name), true).unwrap_err().to_string()
    };
    let asked = test.paths().len();
    assert!(message(test.hub(None), &folder, "hf:alice/small").contains("HF_TOKEN"));
    let commit = format!("hf:alice/small@{COMMIT}");
    assert!(message(test.hub(Some(TOKEN)), &folder, &commit).contains("cannot be changed"));
    assert!(
        message(test.hub(Some(TOKEN)), test.folder.path(), "hf:alice/small")
            .contains("has no config.json")
    );
    assert_eq!(test.paths().len(), asked);

    // Changed after the user agreed.
    let test = TestHub::new();
    let planned = test.hub(Some(TOKEN)).plan_push(&test.model_folder(), &name, true).unwrap();
    fs::write(test.model_folder().join("README.md"), "secret").unwrap();
    let message = test.hub(Some(TOKEN)).push(&planned, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("it was changed meanwhile"), "{message}");
    assert!(test.state.lock().unwrap().commits.is_empty());
}

#[test]
fn a_redirect_takes_no_upload_with_it() {
    let test = TestHub::scripted(|request, _| {
        let location = [("Location", "http://localhost:1/x"), ("Content-Length", "0")];
        let steps =
            vec![crate::server::Step::Send(crate::server::head("307 Temporary", &location))];
        (request.method == "POST").then_some(steps)
    });
    let plan = plan(&test);
    let message = test.hub(Some(TOKEN)).push(&plan, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("status 307"), "{message}");
}
