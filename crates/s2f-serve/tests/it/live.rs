//! Live sessions: a voice in pieces, estimates in between.

use std::net::TcpStream;

use s2f_serve::{Access, Token};
use serde_json::Value;
use speech2face::VoiceRecording;
use speech2face::audio::ReadOptions;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

use crate::support::{Running, serve, voice};

type Socket = WebSocket<TcpStream>;

fn connect(server: &Running, query: &str, protocols: &str) -> Result<Socket, u16> {
    let address = format!("ws://{}/v1/live{query}", server.address);
    let mut request = address.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    match tungstenite::client(request, server.connect()) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

/// The samples of an example voice, as a session wants them.
fn samples() -> Vec<u8> {
    let low = voice("low");
    let recording =
        VoiceRecording::from_reader(low.as_slice(), "low", &ReadOptions::default()).unwrap();
    let sample = |value: &f32| ((value * 32767.0) as i16).to_le_bytes();
    recording.voice().samples().iter().flat_map(sample).collect()
}

fn text(message: &Message) -> Value {
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

/// Reads an estimate and its pictures.
fn estimate(socket: &mut Socket) -> Value {
    let estimate = text(&socket.read().unwrap());
    assert_eq!(estimate["type"], "estimate", "{estimate}");
    for _ in 0..estimate["pictures"].as_u64().unwrap() {
        let picture = socket.read().unwrap().into_data();
        assert!(picture.starts_with(b"\x89PNG"));
    }
    estimate
}

#[test]
fn estimates_come_while_the_voice_grows_and_become_more_certain() {
    let server = serve(|_| ());
    let mut socket = connect(&server, "?faces=2&seed=1", "speech2face.v1").unwrap();
    let samples = samples();
    let mut estimates = Vec::new();
    // Half a second at a time; an estimate follows each but the first.
    for (place, piece) in samples.chunks(16_000).enumerate().take(13) {
        socket.send(Message::Binary(piece.to_vec().into())).unwrap();
        if place > 0 {
            estimates.push(estimate(&mut socket));
        }
    }
    assert_eq!(estimates.len(), 12);
    let width = |estimate: &Value| {
        let ends = &estimate["uncertainty"]["age"]["interval_90"];
        ends[1].as_f64().unwrap() - ends[0].as_f64().unwrap()
    };
    let known =
        |estimate: &Value| estimate["uncertainty"]["information"]["components"].as_f64().unwrap();
    let (first, last) = (&estimates[0], &estimates[11]);
    assert_eq!(first["seconds"], 1.0);
    assert_eq!(last["seconds"], 6.5);
    assert!(known(last) > known(first), "{first} {last}");
    assert!(width(last) < width(first), "{} {}", width(first), width(last));
    assert_eq!(last["pictures"], 3);
    // The rest, and the end: a last estimate of everything.
    for piece in samples.chunks(16_000).skip(13) {
        socket.send(Message::Binary(piece.to_vec().into())).unwrap();
    }
    socket.send(Message::Text("end".into())).unwrap();
    let mut message = socket.read().unwrap();
    let mut seconds = 0.0;
    while !message.is_close() {
        if message.is_text() {
            let text = text(&message);
            if text["type"] == "estimate" {
                seconds = text["seconds"].as_f64().unwrap();
            } else {
                assert_eq!(text["type"], "end");
            }
        }
        message = socket.read().unwrap();
    }
    assert!((seconds - samples.len() as f64 / 32_000.0).abs() < 1e-3, "{seconds}");
}

#[test]
fn messages_that_are_no_samples_end_the_session_with_a_problem() {
    let server = serve(|_| ());
    for message in [
        Message::Binary(vec![0; 3].into()),
        Message::Binary(Vec::new().into()),
        Message::Text("{}".into()),
    ] {
        let mut socket = connect(&server, "", "speech2face.v1").unwrap();
        socket.send(message).unwrap();
        let problem = text(&socket.read().unwrap());
        assert_eq!(problem["type"], "problem");
        assert_eq!(problem["problem"]["status"], 400);
        assert!(socket.read().unwrap().is_close());
    }
    // A message that is too large is not read at all.
    let mut socket = connect(&server, "", "speech2face.v1").unwrap();
    let _ = socket.send(Message::Binary(vec![0; 1 << 20].into()));
    while let Ok(message) = socket.read() {
        assert!(!message.is_binary(), "a picture for a message that is too large");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn sessions_need_the_token_and_a_free_place() {
    let token = Token::new("secret").unwrap();
    let server = serve(|settings| {
        settings.access = Access::Token(token);
        settings.live_sessions = 1;
    });
    assert_eq!(connect(&server, "", "speech2face.v1").unwrap_err(), 401);
    assert_eq!(connect(&server, "", "speech2face.v1, bearer.wrong").unwrap_err(), 401);
    let right = "speech2face.v1, bearer.secret";
    assert_eq!(connect(&server, "?faces=7", right).unwrap_err(), 400);
    let first = connect(&server, "", right).unwrap();
    assert_eq!(connect(&server, "", right).unwrap_err(), 429);
    drop(first);
    let again = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        connect(&server, "", right).ok()
    });
    assert!(again.is_some());
    server
        .ask("GET", "/v1/live", &[("authorization", "Bearer secret")], &[])
        .assert_problem(400, "bad-request");
}
