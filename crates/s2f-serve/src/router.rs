//! All routes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use crate::problem::{Kind, Problem};
use crate::service::Service;
use crate::{decode, embed, guard, info, live, page, reconstruct};

/// The routes that `openapi.json` describes.
fn routes() -> [(&'static str, MethodRouter<Arc<Service>>); 9] {
    [
        ("/v1/reconstruct", post(reconstruct::answer)),
        ("/v1/embed", post(embed::answer)),
        ("/v1/decode", post(decode::answer)),
        ("/v1/live", get(live::answer)),
        ("/v1/models", get(info::models)),
        ("/health", get(info::health)),
        ("/ready", get(info::ready)),
        ("/metrics", get(info::metrics)),
        ("/openapi.json", get(page::openapi)),
    ]
}

/// The service with its layers.
pub fn router(service: Arc<Service>) -> Router {
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = router.route(path, methods);
    }
    for file in page::FILES {
        router = router.route(file.path, get(move || page::send(file)));
    }
    router
        .fallback(async || {
            Problem::new(Kind::NotFound, "no route has this path", "/docs lists all routes")
        })
        .method_not_allowed_fallback(async || {
            let detail = "the route exists, but not for this method";
            Problem::new(Kind::MethodNotAllowed, detail, "/docs lists all routes")
        })
        .layer(from_fn_with_state(Arc::clone(&service), guard::outermost))
        .with_state(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_lists_the_routes() {
        let description: serde_json::Value = serde_json::from_str(page::OPENAPI).unwrap();
        let mut described: Vec<&str> =
            description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut existing: Vec<&str> = routes().iter().map(|(path, _)| *path).collect();
        described.sort_unstable();
        existing.sort_unstable();
        assert_eq!(described, existing);
    }
}
