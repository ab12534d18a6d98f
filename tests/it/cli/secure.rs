//! HTTPS and tokens through the real binary: `up` on one side, the other verbs on the other.

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{PUSHED, Place, Up, jpeg};

/// An authority of its own, and certificates for this machine.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes `cert.pem` and `key.pem`.
    fn certify(&self, place: &Place) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        place.write("key.pem", key.serialize_pem());
        place.write("cert.pem", cert.pem());
    }
}

fn with_tls(place: &Place) -> String {
    let (cert, key) = (place.path("cert.pem"), place.path("key.pem"));
    PUSHED.replace(
        "[http]\n",
        &format!("[http]\ntls_cert = {:?}\ntls_key = {:?}\n", cert.display(), key.display()),
    )
}

#[test]
fn every_verb_asks_by_https_and_shows_its_token() {
    let place = Place::new();
    let authority = Authority::new();
    authority.certify(&place);
    let ca = place.write("ca.pem", &authority.pem);
    let ca = ca.to_str().unwrap();
    let new = |arguments: &[&str]| {
        let new = place.run(&[&["token", "new", "--json"][..], arguments].concat());
        new.ended(0).json().remove(0)
    };
    let (wall, gate) = (new(&["--name", "wall"]), new(&["--name", "gate", "--write"]));
    let mut config = with_tls(&place);
    for token in [&wall, &gate] {
        let [name, hash, tenant, access] =
            ["name", "hash", "tenant", "access"].map(|key| token[key].to_string());
        config.push_str(&format!(
            "[[tokens]]\nname = {name}\nhash = {hash}\ntenant = {tenant}\naccess = {access}\n"
        ));
    }
    let up = Up::start(&place, &config);
    assert!(up.url.starts_with("https://127.0.0.1:"), "{}", up.url);
    assert_eq!(up.started["access"], "token");
    let (wall, gate) = (wall["token"].as_str().unwrap(), gate["token"].as_str().unwrap());
    place.write("a.jpg", jpeg(1));
    let known = ["--url", &up.url, "--ca", ca];
    let run = |verb: &[&str], token: &[&str]| place.run(&[verb, &known[..], token].concat());

    let refused = run(&["push", "cam1", "a.jpg"], &["--token", wall]).ended(1);
    assert!(refused.stderr.contains("this token may only read"), "{}", refused.stderr);
    run(&["push", "cam1", "a.jpg"], &["--token", gate]).ended(0);
    let latest = run(&["latest", "cam1", "--json"], &["--token", wall]).ended(0).json();
    assert_eq!(latest.len(), 1);
    for token in [&[][..], &["--token", "fc_wrong"]] {
        let refused = run(&["latest", "cam1"], token).ended(1);
        assert!(refused.stderr.contains("token"), "{}", refused.stderr);
    }
    run(&["healthcheck"], &[]).ended(0);
    let untrusted = place.run(&["healthcheck", "--url", &up.url]).ended(1);
    assert!(untrusted.stderr.contains("certificate"), "{}", untrusted.stderr);

    let file = place.write("token", format!("{wall}\n"));
    let mut by_file = place.command(&["cameras"]);
    by_file.envs([("FRAMECACHE_URL", up.url.as_str()), ("FRAMECACHE_CA", ca)]);
    by_file.env("FRAMECACHE_TOKEN_FILE", &file);
    super::ran(by_file).ended(0);
    let log = fs::read_to_string(place.path("up.log")).unwrap();
    assert!(!log.contains(wall) && !log.contains(gate), "{log}");
    assert_eq!(up.terminate().0, 0);
}

#[test]
fn a_token_of_another_tenant_is_told_to_name_its_own() {
    let place = Place::new();
    let new = place.run(&["token", "new", "--json", "--tenant", "shop", "--write"]);
    let token = new.ended(0).json().remove(0);
    let up = Up::start(
        &place,
        &format!(
            "{PUSHED}[[tokens]]\nname = \"shop\"\nhash = {}\ntenant = \"shop\"\naccess = \"write\"\n",
            token["hash"]
        ),
    );
    place.write("a.jpg", jpeg(1));
    let known = ["--url", &up.url, "--token", token["token"].as_str().unwrap()];
    let run = |verb: &[&str]| place.run(&[verb, &known[..]].concat());
    let said = "nothing of tenant default is found here: a token of one tenant needs --tenant with its name";
    for verb in
        [&["cameras"][..], &["range", "cam1"], &["push", "cam1", "a.jpg"], &["timeline", "cam1"]]
    {
        let refused = run(verb).ended(1);
        assert!(refused.stderr.contains(said), "{verb:?}: {}", refused.stderr);
    }
    let empty = run(&["cameras", "--tenant", "shop"]).ended(3);
    assert!(empty.stderr.contains("no camera of shop/frames"), "{}", empty.stderr);
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let place = Place::new();
    let (old, new) = (Authority::new(), Authority::new());
    old.certify(&place);
    let (old_ca, new_ca) = (place.write("old.pem", &old.pem), place.write("new.pem", &new.pem));
    let up = Up::start(&place, &with_tls(&place));
    let healthy = |ca: &std::path::Path| {
        let arguments = ["healthcheck", "--url", &up.url, "--ca", ca.to_str().unwrap()];
        place.run(&arguments).code == 0
    };
    assert!(healthy(&old_ca) && !healthy(&new_ca));
    place.write("cert.pem", "no certificate");
    new.certify(&place);
    let begun = Instant::now();
    while !healthy(&new_ca) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the new certificate is not served");
    }
    assert!(!healthy(&old_ca));
}

#[test]
fn a_certificate_that_cannot_be_served_is_refused_before_anything_starts() {
    let place = Place::new();
    let authority = Authority::new();
    authority.certify(&place);
    let config = place.write("up.toml", with_tls(&place));
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (file, text, said) in [
        ("key.pem", other.as_str(), "cannot be used: "),
        ("key.pem", "no key", "cannot read a private key from "),
        ("cert.pem", "no certificate", "cannot read a certificate from "),
    ] {
        place.write(file, text);
        let refused = place.run(&["up", "--config", config.to_str().unwrap()]).ended(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}
