//! `serve`: it starts, answers, and stops; wrong settings are refused.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use crate::support::Folder;

#[test]
fn it_answers_until_it_is_stopped() {
    let folder = Folder::new();
    let arguments = ["serve", "--no-open", "--listen", "127.0.0.1:0", "-v"];
    let mut child = folder.command(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut first = lines.next().unwrap().unwrap();
    while !first.starts_with("serving http://") {
        first = lines.next().unwrap().unwrap();
    }
    let address = first.split(['/', ' ']).nth(3).unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let logged = lines.next().unwrap().unwrap();
    assert!(logged.contains(" GET /health 200 "), "{logged}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_settings_are_refused_with_a_hint() {
    let folder = Folder::new();
    folder.write("empty.txt", "\n");
    for (arguments, words) in [
        (vec!["--listen", "0.0.0.0:0"], "--token-file"),
        (vec!["--listen", "0.0.0.0:0", "--token-file", "missing.txt"], "missing.txt"),
        (vec!["--listen", "0.0.0.0:0", "--token-file", "empty.txt"], "the token is empty"),
        (vec!["--no-auth", "--token-file", "empty.txt"], "cannot be used with"),
        (vec!["--listen", "localhost"], "invalid"),
        (vec!["--jobs", "0"], "--jobs"),
        (vec!["-m", "nothing-there"], "nothing-there"),
    ] {
        let run = folder.run(["serve", "--no-open"].into_iter().chain(arguments)).exits(2);
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}
