//! A download in a process that is killed, and its resumption in the next process.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use s2f_registry::{Registry, Store};

use crate::server::{Server, Step, first, rest};
use crate::support::{TestStore, published, registry};

const URL: &str = "S2F_TEST_URL";
const FOLDER: &str = "S2F_TEST_FOLDER";

/// The process that is killed: this test program, with the server's address in its environment.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let (url, folder) = (env::var(URL).unwrap(), env::var(FOLDER).unwrap());
    let table = registry(&url, &[("file.bin", &published())]);
    let store = Store::new(Registry::from_toml(&table, "the test").unwrap(), folder);
    store.pull("net", &mut |_| {}).unwrap();
}

fn wait_for(path: &Path, bytes: u64) {
    let begin = Instant::now();
    while fs::metadata(path).map_or(0, |metadata| metadata.len()) < bytes {
        assert!(begin.elapsed() < Duration::from_secs(20), "{} does not grow", path.display());
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_download_of_a_killed_process_is_resumed() {
    let body = published();
    let server = Server::start(move |request, number| match request.range_start() {
        Some(start) if number == 3 => rest(&body, start),
        start => {
            let end = start.unwrap_or(0) + 40_000;
            let mut steps = match start {
                None => first(&body, end),
                Some(start) => {
                    let Some(Step::Send(mut answer)) = rest(&body, start).pop() else { panic!() };
                    answer.truncate(answer.len() - (body.len() - end));
                    vec![Step::Send(answer)]
                }
            };
            steps.push(Step::Stall);
            steps
        }
    });
    let place = TestStore::new(&server.url);
    for round in 1..=3 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "interrupted::child", "--ignored"])
            .env(URL, &server.url)
            .env(FOLDER, place.store.folder())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&place.path("models/net/file.bin.part"), round * 40_000);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!place.path("models/net/file.bin").exists());
    }
    place.installs(0);
    let starts: Vec<_> = server.requests().iter().map(|r| r.range_start()).collect();
    assert_eq!(starts, [None, Some(40_000), Some(80_000), Some(120_000)]);
}
