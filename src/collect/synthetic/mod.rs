//! The camera that needs no camera: `synthetic:?size=1280x720&fps=15`.
//!
//! It draws a moving picture in which the camera id can be read, and writes camera, number and time
//! of each frame into a JPEG comment, so that a test can prove that none was lost or swapped. A loop
//! of pictures is encoded once; a frame of it costs a copy of its bytes. With `render=live` each
//! frame is drawn anew and shows its time.
//!
//! Pure: when a frame is due, and what time it is, is the caller's to say.

mod camera;
mod options;
mod picture;
mod stamp;

pub use camera::SyntheticCamera;
pub use options::{Render, SyntheticOptions};
pub use stamp::{Stamp, read_stamp};
