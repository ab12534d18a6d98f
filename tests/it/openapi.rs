//! The OpenAPI document: valid by an independent validator, complete by the sources, and true by a
//! client that knows nothing else and asks a running server thousands of odd questions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cli::{Place, Up};
use crate::support::python;

/// Routes that are no part of the API: what a browser is given.
const NOT_API: [&str; 2] = ["/", "/assets/{file}"];

/// Answers of these do not end by themselves, or are films that take long to make.
const ENDLESS: &str = "/(events|ws|stream\\.mjpeg|replay\\.mjpeg|clip\\.mp4)$";

/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

const CONFIG: &str = "[http]\nlisten = \"127.0.0.1:0\"\n[[cameras]]\nid = \"cam1\"\n\
                      url = \"synthetic:?size=64x48&fps=5\"\n";

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/openapi.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_openapi_document_passes_an_independent_validator() {
    let place = Place::new();
    let up = Up::start(&place, CONFIG);
    let script = "import json, sys, urllib.request\n\
                  from openapi_spec_validator import validate\n\
                  validate(json.load(urllib.request.urlopen(sys.argv[1])))";
    let ran = Command::new(python::interpreter())
        .args(["-c", script, &format!("{}/api/v1/openapi.json", up.url())])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Every `.route("...", ...)` of the sources, with the prefix of the router that it is nested in.
fn routes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                found.extend(code.split(".route(").skip(1).map(|rest| {
                    let route = rest.split('"').nth(1).unwrap_or_default();
                    let outside = ["/", "/assets/{file}", "/healthz", "/readyz", "/metrics"];
                    let prefix = if outside.contains(&route) { "" } else { "/api/v1" };
                    format!("{prefix}{route}")
                }));
            }
        }
    }
    found.retain(|route| !NOT_API.contains(&route.as_str()));
    found
}

#[test]
fn the_openapi_document_lists_every_route_and_no_other() {
    let document = document();
    let listed: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(listed, routes());
}

#[test]
fn every_operation_has_a_name_of_its_own_and_documents_its_errors() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} names two operations");
            let at = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{at} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            let works = responses.keys().any(|status| status.starts_with('2') || status == "101");
            assert!(works, "{at} documents no success");
        }
    }
}

#[test]
fn a_running_server_answers_as_the_openapi_document_says() {
    let place = Place::new();
    let up = Up::start(&place, CONFIG);
    let ran = Command::new(python::program("schemathesis"))
        .args(["run", &format!("{}/api/v1/openapi.json", up.url())])
        .args(["--checks", CHECKS, "--include-method", "GET", "--exclude-path-regex", ENDLESS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "8"])
        .args(["--seed", "1", "--request-timeout", "20", "--no-color"])
        .current_dir(place.folder())
        .env("HYPOTHESIS_STORAGE_DIRECTORY", place.folder().join("hypothesis"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("Test cases:"), "nothing was asked: {said}");
}
