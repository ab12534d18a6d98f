//! Draws and encodes one picture of a synthetic camera.
//!
//! A dark gradient in the camera's own colour, its id as large as fits, a line of text, a ball on a
//! closed path and a bar that runs once through per loop. Pixels are 24-bit RGB, top row first.

use anyhow::{Context, Result};
use font8x8::legacy::BASIC_LEGACY;
use jpeg_encoder::{ColorType, Encoder};

use crate::model::frame::Dimensions;

type Rgb = [f32; 3];

/// Pixels of a letter, in each direction, before it is scaled up.
const GLYPH: usize = 8;

const WHITE: Rgb = [236.0, 242.0, 248.0];
const SHADOW: Rgb = [4.0, 7.0, 12.0];
/// One for each camera, by its id.
const ACCENTS: [Rgb; 8] = [
    [56.0, 189.0, 248.0],
    [52.0, 211.0, 153.0],
    [251.0, 191.0, 36.0],
    [248.0, 113.0, 113.0],
    [167.0, 139.0, 250.0],
    [244.0, 114.0, 182.0],
    [163.0, 230.0, 53.0],
    [251.0, 146.0, 60.0],
];

/// What differs from picture to picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The line below the camera id, ASCII.
    pub(super) caption: &'a str,
    /// How much of the motion is over, 0.0..1.0.
    pub(super) turn: f32,
}

/// Everything that stays the same from picture to picture.
#[derive(Debug)]
pub(super) struct Painter {
    name: String,
    accent: Rgb,
    quality: u8,
    backdrop: Canvas,
}

impl Painter {
    pub(super) fn new(name: &str, size: Dimensions, quality: u8) -> Self {
        let hash =
            name.bytes().fold(5381_usize, |hash, byte| hash.wrapping_mul(33) ^ usize::from(byte));
        let accent = ACCENTS[hash % ACCENTS.len()];
        Self { name: name.to_owned(), accent, quality, backdrop: Canvas::gradient(size, accent) }
    }

    /// The picture of `scene`, encoded.
    pub(super) fn jpeg(&self, scene: &Scene<'_>) -> Result<Vec<u8>> {
        let canvas = self.paint(scene);
        let mut jpeg = Vec::new();
        let Dimensions { width, height } = canvas.size;
        Encoder::new(&mut jpeg, self.quality)
            .encode(&canvas.pixels, width, height, ColorType::Rgb)
            .context("a synthetic picture cannot be encoded")?;
        Ok(jpeg)
    }

    fn paint(&self, scene: &Scene<'_>) -> Canvas {
        let mut canvas = self.backdrop.clone();
        let (width, height) = canvas.sides();
        let angle = scene.turn * std::f32::consts::TAU;
        let ball = (
            width as f32 * (0.5 + 0.42 * angle.sin()),
            height as f32 * (0.44 + 0.30 * (2.0 * angle).sin()),
        );
        canvas.ball(ball, height as f32 * 0.06, self.accent);

        let name = scale_to_fit(&self.name, width * 4 / 5, height / 4);
        canvas.centred(&self.name, height * 2 / 5, name, WHITE);
        let small = scale_to_fit(scene.caption, width * 7 / 10, height / 18);
        canvas.centred(scene.caption, height * 13 / 20, small, self.accent);
        canvas.bar(scene.turn, self.accent);
        canvas
    }
}

/// The largest whole scale at which `text` is within `width` and `height`; at least 1.
fn scale_to_fit(text: &str, width: usize, height: usize) -> usize {
    let letters = text.len().max(1);
    (width / (letters * GLYPH)).min(height / GLYPH).max(1)
}

#[derive(Debug, Clone)]
struct Canvas {
    size: Dimensions,
    pixels: Vec<u8>,
}

