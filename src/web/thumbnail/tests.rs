//! Thumbnails: what is asked for is made once, kept within bounds, and refused with a sentence.

use super::*;
use crate::model::jpeg::samples;

fn frame(seq: u32, bytes: impl Into<Bytes>) -> Frame {
    let key = format!("t:f:c:1731024000000000000:{seq:05}").parse().unwrap();
    Frame { key, bytes: bytes.into() }
}

fn size_of(jpeg: &[u8]) -> (u16, u16) {
    let size = jpeg::inspect(jpeg).unwrap().dimensions;
    (size.width, size.height)
}

#[tokio::test]
async fn pictures_become_smaller_but_never_larger() {
    let thumbnails = Thumbnails::default();
    let large = frame(1, samples::picture(200, 100, 1));
    let small = thumbnails.of(&large, 50).await.unwrap();
    assert_eq!(size_of(&small), (100, 50));
    for height in [100, 101, 2160] {
        assert_eq!(thumbnails.of(&large, height).await, Ok(large.bytes.clone()));
    }
    for height in [0, 15, 2161, u32::MAX] {
        let said = format!("height={height} is refused: give 16 to 2160 pixels");
        assert_eq!(thumbnails.of(&large, height).await, Err(Problem::bad_input(said)));
    }
}

#[tokio::test]
async fn a_picture_is_made_once_for_all_who_ask() {
    let thumbnails = Thumbnails::default();
    let large = frame(1, samples::picture(640, 480, 1));
    let asked = (0..50).map(|_| thumbnails.of(&large, 120));
    let all = futures_util::future::try_join_all(asked).await.unwrap();
    // One buffer, not fifty equal ones.
    let again = thumbnails.of(&large, 120).await.unwrap();
    assert!(all.iter().all(|one| one.as_ptr() == again.as_ptr()));
    assert!(thumbnails.0.state().under_way.is_empty());
    let other = frame(1, samples::picture(640, 480, 2));
    assert_ne!(thumbnails.of(&other, 120).await.unwrap(), again);
}

#[tokio::test]
async fn a_picture_that_nobody_waits_for_is_not_begun() {
    let thumbnails = Thumbnails::default();
    let threads = thumbnails.0.threads.available_permits();
    let busy = Arc::clone(&thumbnails.0.threads);
    let busy = busy.acquire_many_owned(u32::try_from(threads).unwrap()).await.unwrap();
    let pictures: Vec<Frame> = (1..=u32::try_from(WAITING_MAX).unwrap() + 1)
        .map(|seq| frame(seq, samples::picture(64, 64, 1)))
        .collect();
    let mut waiting: Vec<_> =
        pictures.iter().map(|picture| Box::pin(thumbnails.of(picture, 16))).collect();
    let mut last = waiting.pop().unwrap();
    for one in &mut waiting {
        assert_eq!(one.as_mut().now_or_never(), None);
    }
    let said = "too many smaller pictures are being made at once: come again";
    let full = Problem::from(ServiceError::new(ErrorKind::Unavailable, said));
    assert_eq!(last.as_mut().now_or_never(), Some(Err(full)));
    drop(waiting);
    drop(busy);
    let picture = pictures.last().unwrap();
    assert_eq!(size_of(&thumbnails.of(picture, 16).await.unwrap()), (16, 16));
    assert_eq!(thumbnails.0.state().kept.made.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_with_its_key() {
    let thumbnails = Thumbnails::default();
    let mut huge = samples::picture(64, 64, 1);
    let header = samples::marker(&huge, 0xC0);
    huge[header + 5..header + 9].copy_from_slice(&[0x40, 0x00, 0x40, 0x00]);
    let said = "no smaller picture of t:f:c:1731024000000000000:00001: it has 269 million pixels, \
                over 64 million; ask without height=";
    let refused = Problem::undecodable(said.to_owned());
    assert_eq!(thumbnails.of(&frame(1, huge), 100).await, Err(refused));
    let mut deep = samples::picture(64, 64, 1);
    deep[header + 4] = 12;
    let deep = frame(2, deep);
    for _ in 0..2 {
        let refused = thumbnails.of(&deep, 16).await.unwrap_err();
        let said = format!("{refused:?}");
        assert!(said.contains("the picture cannot be decoded: "), "{said}");
    }
    assert_eq!(thumbnails.0.threads.available_permits(), {
        std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
    });
}

#[test]
fn the_oldest_pictures_go_first() {
    let mut kept = Kept::default();
    let half = Bytes::from(vec![0; KEPT_BYTES / 2]);
    let id = |seq| Id::of(&frame(seq, half.clone()), 16);
    for seq in [1, 1, 2, 3] {
        kept.keep(id(seq), half.clone());
    }
    assert_eq!((kept.bytes, kept.made.len(), kept.order.len()), (KEPT_BYTES, 2, 2));
    assert!(!kept.made.contains_key(&id(1)));
}
