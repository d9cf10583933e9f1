//! Faces for recordings and features.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use speech2face::audio::ReadOptions;
use speech2face::{ReconstructOptions, Sampling, VoiceRecording};

use crate::support::{model, serve, voice};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What the library gives for the same voice.
fn expected(faces: usize) -> speech2face::PlausibleFaces {
    let voice = voice("low");
    let recording =
        VoiceRecording::from_reader(voice.as_slice(), "low", &ReadOptions::default()).unwrap();
    let sampling = Sampling { count: faces, seed: 5, truncation: 1.0 };
    model().reconstruct_faces(&recording, ReconstructOptions::default(), sampling).unwrap()
}

#[test]
fn a_recording_becomes_the_face_that_the_library_draws() {
    let server = serve(|_| ());
    let answer = server.post("/v1/reconstruct?faces=2&seed=5&style=line&steps=true", &voice("low"));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let json = answer.json();
    let expected = expected(2);
    let png = |value: &serde_json::Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    assert_eq!(png(&json["picture"]["png"]), expected.mean.to_png().unwrap());
    assert_eq!(png(&json["pictures"][1]["png"]), expected.samples[1].to_png().unwrap());
    assert!(json["synthetic"].as_str().unwrap().contains("identifies nobody"));
    assert!(json["told"][1].as_str().unwrap().ends_with("of the plausible faces are men"));
    assert_eq!(json["faces"].as_array().unwrap().len(), 2);
    let cartoon = &json["picture"]["cartoon"];
    assert!(cartoon["svg"].as_str().unwrap().starts_with("<svg "));
    assert!(png(&cartoon["png"]).starts_with(PNG));
    let steps = &json["steps"];
    assert!(png(&steps["texture"]).starts_with(PNG));
    let pixels = steps["input_frames"].as_u64().unwrap() * steps["input_bins"].as_u64().unwrap();
    assert_eq!(png(&steps["input"]).len() as u64, pixels);
}

#[test]
fn the_picture_alone_and_forms() {
    let server = serve(|_| ());
    let accept = |kind| [("accept", kind)];
    let png = server.ask("POST", "/v1/reconstruct", &accept("image/png"), &voice("low"));
    assert_eq!(png.header("content-type"), Some("image/png"));
    assert_eq!(png.body, expected(0).mean.to_png().unwrap());
    let svg = server.ask(
        "POST",
        "/v1/reconstruct?style=sticker",
        &accept("image/svg+xml"),
        &voice("low"),
    );
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(svg.body.starts_with(b"<svg "));
    let no_svg = server.ask("POST", "/v1/reconstruct", &accept("image/svg+xml"), &voice("low"));
    no_svg.assert_problem(406, "not-acceptable");
    server
        .ask("POST", "/v1/reconstruct", &accept("text/html"), &voice("low"))
        .assert_problem(406, "not-acceptable");

    let kind = [("content-type", "multipart/form-data; boundary=xyz"), ("accept", "image/png")];
    let part = |name: &str, value: &[u8]| {
        let head = format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), value, b"\r\n"].concat()
    };
    let end = b"--xyz--\r\n".as_slice();
    let form = [&part("exaggerate", b"0.5"), &part("audio", &voice("low")), end].concat();
    let answer = server.ask("POST", "/v1/reconstruct", &kind, &form);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let recording =
        VoiceRecording::from_reader(voice("low").as_slice(), "low", &ReadOptions::default())
            .unwrap();
    let options = ReconstructOptions { exaggerate: 0.5, ..ReconstructOptions::default() };
    let exaggerated = model().reconstruct(&recording, options).unwrap();
    assert_eq!(answer.body, exaggerated.to_png().unwrap());
    for form in [
        [&part("faces", b"2"), end].concat(),
        [&part("audio", b""), &part("audio", b""), end].concat(),
        [&part("audio", &voice("low")), &part("nonsense", b"2"), end].concat(),
        part("audio", &voice("low")),
        b"no form".to_vec(),
    ] {
        server.ask("POST", "/v1/reconstruct", &kind, &form).assert_problem(400, "bad-request");
    }
}

#[test]
fn a_feature_goes_out_and_comes_back_as_the_same_face() {
    let server = serve(|_| ());
    let embedded = server.post("/v1/embed", &voice("low"));
    assert_eq!(embedded.status, 200);
    assert_eq!(embedded.json()["recording"]["seconds"].as_f64().unwrap().round(), 7.0);
    let decoded = server.post("/v1/decode", &embedded.body);
    assert_eq!(decoded.status, 200, "{}", String::from_utf8_lossy(&decoded.body));
    let expected = expected(0).mean.face;
    let landmarks: Vec<[f32; 2]> =
        serde_json::from_value(decoded.json()["landmarks"].clone()).unwrap();
    assert_eq!(landmarks, expected.landmarks);
    for body in [
        "",
        "{}",
        r#"{"feature":[1,2]}"#,
        r#"{"feature":"x"}"#,
        r#"{"feature":[1e999]}"#,
        "[[[[[[[[",
    ] {
        server.post("/v1/decode", body.as_bytes()).assert_problem(400, "bad-request");
    }
    server.post("/v1/decode", &vec![b' '; 300_000]).assert_problem(413, "too-large");
}

#[test]
fn what_the_server_says_about_itself() {
    let server = serve(|_| ());
    assert_eq!(server.get("/health").json()["status"], "ok");
    assert_eq!(server.get("/ready").json()["status"], "ready");
    let models = server.get("/v1/models").json();
    assert_eq!(models["models"][0]["name"], "compact");
    assert_eq!(models["models"][0]["distribution"], true);
    assert_eq!(server.get("/openapi.json").json()["openapi"], "3.1.0");
    for page in ["/", "/docs", "/app.js", "/capture.js", "/style.css", "/examples/low.flac"] {
        assert_eq!(server.get(page).status, 200, "{page}");
    }
    server.post("/v1/embed", b"nothing");
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = "speech2face_requests_total{route=\"/v1/embed\",status=\"422\"} 1";
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
}
