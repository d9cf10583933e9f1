//! `--keep`: recordings and results of a study, and nothing otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

use crate::support::{serve, voice};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn recordings_and_results_are_stored_under_the_id_of_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("study");
    let server = serve(|settings| settings.keep = Some(folder.clone()));
    assert_eq!(server.get("/v1/models").json()["keeps_recordings"], true);
    let low = voice("low");
    let png = [("accept", "image/png")];
    let answers = [
        (server.post("/v1/reconstruct", &low), "json"),
        (server.ask("POST", "/v1/reconstruct", &png, &low), "png"),
        (server.post("/v1/embed", &low), "json"),
    ];
    assert_eq!(files(&folder).len(), 6);
    for (answer, extension) in answers {
        assert_eq!(answer.status, 200);
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(fs::read(folder.join(format!("{id}.recording"))).unwrap(), low);
        assert_eq!(fs::read(folder.join(format!("{id}.{extension}"))).unwrap(), answer.body);
    }
    // What is no recording has no result, and is not stored.
    assert_eq!(server.post("/v1/reconstruct", b"no sound").status, 422);
    assert_eq!(files(&folder).len(), 6);
}

#[test]
fn a_live_session_is_stored_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = serve(|settings| settings.keep = Some(folder.path().to_owned()));
    let request = format!("ws://{}/v1/live", server.address).into_client_request().unwrap();
    let (mut socket, response) = tungstenite::client(request, server.connect()).unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let samples: Vec<u8> =
        (0..24_000_u32).flat_map(|n| ((n * 7919 % 20_000) as i16 - 10_000).to_le_bytes()).collect();
    socket.send(Message::Binary(samples.clone().into())).unwrap();
    socket.send(Message::Text("end".into())).unwrap();
    let (mut text, mut picture) = (String::new(), Vec::new());
    loop {
        match socket.read().unwrap() {
            Message::Text(estimate) if estimate.contains("estimate") => text = estimate.to_string(),
            Message::Binary(png) => picture = png.to_vec(),
            Message::Close(_) => break,
            _ => {}
        }
    }
    server.stop();
    let read = |extension: &str| fs::read(folder.path().join(format!("{id}.{extension}"))).unwrap();
    assert_eq!(read("wav")[44..], samples);
    assert_eq!(read("json"), text.as_bytes());
    assert_eq!(read("png"), picture);
    assert_eq!(files(folder.path()).len(), 3);
}

#[test]
fn nothing_is_stored_without_a_folder_and_a_full_disk_is_a_problem() {
    let server = serve(|_| ());
    assert_eq!(server.get("/v1/models").json()["keeps_recordings"], false);
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("study");
    let server = serve(|settings| settings.keep = Some(inside.clone()));
    // A recording that a study would lose is an error for the client too.
    fs::remove_dir_all(&inside).unwrap();
    fs::write(&inside, "no folder").unwrap();
    server.post("/v1/reconstruct", &voice("low")).assert_problem(500, "internal");
}
