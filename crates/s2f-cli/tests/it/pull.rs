//! `speech2face model pull` and `model list`, with a server in the test.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use sha2::{Digest, Sha256};

use crate::support::{Folder, Run};

const BODY: &[u8] = b"the bytes of a network, as published";

/// Serves `body` under any path and through `CONNECT`, until the tests end; gives its address and
/// the first lines of what it is asked.
fn serve(body: &'static [u8]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), body, &log);
        }
    });
    (address, asked)
}

fn answer(stream: &TcpStream, body: &[u8], log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let Some(first) = lines.next() else { return };
        for _header in lines.by_ref().take_while(|line| !line.is_empty()) {}
        let is_tunnel = first.starts_with("CONNECT ");
        log.lock().unwrap().push(first);
        if is_tunnel {
            (&mut &*stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            continue;
        }
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        (&mut &*stream).write_all(&[head.as_bytes(), body].concat()).ok();
        return;
    }
}

/// A folder with a registry of one network `net` at `host`, and one that the user brings.
fn with_registry(host: &str) -> Folder {
    let folder = Folder::new();
    let table = format!(
        r#"
        [[entry]]
        name = "net"
        title = "Net"
        purpose = "tests the program"
        home = "https://example.org/net"
        licence = {{ id = "MIT", text = "https://example.org/licence", note = "read it" }}

        [[entry.file]]
        name = "net.bin"
        bytes = {}
        sha256 = "{:x}"
        url = "http://{host}/net.bin"

        [[entry]]
        name = "own"
        title = "Own"
        purpose = "tests it too"
        home = "https://example.org/own"
        how = "ask its authors"
        licence = {{ id = "MIT", text = "https://example.org/licence" }}
        "#,
        BODY.len(),
        Sha256::digest(BODY),
    );
    folder.write("registry.toml", table);
    folder
}

/// The program with the registry and the store of the folder, and without the proxy settings of
/// the environment.
fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(arguments);
    for variable in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command.env("SPEECH2FACE_REGISTRY", "registry.toml").env("SPEECH2FACE_MODELS", "models");
    command
}

fn run(folder: &Folder, arguments: &[&str]) -> Run {
    Run::of(command(folder, arguments).output().unwrap())
}

