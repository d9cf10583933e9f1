//! `--allow-ffmpeg`: formats that the program does not decode itself.

use s2f_testing::{ffmpeg, project};

use crate::support::serve;

#[test]
fn ffmpeg_decodes_only_if_it_is_allowed() {
    let Some(mut command) = ffmpeg() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.wma");
    command.args(["-v", "error", "-i"]).arg(project("examples/voices/low.flac"));
    command.args(["-c:a", "wmav2"]).arg(&path);
    assert!(command.status().unwrap().success());
    let voice = std::fs::read(path).unwrap();
    serve(|_| ()).post("/v1/reconstruct", &voice).assert_problem(422, "bad-recording");
    let server = serve(|settings| settings.allow_ffmpeg = true);
    let answer = server.post("/v1/reconstruct", &voice);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let decoder = &answer.json()["recording"]["decoder"];
    assert!(decoder.to_string().contains("ffmpeg"), "{}", answer.json()["recording"]);
    // A playlist that names a file of the server opens nothing.
    let playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    server.post("/v1/reconstruct", playlist).assert_problem(422, "bad-recording");
}
