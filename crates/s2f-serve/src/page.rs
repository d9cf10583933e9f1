//! The page and the description of the service: files that are part of the program.

use axum::http::header;
use axum::response::IntoResponse;

/// A file, and the path that it is sent under.
pub struct File {
    pub path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($path:literal, $type:expr, $file:literal) => {
        File { path: $path, content_type: $type, bytes: include_bytes!($file) }
    };
}

/// All files of the page.
pub const FILES: &[File] = &[
    file!("/", HTML, "../page/index.html"),
    file!("/style.css", "text/css; charset=utf-8", "../page/style.css"),
    file!("/icon.svg", "image/svg+xml", "../page/icon.svg"),
    file!("/app.js", JAVASCRIPT, "../page/app.js"),
    file!("/api.js", JAVASCRIPT, "../page/api.js"),
    file!("/capture.js", JAVASCRIPT, "../page/capture.js"),
    file!("/files.js", JAVASCRIPT, "../page/files.js"),
    file!("/live.js", JAVASCRIPT, "../page/live.js"),
    file!("/microphone.js", JAVASCRIPT, "../page/microphone.js"),
    file!("/notices.js", JAVASCRIPT, "../page/notices.js"),
    file!("/recorder.js", JAVASCRIPT, "../page/recorder.js"),
    file!("/result.js", JAVASCRIPT, "../page/result.js"),
    file!("/steps.js", JAVASCRIPT, "../page/steps.js"),
    file!("/told.js", JAVASCRIPT, "../page/told.js"),
    file!("/wave.js", JAVASCRIPT, "../page/wave.js"),
    file!("/docs", HTML, "../page/docs.html"),
    file!("/docs.js", JAVASCRIPT, "../page/docs.js"),
    file!("/examples/low.flac", "audio/flac", "../page/examples/low.flac"),
    file!("/examples/high.flac", "audio/flac", "../page/examples/high.flac"),
];

/// The description of the service, OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Sends a file.
pub async fn send(file: &'static File) -> impl IntoResponse {
    // The page belongs to the program, which may be another version after a restart.
    ([(header::CONTENT_TYPE, file.content_type), (header::CACHE_CONTROL, "no-cache")], file.bytes)
}

/// `GET /openapi.json`.
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], OPENAPI)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the page loads is in the list, and nothing is loaded from elsewhere.
    #[test]
    fn the_page_needs_nothing_else() {
        for file in FILES.iter().filter(|file| file.content_type.starts_with("text/")) {
            let text = std::str::from_utf8(file.bytes).unwrap();
            let quoted = text.split(['"', '\'', '`', '(', ')']);
            for path in quoted.filter(|part| part.starts_with('/') && part.ends_with(".js")) {
                assert!(FILES.iter().any(|file| file.path == path), "{path} in {}", file.path);
            }
            let outside = text.split("http").skip(1).find(|rest| {
                rest.starts_with("s://")
                    || (rest.starts_with("://") && !rest[3..].starts_with("localhost"))
            });
            // Names of XML namespaces are not addresses.
            let outside = outside.filter(|rest| !rest.starts_with("://www.w3.org/"));
            assert!(outside.is_none(), "{} names {outside:?}", file.path);
        }
    }

    /// The examples are those of the repository.
    #[test]
    fn the_examples_are_the_shipped_voices() {
        for name in ["low", "high"] {
            let path = s2f_testing::project(&format!("examples/voices/{name}.flac"));
            let sent = FILES.iter().find(|file| file.path.ends_with(&format!("{name}.flac")));
            assert_eq!(sent.unwrap().bytes, std::fs::read(path).unwrap());
        }
    }
}