#[test]
fn a_network_is_introduced_fetched_listed_and_left_alone() {
    let (address, asked) = serve(BODY);
    let folder = with_registry(&address);
    let list = run(&folder, &["model", "list"]).exits(0).stdout;
    assert!(list.starts_with("compact           part of the program\n"), "{list}");
    assert!(list.contains("\nnet               not here       0.0 MB  tests the program\n"));
    assert!(list.contains("\nown               bring your own         tests it too\n"), "{list}");

    let pulled = run(&folder, &["model", "pull", "net"]).exits(0);
    assert_eq!(pulled.stdout, "");
    let place = std::path::Path::new("models").join("net");
    assert_eq!(
        pulled.stderr,
        format!(
            "net: Net, https://example.org/net\n  tests the program\n  licence MIT, \
             https://example.org/licence\n  note: read it\nnet is installed in {}\n",
            place.display()
        )
    );
    assert_eq!(folder.read("models/net/net.bin"), BODY);
    let again = run(&folder, &["model", "pull", "net"]).exits(0);
    again.says(&[&format!("net is already in {}\n", place.display())]);
    assert_eq!(*asked.lock().unwrap(), ["GET /net.bin HTTP/1.1"]);

    let lines = run(&folder, &["model", "list", "--json"]).exits(0).json();
    assert_eq!(lines[0]["kind"], "model");
    assert_eq!((&lines[1]["name"], &lines[1]["state"]), (&"net".into(), &"here".into()));
    assert_eq!(lines[1]["network"]["bytes"], BODY.len());
    assert!(lines[1]["network"]["files"][0].as_str().unwrap().ends_with("net.bin"));
    assert_eq!(lines[2]["state"], "bring your own");

    folder.write("models/net/net.bin", "damaged");
    let list = run(&folder, &["model", "list"]).exits(0).stdout;
    assert!(list.contains("\nnet               damaged "), "{list}");
    let quiet = run(&folder, &["model", "pull", "net", "-q"]).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn another_file_is_refused_and_nothing_stays() {
    let (address, _) = serve(b"the bytes of a network, as tampered!");
    let folder = with_registry(&address);
    let run = run(&folder, &["model", "pull", "net"]).exits(1);
    run.says(&["net.bin is not the published file: its sha256 is ", "\n  hint: nothing was"]);
    assert_eq!(folder.files(), ["models/net/.lock", "registry.toml"]);
}

#[test]
fn networks_are_installed_from_files() {
    let folder = with_registry("127.0.0.1:1");
    folder.write("download", BODY);
    folder.write("wrong", "something else");
    let wrong = run(&folder, &["model", "pull", "net", "--from", "wrong"]).exits(1);
    wrong.says(&["error: wrong has 14 bytes instead of 36\n  hint: "]);
    let missing = run(&folder, &["model", "pull", "net", "--from", "nowhere"]).exits(1);
    missing.says(&["error: cannot read nowhere: ", "\n  hint: check the path\n"]);
    run(&folder, &["model", "pull", "net", "--from", "download"])
        .exits(0)
        .says(&["is installed in"]);
    assert_eq!(folder.read("models/net/net.bin"), BODY);
}

#[test]
fn what_cannot_be_pulled_is_reported_with_a_hint() {
    let (address, asked) = serve(BODY);
    let folder = with_registry(&address);
    let own = run(&folder, &["model", "pull", "own", "net"]).exits(1);
    own.says(&["error: own cannot be pulled", "hint: ask its authors\n", "net is installed in "]);
    let unknown = run(&folder, &["model", "pull", "net", "nett"]).exits(2);
    unknown.says(&["error: there is no network called nett\n  hint: registered are net, own\n"]);
    run(&folder, &["model", "pull"]).exits(2);
    assert_eq!(asked.lock().unwrap().len(), 1);

    folder.write("registry.toml", "entry = 1");
    run(&folder, &["model", "list"])
        .exits(2)
        .says(&["error: registry.toml is not a valid registry ("]);
    fs::remove_file(folder.path("registry.toml")).unwrap();
    run(&folder, &["model", "list"]).exits(2).says(&["error: cannot read the registry "]);
}

#[test]
fn the_store_is_where_programs_keep_data() {
    let folder = with_registry("127.0.0.1:1");
    let mut command = command(&folder, &["model", "list", "-v"]);
    command.env_remove("SPEECH2FACE_REGISTRY").env_remove("SPEECH2FACE_MODELS");
    let data = folder.path("data");
    for variable in ["XDG_DATA_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE"] {
        command.env(variable, &data);
    }
    let run = Run::of(command.output().unwrap()).exits(0);
    assert!(run.stderr.contains(&*data.to_string_lossy()), "{run:#?}");
    assert!(run.stderr.trim_end().ends_with("models"), "{run:#?}");
    for name in ["yunet", "mobileface", "silero_vad", "vgg-face"] {
        assert!(run.stdout.contains(&format!("\n{name} ")), "{name}: {run:#?}");
    }
    assert_eq!(folder.files(), ["registry.toml"]);
}

#[test]
fn a_proxy_of_the_environment_is_used_and_not_for_this_computer() {
    let (proxy, asked) = serve(BODY);
    let folder = with_registry("models.invalid");
    let mut command = command(&folder, &["model", "pull", "net"]);
    command.env("HTTP_PROXY", format!("http://{proxy}"));
    Run::of(command.output().unwrap()).exits(0).says(&["net is installed in "]);
    let lines = asked.lock().unwrap().clone();
    assert_eq!(lines[0], "CONNECT models.invalid:80 HTTP/1.1");

    let (server, _) = serve(BODY);
    let folder = with_registry(&server);
    let mut command = self::command(&folder, &["model", "pull", "net"]);
    command.env("HTTP_PROXY", format!("http://{proxy}"));
    Run::of(command.output().unwrap()).exits(0);
    assert_eq!(asked.lock().unwrap().len(), lines.len());
}
