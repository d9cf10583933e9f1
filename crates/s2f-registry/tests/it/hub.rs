//! A Hugging Face hub inside the test: one repository `alice/small`, in memory, with the routes
//! that pulling and pushing need. What it lists and sends can be made wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use s2f_core::hash::{GitBlobWriter, sha256};
use s2f_registry::{Hub, HubCache, HubError, HubName, PullOutcome, PulledModel};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Request, Server, Step, good, head, status};
use crate::support::{POLICY, published};

pub const COMMIT: &str = "1111111111111111111111111111111111111111";
pub const NEXT: &str = "2222222222222222222222222222222222222222";
pub const TOKEN: &str = "hf_Secret";

/// What the hub has, and how it stores files.
pub struct State {
    pub exists: bool,
    pub is_private: bool,
    /// Whether it creates repositories as they were asked for.
    pub obeys: bool,
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
    pub stored: BTreeMap<String, Vec<u8>>,
    /// Size of the parts of uploads.
    pub part_bytes: Option<usize>,
    /// Address of the server that large files come from.
    pub storage: Option<String>,
    pub commits: Vec<Vec<Value>>,
    /// Changes the list of files before it is sent.
    pub lie: fn(&mut Value),
}

pub fn git_blob(bytes: &[u8]) -> String {
    let mut hash = GitBlobWriter::new(bytes.len() as u64);
    std::io::Write::write_all(&mut hash, bytes).unwrap();
    hash.finish()
}

