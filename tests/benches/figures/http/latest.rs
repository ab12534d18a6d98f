//! `latest.jpg` against nginx: answers a second and the time that 99 of 100 take, 16 connections.

use std::time::Duration;

use crate::options::Scale;
use crate::rig::{self, FRAME_BYTES};
use crate::rounds::{Better, Round, Row};

use super::peer::{self, Load, Nginx};
use super::process::Up;

/// Seconds of load on one side of a round.
const SECONDS: u64 = 2;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    if !peer::is_here() {
        eprintln!("left out: latest.jpg against nginx; install nginx-light and wrk");
        return Vec::new();
    }
    let picture = rig::picture(FRAME_BYTES);
    let nginx = Nginx::start(&picture);
    let up = Up::start("[redis]\nttl_seconds = 3600");
    push(&up.address, &picture);
    let ours = format!("http://{}/api/v1/cameras/cam1/latest.jpg", up.address);
    let theirs = format!("http://{}/latest.jpg", nginx.address);
    assert_eq!((bytes_of(&ours), bytes_of(&theirs)), (picture.to_vec(), picture.to_vec()));
    let rounds: Vec<(Load, Load)> = (0..scale.rounds.min(7))
        .map(|_| (peer::load(&ours, SECONDS), peer::load(&theirs, SECONDS)))
        .collect();
    let row = |what: &str, unit, better, figure: fn(Load) -> f64| Row {
        what: what.to_owned(),
        baseline: "nginx, a file of the same bytes".to_owned(),
        unit,
        better,
        rounds: rounds
            .iter()
            .map(|(ours, theirs)| Round { ours: figure(*ours), baseline: figure(*theirs) })
            .collect(),
    };
    vec![
        row("latest.jpg, 50 kB, 16 connections", "answers/s", Better::More, |load| load.rate),
        row("latest.jpg, 99 of 100 answers within", "us", Better::Less, |load| load.p99_micros),
    ]
}

/// Stores one frame over HTTP.
pub(crate) fn push(address: &str, picture: &bytes::Bytes) {
    let url = format!("http://{address}/api/v1/cameras/cam1/frames");
    rig::on_one_thread(async {
        let client = client();
        let answer = client.post(url).body(picture.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    });
}

fn bytes_of(url: &str) -> Vec<u8> {
    rig::on_one_thread(async {
        client().get(url).send().await.unwrap().bytes().await.unwrap().to_vec()
    })
}

pub(crate) fn client() -> reqwest::Client {
    framecache::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5));
    client.build().unwrap()
}
