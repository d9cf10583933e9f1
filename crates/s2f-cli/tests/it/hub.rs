//! `speech2face model push`, `pull` and `rm` with models of a hub, as far as nothing is sent. What
//! is sent and fetched is tested in `s2f-registry`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use sha2::{Digest, Sha256};

use crate::support::{Folder, Run};

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A hub that knows one empty, public repository; returns its address. It fails the test if it is
/// asked for anything but information.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            assert!(first.starts_with("GET /api/models/alice/small/revision/main?"), "{first}");
            let body = format!(r#"{{"sha":"{COMMIT}","private":false,"siblings":[]}}"#);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
            let answer = format!("{head}Connection: close\r\n\r\n{body}");
            (&mut &stream).write_all(answer.as_bytes()).ok();
        }
    });
    address
}

fn run(folder: &Folder, endpoint: &str, token: &str, arguments: &[&str]) -> Run {
    let mut command = folder.command(arguments);
    for variable in ["HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"] {
        command.env_remove(variable);
    }
    command.env("HF_ENDPOINT", endpoint).env("HF_TOKEN", token).env("HF_HOME", "nowhere");
    Run::of(command.env("SPEECH2FACE_MODELS", "models").output().unwrap())
}

const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn a_push_shows_what_it_would_send_and_sends_nothing_unasked() {
    let folder = Folder::new();
    let hub = serve();
    let export = ["model", "export", "-o", "mine", "--format", "safetensors"];
    folder.run(export).exits(0);
    folder.write("mine/notes.txt", "private");
    let push = ["model", "push", "mine", "hf:alice/small"];
    let shown = run(&folder, &hub, "hf_x", &push).exits(2);
    shown.says(&[
        "error: nothing was sent, since nobody can be asked\n",
        "hint: to push, add --yes",
    ]);
    let shown = run(&folder, &hub, "hf_x", &push);
    let head =
        format!("to hf:alice/small at {hub}: a repository that exists, public, everybody can");
    assert!(shown.stdout.starts_with(&head), "{shown:#?}");
    assert!(!shown.stdout.contains("notes.txt") && !shown.stderr.contains("hf_x"), "{shown:#?}");
    for name in ["config.json", "model.safetensors", "README.md"] {
        let line = shown.stdout.lines().find(|line| line.contains(name)).unwrap();
        let bytes = folder.read(&format!("mine/{name}")).len().to_string();
        assert!(line.contains(&bytes), "{line}");
    }
    run(&folder, &hub, "", &push).exits(2).says(&["there is no token", "set HF_TOKEN"]);
    let shipped = run(&folder, &hub, "hf_x", &["model", "push", "compact", "hf:alice/small"]);
    shipped.exits(2).says(&["compact is part of the program", "model export"]);
    let wrong = run(&folder, &hub, "hf_x", &["model", "push", "mine", "alice/small"]).exits(2);
    wrong.says(&["is not a model on the hub"]);
}

#[test]
fn a_pulled_model_is_used_by_its_name_and_never_fetched_unasked() {
    let folder = Folder::new();
    let info = ["model", "info", "-m", "hf:alice/small"];
    let missing = run(&folder, NOWHERE, "", &info).exits(2);
    missing.says(&["hf:alice/small has not been pulled", "speech2face model pull hf:alice/small"]);
    let refused = run(&folder, NOWHERE, "", &["model", "info", "-m", "hf:../small"]).exits(2);
    refused.says(&["is not a model on the hub"]);

    // As a pull leaves it, with a card that would act on a terminal.
    let place = format!("models/hf.co/alice/small/{COMMIT}");
    folder.run(["model", "export", "-o", &place, "--format", "safetensors"]).exits(0);
    folder.write(&format!("{place}/README.md"), "# Small\u{1b}]0;title\u{7}\n");
    let files = ["config.json", "model.safetensors", "README.md"].map(|name| {
        let bytes = folder.read(&format!("{place}/{name}"));
        let (size, hash) = (bytes.len(), format!("{:x}", Sha256::digest(&bytes)));
        format!(r#"{{"name":"{name}","bytes":{size},"sha256":"{hash}"}}"#)
    });
    folder.write(&format!("{place}.json"), format!(r#"{{"files":[{}]}}"#, files.join(",")));
    let revisions = format!(r#"{{"main":"{COMMIT}"}}"#);
    folder.write("models/hf.co/alice/small/revisions.json", revisions);

    let shown = run(&folder, NOWHERE, "", &info).exits(0);
    assert!(shown.stdout.contains("# Small\\u{1b}]0;title\\u{7}"), "{shown:#?}");
    let list = run(&folder, NOWHERE, "", &["model", "list"]).exits(0).stdout;
    assert!(list.contains("\nhf:alice/small    here "), "{list}");
    let lines = run(&folder, NOWHERE, "", &["model", "list", "--json"]).exits(0).json();
    assert_eq!(lines[1]["pulled"]["commit"], COMMIT);
    fs::write(folder.path(format!("{place}/config.json")), "{}").unwrap();
    run(&folder, NOWHERE, "", &info).exits(2).says(&["hf:alice/small is damaged, "]);

    folder.write(&format!("{place}/mine.txt"), "mine");
    let kept = run(&folder, NOWHERE, "", &["model", "rm", "hf:alice/small"]).exits(1);
    kept.says(&["cannot remove the folder "]);
    assert_eq!(folder.read(&format!("{place}/mine.txt")), b"mine");
    fs::remove_file(folder.path(format!("{place}/mine.txt"))).unwrap();
    run(&folder, NOWHERE, "", &["model", "rm", "hf:alice/small", "yunet"])
        .exits(0)
        .says(&["hf:alice/small is removed\n", "yunet is not installed\n"]);
    assert_eq!(folder.files(), ["models/hf.co/.lock"]);
    let shipped = run(&folder, NOWHERE, "", &["model", "rm", "compact"]).exits(1);
    shipped.says(&["compact is part of the program"]);
}
