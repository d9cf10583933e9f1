//! Who may ask: hosts, origins, tokens, rates.

use s2f_serve::{Access, ServeError, Server, Settings, Token};

use crate::support::{model, serve};

#[test]
fn other_hosts_and_other_sites_are_refused() {
    let server = serve(|settings| settings.hosts = vec!["face.example.org".into()]);
    let ask = |headers: &[(&str, &str)]| server.ask("GET", "/v1/models", headers, &[]);
    assert_eq!(ask(&[("host", "localhost:7860")]).status, 200);
    assert_eq!(ask(&[("host", "face.example.org")]).status, 200);
    ask(&[("host", "evil.example")]).assert_problem(403, "forbidden");
    ask(&[("host", "")]).assert_problem(403, "forbidden");
    let own = format!("http://{}", server.address);
    assert_eq!(ask(&[("origin", &own)]).status, 200);
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        ask(&[("origin", origin)]).assert_problem(403, "forbidden");
    }
    // The page itself is not shown under another name either.
    server.ask("GET", "/", &[("host", "evil.example")], &[]).assert_problem(403, "forbidden");
}

#[test]
fn responses_protect_browsers() {
    let server = serve(|_| ());
    for path in ["/", "/v1/models", "/nowhere"] {
        let answer = server.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert!(answer.header("cache-control").is_some());
    }
}

#[test]
fn a_token_is_needed_where_one_is_set() {
    let token = Token::new("correct-horse").unwrap();
    let server = serve(|settings| settings.access = Access::Token(token));
    for path in ["/v1/models", "/metrics"] {
        server.get(path).assert_problem(401, "unauthorized");
        assert_eq!(server.get(path).header("www-authenticate"), Some("Bearer"));
        for wrong in ["Bearer wrong", "Bearer ", "correct-horse", "Basic correct-horse"] {
            server
                .ask("GET", path, &[("authorization", wrong)], &[])
                .assert_problem(401, "unauthorized");
        }
        let right = [("authorization", "Bearer correct-horse")];
        assert_eq!(server.ask("GET", path, &right, &[]).status, 200);
    }
    // The page has to be there, to ask for the token.
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn others_can_reach_the_server_only_if_that_was_said() {
    let open = |access| {
        let listen = "0.0.0.0:0".parse().unwrap();
        let settings = Settings { listen, access, ..Settings::default() };
        Server::bind(model(), settings, std::sync::Arc::new(|_| ()))
    };
    assert!(matches!(open(Access::Local), Err(ServeError::Unprotected { .. })));
    assert!(open(Access::Everybody).is_ok());
}

#[test]
fn a_client_that_asks_too_often_waits() {
    let server = serve(|settings| settings.rate_per_minute = 20);
    let statuses: Vec<u16> = (0..7).map(|_| server.get("/health").status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    let refused = server.get("/health");
    refused.assert_problem(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let server = serve(|_| ());
    server.get("/nowhere").assert_problem(404, "not-found");
    server.get("/../etc/passwd").assert_problem(404, "not-found");
    server.get("/v1/reconstruct").assert_problem(405, "method-not-allowed");
    server.post("/health", b"x").assert_problem(405, "method-not-allowed");
}
