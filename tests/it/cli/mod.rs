//! The process edge: the real binary with real arguments, its exit code, stdout and stderr.

mod account;
mod camera;
mod check;
mod config;
mod confined;
mod delete;
mod docs;
mod frames;
mod hold;
mod outside;
mod reload;
mod secure;
mod supervised;
mod usage;

pub(crate) use crate::support::binary::{Place, Ran, Up, finished, names_in, ran};

/// A pushed camera and nothing else, on a free port.
const PUSHED: &str =
    "[http]\nlisten = \"127.0.0.1:0\"\n[[cameras]]\nid = \"cam1\"\nurl = \"push:\"\n";

/// A whole small JPEG, of another shade for each number.
fn jpeg(number: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![number.wrapping_mul(37); 16 * 8 * 3];
    jpeg_encoder::Encoder::new(&mut bytes, 80)
        .encode(&pixels, 16, 8, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}