pub fn model() -> BTreeMap<String, Vec<u8>> {
    [
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", published()),
        ("README.md", b"# Small\n".to_vec()),
        ("run.py", b"import os".to_vec()),
        ("onnx/model.onnx", b"onnx".to_vec()),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .collect()
}

pub fn answer(value: &Value) -> Vec<Step> {
    let body = value.to_string();
    let length = body.len().to_string();
    let head = head("200 OK", &[("Content-Type", "application/json"), ("Content-Length", &length)]);
    vec![Step::Send([&head[..], body.as_bytes()].concat())]
}

fn listing(state: &State) -> Value {
    let siblings = state.files.iter().map(|(name, bytes)| {
        let mut file = json!({
            "rfilename": name, "size": bytes.len(), "blobId": git_blob(bytes),
        });
        if name.ends_with(".safetensors") {
            file["lfs"] =
                json!({ "sha256": sha256(bytes), "size": bytes.len(), "pointerSize": 134 });
        }
        file
    });
    let siblings: Vec<Value> = siblings.collect();
    let mut value = json!({
        "id": "alice/small", "sha": state.commit, "private": state.is_private,
        "siblings": siblings,
    });
    (state.lie)(&mut value);
    value
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The answers of a hub. A private repository is there only for its token.
fn respond(state: &mut State, request: &Request) -> Vec<Step> {
    let path = request.path.as_str();
    let host = format!("http://{}", request.header("host").unwrap());
    if let Some(rest) = path.strip_prefix("/storage/") {
        assert_eq!(request.header("authorization"), None, "the token is not for the storage");
        assert_eq!(request.method, "PUT");
        state.stored.insert(rest.to_owned(), request.body.clone());
        let etag = format!("\"etag-{rest}\"");
        return vec![Step::Send(head("200 OK", &[("ETag", &etag), ("Content-Length", "0")]))];
    }
    if state.is_private && request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return status("401 Unauthorized");
    }
    if path == "/api/repos/create" {
        let body = body(request);
        assert_eq!(
            (&body["organization"], &body["name"], &body["type"]),
            (&"alice".into(), &"small".into(), &"model".into())
        );
        state.exists = true;
        state.is_private = state.obeys && body["private"] == true;
        return answer(&json!({ "url": format!("{host}/alice/small") }));
    }
    if !state.exists {
        return status("404 Not Found");
    }
    match path {
        "/api/models/alice/small/revision/main?blobs=true"
        | "/api/models/alice/small/revision/refs%2Fpr%2F1?blobs=true" => answer(&listing(state)),
        "/api/models/alice/small/preupload/main" => {
            let files = body(request)["files"].as_array().unwrap().clone();
            let files = files.iter().map(|file| {
                let name = file["path"].as_str().unwrap();
                let is_large = name.ends_with(".safetensors");
                let old = state.files.get(name);
                let oid = old.map(|old| if is_large { sha256(old) } else { git_blob(old) });
                let mode = if is_large { "lfs" } else { "regular" };
                json!({ "path": name, "uploadMode": mode, "shouldIgnore": false, "oid": oid })
            });
            answer(&json!({ "files": files.collect::<Vec<_>>() }))
        }
        "/alice/small.git/info/lfs/objects/batch" => {
            let body = body(request);
            assert_eq!(
                (&body["operation"], &body["hash_algo"]),
                (&"upload".into(), &"sha256".into())
            );
            let object = &body["objects"][0];
            let (oid, bytes) =
                (object["oid"].as_str().unwrap(), object["size"].as_u64().unwrap() as usize);
            let verify = json!({ "href": format!("{host}/verify") });
            let upload = match state.part_bytes {
                _ if state.stored.contains_key(oid) => {
                    return answer(&json!({ "objects": [{ "oid": oid, "size": bytes }] }));
                }
                None => json!({ "href": format!("{host}/storage/{oid}") }),
                Some(part) => {
                    let mut header = json!({ "chunk_size": part.to_string() });
                    for number in 1..=bytes.div_ceil(part) {
                        header[format!("{number:05}")] =
                            format!("{host}/storage/{oid}.{number}").into();
                    }
                    json!({ "href": format!("{host}/complete"), "header": header })
                }
            };
            let actions = json!({ "upload": upload, "verify": verify });
            answer(&json!({
                "transfer": "basic", "objects": [{ "oid": oid, "size": bytes, "actions": actions }],
            }))
        }
        "/complete" => {
            let body = body(request);
            let oid = body["oid"].as_str().unwrap();
            let mut whole = Vec::new();
            for (number, part) in (1..).zip(body["parts"].as_array().unwrap()) {
                assert_eq!(part["partNumber"], number);
                assert_eq!(part["etag"], format!("\"etag-{oid}.{number}\""));
                whole.extend(state.stored.remove(&format!("{oid}.{number}")).unwrap());
            }
            state.stored.insert(oid.to_owned(), whole);
            answer(&json!({}))
        }
        "/verify" => {
            let oid = body(request)["oid"].as_str().unwrap().to_owned();
            assert_eq!(sha256(&state.stored[&oid]), oid);
            status("200 OK")
        }
        "/api/models/alice/small/commit/main" => {
            let text = String::from_utf8(request.body.clone()).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            state.commits.push(lines.collect());
            state.commit = NEXT.to_owned();
            answer(&json!({ "commitOid": NEXT, "commitUrl": format!("{host}/c") }))
        }
        _ => match path.strip_prefix(&format!("/alice/small/resolve/{COMMIT}/")) {
            Some(name) if name.ends_with(".safetensors") && state.storage.is_some() => {
                let location = format!("{}/{name}", state.storage.as_ref().unwrap());
                let head = head("302 Found", &[("Location", &location), ("Content-Length", "0")]);
                vec![Step::Send(head)]
            }
            Some(name) => good(&state.files[name])(request, 0),
            None => panic!("{path}"),
        },
    }
}

/// A hub, a cache and a client.
pub struct TestHub {
    pub server: Server,
    pub state: Arc<Mutex<State>>,
    pub cache: HubCache,
    pub folder: TempDir,
}

impl TestHub {
    pub fn new() -> Self {
        Self::scripted(|_, _| None)
    }

    /// A hub that answers with `script` where it gives something.
    pub fn scripted(
        script: impl Fn(&Request, usize) -> Option<Vec<Step>> + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            exists: true,
            is_private: false,
            obeys: true,
            commit: COMMIT.to_owned(),
            files: model(),
            stored: BTreeMap::new(),
            part_bytes: None,
            storage: None,
            commits: Vec::new(),
            lie: |_| {},
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request, number| {
            script(request, number).unwrap_or_else(|| respond(&mut shared.lock().unwrap(), request))
        });
        let folder = TempDir::new().unwrap();
        let cache = HubCache::in_folder(folder.path().join("models"));
        Self { server, state, cache, folder }
    }

    pub fn change(self, change: impl FnOnce(&mut State)) -> Self {
        change(&mut self.state.lock().unwrap());
        self
    }

    pub fn hub(&self, token: Option<&str>) -> Hub {
        Hub::new(&self.server.url, token).unwrap().with_retry_policy(POLICY)
    }

    pub fn pull(&self, name: &str) -> Result<(PulledModel, PullOutcome), HubError> {
        self.hub(Some(TOKEN)).pull(&name_of(name), &self.cache, &mut |_| {})
    }

    /// Checks that a pull fails with a message that contains all `parts`, and that no model is in
    /// the cache.
    #[track_caller]
    pub fn fails(&self, parts: &[&str]) {
        let message = self.pull("hf:alice/small").unwrap_err().to_string();
        for part in parts.iter().chain(&["; hint: "]) {
            assert!(message.contains(part), "{part:?} is missing in {message:?}");
        }
        assert!(!message.contains(TOKEN) && !message.contains("--from"), "{message}");
        assert!(self.cache.list().unwrap().is_empty());
    }

    pub fn paths(&self) -> Vec<String> {
        self.server.requests().into_iter().map(|request| request.path).collect()
    }

    /// A model folder with the files of [`model`].
    pub fn model_folder(&self) -> PathBuf {
        let folder = self.folder.path().join("mine");
        std::fs::create_dir_all(folder.join("onnx")).unwrap();
        for (name, bytes) in model() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        folder
    }
}

pub fn name_of(text: &str) -> HubName {
    text.parse().unwrap()
}