impl Canvas {
    /// Nearly black at the top left, a shade of `accent` at the bottom right, a faint grid over it.
    fn gradient(size: Dimensions, accent: Rgb) -> Self {
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let step = (height / 9).max(8);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                let depth = 0.3 * x as f32 / width as f32 + 0.7 * y as f32 / height as f32;
                let grid = if x % step == 0 || y % step == 0 { 7.0 } else { 0.0 };
                let base = [11.0 + 8.0 * depth, 16.0 + 12.0 * depth, 29.0 + 22.0 * depth];
                let colour = mix(base, accent, 0.16 * depth * depth);
                pixels.extend(colour.map(|channel| (channel + grid) as u8));
            }
        }
        Self { size, pixels }
    }

    fn sides(&self) -> (usize, usize) {
        (usize::from(self.size.width), usize::from(self.size.height))
    }

    /// Lays `colour` over the pixel, 0.0 not at all to 1.0 wholly. Outside the picture: nothing.
    fn blend(&mut self, x: usize, y: usize, colour: Rgb, share: f32) {
        let (width, height) = self.sides();
        if x >= width || y >= height {
            return;
        }
        let at = (y * width + x) * 3;
        let pixel = &mut self.pixels[at..at + 3];
        for (channel, colour) in pixel.iter_mut().zip(colour) {
            *channel = (f32::from(*channel) * (1.0 - share) + colour * share) as u8;
        }
    }

    fn fill(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), colour: Rgb) {
        for y in top..top + height {
            for x in left..left + width {
                self.blend(x, y, colour, 1.0);
            }
        }
    }

    /// A disc with a soft rim and a glow of three times its radius.
    fn ball(&mut self, (cx, cy): (f32, f32), radius: f32, colour: Rgb) {
        let reach = radius * 3.0;
        let from = |centre: f32| (centre - reach).max(0.0) as usize;
        for y in from(cy)..=(cy + reach) as usize {
            for x in from(cx)..=(cx + reach) as usize {
                let distance = (x as f32 - cx).hypot(y as f32 - cy);
                let disc = (radius - distance + 0.5).clamp(0.0, 1.0);
                let glow = (1.0 - distance / reach).max(0.0).powi(2) * 0.35;
                self.blend(x, y, colour, disc.max(glow));
            }
        }
    }

    /// A track along the bottom, filled as far as the loop has come.
    fn bar(&mut self, turn: f32, colour: Rgb) {
        let (width, height) = self.sides();
        let (left, top) = (width / 10, height * 17 / 20);
        let (length, thick) = (width - 2 * left, (height / 60).max(1));
        let done = (length as f32 * turn) as usize;
        self.fill((left, top), (length, thick), [44.0, 54.0, 72.0]);
        self.fill((left, top), (done, thick), colour);
        self.fill((left + done, top - thick), (thick, thick * 3), WHITE);
    }

    /// `text` around the middle of the row `y`, with a shadow below.
    fn centred(&mut self, text: &str, y: usize, scale: usize, colour: Rgb) {
        let (width, _) = self.sides();
        let left = width.saturating_sub(text.len() * GLYPH * scale) / 2;
        let top = y.saturating_sub(GLYPH * scale / 2);
        let shadow = (scale / 4).max(1);
        self.text(text, (left + shadow, top + shadow), scale, SHADOW);
        self.text(text, (left, top), scale, colour);
    }

    fn text(&mut self, text: &str, (left, top): (usize, usize), scale: usize, colour: Rgb) {
        for (index, letter) in text.bytes().enumerate() {
            let rows = BASIC_LEGACY.get(usize::from(letter)).copied();
            for (row, bits) in rows.unwrap_or_default().into_iter().enumerate() {
                for column in (0..GLYPH).filter(|column| bits >> column & 1 == 1) {
                    let x = left + (index * GLYPH + column) * scale;
                    self.fill((x, top + row * scale), (scale, scale), colour);
                }
            }
        }
    }
}

fn mix(one: Rgb, other: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|i| one[i] * (1.0 - share) + other[i] * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u16, height: u16) -> Dimensions {
        Dimensions { width, height }
    }

    #[test]
    fn any_size_and_any_name_can_be_painted() {
        let long = "x".repeat(64);
        for size in [size(16, 16), size(16, 400), size(641, 17)] {
            for name in ["c", &long] {
                let painter = Painter::new(name, size, 75);
                for turn in [0.0, 0.25, 0.999] {
                    let caption = "2026-11-20 11:00:00.000 UTC";
                    let canvas = painter.paint(&Scene { caption, turn });
                    let pixels = usize::from(size.width) * usize::from(size.height);
                    assert_eq!(canvas.pixels.len(), pixels * 3);
                }
            }
        }
    }

    #[test]
    fn the_camera_id_is_drawn_letter_by_letter_as_large_as_fits() {
        let canvas = Painter::new("T", size(320, 180), 75).paint(&Scene { caption: "", turn: 0.0 });
        let scale = scale_to_fit("T", 256, 45);
        assert_eq!(scale, 5);
        let (left, top) = ((320 - 40) / 2, 72 - 20);
        let white = WHITE.map(|channel| channel as u8);
        let lit = |column: usize, row: usize| {
            let at = ((top + row * scale + 2) * 320 + left + column * scale + 2) * 3;
            canvas.pixels[at..at + 3] == white
        };
        let drawn: [u8; 8] = std::array::from_fn(|row| {
            (0..8).map(|column| u8::from(lit(column, row)) << column).sum()
        });
        assert_eq!(drawn, BASIC_LEGACY[usize::from(b'T')]);
    }
}
